"""Adapters for commands that ask the vendors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from cornerdesk.adapters.interface import Adapter
from cornerdesk.cli.options import installed_plugins
from cornerdesk.configuration import Configuration
from cornerdesk.documents.wording import list_names
from cornerdesk.errors import ConfigurationError
from cornerdesk.nearest import nearest
from cornerdesk.sources import open_adapters
from cornerdesk.storage import StorageUnavailable
from cornerdesk.store import open_tables


def chosen(configuration: Configuration, source: str | None) -> list[str]:
    """The sources meant: this one, or all.

    Raises:
        ConfigurationError: there is none of this name; names the nearest.
    """
    if source is None:
        return list(configuration.sources)
    if source not in configuration.sources:
        guess = nearest(source, configuration.sources)
        hint = f"did you mean {guess!r}?" if guess else f"known: {list_names(sorted(configuration.sources)) or 'none'}"
        raise ConfigurationError(f"the configuration has no source {source!r}; {hint}")
    return [source]


@asynccontextmanager
async def open_vendors(configuration: Configuration, sources: list[str]) -> AsyncIterator[dict[str, Adapter]]:
    """The adapters of these sources, with what the database keeps for them if there is one."""
    plugins = installed_plugins()
    async with AsyncExitStack() as stack:
        storage = None
        with suppress(ConfigurationError, StorageUnavailable):  # whoever asks may not have made the tables yet
            storage = await stack.enter_async_context(open_tables(configuration, plugins))
        yield await stack.enter_async_context(open_adapters(configuration, plugins, storage, only=sources))
