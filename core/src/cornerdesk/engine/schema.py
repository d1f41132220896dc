"""The engine's tables: PgQueuer's own schema on PostgreSQL, ours on SQLite. Storage's `migrate` calls this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cornerdesk.engine.sqlite_tables import metadata

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.queries import Queries

__all__ = ["BRANCH", "FOLDER", "converge", "metadata", "pending"]

BRANCH: Final = "engine"
FOLDER: Final = Path(__file__).parent / "migrations"


async def converge(connection: Any) -> list[str]:
    """Install PgQueuer's schema, or bring it to what the installed PgQueuer wants; what was done.

    Args:
        connection: asyncpg's own, outside any transaction.
    """
    queries = _queries(connection)
    if not await queries.schema_is_installed():
        await queries.install(create_schema=False)
        # Jobs come and go: the server's defaults would let dead rows pile up.
        await queries.optimize_autovacuum()
        return ["pgqueuer_install"]
    return ["pgqueuer_upgrade"] if (await queries.apply_upgrade()).statements else []


async def pending(connection: Any) -> list[str]:
    """What `converge` would do."""
    queries = _queries(connection)
    if not await queries.schema_is_installed():
        return ["pgqueuer_install"]
    return ["pgqueuer_upgrade"] if (await queries.plan_upgrade()).statements else []


def _queries(connection: Any) -> Queries:
    # Imported late: PgQueuer takes a fifth of a second, and SQLite's tables do not ask for it.
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver

    from cornerdesk.engine.names import pgqueuer_queries

    return pgqueuer_queries(AsyncpgDriver(connection))
