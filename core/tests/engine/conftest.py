"""A bench for the engine's tests: jobs that are recorded as they run, and workers that stop with the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from cornerdesk.engine import EngineSettings, Job, JobRequest, Jobs, open_jobs
from cornerdesk.storage import Storage

SETTINGS = EngineSettings(heartbeat_timeout=20, poll_interval=1, batch_size=5, concurrency=10)


class Bench:
    """One storage, and jobs named `work` that are recorded when they run; `then` is what they do after that."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.runs: list[Job] = []
        self.then: Callable[[Job], object] = lambda job: None
        self._changed = asyncio.Condition()
        self.jobs = self.more_jobs()

    def more_jobs(self, settings: EngineSettings = SETTINGS) -> Jobs:
        """Another worker's jobs on the same storage."""
        jobs = open_jobs(self.storage, settings=settings)
        jobs.handle("work", self._run)
        return jobs

    async def _run(self, job: Job) -> None:
        async with self._changed:
            self.runs.append(job)
            self._changed.notify_all()
        outcome = self.then(job)
        if asyncio.iscoroutine(outcome):
            await outcome

    @property
    def payloads(self) -> list[bytes]:
        """What was run, in order."""
        return [job.payload for job in self.runs]

    async def ran(self, number: int, within: float = 20) -> None:
        """Wait until so many runs have begun."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: len(self.runs) >= number)

    async def nothing_waits(self, within: float = 20) -> None:
        """Wait until no job waits or runs: what was run is also noted as done."""
        async with asyncio.timeout(within):
            while await self.jobs.waiting():
                await asyncio.sleep(0.02)

    async def held(self, number: int, within: float = 20) -> None:
        """Wait until so many jobs are held."""
        async with asyncio.timeout(within):
            while len(await self.jobs.failed()) < number:
                await asyncio.sleep(0.02)

    async def enqueue(self, *requests: JobRequest) -> None:
        """Enqueue in a transaction of its own."""
        async with self.storage.transaction() as tx:
            await self.jobs.enqueue(tx, requests)

    @asynccontextmanager
    async def working(self, jobs: Jobs | None = None) -> AsyncIterator[asyncio.Event]:
        """A worker for the time of the block; gives the event that stops it."""
        stop = asyncio.Event()
        run = asyncio.create_task((jobs or self.jobs).run(stop))
        try:
            yield stop
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await run


@pytest.fixture
def bench(storage: Storage) -> Bench:
    return Bench(storage)
