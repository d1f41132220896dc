"""The engine's tables: PgQueuer's own schema on PostgreSQL, ours on SQLite. Storage's `migrate` calls this."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.db import Driver
from pgqueuer.domain.settings import DBSettings

from cornerdesk.engine.sqlite_tables import metadata

__all__ = ["BRANCH", "FOLDER", "SETTINGS", "converge", "metadata", "pending", "pgqueuer_builders", "pgqueuer_queries"]

BRANCH: Final = "engine"
FOLDER: Final = Path(__file__).parent / "migrations"

# Every name is said here, because PgQueuer would take them from variables such as $CHANNEL or $FUNCTION.
SETTINGS = DBSettings(
    prefix="",
    db_schema=None,
    channel="ch_pgqueuer",
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability="durable",
)


def pgqueuer_queries(driver: Driver) -> Queries:
    """PgQueuer's own repository over `driver`."""
    return Queries(driver, *pgqueuer_builders())


def pgqueuer_builders() -> tuple[qb.QueryBuilderEnvironment, qb.QueryQueueBuilder, qb.QuerySchedulerBuilder]:
    """What PgQueuer writes its SQL with, under our names."""
    return qb.QueryBuilderEnvironment(SETTINGS), qb.QueryQueueBuilder(SETTINGS), qb.QuerySchedulerBuilder(SETTINGS)


async def converge(connection: Any) -> list[str]:
    """Install PgQueuer's schema, or bring it to what the installed PgQueuer wants; what was done.

    Args:
        connection: asyncpg's own, outside any transaction.
    """
    queries = pgqueuer_queries(AsyncpgDriver(connection))
    if not await queries.schema_is_installed():
        await queries.install(create_schema=False)
        # Jobs come and go: the server's defaults would let dead rows pile up.
        await queries.optimize_autovacuum()
        return ["pgqueuer_install"]
    return ["pgqueuer_upgrade"] if (await queries.apply_upgrade()).statements else []


async def pending(connection: Any) -> list[str]:
    """What `converge` would do."""
    queries = pgqueuer_queries(AsyncpgDriver(connection))
    if not await queries.schema_is_installed():
        return ["pgqueuer_install"]
    return ["pgqueuer_upgrade"] if (await queries.plan_upgrade()).statements else []
