"""What the surfaces need to read and correct: storage, jobs, ledger and listings, without running anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cornerdesk.actions import AnyAction
from cornerdesk.clock import Clock, SystemClock
from cornerdesk.configuration import Configuration
from cornerdesk.engine import open_jobs
from cornerdesk.engine.jobs import Jobs
from cornerdesk.errors import ConfigurationError
from cornerdesk.intake.listings import drop_deliveries, intake_listings, requeue_deliveries
from cornerdesk.ledger import Ledger, dead_letter_listing, effect_listing
from cornerdesk.listings import Listing
from cornerdesk.plugins import Plugins
from cornerdesk.storage import Storage, open_storage


@dataclass(frozen=True)
class Store:
    """An open store: close it by leaving `open_store`."""

    configuration: Configuration
    plugins: Plugins
    storage: Storage
    jobs: Jobs
    actions: dict[str, AnyAction]
    ledger: Ledger
    listings: dict[str, Listing]
    clock: Clock


@asynccontextmanager
async def open_store(
    configuration: Configuration,
    plugins: Plugins,
    *,
    clock: Clock | None = None,
    exclusive: bool = False,
) -> AsyncIterator[Store]:
    """Open the database that the configuration names, to correct what is in it or to work on it.

    Args:
        exclusive: take a SQLite file for this process alone (`serve`).

    Raises:
        ConfigurationError: the database cannot be used; says what to do.
    """
    clock = clock or SystemClock()
    async with open_tables(configuration, plugins, exclusive=exclusive) as storage:
        jobs = open_jobs(storage)
        actions = plugins.actions()
        ledger = Ledger(actions, jobs, clock)
        yield Store(configuration, plugins, storage, jobs, actions, ledger, known_listings(plugins, jobs), clock)


@asynccontextmanager
async def open_tables(
    configuration: Configuration, plugins: Plugins, *, exclusive: bool = False, migrated: bool = True
) -> AsyncIterator[Storage]:
    """Open the database that the configuration names, for whoever only reads: no jobs, no ledger.

    Args:
        exclusive: take a SQLite file for this process alone (`serve`).
        migrated: refuse a database whose tables are not up to date.

    Raises:
        ConfigurationError: the database cannot be used; says what to do.
    """
    storage = await open_storage(configuration.database_url, plugin_tables=plugins.tables(), exclusive=exclusive)
    try:
        if migrated:
            await _require_migrated(storage, configuration.shown_database)
        yield storage
    finally:
        await storage.aclose()


def known_listings(plugins: Plugins, jobs: Jobs | None = None) -> dict[str, Listing]:
    """Every listing by name: the core's and the plugins'. `jobs` may be missing where no verb will be run."""
    core: Sequence[Listing] = (
        *intake_listings(),
        effect_listing(),
        dead_letter_listing(jobs, retry_delivery=requeue_deliveries, drop_delivery=drop_deliveries),
    )
    return {listing.name: listing for listing in (*core, *plugins.listings())}


async def _require_migrated(storage: Storage, shown: str) -> None:
    status = await storage.migration_status()
    if status.pending:
        fresh = all(branch.current is None for branch in status.branches)
        what = "has no tables yet" if fresh else f"is behind (pending: {', '.join(status.pending)})"
        raise ConfigurationError(
            f"the database {shown} {what}; run `cornerdesk database migrate`"
            + (" or start `cornerdesk serve` once" if fresh or storage.dialect == "sqlite" else "")
        )
