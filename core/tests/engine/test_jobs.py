"""What a job is promised, the same on both databases."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pgqueuer.core.buffers
import pgqueuer.core.qm
import pgqueuer.core.sm
import pytest
from cornerdesk.engine import EngineSettings, Job, JobRequest, RetryJob, open_jobs
from cornerdesk.engine.sqlite_queries import SqliteQueries
from cornerdesk.errors import ConfigurationError, RejectedError
from cornerdesk.storage import StorageUnavailable, open_storage
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from core.tests.engine.conftest import Bench


def work(payload: str, **options: object) -> JobRequest:
    return JobRequest("work", payload.encode(), **options)  # type: ignore[arg-type]


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_job_runs_once_and_is_gone(bench: Bench) -> None:
    await bench.enqueue(work("a"), work("b"))
    assert await bench.jobs.waiting() == {"work": 2}
    async with bench.working():
        await bench.ran(2)
        await bench.nothing_waits()
    assert sorted(bench.payloads) == [b"a", b"b"]
    assert [job.attempts for job in bench.runs] == [0, 0]
    assert await bench.jobs.failed() == []


async def test_a_job_exists_if_and_only_if_its_transaction_commits(bench: Bench) -> None:
    with pytest.raises(RuntimeError):
        async with bench.storage.transaction() as tx:
            # Nothing before it in the transaction: the job itself must be inside.
            await bench.jobs.enqueue(tx, [work("never")])
            raise RuntimeError
    assert await bench.jobs.waiting() == {}
    async with bench.working():
        await bench.enqueue(work("a"))
        await bench.nothing_waits()
    assert bench.payloads == [b"a"]


async def test_a_job_taken_on_while_the_worker_idles_starts_at_once(bench: Bench) -> None:
    async with bench.working():
        await bench.enqueue(work("first"))
        await bench.nothing_waits()
        delays = []
        for number in range(3):
            await asyncio.sleep(0.15)
            began = time.monotonic()
            await bench.enqueue(work(str(number)))
            await bench.ran(number + 2)
            delays.append(time.monotonic() - began)
    assert min(delays) < 0.5


async def test_no_jobs_are_no_trouble(bench: Bench) -> None:
    async with bench.storage.transaction() as tx:
        await bench.jobs.enqueue(tx, [])
        await bench.jobs.cancel(tx, [])
    await bench.jobs.requeue([])
    await bench.jobs.requeue([4711])


async def test_a_key_that_waits_is_not_taken_on_again_and_is_free_when_done(bench: Bench) -> None:
    await bench.enqueue(work("a", dedupe_key="k"), work("b", dedupe_key="k"), work("c", dedupe_key="other"))
    await bench.enqueue(work("d", dedupe_key="k"))
    async with bench.working():
        await bench.nothing_waits()
        await bench.enqueue(work("e", dedupe_key="k"))
        await bench.nothing_waits()
    assert sorted(bench.payloads) == [b"a", b"c", b"e"]


async def test_a_key_that_runs_is_not_taken_on_again(bench: Bench) -> None:
    let_go = asyncio.Event()
    bench.then = lambda job: let_go.wait()
    async with bench.working():
        await bench.enqueue(work("a", dedupe_key="k"))
        await bench.ran(1)
        await bench.enqueue(work("b", dedupe_key="k"))
        let_go.set()
        await bench.nothing_waits()
    assert bench.payloads == [b"a"]


async def test_higher_priority_comes_first_and_else_the_older(bench: Bench) -> None:
    one_at_a_time = EngineSettings(batch_size=1, concurrency=2)
    await bench.enqueue(work("low", priority=-1), work("a"), work("high", priority=9), work("b"))
    async with bench.working(bench.more_jobs(one_at_a_time)):
        await bench.nothing_waits()
    assert bench.payloads == [b"high", b"a", b"b", b"low"]


async def test_a_deferred_job_waits_for_its_time_and_not_much_longer(bench: Bench) -> None:
    times: list[float] = []
    bench.then = lambda job: times.append(time.monotonic())
    began = time.monotonic()
    await bench.enqueue(work("late", not_before=soon(0.6)), work("now"), work("past", not_before=soon(-60)))
    async with bench.working():
        await bench.ran(3)
    assert bench.payloads[-1] == b"late"
    assert times[-1] - began >= 0.55
    assert times[-1] - began < 1.7


async def test_a_handler_that_asks_for_it_is_run_again_and_told_how_often(bench: Bench) -> None:
    def again(job: Job) -> None:
        if job.attempts < 2:
            raise RetryJob("the vendor is busy", delay=0.1)

    bench.then = again
    await bench.enqueue(work("a"))
    async with bench.working():
        await bench.ran(3)
        await bench.nothing_waits()
    assert [job.attempts for job in bench.runs] == [0, 1, 2]
    assert len({job.id for job in bench.runs}) == 1


async def test_a_task_groups_wish_to_run_again_is_heard(bench: Bench) -> None:
    async def again(job: Job) -> None:
        async def part(delay: float) -> None:
            if job.attempts == 0:
                raise RetryJob("busy", delay=delay)

        async with asyncio.TaskGroup() as group:
            group.create_task(part(0.05))
            group.create_task(part(0.1))

    bench.then = again
    await bench.enqueue(work("a"))
    async with bench.working():
        await bench.ran(2)
        await bench.nothing_waits()
    assert await bench.jobs.failed() == []


async def test_a_job_whose_database_is_away_is_run_again_and_not_held(bench: Bench) -> None:
    def fail(job: Job) -> None:
        if job.attempts == 0:
            raise StorageUnavailable("gone")

    bench.then = fail
    await bench.enqueue(work("a"))
    async with bench.working():
        await bench.ran(2)
        await bench.nothing_waits()


async def test_a_failed_job_is_held_with_its_place_and_nobodys_words(bench: Bench) -> None:
    def fail(job: Job) -> None:
        raise ValueError(f"cannot parse {job.payload!r} of ada@example.com")

    bench.then = fail
    await bench.enqueue(work("a"), work("b"))
    async with bench.working():
        await bench.held(2)
        assert await bench.jobs.waiting() == {}
    held = await bench.jobs.failed()
    assert [job.payload for job in held] == [b"a", b"b"]
    assert len(await bench.jobs.failed(limit=1)) == 1
    reason = held[0].reason
    assert reason is not None
    assert "ValueError at test_jobs.py" in reason
    assert "ada@example.com" not in reason


async def test_the_reason_of_our_own_errors_is_told_as_it_is(bench: Bench) -> None:
    def fail(job: Job) -> None:
        raise RejectedError("the delivery is of no known shape")

    bench.then = fail
    await bench.enqueue(work("a"))
    async with bench.working():
        await bench.held(1)
    assert (await bench.jobs.failed())[0].reason == "the delivery is of no known shape"


async def test_a_held_job_is_run_again_when_a_person_says_so(bench: Bench) -> None:
    broken = True

    def fail(job: Job) -> None:
        if broken:
            raise ValueError

    bench.then = fail
    await bench.enqueue(work("a"))
    async with bench.working():
        await bench.held(1)
        await asyncio.sleep(0.2)
        assert len(bench.runs) == 1
        broken = False
        await bench.jobs.requeue([job.id for job in await bench.jobs.failed()])
        await bench.ran(2)
        await bench.nothing_waits()
    assert await bench.jobs.failed() == []


async def test_a_held_job_is_dropped_when_another_of_its_key_waits(bench: Bench) -> None:
    def fail(job: Job) -> None:
        raise ValueError

    bench.then = fail
    await bench.enqueue(work("a", dedupe_key="k"), work("alone", dedupe_key="other"), work("keyless"))
    async with bench.working():
        await bench.held(3)
    await bench.enqueue(work("b", dedupe_key="k"))
    held = {job.payload: job.id for job in await bench.jobs.failed()}
    with capture_logs() as logs:
        await bench.jobs.requeue(list(held.values()))
    [said] = logs
    assert (said["event"], said["log_level"], said["jobs"]) == ("held_jobs_dropped", "info", [held[b"a"]])
    assert await bench.jobs.failed() == []
    bench.then = lambda job: None
    bench.runs.clear()
    async with bench.working():
        await bench.nothing_waits()
    assert sorted(bench.payloads) == [b"alone", b"b", b"keyless"]


async def test_waiting_jobs_are_cancelled_by_key_within_the_transaction(bench: Bench) -> None:
    await bench.enqueue(
        work("now", dedupe_key="1"), work("later", dedupe_key="2", not_before=soon(60)), work("kept", dedupe_key="3")
    )
    with pytest.raises(RuntimeError):
        async with bench.storage.transaction() as tx:
            await bench.jobs.cancel(tx, ["3"])
            raise RuntimeError
    async with bench.storage.transaction() as tx:
        await bench.jobs.cancel(tx, ["1", "2", "unknown"])
    async with bench.working():
        await bench.nothing_waits()
    assert bench.payloads == [b"kept"]


async def test_a_job_that_runs_is_not_cancelled(bench: Bench) -> None:
    let_go = asyncio.Event()
    bench.then = lambda job: let_go.wait()
    async with bench.working():
        await bench.enqueue(work("a", dedupe_key="k"))
        await bench.ran(1)
        async with bench.storage.transaction() as tx:
            await bench.jobs.cancel(tx, ["k"])
        let_go.set()
        await bench.nothing_waits()
    assert bench.payloads == [b"a"]


async def test_no_more_jobs_run_at_once_than_allowed_and_a_backlog_drains(bench: Bench) -> None:
    running, most = 0, 0

    async def count(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1

    bench.then = count
    await bench.enqueue(*(work(str(number)) for number in range(300)))
    async with bench.working():
        await bench.ran(300)
        await bench.nothing_waits()
    assert len(set(bench.payloads)) == len(bench.payloads) == 300
    assert most <= 10


async def test_stopping_finishes_what_is_held_and_takes_nothing_more(bench: Bench) -> None:
    ended: list[bytes] = []

    async def slow(job: Job) -> None:
        await asyncio.sleep(0.2)
        ended.append(job.payload)

    bench.then = slow
    await bench.enqueue(*(work(str(number)) for number in range(30)))
    async with bench.working() as stop:
        await bench.ran(1)
        stop.set()
    assert sorted(ended) == sorted(bench.payloads)
    left = await bench.jobs.waiting()
    assert left == {"work": 30 - len(ended)}


async def test_a_job_that_does_not_end_when_the_worker_stops_is_given_back(bench: Bench) -> None:
    async def hang(job: Job) -> None:
        if job.attempts == 0:
            await asyncio.sleep(3600)

    bench.then = hang
    await bench.enqueue(work("a"))
    async with bench.working(bench.more_jobs(EngineSettings(shutdown_timeout=0.2))) as stop:
        await bench.ran(1)
        stop.set()
    assert await bench.jobs.waiting() == {"work": 1}
    async with bench.working():
        await bench.ran(2, within=5)  # at once: nobody has to find out that its worker is gone
        await bench.nothing_waits()


async def test_a_worker_that_is_cancelled_loses_no_job(bench: Bench) -> None:
    async def hang(job: Job) -> None:
        if job.attempts == 0:
            await asyncio.sleep(3600)

    bench.then = hang
    await bench.enqueue(work("a"))
    run = asyncio.create_task(bench.jobs.run(asyncio.Event()))
    await bench.ran(1)
    while not run.done():
        run.cancel()
        await asyncio.sleep(0.05)
    assert await bench.jobs.waiting() == {"work": 1}
    async with bench.working():
        await bench.ran(2)
        await bench.nothing_waits()


async def test_what_another_process_enqueues_is_noticed_within_a_poll(bench: Bench, migrated_url: str) -> None:
    async with bench.working(), await open_storage(migrated_url) as elsewhere:
        await bench.enqueue(work("ours"))
        await bench.nothing_waits()
        others = open_jobs(elsewhere)
        async with elsewhere.transaction() as tx:
            await others.enqueue(tx, [work("theirs")])
        await bench.ran(2, within=2)


async def test_a_worker_takes_over_from_one_that_died(bench: Bench) -> None:
    quick = EngineSettings(heartbeat_timeout=0.6, poll_interval=0.1, batch_size=5, concurrency=10)
    await bench.enqueue(work("a"), work("b"))
    await _pick_and_die(bench)
    async with bench.working(bench.more_jobs(quick)):
        await bench.ran(2)
        await bench.nothing_waits()
    assert sorted(bench.payloads) == [b"a", b"b"]


async def _pick_and_die(bench: Bench) -> None:
    """As if by a worker of some other process that was killed."""
    long_ago = "now() - interval '1 second'" if bench.storage.dialect == "postgresql" else "0"
    table = "pgqueuer" if bench.storage.dialect == "postgresql" else "engine_jobs"
    async with bench.storage.transaction() as tx:
        await tx.execute(text(f"UPDATE {table} SET status = 'picked', heartbeat = {long_ago}"))


async def test_a_job_that_takes_long_is_not_taken_over_while_its_worker_lives(bench: Bench) -> None:
    quick = EngineSettings(heartbeat_timeout=0.5, poll_interval=0.1, batch_size=5, concurrency=10)

    async def long(job: Job) -> None:
        await asyncio.sleep(1.5)

    bench.then = long
    await bench.enqueue(work("a"))
    async with bench.working(bench.more_jobs(quick)):
        await bench.nothing_waits()
    assert bench.payloads == [b"a"]


async def test_cron_runs_at_its_times_until_the_worker_stops(bench: Bench) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        ticks.append(time.time())
        if len(ticks) == 1:
            raise ValueError("the first time goes wrong")

    bench.jobs.cron("tick", "* * * * * *", tick)
    async with bench.working():
        async with asyncio.timeout(15):
            while len(ticks) < 2:
                await asyncio.sleep(0.05)


async def test_a_cron_expression_that_is_wrong_is_refused(bench: Bench) -> None:
    async def tick() -> None: ...

    with pytest.raises(ValueError, match="cron"):
        bench.jobs.cron("tick", "every full moon", tick)


def test_a_name_has_one_handler(bench: Bench) -> None:
    async def handler(job: Job) -> None: ...

    with pytest.raises(ValueError, match="'work' have a handler"):
        bench.jobs.handle("work", handler)


async def test_a_database_without_the_tables_is_told(database_url: str) -> None:
    async with await open_storage(database_url) as storage:
        with pytest.raises(ConfigurationError, match="cornerdesk database migrate"):
            await open_jobs(storage).run(asyncio.Event())


async def test_timers_do_not_slow_down_what_is_due(bench: Bench) -> None:
    """A hundred thousand of them once cost half the speed; a plan that walks over them would cost far more."""
    later = soon(1800)
    for _ in range(10):
        await bench.enqueue(*(work("timer", not_before=later) for _ in range(1000)))
    await bench.enqueue(*(work(str(number)) for number in range(200)))
    if bench.storage.dialect == "sqlite":
        async with bench.storage.reading() as tx:
            plan = await tx.rows(
                text(
                    "EXPLAIN QUERY PLAN SELECT id FROM engine_jobs INDEXED BY ix_engine_jobs_queued"
                    " WHERE status = 'queued' AND name = 'work' ORDER BY rank, id LIMIT 5"
                )
            )
        assert not any("TEMP B-TREE" in str(row["detail"]) for row in plan)
    began = time.monotonic()
    async with bench.working():
        await bench.ran(200)
    assert time.monotonic() - began < 10
    assert b"timer" not in bench.payloads


async def test_prune_forgets_what_is_done_and_keeps_why_jobs_are_held(bench: Bench) -> None:
    def fail(job: Job) -> None:
        if job.payload == b"bad":
            raise RejectedError("of no known shape")

    bench.then = fail
    await bench.enqueue(work("good"), work("bad"))
    async with bench.working():
        await bench.held(1)
        await bench.nothing_waits()
    await bench.jobs._backend.prune(0.0)  # type: ignore[attr-defined]
    assert [job.reason for job in await bench.jobs.failed()] == ["of no known shape"]
    if bench.storage.dialect == "postgresql":
        async with bench.storage.reading() as tx:
            assert await tx.value(select(func.count()).select_from(text("pgqueuer_log"))) == 1


def test_our_repository_has_all_that_pgqueuers_managers_ask_of_one() -> None:
    sources: Sequence[object] = (pgqueuer.core.qm, pgqueuer.core.sm, pgqueuer.core.buffers)
    asked = {
        name
        for module in sources
        for name in re.findall(r"(?:self\.queries|self\.repository)\.(\w+)", inspect.getsource(module))  # type: ignore[arg-type]
    }
    assert len(asked) > 15
    assert {name for name in asked if not hasattr(SqliteQueries, name)} == {"driver", "qbe"}
