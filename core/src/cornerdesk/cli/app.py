"""The command `cornerdesk`, and how its errors look."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cornerdesk.cli import console
from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import config_option
from cornerdesk.errors import ConfigurationError, CornerdeskError, FatalError

BUILT_IN: dict[str, tuple[str, str]] = {
    "init": ("scaffold", "Write a commented configuration with example rules."),
    "demo": ("demo", "Tell the whole story in a minute, with local stand-ins."),
    "check": ("validation", "Check configuration, rules, accounts and plugins."),
    "webhooks": ("webhooks", "List and make the subscriptions that help desks keep for us."),
    "doctor": ("doctor", "Say what is wrong with the sources, and mend it."),
    "serve": ("serve", "Receive, decide, act, show the dashboard."),
    "backfill": ("backfill", "Fetch a source's history through the API."),
    "explain": ("explain", "Say what every rule made of a ticket, and why."),
    "schema": ("validation", "Print the JSON Schema of the configuration or of rules."),
    "database": ("database", "Make and inspect the tables."),
    "plugins": ("plugins", "List and check the plugins."),
    "record": ("record", "Write a delivery as a fixture, without real people."),
    "new": ("new", "Write the project of an adapter to start from."),
}
"""Commands by name: the module that holds each, imported when it is called, and a line for the overview."""


class Cornerdesk(Group):
    """Built-in commands, and one for every listing, plugins' own included."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*BUILT_IN, *_lists_about()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in BUILT_IN:
            found = getattr(importlib.import_module(f"cornerdesk.cli.{BUILT_IN[cmd_name][0]}"), cmd_name)
            assert isinstance(found, click.Command)
            return found
        from cornerdesk.cli import lists

        return lists.command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview imports no command: it has a line of its own for each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in BUILT_IN.items()])
        with formatter.section("Lists, and what can be done to their rows"):
            formatter.write_dl(list(_lists_about().items()))


def _lists_about() -> dict[str, str]:
    # Plugins bring lists of their own, so only what needs their names loads the plugins.
    from cornerdesk.cli import lists

    return {name: about for name, about in lists.about().items() if name not in BUILT_IN}


@click.group(cls=Cornerdesk, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cornerdesk", message="cornerdesk %(version)s")
@config_option
def cli(config: Path) -> None:
    """Brings the help desk to the corner office.

    \b
    Start here:
      cornerdesk demo            the whole story in a minute
      cornerdesk init DIR        a commented configuration of your own
      cornerdesk check           is it right?
      cornerdesk serve           receive, decide, act

    Every command takes --help and --config, every list --json. Example: cornerdesk effects --help
    """
    from cornerdesk.logs import configure_logs

    # Of what goes on inside, a command tells only what is wrong; `serve` says more.
    configure_logs("text", quiet=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 a check did not pass, 2 bad usage or configuration."""
    if sys.stdout is None:
        # Started with its output closed: there is nobody to tell, and nothing wrong.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the end
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Prints errors, never a traceback for something a user did."""
    try:
        result: Any = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="cornerdesk",
            standalone_mode=False,
            color=console.colour(),
        )
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.error("interrupted")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigurationError as error:
        console.problems(error)
        return 2
    except CornerdeskError as error:
        console.error(str(error))
        return 2 if isinstance(error, FatalError) else 1
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        console.error(f"{error.filename or 'the output'} cannot be read or written: {error.strerror or error}")
        console.close_output()
        return 1
    except SystemExit as error:
        # Click and rich leave like this when they notice it before us.
        return _reader_left() if error.code == 1 else int(error.code or 0)
    return result if isinstance(result, int) else 0


def _reader_left() -> int:
    """Somebody's `head` has seen enough: what is still buffered goes nowhere, and nothing is wrong."""
    console.close_output()
    return 0
