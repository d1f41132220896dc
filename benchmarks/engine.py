"""The engine and the hot path alone: enqueue, drain and store per second, on both databases.

    .venv/bin/python benchmarks/engine.py [--jobs 20000] [--only sqlite]

PostgreSQL: $CORNERDESK_TEST_POSTGRESQL, in a schema of its own that is dropped at the end. Read ratios, not figures:
what else the machine does shows in all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import asyncpg
import structlog
import uvloop
from cornerdesk.engine import EngineSettings, Job, JobRequest, Jobs, open_jobs
from cornerdesk.model import new_id
from cornerdesk.storage import Storage, StoredDelivery, Transaction, open_storage

SERVER = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
BODY = os.urandom(1950).hex().encode()
HEADERS = {"content-type": "application/json", "user-agent": "Zendesk Webhook", "x-zendesk-webhook-id": "01H" * 8}
GROUPS = (1, 16, 64, 256)


@asynccontextmanager
async def databases(only: str | None) -> AsyncIterator[dict[str, str]]:
    """The URLs to measure, each an empty database."""
    schema = f"benchmark_{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory() as folder:
        urls = {"sqlite": f"sqlite:///{folder}/benchmark.db"}
        if only != "sqlite":
            await _say(f"CREATE SCHEMA {schema}")
            urls["postgresql"] = f"{SERVER}?options={quote(f'-csearch_path={schema}')}"
        try:
            yield {name: url for name, url in urls.items() if only in (None, name)}
        finally:
            if only != "sqlite":
                await _say(f"DROP SCHEMA {schema} CASCADE")


async def _say(statement: str) -> None:
    connection = await asyncpg.connect(SERVER)
    await connection.execute(statement)
    await connection.close()


def request(number: int, **options: datetime) -> JobRequest:
    return JobRequest("work", f'["{number}"]'.encode(), **options)  # type: ignore[arg-type]


async def seconds(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def enqueue(storage: Storage, jobs: Jobs, requests: list[JobRequest], batch: int) -> None:
    for start in range(0, len(requests), batch):
        async with storage.transaction() as tx:
            await jobs.enqueue(tx, requests[start : start + batch])


async def drain(storage: Storage, number: int) -> float:
    """Seconds from the first run to the last of a backlog."""
    jobs = open_jobs(storage, settings=EngineSettings(batch_size=100, concurrency=200))
    stop = asyncio.Event()
    runs = 0
    began = 0.0

    async def count(_job: Job) -> None:
        nonlocal runs, began
        began = began or time.perf_counter()
        runs += 1
        if runs == number:
            stop.set()

    jobs.handle("work", count)
    await jobs.run(stop)
    return time.perf_counter() - began


async def latency(storage: Storage) -> tuple[float, float]:
    """Milliseconds from enqueueing to running for an idle worker: median and worst of 60."""
    jobs = open_jobs(storage)
    stop = asyncio.Event()
    ran = asyncio.Event()

    async def note(_job: Job) -> None:
        ran.set()

    jobs.handle("work", note)
    worker = asyncio.create_task(jobs.run(stop))
    times = []
    for number in range(60):
        ran.clear()
        began = time.perf_counter()
        await enqueue(storage, jobs, [request(number)], 1)
        await ran.wait()
        times.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.02)
    stop.set()
    await worker
    return statistics.median(times[10:]), max(times[10:])


async def store(storage: Storage, jobs: Jobs, group: int, number: int) -> float:
    """Deliveries a second, in groups, each group with its job."""

    async def take_on(tx: Transaction, ids: list[str]) -> None:
        await jobs.enqueue(tx, [JobRequest("stored", ",".join(ids).encode())])

    now = datetime.now(UTC)
    deliveries = [StoredDelivery(new_id(), "support", new_id(), now, HEADERS, BODY) for _ in range(number)]

    async def all_of_them() -> None:
        for start in range(0, number, group):
            await storage.store_deliveries(deliveries[start : start + group], take_on)

    return number / await seconds(all_of_them())


async def measure(name: str, url: str, number: int, show: Callable[[str, str], None]) -> None:
    async with await open_storage(url, exclusive=True) as storage:
        await storage.migrate()
        jobs = open_jobs(storage)
        requests = [request(one) for one in range(number)]
        show(
            f"{name}: enqueued/s, one by one", f"{500 / await seconds(enqueue(storage, jobs, requests[:500], 1)):,.0f}"
        )
        show(f"{name}: enqueued/s, by 100", f"{number / await seconds(enqueue(storage, jobs, requests, 100)):,.0f}")
        show(f"{name}: drained/s", f"{(number + 500) / await drain(storage, number + 500):,.0f}")
        show(f"{name}: enqueued to running, ms median / worst", "{:.1f} / {:.1f}".format(*await latency(storage)))
        later = datetime.now(UTC) + timedelta(minutes=30)
        await enqueue(storage, jobs, [request(one, not_before=later) for one in range(100_000)], 1000)
        await enqueue(storage, jobs, requests, 100)
        show(f"{name}: drained/s beside 100,000 timers", f"{number / await drain(storage, number):,.0f}")
        for group in GROUPS:
            rate = await store(storage, jobs, group, min(number, 200 * group))
            show(f"{name}: deliveries of 3.9 KB stored/s, by {group}", f"{rate:,.0f}")


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=20_000)
    arguments.add_argument("--only", choices=("sqlite", "postgresql"))
    options = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    async with databases(options.only) as urls:
        for name, url in urls.items():
            await measure(name, url, options.jobs, lambda what, figure: print(f"{what:<60}{figure:>15}", flush=True))


if __name__ == "__main__":
    uvloop.run(main())
