"""Options that many commands share, and the configuration they lead to."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from cornerdesk.configuration import Configuration
    from cornerdesk.plugins import Plugins

F = TypeVar("F", bound=Callable[..., Any])


class ConfigOption(click.Option):
    """`--config`, which may stand before a subcommand as well as behind it."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        parent = ctx.parent
        if source is not ParameterSource.COMMANDLINE and parent is not None and self.name in parent.params:
            above = parent.get_parameter_source(self.name)
            if above is ParameterSource.COMMANDLINE:
                return parent.params[self.name], above
        return value, source


config_option = click.option(
    "--config",
    "config",
    cls=ConfigOption,
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CORNERDESK_CONFIG",
    default=Path("cornerdesk.yaml"),
    show_default=True,
    show_envvar=True,
    metavar="FILE",
    help="The configuration.",
)
unread_config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    expose_value=False,
    help="Taken as everywhere; this command reads no configuration.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@functools.lru_cache(maxsize=1)
def installed_plugins() -> Plugins:
    """The plugins installed, loaded once for the command line."""
    from cornerdesk.plugins import load_plugins

    return load_plugins()


def read_configuration(path: Path, plugins: Plugins | None = None) -> Configuration:
    """The checked configuration at `path`.

    Raises:
        ConfigurationError: with every problem found.
    """
    from cornerdesk.settings import load_configuration

    return load_configuration(path, plugins or installed_plugins(), environ=os.environ)


class Since(click.ParamType[datetime]):
    """A date, a time, or a length of time back from now (`24h`, `7d`)."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from cornerdesk.durations import parse_duration

        if isinstance(value, datetime):
            return value
        try:
            if re.fullmatch(r"(\d+[smhdw])+", value.strip().lower()):
                return datetime.now(UTC) - parse_duration(value)
            moment = datetime.fromisoformat(value.strip())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time such as 2026-11-22T09:00 nor a length of time such as 24h or 7d")


def example(line: str) -> str:
    """The example at the end of a command's help."""
    return f"Example: {line}"
