"""`init`: a configuration to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cornerdesk.cli.options import example, unread_config_option
from cornerdesk.scaffold import write_example


@click.command(epilog=example("cornerdesk init ops"))
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("."))
@unread_config_option
def init(directory: Path) -> None:
    """Write a commented configuration with example rules to DIRECTORY (here, when left out). Overwrites nothing."""
    for path in write_example(directory):
        click.echo(f"wrote {path}")
    where = f"cd {shlex.quote(str(directory))} && " if str(directory) != "." else ""
    click.echo(f"\nNext: put the secrets that .env.example names in your environment, then\n  {where}cornerdesk check")
