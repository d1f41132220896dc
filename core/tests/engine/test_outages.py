"""Workers that die, servers that go away: jobs are run all the same."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from cornerdesk.engine import EngineSettings, Job, JobRequest, open_jobs
from cornerdesk.engine.postgresql_driver import PostgresqlDriver
from cornerdesk.storage import Storage, StorageUnavailable, open_storage
from cornerdesk.storage.postgresql import PostgresqlStorage

if TYPE_CHECKING:
    from core.tests.engine.conftest import Bench

on_postgresql = pytest.mark.parametrize(
    "migrated_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
BRIEF = EngineSettings(heartbeat_timeout=1.5, poll_interval=1, batch_size=5, concurrency=10)

_WORKER = """
import asyncio, sys
from cornerdesk.engine import EngineSettings, open_jobs
from cornerdesk.storage import open_storage

async def work():
    storage = await open_storage(sys.argv[1], exclusive=True)
    jobs = open_jobs(storage, settings=EngineSettings(heartbeat_timeout=1.5, batch_size=5, concurrency=10))
    async def hang(job):
        print("running", flush=True)
        await asyncio.Event().wait()
    jobs.handle("work", hang)
    await jobs.run(asyncio.Event())

asyncio.run(work())
"""


def work(payload: str) -> JobRequest:
    return JobRequest("work", payload.encode())


async def test_the_jobs_of_a_killed_worker_are_run_by_the_next(migrated_url: str) -> None:
    async with await open_storage(migrated_url) as storage:
        jobs = open_jobs(storage, settings=BRIEF)
        async with storage.transaction() as tx:
            await jobs.enqueue(tx, [work("a"), work("b")])
    with subprocess.Popen([sys.executable, "-c", _WORKER, migrated_url], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        for _ in range(2):
            assert await asyncio.to_thread(worker.stdout.readline) == b"running\n"
        worker.kill()
    async with await open_storage(migrated_url, exclusive=True) as storage:
        took = await _time_to_run(storage, 2)
    assert took < 10


async def _time_to_run(storage: Storage, number: int) -> float:
    jobs = open_jobs(storage, settings=BRIEF)
    stop = asyncio.Event()
    seen: set[bytes] = set()

    async def note(job: Job) -> None:
        seen.add(job.payload)
        if len(seen) == number:
            stop.set()

    jobs.handle("work", note)
    began = time.monotonic()
    async with asyncio.timeout(20):
        await jobs.run(stop)
    return time.monotonic() - began


async def _end_connections(url: str, where: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        ended = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {where}"
        )
        return len(ended)
    finally:
        await connection.close()


@on_postgresql
async def test_a_lost_listener_is_replaced_and_jobs_still_start_at_once(bench: Bench, postgresql_database: str) -> None:
    patient = EngineSettings(poll_interval=30, batch_size=5, concurrency=10)
    async with bench.working(bench.more_jobs(patient)):
        await bench.enqueue(work("before"))
        await bench.nothing_waits()
        assert await _end_connections(postgresql_database, "query LIKE 'LISTEN%'") == 1
        await bench.enqueue(work("meanwhile"))
        await bench.ran(2, within=5)
        await asyncio.sleep(0.5)
        await bench.enqueue(work("after"))
        await bench.ran(3, within=2)


@on_postgresql
async def test_whether_the_listener_hears_is_asked_only_once_it_listens(storage: Storage) -> None:
    heard = asyncio.Event()
    async with PostgresqlDriver(cast(PostgresqlStorage, storage)).opened() as driver:
        asked = asyncio.create_task(driver.notify("ch_test", "anybody?"))
        await asyncio.wait({asked}, timeout=0.5)  # long enough to connect, and to ask too early
        await driver.add_listener("ch_test", lambda payload: heard.set())
        async with asyncio.timeout(5):
            await asyncio.gather(asked, heard.wait())


@on_postgresql
async def test_losing_every_connection_interrupts_no_job_and_holds_none(bench: Bench, postgresql_database: str) -> None:
    let_go = asyncio.Event()
    bench.then = lambda job: let_go.wait()
    async with bench.working():
        await bench.enqueue(work("running"))
        await bench.ran(1)
        for _ in range(3):
            await _end_connections(postgresql_database, "true")
            await asyncio.sleep(0.1)
        let_go.set()
        await _enqueue_when_back(bench, work("after"))
        await bench.ran(2, within=10)
        await bench.nothing_waits()
    assert bench.payloads == [b"running", b"after"]
    assert await bench.jobs.failed() == []


async def _enqueue_when_back(bench: Bench, request: JobRequest) -> None:
    for _ in range(20):
        try:
            await bench.enqueue(request)
        except StorageUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


@on_postgresql
async def test_a_worker_that_is_stopped_while_the_server_is_away_stops(bench: Bench, postgresql_database: str) -> None:
    async with bench.working() as stop:
        await bench.enqueue(work("a"))
        await bench.nothing_waits()
        await _end_connections(postgresql_database, "true")
        stop.set()


@on_postgresql
async def test_cron_runs_once_across_workers(bench: Bench) -> None:
    ticks: list[int] = []

    async def tick() -> None:
        ticks.append(int(time.time()))

    workers = [bench.more_jobs() for _ in range(2)]
    for jobs in workers:
        jobs.cron("tick", "* * * * * */2", tick)
    async with bench.working(workers[0]), bench.working(workers[1]):
        async with asyncio.timeout(20):
            while len(ticks) < 3:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
    assert len({moment // 2 for moment in ticks}) == len(ticks)


@on_postgresql
async def test_two_workers_share_jobs_and_run_none_twice(bench: Bench) -> None:
    workers = [bench.more_jobs() for _ in range(2)]
    async with bench.working(workers[0]), bench.working(workers[1]):
        await bench.enqueue(*(work(str(number)) for number in range(200)))
        await bench.ran(200)
        await bench.nothing_waits()
    assert len(bench.payloads) == len(set(bench.payloads)) == 200
