"""aiosqlite's connection with one trip to its thread for each statement instead of four.

SQLAlchemy's adapter opens a cursor, executes, fetches and closes: each is a trip of its own with plain aiosqlite, and
a trip costs more than most statements.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiosqlite

T = TypeVar("T")

BUSY_TIMEOUT = 15.0
"""Seconds to wait for another process's lock before giving up."""

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",
)
_WRITER = (
    "PRAGMA journal_mode = WAL",
    # NORMAL can lose an acknowledged delivery on power loss; with grouped commits FULL costs nothing.
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)
_READER = ("PRAGMA query_only = ON",)


class SqliteConnection(aiosqlite.Connection):
    """A connection in a thread of its own, in autocommit mode: whoever uses it says BEGIN and COMMIT."""

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the connection's thread."""
        return await self._execute(work, self._conn)  # type: ignore[no-any-return, no-untyped-call]

    @property
    def alive(self) -> bool:
        """False once it is closed: SQLAlchemy throws a connection away when a statement on it is cancelled."""
        return self._running and self._connection is not None

    async def end(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Commit or roll back; a connection that is closed has rolled back already."""
        if self.alive:
            await self.call(work)

    def cursor(self) -> OneTripCursor:  # type: ignore[override]
        return OneTripCursor(self)

    async def commit(self) -> None:
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        if self.in_transaction:
            await super().rollback()


class _Outcome(NamedTuple):
    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


class OneTripCursor:
    """The part of an asynchronous DBAPI cursor that SQLAlchemy uses; rows are fetched with the execution."""

    arraysize = 1

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> OneTripCursor:
        return self

    async def execute(self, operation: str, parameters: Any = ()) -> None:
        self._take(await self._connection.call(partial(_execute, operation, parameters)))

    async def executemany(self, operation: str, parameters: Iterable[Any]) -> None:
        self._take(await self._connection.call(partial(_execute_many, operation, parameters)))

    async def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, deque()
        return rows

    async def close(self) -> None:
        self._rows.clear()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while self._rows:
            yield self._rows.popleft()

    def _take(self, outcome: _Outcome) -> None:
        rows, self.description, self.rowcount, self.lastrowid = outcome
        self._rows = deque(rows)


async def connect_sqlite(file: Path, *, writer: bool) -> SqliteConnection:
    """Open a connection that writes (WAL, synchronous FULL) or one that only reads."""
    connection = SqliteConnection(partial(_connect, file, writer), 64)
    # A program that ends without closing must not hang on the thread.
    connection._thread.daemon = True
    try:
        await connection
    except BaseException:
        # aiosqlite tells its thread to end and does not wait for it; its last word must find our loop still there.
        await asyncio.to_thread(connection._thread.join)
        raise
    return connection


def _connect(file: Path, writer: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS + (_WRITER if writer else _READER):
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _execute(operation: str, parameters: Any, connection: sqlite3.Connection) -> _Outcome:
    cursor = connection.execute(operation, parameters)
    return _Outcome(cursor.fetchall(), cursor.description, cursor.rowcount, cursor.lastrowid)


def _execute_many(operation: str, parameters: Iterable[Any], connection: sqlite3.Connection) -> _Outcome:
    cursor = connection.executemany(operation, parameters)
    return _Outcome([], None, cursor.rowcount, cursor.lastrowid)
