"""docs/commands.md, written from the commands themselves: `python -m cornerdesk.cli.reference > docs/commands.md`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cornerdesk.cli.app import cli

WIDTH = 100
_HEAD = """\
# Commands

Written by `python -m cornerdesk.cli.reference` from the commands themselves, and held to them by a test: do not edit.

Every command takes `--help` and `--config FILE` (default `cornerdesk.yaml`, or `$CORNERDESK_CONFIG`); every one that
lists or reports takes `--json`, for one JSON object a line. Results go to standard output, errors and remarks to
standard error.

| exit code | means |
|---|---|
| 0 | fine |
| 1 | a check did not pass, or what was asked for cannot be done |
| 2 | the command or the configuration is wrong |
| 130 | interrupted |
"""


def commands(
    command: click.Command = cli, name: str = "cornerdesk", parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its full name, in the order of `--help`."""
    ctx = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    ctx.help_option_names = ["-h", "--help"]
    yield ctx.command_path, command, ctx
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            found = command.get_command(ctx, each)
            if found is not None:
                yield from commands(found, each, ctx)


def write_reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for path, command, ctx in commands():
        if ctx.parent is not None and command.help == ctx.parent.command.help:
            continue  # `leads list` is `leads`
        level = "##" if path.count(" ") < 2 else "###"
        help_text = "\n".join(line.rstrip() for line in command.get_help(ctx).splitlines())
        parts.append(f"{level} {path}\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    click.echo(write_reference(), nl=False)
