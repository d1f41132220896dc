"""PgQueuer's repository on SQLite: its documented port, for one process, over storage's one writer.

Taking and finishing jobs need not reach the disk at once: what a power failure undoes is run again, as after any other
crash. Only the caller's own transaction, in which jobs are enqueued, is durable.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain import models, types
from pgqueuer.ports.repository import EntrypointExecutionParameter

from cornerdesk.engine import sqlite_statements as statements
from cornerdesk.engine.backend import delays, pause
from cornerdesk.engine.names import SETTINGS
from cornerdesk.engine.sqlite_driver import SqliteDriver
from cornerdesk.engine.sqlite_schedules import SqliteSchedules, time_of
from cornerdesk.engine.sqlite_statements import SECOND, Outlook, PickedRow, Taking
from cornerdesk.storage import StorageUnavailable
from cornerdesk.storage.sqlite import SqliteStorage, Work

log = structlog.get_logger()
T = TypeVar("T")
Entry = tuple[models.Job, types.JOB_STATUS, models.TracebackRecord | None]


class SqliteQueries(SqliteSchedules):
    """The part of PgQueuer's `RepositoryPort` that its managers call, which a test holds; the rest serves its own
    installer and dashboards."""

    def __init__(self, storage: SqliteStorage, driver: SqliteDriver) -> None:
        super().__init__(storage)
        self.driver = driver
        self.qbe = QueryBuilderEnvironment(SETTINGS)
        self._outlook = Outlook()

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[types.QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: types.QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[models.Job]:
        """Take the next jobs. Limits of single entrypoints are not known here: `Jobs` has none."""
        self.driver.answered()
        taking = Taking(
            names=tuple(entrypoints),
            worker=str(queue_manager_id),
            batch=batch_size,
            limit=batch_size if global_concurrency_limit is None else global_concurrency_limit,
            stale=round(heartbeat_timeout.total_seconds() * SECOND),
        )
        rows, self._outlook = await self._write(partial(statements.take_jobs, taking=taking))
        return [_job(row, queue_manager_id) for row in rows]

    async def log_jobs(self, job_status: list[Entry]) -> None:
        """Delete the jobs that are done, hold those that failed."""
        done = [(job.id, str(job.queue_manager_id)) for job, status, _ in job_status if status != "failed"]
        held = [
            (tb.exception_message if tb else None, job.id, str(job.queue_manager_id))
            for job, status, tb in job_status
            if status == "failed"
        ]
        await self._write(partial(statements.finish_jobs, done=done, held=held))
        self.driver.ring()

    async def retry_job(
        self, job: models.Job, delay: timedelta, traceback_record: models.TracebackRecord | None
    ) -> None:
        wait = round(delay.total_seconds() * SECOND)
        await self._write(partial(statements.retry_job, one=job.id, worker=str(job.queue_manager_id), delay=wait))
        self.driver.ring()

    async def update_heartbeat(self, job_ids: list[types.JobId]) -> None:
        await self._write(partial(statements.beat, ids=set(job_ids)))

    async def _write(self, work: Work[T]) -> T:
        """As storage writes, but a file that is locked or a disk that is full is waited for."""
        waits = delays()
        while True:
            try:
                return await self._storage.write(work, durable=False)
            except StorageUnavailable as error:
                if self.driver.shutdown.is_set():
                    raise
                log.warning("queue_unavailable", reason=str(error))
            await pause(next(waits), self.driver.shutdown)

    # PgQueuer asks these three right after a dequeue that found nothing, which has looked already.

    async def eligible_queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        return int(self._outlook.ready or self._due_in() == timedelta(0))

    async def next_deferred_eta(self, entrypoints: list[types.QueueEntrypoint]) -> timedelta | None:
        return self._due_in()

    async def queued_work(self, entrypoints: list[types.QueueEntrypoint]) -> int:
        return int(self._outlook.ready or self._outlook.soonest is not None)

    def _due_in(self) -> timedelta | None:
        if self._outlook.soonest is None:
            return None
        return timedelta(microseconds=max(self._outlook.soonest - statements.now(), 0))

    async def notify_health_check(self, health_check_event_id: types.HealthCheckId) -> None:
        event = models.HealthCheckEvent(
            channel=SETTINGS.channel, sent_at=models.utc_now(), type="health_check_event", id=health_check_event_id
        )
        await self.driver.notify(SETTINGS.channel, event.model_dump_json())

    async def aggregate_logs(self) -> None:
        """There is no log to aggregate: a job that is done is gone."""

    async def has_table(self, table: str) -> bool:
        return await self._storage.read(statements.has_tables)

    async def table_has_column(self, table: str, column: str) -> bool:
        return True

    async def table_has_index(self, table: str, index: str) -> bool:
        return True

    async def has_user_defined_enum(self, key: str, enum: str) -> bool:
        return True


def _job(row: PickedRow, worker: types.QueueManagerId) -> models.Job:
    """Built without checking: it comes from our own table."""
    picked_at = models.utc_now()
    return models.Job.model_construct(
        id=types.JobId(row.id),
        priority=-row.rank,
        created=time_of(row.created),
        updated=picked_at,
        heartbeat=picked_at,
        execute_after=time_of(row.execute_after),
        status="picked",
        entrypoint=types.QueueEntrypoint(row.name),
        payload=row.payload,
        attempts=row.attempts,
        queue_manager_id=worker,
        slot=None,
        headers=None,
    )
