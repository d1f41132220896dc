"""`Jobs` by PgQueuer: what is the same on both databases, and the loop that works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, cast

import structlog
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import Schedule
from pgqueuer.domain.types import Channel
from pgqueuer.ports import RepositoryPort

from cornerdesk.engine.backend import CHANNEL, Backend, delays, pause
from cornerdesk.engine.handlers import entrypoint
from cornerdesk.engine.jobs import Handler, HeldJob, JobRequest, Jobs
from cornerdesk.engine.logs import forward_engine_logs
from cornerdesk.engine.postgresql import PostgresqlBackend
from cornerdesk.engine.settings import EngineSettings
from cornerdesk.engine.sqlite import SqliteBackend
from cornerdesk.errors import ConfigurationError, CornerdeskError
from cornerdesk.storage import Storage, Transaction
from cornerdesk.storage.postgresql import PostgresqlStorage
from cornerdesk.storage.sqlite import SqliteStorage

log = structlog.get_logger()

CronHandler = Callable[[], Awaitable[None]]

_PRUNE = "engine.prune"
_PRUNE_TIMES = "*/5 * * * *"
_STEADY = 60.0
"""Seconds of work after which an interruption is a new one."""


class EngineJobs(Jobs):
    """See `Jobs`."""

    def __init__(self, storage: Storage, settings: EngineSettings) -> None:
        self._settings = settings
        self._backend = _backend(storage, settings)
        self._handlers: dict[str, Handler] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._crons: list[tuple[str, str, CronHandler]] = [(_PRUNE, _PRUNE_TIMES, self._prune)]
        forward_engine_logs()

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        if requests:
            await self._backend.enqueue(tx, requests)

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        if dedupe_keys:
            await self._backend.cancel(tx, dedupe_keys)

    def handle(self, name: str, handler: Handler) -> None:
        if name in self._handlers:
            raise ValueError(f"jobs named {name!r} have a handler already")
        self._handlers[name] = handler

    def cron(self, name: str, expression: str, handler: CronHandler) -> None:
        _refuse_wrong(name, expression)
        self._crons.append((name, expression, handler))

    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        return await self._backend.failed(limit)

    async def requeue(self, ids: Sequence[int]) -> None:
        if dropped := await self._backend.requeue(ids):
            log.info("held_jobs_dropped", jobs=dropped, reason="a job for the same thing waits or runs already")

    async def waiting(self) -> dict[str, int]:
        return await self._backend.waiting()

    async def _prune(self) -> None:
        await self._backend.prune(self._settings.log_kept)

    async def run(self, stop: asyncio.Event) -> None:
        """See `Jobs.run`. Whatever interrupts the work, it is taken up again until `stop`.

        Raises:
            ConfigurationError: the engine's tables are not there or not up to date.
        """
        waits = delays()
        while not stop.is_set():
            began = time.monotonic()
            try:
                async with self._backend.session() as queries:
                    await self._work(queries, stop)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - a worker that dies helps nobody
                log.warning("work_interrupted", error=type(error).__name__, reason=_reason(error))
                if time.monotonic() - began > _STEADY:
                    waits = delays()
                await pause(next(waits), stop)

    async def _work(self, queries: RepositoryPort, stop: asyncio.Event) -> None:
        manager, scheduler = self._managers(queries)
        await _check_tables(manager)
        work = [asyncio.create_task(self._take_jobs(manager)), asyncio.create_task(scheduler.run())]
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*work, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            # What is held is finished; nothing more is taken, and a database that is away is not waited for.
            manager.shutdown.set()
            queries.driver.shutdown.set()
            stopped.cancel()
            deadline = asyncio.get_running_loop().call_later(self._settings.shutdown_timeout, self._give_back)
            try:
                outcomes = await asyncio.gather(*work, stopped, return_exceptions=True)
            finally:
                deadline.cancel()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def _give_back(self) -> None:
        """Who takes too long to finish gives its job back, to be run again elsewhere."""
        log.warning("jobs_given_back", count=len(self._running), seconds=self._settings.shutdown_timeout)
        for task in list(self._running):
            task.cancel()

    def _managers(self, queries: RepositoryPort) -> tuple[QueueManager, SchedulerManager]:
        manager = QueueManager(queries, channel=Channel(CHANNEL))
        for name, handler in self._handlers.items():
            manager.entrypoint(name, accepts_context=False, on_failure="hold")(entrypoint(handler, self._running))
        scheduler = SchedulerManager(queries)
        scheduler.shutdown = manager.shutdown
        for name, expression, tick in self._crons:
            scheduler.schedule(name, expression, accepts_context=False)(_tick(name, tick))
        return manager, scheduler

    async def _take_jobs(self, manager: QueueManager) -> None:
        if not self._handlers:
            await manager.shutdown.wait()
            return
        settings = self._settings
        await manager.run(
            dequeue_timeout=timedelta(seconds=settings.poll_interval),
            batch_size=settings.batch_size,
            max_concurrent_tasks=settings.concurrency,
            heartbeat_timeout=timedelta(seconds=settings.heartbeat_timeout),
            # A listener that neither answers nor ends is noticed by this; one that ends, by our driver at once.
            shutdown_on_listener_failure=True,
            # Statistics that nobody reads, at the price of another write for every line of the log.
            log_aggregation_interval=timedelta(0),
        )


def _backend(storage: Storage, settings: EngineSettings) -> Backend:
    if isinstance(storage, SqliteStorage):
        return SqliteBackend(storage)
    return PostgresqlBackend(cast(PostgresqlStorage, storage))


def _refuse_wrong(name: str, expression: str) -> None:
    """PgQueuer would say so only when the work begins."""
    try:
        SchedulerManager(cast(RepositoryPort, None)).schedule(name, expression)
    except ValueError as error:
        raise ValueError(f"{name!r} has no cron expression that can be read: {expression!r}") from error


def _tick(name: str, handler: CronHandler) -> Callable[[Schedule], Awaitable[None]]:
    async def run(_schedule: Schedule) -> None:
        try:
            await handler()
        except Exception as error:  # noqa: BLE001 - the next time may do better
            log.error("cron_failed", name=name, error=type(error).__name__, reason=_reason(error))

    return run


async def _check_tables(manager: QueueManager) -> None:
    try:
        await manager.verify_structure()
    except RuntimeError as error:
        raise ConfigurationError(
            "the database lacks tables for jobs, or they are of another version: run `cornerdesk database migrate`"
        ) from error


def _reason(error: Exception) -> str | None:
    return str(error) if isinstance(error, CornerdeskError) else None
