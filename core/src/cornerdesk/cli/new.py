"""`new`: projects to start from, for developers."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import example, unread_config_option
from cornerdesk.scaffold.adapters import write_adapter


@click.group(cls=Group)
def new() -> None:
    """Projects to start from.

    Example: cornerdesk new adapter freshdesk
    """


@new.command(short_help="Write the project of an adapter.", epilog=example("cornerdesk new adapter freshdesk"))
@click.argument("name")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
@unread_config_option
def adapter(name: str, directory: Path | None) -> None:
    """Write the project of an adapter called NAME to DIRECTORY (./cornerdesk-NAME, when left out).

    It passes the first standard tests at once, and has a TODO for every method to write. Overwrites nothing.
    """
    directory = directory or Path(f"cornerdesk-{name.replace('_', '-')}")
    for path in write_adapter(name, directory):
        click.echo(f"wrote {path}")
    click.echo(
        f"\nNext:\n  cd {shlex.quote(str(directory))} && pip install --editable '.[test]' && python -m pytest"
        "\nthen: grep -rn TODO src tests"
    )
