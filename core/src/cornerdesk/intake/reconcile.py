"""What webhooks lost, from the API, on a schedule: each source by one worker of all, and none held up by another.

The first time it begins at the moment the source was first served: history is a backfill's. What it finds is stored
with origin `reconcile` and processed like any delivery, so rules that do not ask for late facts never see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.clock import Clock
from cornerdesk.engine.jobs import Job, JobRequest, Jobs
from cornerdesk.errors import CornerdeskError, RejectedError
from cornerdesk.intake.fetching import fetch_page
from cornerdesk.intake.pages import HistoryPages
from cornerdesk.intake.runs import HeldError, HistoryRuns, Run, RunState
from cornerdesk.model import Origin
from cornerdesk.storage import Storage, StorageUnavailable

log = structlog.get_logger()

JOB = "reconcile"
TURN = 40.0
"""Seconds that one turn takes at most, pages begun included: the next tick goes on, and `serve` stops in time."""

OVERLAP = timedelta(hours=1)
"""Asked for again where the vendor does not know the cursor any more."""


class Reconciler:
    """Asks every source that tells its history, when that is due."""

    def __init__(self, storage: Storage, adapters: Mapping[str, Adapter], jobs: Jobs, clock: Clock) -> None:
        self._adapters = {name: adapter for name, adapter in adapters.items() if interval(adapter) is not None}
        self._jobs = jobs
        self._clock = clock
        self._storage = storage
        self._runs = HistoryRuns(storage, clock)
        self._pages = HistoryPages(storage, self._runs, clock, jobs)

    async def begin(self) -> None:
        """Note of every source served for the first time that it is served from now on."""
        now = self._clock.now()
        for source in sorted(self._adapters):
            await self._runs.begin(source, Origin.RECONCILE, RunState.WAITING, since=now, attempted_at=now)

    async def tick(self) -> None:
        """Take a turn on for every source that is due. For a schedule, each minute."""
        due = [source for source in sorted(self._adapters) if await self._is_due(source)]
        requests = [JobRequest(JOB, source.encode(), dedupe_key=f"{JOB}:{source}") for source in due]
        if requests:
            async with self._storage.transaction() as tx:
                await self._jobs.enqueue(tx, requests)

    async def handle(self, job: Job) -> None:
        """One source's turn. Its failures are kept in its row, for the next turn to try again.

        Raises:
            StorageUnavailable: the database is away.
        """
        source = job.payload.decode()
        # Two ticks may have asked for one turn: the second finds that it is not due any more.
        if source not in self._adapters or not await self._is_due(source):
            return
        try:
            async with self._runs.held(source, Origin.RECONCILE) as run:
                await self._take_turn(run)
        except HeldError as error:
            log.info("reconcile_left_to_another", source=source, reason=str(error))

    async def _is_due(self, source: str) -> bool:
        run = await self._runs.find(source, Origin.RECONCILE)
        return run is not None and is_due(run, interval(self._adapters[source]), self._clock.now())

    async def _take_turn(self, run: Run) -> None:
        end = asyncio.get_running_loop().time() + TURN
        before = run.records
        while True:
            # Before it is asked for: a worker that dies of a page does not come back to it at once.
            run = await self._runs.change(run, attempted_at=self._clock.now())
            try:
                run = await self._fetch_and_store(run)
            except (HeldError, StorageUnavailable):
                raise
            except CornerdeskError as error:
                await self._note_failure(run, error)
                return
            if run.ended or asyncio.get_running_loop().time() > end:
                break
        log.info("reconciled", source=run.source, records=run.records - before, state=run.state.value)

    async def _fetch_and_store(self, run: Run) -> Run:
        page = await fetch_page(self._adapters[run.source], run)
        values: dict[str, Any] = {"state": RunState.BEHIND, "reason": None}
        if page.end:
            values = {"state": RunState.FINE, "reason": None, "finished_at": self._clock.now()}
        return await self._pages.store(run, page, **values)

    async def _note_failure(self, run: Run, error: CornerdeskError) -> None:
        log.warning("reconcile_failed", source=run.source, reason=str(error))
        values: dict[str, Any] = {"state": RunState.FAILING, "reason": str(error)}
        if isinstance(error, RejectedError) and run.cursor is not None:
            # Cursors do not live for ever: the next turn begins where the last one certainly was.
            values |= {"cursor": None, "since": max(run.started_at, (run.finished_at or run.started_at) - OVERLAP)}
        await self._runs.change(run, **values)


def interval(adapter: Adapter) -> timedelta | None:
    """How often a source is to be asked; None: never."""
    if Capability.HISTORY not in adapter.capabilities:
        return None
    wanted: timedelta | None = adapter.settings.reconcile
    return wanted


def is_due(run: Run, every: timedelta | None, now: datetime) -> bool:
    """Whether it is time for a turn."""
    if every is None:
        return False
    return run.state is RunState.BEHIND or run.attempted_at is None or now - run.attempted_at >= every
