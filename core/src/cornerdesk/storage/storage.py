"""The face of storage: transactions, migrations and the hot path, the same on both databases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from cornerdesk.storage.address import Address
from cornerdesk.storage.deliveries import StoredDelivery
from cornerdesk.storage.migration import MigrationStatus, TableSet
from cornerdesk.storage.transaction import Transaction

Enqueue = Callable[[Transaction, list[str]], Awaitable[None]]
"""Takes work on for the ids given, within the transaction given."""


class Storage(ABC):
    """One open database. Made by `open_storage`; close it with `aclose` or use it as `async with`.

    Everything here raises `StorageUnavailable` when the database is gone, locked, full or read-only.

    Attributes:
        url: the database's address, without its password.
        dialect: `sqlite` or `postgresql`.
    """

    dialect: str

    def __init__(self, address: Address, plugin_tables: Sequence[TableSet]) -> None:
        self.url = address.shown
        self._address = address
        self._plugin_tables = tuple(plugin_tables)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that writes: committed when its block ends, rolled back when the block raises.

        On SQLite there is one at a time in this process, so keep it short and do no other waiting in it.
        """

    @abstractmethod
    def reading(self) -> AbstractAsyncContextManager[Transaction]:
        """A consistent view of what is committed, on a connection of its own, which waits for no writer."""

    @abstractmethod
    async def store_deliveries(self, batch: Sequence[StoredDelivery], enqueue: Enqueue) -> set[str]:
        """Store a group of deliveries durably, in one transaction; the ids of those that were new.

        Args:
            batch: with new ids. One whose source and key are stored already is left out.
            enqueue: called with the ids that were new, in the batch's order, before the commit; not called when there
                are none. When it raises, nothing is stored.
        """

    @abstractmethod
    async def migrate(self) -> list[str]:
        """Bring every table up to date; the revisions applied, in order. Safe for two processes at once."""

    @abstractmethod
    async def migration_status(self) -> MigrationStatus:
        """Where each branch stands: the core's tables, the engine's, and each plugin's."""

    @abstractmethod
    async def ping(self) -> None:
        """Raise what is wrong with the database, if anything is."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close every connection and give the file lock back."""

    async def __aenter__(self) -> Storage:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
