"""PostgreSQL's side of the engine: PgQueuer as it is, on connections that survive the server's absence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JobId
from pgqueuer.ports import RepositoryPort

from cornerdesk.engine.backend import CHANNEL, table_changed
from cornerdesk.engine.jobs import HeldJob, JobRequest
from cornerdesk.engine.names import pgqueuer_builders, pgqueuer_queries
from cornerdesk.engine.postgresql_driver import PostgresqlDriver
from cornerdesk.storage import Transaction
from cornerdesk.storage.postgresql import PostgresqlStorage, driver_connection

_WAITING = "SELECT * FROM pgqueuer WHERE status = 'queued' AND dedupe_key = ANY($1::text[]) FOR UPDATE SKIP LOCKED"
_REASONS = """
SELECT DISTINCT ON (job_id) job_id, traceback ->> 'exception_message' AS reason FROM pgqueuer_log
WHERE job_id = ANY($1::bigint[]) AND status = 'failed' ORDER BY job_id, created DESC
"""
_DROP_DUPLICATE = """
DELETE FROM pgqueuer AS held WHERE id = $1 AND status = 'failed' AND EXISTS (
    SELECT FROM pgqueuer AS other WHERE other.dedupe_key = held.dedupe_key AND other.status IN ('queued', 'picked')
)
"""
# In portions: a delete of millions of rows at once would hold back vacuum. A held job's reason stays as long as it.
_PRUNE = """
DELETE FROM pgqueuer_log WHERE id IN (
    SELECT id FROM pgqueuer_log AS log WHERE created < now() - $1::interval
    AND NOT (status = 'failed' AND EXISTS (SELECT FROM pgqueuer WHERE id = log.job_id)) LIMIT $2
)
"""
_PORTION = 20_000


class PostgresqlBackend:
    """See `Backend`."""

    def __init__(self, storage: PostgresqlStorage) -> None:
        self._storage = storage

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        queries = await _queries(tx)
        now = datetime.now(UTC)
        await queries.enqueue(
            [request.name for request in requests],
            [request.payload for request in requests],
            [request.priority for request in requests],
            [max(request.not_before - now, timedelta(0)) if request.not_before else None for request in requests],
            [request.dedupe_key for request in requests],
            on_conflict="skip",
        )

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        connection = await driver_connection(tx)
        rows = await connection.fetch(_WAITING, list(dedupe_keys))
        if rows:
            # Not PgQueuer's own cancelling: that announces bare ids to every installation in this database.
            jobs = [QueuedJob.model_validate(dict(row)) for row in rows]
            await (await _queries(tx)).log_jobs([(job, "canceled", None) for job in jobs])

    async def failed(self, limit: int) -> Sequence[HeldJob]:
        async with self._storage.reading() as tx:
            jobs = await (await _queries(tx)).list_failed_jobs(limit, order="ASC")
            rows = await (await driver_connection(tx)).fetch(_REASONS, [job.id for job in jobs])
        reasons = {row["job_id"]: row["reason"] for row in rows}
        return [HeldJob(job.id, job.entrypoint, job.payload or b"", job.attempts, reasons.get(job.id)) for job in jobs]

    async def requeue(self, ids: Sequence[int]) -> list[int]:
        refused = [one for one in ids if not await self._requeue(one)]
        return [one for one in refused if await self._drop_duplicate(one)]

    async def _requeue(self, one: int) -> bool:
        try:
            async with self._storage.transaction() as tx:
                queries = await _queries(tx)
                await queries.requeue_jobs([JobId(one)])
                # PgQueuer's trigger is silent about updates.
                await queries.driver.notify(CHANNEL, table_changed())
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def _drop_duplicate(self, one: int) -> bool:
        """False: the other job has ended meanwhile, so that this one is held until it is put back the next time."""
        async with self._storage.transaction() as tx:
            done: str = await (await driver_connection(tx)).execute(_DROP_DUPLICATE, one)
        return done == "DELETE 1"

    async def waiting(self) -> dict[str, int]:
        async with self._storage.reading() as tx:
            sizes = await (await _queries(tx)).queue_size()
        found: dict[str, int] = {}
        for size in sizes:
            if size.status in ("queued", "picked"):
                found[size.entrypoint] = found.get(size.entrypoint, 0) + size.count
        return found

    async def prune(self, kept: float) -> None:
        while True:
            async with self._storage.transaction() as tx:
                connection = await driver_connection(tx)
                done = await connection.execute(_PRUNE, timedelta(seconds=kept), _PORTION)
            if int(done.rpartition(" ")[2]) < _PORTION:
                return

    @asynccontextmanager
    async def session(self) -> AsyncIterator[RepositoryPort]:
        async with PostgresqlDriver(self._storage).opened() as driver:
            yield _PromptQueries(driver, *pgqueuer_builders())


class _PromptQueries(Queries):
    """PgQueuer's trigger is silent about updates, so a retry would wait for the next poll, whatever its delay."""

    async def retry_job(self, job: QueuedJob, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        await super().retry_job(job, delay, traceback_record)
        await self.driver.notify(CHANNEL, table_changed())


async def _queries(tx: Transaction) -> Queries:
    """PgQueuer's repository inside `tx`."""
    connection: Any = await driver_connection(tx)
    return pgqueuer_queries(AsyncpgDriver(connection))
