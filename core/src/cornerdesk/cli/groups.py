"""Groups of commands that say what was meant when a name is misspelt."""

from __future__ import annotations

import click

from cornerdesk.nearest import nearest


class Group(click.Group):
    """A group whose error for an unknown command names the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            guess = nearest(args[0], self.list_commands(ctx))
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean {guess!r}?" if guess else ""))
        return super().resolve_command(ctx, args)
