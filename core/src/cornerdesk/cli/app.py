"""The command `cornerdesk`, and how its errors look."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from cornerdesk.cli import console, database, demo, explain, lists, plugins, scaffold, serve, validation
from cornerdesk.errors import ConfigurationError, CornerdeskError, FatalError
from cornerdesk.nearest import nearest

BUILT_IN: dict[str, click.Command] = {
    command.name or "": command
    for command in (
        scaffold.init,
        demo.demo,
        serve.serve,
        validation.check,
        validation.schema,
        explain.explain,
        plugins.plugins,
        database.database,
    )
}


class Cornerdesk(click.Group):
    """Built-in commands, and one for every listing, plugins' own included."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*BUILT_IN, *(name for name in lists.names() if name not in BUILT_IN)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return BUILT_IN.get(cmd_name) or lists.command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            guess = nearest(args[0], self.list_commands(ctx))
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {guess!r}?" if guess else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=Cornerdesk, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cornerdesk", message="cornerdesk %(version)s")
def cli() -> None:
    """Brings the help desk to the corner office.

    \b
    Start here:
      cornerdesk demo            the whole story in a minute
      cornerdesk init DIR        a commented configuration of your own
      cornerdesk check           is it right?
      cornerdesk serve           receive, decide, act
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 fine, 1 a check did not pass, 2 bad usage or configuration."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Prints errors, never a traceback for something a user did."""
    try:
        result: Any = cli.main(args=arguments, prog_name="cornerdesk", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
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
        # Somebody's `head` has seen enough.
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
