"""Storage in one SQLite file: one writer at a time, any number of readers that never wait for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from cornerdesk.cancellation import settled
from cornerdesk.errors import ConfigurationError
from cornerdesk.storage.address import Address
from cornerdesk.storage.deliveries import StoredDelivery, insert_sqlite
from cornerdesk.storage.errors import translated
from cornerdesk.storage.file_lock import FileLock
from cornerdesk.storage.migration import Branch, MigrationStatus, TableSet, branches, status_of, upgrade
from cornerdesk.storage.sqlite_connection import SqliteConnection, connect_sqlite
from cornerdesk.storage.storage import Enqueue, Storage
from cornerdesk.storage.transaction import Transaction
from cornerdesk.storage.types import dump_json

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_READERS = 4


class SqliteStorage(Storage):
    """See `Storage`. `exclusive`: this process alone serves this file."""

    dialect = "sqlite"

    def __init__(self, address: Address, plugin_tables: Sequence[TableSet], *, exclusive: bool) -> None:
        super().__init__(address, plugin_tables)
        assert address.file is not None
        self._file: Path = address.file
        self.exclusive = exclusive
        self._closing = AsyncExitStack()
        self._writing = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None

    async def open(self) -> None:
        """Take the lock, open the writer, make the file if it is new."""
        if not self._file.absolute().parent.is_dir():
            raise ConfigurationError(f"the folder of {self._file} does not exist: make it, or name another file")
        async with AsyncExitStack() as stack:
            with translated(self.url):
                if self.exclusive:
                    stack.enter_context(FileLock(self._file))
                await self._open_writer(stack)
                self._readers = _engine(partial(connect_sqlite, self._file, writer=False), pooled=True)
                stack.push_async_callback(self._readers.dispose)
            self._closing = stack.pop_all()

    async def _open_writer(self, stack: AsyncExitStack) -> None:
        engine = _engine(partial(connect_sqlite, self._file, writer=True), pooled=False)
        stack.push_async_callback(engine.dispose)
        self._writer = await stack.enter_async_context(engine.connect())
        self._raw = await _raw(self._writer)

    async def aclose(self) -> None:
        await settled(self._closing.aclose())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._begun(_begin) as (tx, _):
            yield tx

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """The writer for oneself."""
        task = asyncio.current_task()
        if task is not None and self._holder is task:
            raise RuntimeError("a writing transaction was asked for inside another one: it would wait for itself")
        async with self._writing:
            self._holder = task
            try:
                yield
            finally:
                self._holder = None

    @asynccontextmanager
    async def _begun(self, begin: Work[T]) -> AsyncIterator[tuple[Transaction, T]]:
        """A writing transaction opened by `begin`, which may do the first of the work in the same trip."""
        async with self._alone():
            tx = Transaction(self._writer)
            with translated(self.url):
                try:
                    yield tx, await (await self._live()).call(begin)
                except BaseException:
                    await settled(self._roll_back())
                    raise
                await settled(self._commit(tx))

    async def _commit(self, tx: Transaction) -> None:
        try:
            await self._raw.call(_commit)
        except BaseException:
            await self._roll_back()
            raise
        await self._writer.rollback()
        for callback in tx.committed:
            callback()

    async def _roll_back(self) -> None:
        await self._raw.end(_roll_back)
        # SQLAlchemy's own notion of a transaction, which begins with its first statement, ends too.
        await self._writer.rollback()

    async def _live(self) -> SqliteConnection:
        """The writer, opened anew when a cancelled statement has closed it."""
        if not self._raw.alive:
            self._raw = await _raw(self._writer)
        return self._raw

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        with translated(self.url):
            async with self._readers.connect() as connection:
                raw = await _raw(connection)
                await raw.call(_begin_reading)
                try:
                    yield Transaction(connection)
                finally:
                    await settled(raw.end(_roll_back))

    async def store_deliveries(self, batch: Sequence[StoredDelivery], enqueue: Enqueue) -> set[str]:
        if not batch:
            return set()
        async with self._begun(partial(_begin_with, partial(insert_sqlite, batch=batch))) as (tx, new):
            if new:
                await enqueue(tx, [one.id for one in batch if one.id in new])
        return new

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Run `work` in a transaction of its own, in one trip to the writer's thread.

        Args:
            work: gets sqlite3's own connection; must be short, and do nothing but SQL.
            durable: False: a power failure may undo it (never tear it), which spares the wait for the disk. For what
                is done again in that case.
        """
        async with self._alone():
            with translated(self.url):
                return await settled((await self._live()).call(partial(_in_transaction, work, durable)))

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which only reads, in one trip to a reader's thread."""
        with translated(self.url):
            async with self._readers.connect() as connection:
                return await (await _raw(connection)).call(work)

    async def call(self, tx: Transaction, work: Work[T]) -> T:
        """Run `work` within `tx`, a writing transaction of this storage, in one trip."""
        return await (await _raw(tx.connection)).call(work)

    async def migrate(self) -> list[str]:
        async with self._alone():
            return await self._with_migration(upgrade)

    async def migration_status(self) -> MigrationStatus:
        return MigrationStatus(tuple(await self._with_migration(status_of)))

    async def _with_migration(self, work: Callable[[Connection, Sequence[Branch]], T]) -> T:
        engine = _engine(partial(connect_sqlite, self._file, writer=True), pooled=False)
        # Two processes at once: the second waits here until the first is done, then finds nothing to do.
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with translated(self.url):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(work, branches(self._plugin_tables))
            finally:
                await engine.dispose()

    async def ping(self) -> None:
        await self.read(lambda connection: connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone())


def _engine(creator: Callable[[], object], *, pooled: bool) -> AsyncEngine:
    pool: dict[str, object] = {"poolclass": NullPool}
    if pooled:
        pool = {"poolclass": AsyncAdaptedQueuePool, "pool_size": _READERS, "max_overflow": _READERS}
    return create_async_engine(
        "sqlite+aiosqlite:///", async_creator=creator, hide_parameters=True, json_serializer=dump_json, **pool
    )


async def _raw(connection: AsyncConnection) -> SqliteConnection:
    raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, SqliteConnection)
    return raw


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _begin_with(work: Work[T], connection: sqlite3.Connection) -> T:
    _begin(connection)
    return work(connection)


def _begin_reading(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _in_transaction(work: Work[T], durable: bool, connection: sqlite3.Connection) -> T:
    if not durable:
        connection.execute("PRAGMA synchronous = NORMAL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    finally:
        if not durable:
            connection.execute("PRAGMA synchronous = FULL")
    return result
