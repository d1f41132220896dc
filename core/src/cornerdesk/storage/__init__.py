"""Storage: tables, migrations, and one `open_storage(url)` for SQLite and PostgreSQL alike.

Knows what a row is, not what it means: no vendor, no rule, no decision.
"""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk.storage.address import read_address
from cornerdesk.storage.deliveries import StoredDelivery
from cornerdesk.storage.errors import StorageUnavailable
from cornerdesk.storage.migration import BranchStatus, MigrationStatus, TableSet
from cornerdesk.storage.postgresql import PostgresqlStorage
from cornerdesk.storage.sqlite import SqliteStorage
from cornerdesk.storage.storage import Storage
from cornerdesk.storage.transaction import Row, Transaction

__all__ = [
    "BranchStatus",
    "MigrationStatus",
    "Row",
    "Storage",
    "StorageUnavailable",
    "StoredDelivery",
    "Transaction",
    "open_storage",
]


async def open_storage(url: str, *, plugin_tables: Sequence[TableSet] = (), exclusive: bool = False) -> Storage:
    """Open a database; `migrate` it before its first use.

    Args:
        url: `sqlite:///folder/file.db` (four slashes: from the root), or `postgresql://...` with any parameters that
            PostgreSQL's libpq takes, such as `?sslmode=require` or `?options=-csearch_path%3Dname`.
        plugin_tables: plugins' tables, migrated after the core's.
        exclusive: on SQLite, serve this file alone: a second one that asks for the same is refused. Reading and
            correcting by others goes on beside it.

    Raises:
        ConfigurationError: the URL is of no kind known, or another process serves the file.
        StorageUnavailable: the file cannot be opened. A PostgreSQL server is asked only when it is first used.
    """
    address = read_address(url)
    if address.dialect == "postgresql":
        return PostgresqlStorage(address, plugin_tables)
    storage = SqliteStorage(address, plugin_tables, exclusive=exclusive)
    await storage.open()
    return storage
