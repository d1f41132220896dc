"""Puts the rooms together for a backfill in a process of its own, beside any number of `serve`. Decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from cornerdesk.accounts import open_directory
from cornerdesk.adapters.interface import Capability
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.errors import FatalError, UnsupportedError
from cornerdesk.intake.backfill import Backfill, News
from cornerdesk.intake.processing import Processor
from cornerdesk.intake.settling import Decide
from cornerdesk.model import Snapshot
from cornerdesk.nearest import nearest
from cornerdesk.plugins import Plugins, adapter_for
from cornerdesk.rules import load_rules
from cornerdesk.runtime import keep_book, make_catalogue, plan_and_record
from cornerdesk.sources import open_adapters
from cornerdesk.storage.address import read_address
from cornerdesk.storage.file_lock import seems_served
from cornerdesk.storage.transaction import Transaction
from cornerdesk.store import Store, open_store

BREATH = 0.1
"""Seconds: as long as SQLite lets another process wait at most before it looks again whether it may write."""


@asynccontextmanager
async def open_backfill(
    configuration: Configuration,
    plugins: Plugins,
    source: str,
    tell: Callable[[News], None],
    *,
    act: bool,
    clock: Clock | None = None,
) -> AsyncIterator[tuple[Backfill, Store]]:
    """Open what a source's backfill needs, and close it again.

    Raises:
        FatalError: there is no such source.
        UnsupportedError: its adapter tells no history.
        ConfigurationError: database, accounts or, where they are asked, rules are not right.
    """
    _check_source(configuration, plugins, source)
    detectors = plugins.detectors(configuration)
    directory = await open_directory(configuration)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(configuration, plugins, clock=clock))
        adapters = await stack.enter_async_context(
            open_adapters(configuration, plugins, store.storage, clock=clock, only=[source])
        )
        decide = await _asking_rules(store) if act else _asking_nobody
        processor = Processor(store.storage, adapters, directory, detectors, store.clock, decide, jobs=store.jobs)
        file = read_address(configuration.database_url).file
        breath = BREATH if file is not None and seems_served(file) else 0.0
        yield Backfill(source, adapters[source], store.storage, processor, store.clock, tell, breath=breath), store


def _check_source(configuration: Configuration, plugins: Plugins, source: str) -> None:
    if source not in configuration.sources:
        guess = nearest(source, configuration.sources)
        hint = f"did you mean {guess!r}?" if guess else f"it has {', '.join(sorted(configuration.sources)) or 'none'}"
        raise FatalError(f"the configuration has no source {source!r}; {hint}")
    found = adapter_for(plugins, configuration.sources[source].adapter)
    if Capability.HISTORY not in found.capabilities:
        raise UnsupportedError(f"source {source!r}: {found.helpdesk} tells no history, so there is nothing to fill in")


async def _asking_nobody(tx: Transaction, snapshot: Snapshot) -> None:
    """History wakes nobody."""


async def _asking_rules(store: Store) -> Decide:
    book = load_rules(store.configuration.rule_files, make_catalogue(store.configuration, store.plugins))
    await keep_book(store, book)

    async def decide(tx: Transaction, snapshot: Snapshot) -> None:
        await plan_and_record(store, book, tx, snapshot)

    return decide
