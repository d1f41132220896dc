"""Storage in PostgreSQL, for any number of receivers and workers on any number of machines."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from cornerdesk.cancellation import settled
from cornerdesk.storage.address import Address
from cornerdesk.storage.deliveries import StoredDelivery, insert_postgresql
from cornerdesk.storage.errors import connecting, reaching, translated
from cornerdesk.storage.migration import Branch, MigrationStatus, TableSet, branches, engine_schema, status_of, upgrade
from cornerdesk.storage.storage import Enqueue, Storage
from cornerdesk.storage.transaction import Transaction
from cornerdesk.storage.types import dump_json

T = TypeVar("T")

_CONNECT_TIMEOUT = 10.0
_END_TIMEOUT = 10.0
_STATEMENT_TIMEOUT = 60.0
"""Seconds for one statement. A server that vanished without a word (a failover, a cut cable) answers never."""

_PING_TIMEOUT = 5.0
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 8, "pool_timeout": 30, "pool_use_lifo": True}
_CONSISTENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlStorage(Storage):
    """See `Storage`. Connects when it is first used, so that a server may come up after us."""

    dialect = "postgresql"

    def __init__(self, address: Address, plugin_tables: Sequence[TableSet]) -> None:
        super().__init__(address, plugin_tables)
        # AUTOCOMMIT: transactions are opened and ended by hand, so that raw statements are always inside them.
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect_for_statements,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            json_serializer=dump_json,
            **_POOL,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def connect(self, *, command_timeout: float | None = None) -> Any:
        """A new connection of asyncpg's own, for whoever needs one outside the pool; they close it."""
        with connecting(self.url):
            return await asyncpg.connect(self._address.dsn, timeout=_CONNECT_TIMEOUT, command_timeout=command_timeout)

    async def _connect_for_statements(self) -> Any:
        return await self.connect(command_timeout=_STATEMENT_TIMEOUT)

    async def pool(self, *, size: int, command_timeout: float) -> Any:
        """A new pool of asyncpg's own of at most `size` connections; who asked for it closes it."""
        with connecting(self.url):
            return await asyncpg.create_pool(
                self._address.dsn, min_size=1, max_size=size, timeout=_CONNECT_TIMEOUT, command_timeout=command_timeout
            )

    async def aclose(self) -> None:
        await settled(self._engine.dispose())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._begun("BEGIN") as (connection, raw):
            tx = Transaction(connection)
            try:
                yield tx
            except BaseException:
                await settled(_roll_back(connection, raw))
                raise
            await settled(_commit(connection, raw, tx))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        async with self._begun(_CONSISTENT) as (connection, raw):
            try:
                yield Transaction(connection)
            finally:
                await settled(_roll_back(connection, raw))

    @asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[tuple[AsyncConnection, Any]]:
        with translated(self.url):
            async with self._engine.connect() as connection:
                raw = await _raw(connection)
                try:
                    await raw.execute(begin)
                except BaseException:
                    # Cancelled, it may have begun all the same, and neither the connection nor we would know.
                    raw.terminate()
                    await settled(connection.invalidate())
                    raise
                yield connection, raw

    async def store_deliveries(self, batch: Sequence[StoredDelivery], enqueue: Enqueue) -> set[str]:
        if not batch:
            return set()
        async with self.transaction() as tx:
            new = await insert_postgresql(await driver_connection(tx), batch)
            if new:
                await enqueue(tx, [one.id for one in batch if one.id in new])
        return new

    async def migrate(self) -> list[str]:
        # One at a time, by a lock that its connection's end gives back. The schema is part of its name, so that
        # installations in schemas of one database do not wait for each other.
        lock = await self.connect()
        with translated(self.url):
            try:
                await lock.execute(
                    "SELECT pg_advisory_lock($1)", _lock_key(await lock.fetchval("SELECT current_schema()"))
                )
                applied = await self._with_migration(upgrade)
                applied += await engine_schema().converge(lock)
            finally:
                await settled(lock.close(timeout=_END_TIMEOUT))
        return applied

    async def migration_status(self) -> MigrationStatus:
        found = await self._with_migration(status_of)
        connection = await self.connect()
        with translated(self.url):
            try:
                pending = await engine_schema().pending(connection)
            finally:
                await settled(connection.close(timeout=_END_TIMEOUT))
        return MigrationStatus(tuple(found)).with_pending(engine_schema().BRANCH, pending)

    async def _with_migration(self, work: Callable[[Connection, Sequence[Branch]], T]) -> T:
        engine = create_async_engine("postgresql+asyncpg://", async_creator=self.connect, poolclass=NullPool)
        with translated(self.url):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(work, branches(self._plugin_tables))
            finally:
                await engine.dispose()

    async def ping(self) -> None:
        with reaching(self.url):
            async with asyncio.timeout(_PING_TIMEOUT):
                async with self._engine.connect() as connection:
                    await (await _raw(connection)).fetchval("SELECT 1")


async def driver_connection(tx: Transaction) -> Any:
    """asyncpg's own connection under `tx`, inside the same transaction."""
    return await _raw(tx.connection)


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


async def _commit(connection: AsyncConnection, raw: Any, tx: Transaction) -> None:
    try:
        outcome = await raw.execute("COMMIT")
    except BaseException:
        await _roll_back(connection, raw)
        raise
    if outcome != "COMMIT":
        raise RuntimeError("a statement of this transaction failed and its error was swallowed: nothing is committed")
    for callback in tx.committed:
        callback()


async def _roll_back(connection: AsyncConnection, raw: Any) -> None:
    """Leave the connection clean, or throw it away."""
    try:
        async with asyncio.timeout(_END_TIMEOUT):
            if not raw.is_closed() and raw.is_in_transaction():
                await raw.execute("ROLLBACK")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        raw.terminate()
    if raw.is_closed():
        await connection.invalidate()


def _refuse_closed(adapted: Any, _record: Any, _proxy: Any) -> None:
    """A connection the server ended while it lay in the pool is replaced, at the price of no round trip."""
    if adapted.driver_connection.is_closed():
        raise exc.DisconnectionError


def _lock_key(schema: str | None) -> int:
    digest = hashlib.sha256(f"cornerdesk migrations {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
