"""SQLite's side of the engine: PgQueuer over our repository, in the one process that serves the file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

from pgqueuer.ports import RepositoryPort

from cornerdesk.engine import sqlite_statements as statements
from cornerdesk.engine.jobs import HeldJob, JobRequest
from cornerdesk.engine.sqlite_driver import SqliteDriver
from cornerdesk.engine.sqlite_queries import SqliteQueries
from cornerdesk.storage import Transaction
from cornerdesk.storage.sqlite import SqliteStorage


class SqliteBackend:
    """See `Backend`."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        self._drivers: list[SqliteDriver] = []

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        await self._storage.call(tx, partial(statements.insert_jobs, requests=requests))
        tx.after_commit(self._ring)

    def _ring(self) -> None:
        for driver in self._drivers:
            driver.ring()

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        await self._storage.call(tx, partial(statements.cancel_jobs, keys=dedupe_keys))

    async def failed(self, limit: int) -> Sequence[HeldJob]:
        return await self._storage.read(partial(statements.failed_jobs, limit=limit))

    async def requeue(self, ids: Sequence[int]) -> list[int]:
        refused = await self._storage.write(partial(statements.requeue_jobs, ids=ids))
        self._ring()
        return refused

    async def waiting(self) -> dict[str, int]:
        return await self._storage.read(statements.waiting_jobs)

    async def prune(self, kept: float) -> None:
        """Nothing: a job that is done is deleted, and there is no log."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[RepositoryPort]:
        if self._storage.exclusive:
            # Nobody else serves this file: who held a job is dead, and no heartbeat need be waited for.
            await self._storage.write(statements.take_over)
        driver = SqliteDriver()
        self._drivers.append(driver)
        try:
            # A cast, for what only PgQueuer's own installer and dashboards call is left out.
            yield cast(RepositoryPort, SqliteQueries(self._storage, driver))
        finally:
            self._drivers.remove(driver)
