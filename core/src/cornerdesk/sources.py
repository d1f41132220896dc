"""The adapters of the configuration's sources, each given what the core keeps for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.credentials import StoredCredentials
from cornerdesk.plugins import Plugins, adapter_for
from cornerdesk.storage import Storage


@asynccontextmanager
async def open_adapters(
    configuration: Configuration,
    plugins: Plugins,
    storage: Storage | None,
    *,
    clock: Clock | None = None,
    only: Collection[str] | None = None,
) -> AsyncIterator[dict[str, Adapter]]:
    """An adapter of each source, by the source's name; closed at the end of the block. Nothing is sent by this.

    Args:
        storage: where tokens that change are kept, migrated. None: there is no database; then tokens that can always
            be had anew are kept in memory, and a refresh token is not used.
        only: the sources wanted; None: all.

    Raises:
        ConfigurationError: there is no such adapter.
    """
    async with AsyncExitStack() as stack:
        adapters: dict[str, Adapter] = {}
        for name, settings in configuration.sources.items():
            if only is None or name in only:
                adapter = adapters[name] = adapter_for(plugins, settings.adapter)(name, settings)
                stack.push_async_callback(adapter.aclose)
                if storage is not None and (secret := adapter.token_secret) is not None:
                    adapter.use_credentials(StoredCredentials(storage, name, secret, clock=clock))
        yield adapters
