"""A backfill tells all of a source's past once, whatever was told before, and whatever ends it in the middle."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from cornerdesk import (
    CredentialsError,
    HistoryRecord,
    RejectedError,
    RetryableError,
    SkippedRecord,
    Snapshot,
    Status,
    Transaction,
)
from cornerdesk.errors import FatalError
from cornerdesk.intake.backfill import Backfill, News, Progressed, Started, Waiting, Wish
from cornerdesk.intake.completeness import Summary, differences
from cornerdesk.intake.leases import LEASE, new_holder
from cornerdesk.intake.listings import requeue_deliveries
from cornerdesk.intake.runs import HeldError, HistoryRuns, RunState, shown_state
from cornerdesk.model import Origin
from cornerdesk.storage import Storage, StorageUnavailable, open_storage, tables
from sqlalchemy import func, select, update

if TYPE_CHECKING:
    from core.tests.intake.conftest import PastDesk, World

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def desk(world: World) -> PastDesk:
    return cast("PastDesk", world.desk)


class Bench:
    """A backfill of a world's source, with everything it says."""

    def __init__(self, world: World, storage: Storage | None = None) -> None:
        self.news: list[News] = []
        self.world = world
        self.work = Backfill(
            "support",
            world.desk,
            storage or world.storage,
            world.processor() if storage is None else _processor(world, storage),
            world.clock,
            self.news.append,
            sleep=self._sleep,
        )

    async def run(self, **wish: Any) -> Summary:
        return await self.work.run(Wish(**wish))

    async def _sleep(self, seconds: float) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    @property
    def waits(self) -> list[Waiting]:
        return [each for each in self.news if isinstance(each, Waiting)]

    @property
    def started(self) -> Started:
        return next(each for each in self.news if isinstance(each, Started))


def _processor(world: World, storage: Storage) -> Any:
    world.storage, kept = storage, world.storage
    try:
        return world.processor()
    finally:
        world.storage = kept


def tell(world: World, *records: HistoryRecord) -> None:
    desk(world).past += records


def five(world: World) -> list[HistoryRecord]:
    """Five tickets, of two messages each."""
    return [
        world.past_ticket(
            str(number),
            at=number,
            messages=[world.message(f"{number}a"), world.message(f"{number}b", at=1, direction="outbound")],
        )
        for number in range(1, 6)
    ]


async def kinds(world: World) -> Counter[str]:
    return Counter(snapshot.event.kind.value for snapshot in await world.events())


async def run_row(world: World) -> Any:
    return await HistoryRuns(world.storage, world.clock).find("support", Origin.BACKFILL)


# ── what comes of it ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_all_of_the_past_becomes_events_of_its_own_time_and_origin(past: World) -> None:
    tell(past, *five(past))
    past.clock.advance(timedelta(days=400))
    bench = Bench(past)
    summary = await bench.run()
    assert await kinds(past) == {"ticket.created": 5, "message.added": 5}
    events = [snapshot.event for snapshot in await past.events()]
    assert {event.origin for event in events} == {Origin.BACKFILL}
    assert {event.occurred_at for event in events} == {START, START + timedelta(seconds=1)}
    assert (summary.tickets, summary.events, summary.parts, summary.counted) == (5, 10, 10, 10)
    assert summary.complete
    assert [each.run.tickets for each in bench.news if isinstance(each, Progressed)] == [2, 4, 5]
    assert (await run_row(past)).state is RunState.DONE


async def test_a_record_tells_its_ticket_so_that_nobody_asks_for_it(lone: World) -> None:
    needy = [lone.fact(None, "look:12", at=3, needs=["ticket", "customer", "message"])]
    tell(lone, lone.past_ticket(at=3, more_facts=needy, subject="Fire", tags=("a",)))
    await Bench(lone).run()
    assert lone.desk.fetched == []
    assert ((await lone.ticket()).subject, (await lone.ticket()).tags) == ("Fire", ("a",))


async def test_nobody_is_asked_what_to_do_about_it(lone: World) -> None:
    tell(lone, *five(lone))
    asked = []

    async def decide(tx: Transaction, snapshot: Snapshot) -> None:
        asked.append(snapshot)

    lone.decide = decide
    await Bench(lone).run()
    assert len(asked) == 10  # the processor's own `decide` is who "nobody" is; see tests of the command
    assert lone.jobs.queue == []


async def test_what_deliveries_told_before_is_not_told_again(past: World) -> None:
    first, second = past.message("12a"), past.message("12b", at=30)
    await past.told(past.fact("ticket.created", "created:12", message=first))
    await past.told(past.fact("message.added", "message:12b", at=30, message=second))
    third = past.message("12c", at=60)
    tell(past, past.past_ticket(at=60, messages=[first, second, third]))
    summary = await Bench(past).run()
    assert summary.events == 1
    assert [(each.event.origin, each.event.message.id) for each in await past.events() if each.event.message] == [
        (Origin.WEBHOOK, "12a"),
        (Origin.WEBHOOK, "12b"),
        (Origin.BACKFILL, "12c"),
    ]


async def test_what_deliveries_tell_later_is_not_told_again(lone: World) -> None:
    first, second = lone.message("12a"), lone.message("12b", at=30)
    tell(lone, lone.past_ticket(at=30, messages=[first, second]))
    await Bench(lone).run()
    assert await lone.told(lone.fact("message.added", "message:12b", at=30, message=second)) == []
    assert await lone.told(lone.fact("ticket.created", "created:12", message=first)) == []
    assert await kinds(lone) == {"ticket.created": 1, "message.added": 1}


async def test_an_old_record_overwrites_nothing_newer(lone: World) -> None:
    changed = lone.fact("ticket.changed", "e1", at=100, changes={"status": {"before": "open", "after": "solved"}})
    await lone.told({**changed, "ticket": {"subject": "New"}})
    tell(lone, lone.past_ticket(at=50, status="open", subject="Old", tags=("kept",)))
    await Bench(lone).run()
    ticket = await lone.ticket()
    assert (ticket.status, ticket.subject, ticket.tags) == (Status.SOLVED, "New", ("kept",))


async def test_of_two_versions_in_one_group_the_newer_stands(lone: World) -> None:
    desk(lone).page = 10
    tell(lone, lone.past_ticket(at=50, subject="New", status="solved"), lone.past_ticket(at=10, subject="Old"))
    summary = await Bench(lone).run()
    assert ((await lone.ticket()).subject, summary.tickets, summary.records) == ("New", 1, 2)
    assert await kinds(lone) == {"ticket.created": 1}


async def test_pages_that_shift_and_overlap_tell_everything_once(past: World) -> None:
    desk(past).overlap = 1
    tell(past, *five(past))
    summary = await Bench(past).run()
    assert (summary.tickets, summary.events, summary.parts) == (5, 10, 10)
    assert len(await past.deliveries()) == 5


async def test_a_second_run_stores_and_tells_nothing_again(past: World) -> None:
    tell(past, *five(past))
    await Bench(past).run()
    past.clock.advance(timedelta(hours=1))
    bench = Bench(past)
    summary = await bench.run()
    assert (summary.tickets, summary.events, summary.parts, bench.started.resumed) == (5, 0, 10, False)
    assert len(await past.deliveries()) == 5


async def test_it_begins_where_it_is_told_to(lone: World) -> None:
    since = START - timedelta(days=30)
    tell(lone, *five(lone))
    await Bench(lone).run(since=since, asked="30d")
    assert desk(lone).asked == [(since, None), (since, "2"), (since, "4")]


async def test_an_empty_page_is_no_end(lone: World) -> None:
    tell(lone, *five(lone))
    pages = desk(lone).fetch_history

    async def with_a_hole(since: datetime | None, cursor: str | None) -> Any:
        if cursor == "2":
            return (await pages(since, cursor)).model_copy(update={"records": (), "cursor": "hole"})
        return await pages(since, "2" if cursor == "hole" else cursor)

    lone.desk.fetch_history = with_a_hole  # type: ignore[method-assign]
    assert (await Bench(lone).run()).tickets == 5


async def test_an_adapter_that_goes_round_in_circles_is_stopped(lone: World) -> None:
    tell(lone, *five(lone))
    desk(lone).page = 0
    with pytest.raises(RejectedError, match="goes round in circles"):
        await Bench(lone).run()


# ── completeness ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_vendor_counts_and_we_lack_is_named(past: World) -> None:
    tell(past, past.past_ticket("1", parts=3, counted=3), past.past_ticket("2", parts=3, counted=5))
    tell(past, past.past_ticket("3", parts=4, counted=2))
    summary = await Bench(past).run()
    assert (summary.parts, summary.counted, summary.differ, summary.missing) == (10, 10, 2, 1)
    assert [(each.ticket, each.parts, each.counted) for each in summary.differences] == [("2", 3, 5), ("3", 4, 2)]
    assert not summary.complete
    assert [each.ticket async for each in differences(past.storage, "support")] == ["2", "3"]


async def test_a_ticket_that_changed_meanwhile_counts_as_it_was_told_last(lone: World) -> None:
    tell(lone, lone.past_ticket("1", parts=1, counted=2), lone.past_ticket("2"), lone.past_ticket("3"))
    tell(lone, lone.past_ticket("1", at=9, parts=2, counted=2))
    summary = await Bench(lone).run()
    assert (summary.complete, summary.tickets, summary.compared) == (True, 3, 3)


async def test_deleted_scrubbed_spam_and_merged_are_told_apart(past: World) -> None:
    merged = [past.fact("ticket.merged", "merged:5", ticket="5", at=5)]
    tell(
        past,
        past.past_ticket("1"),
        past.past_ticket("2", status="deleted"),
        past.past_ticket("3", status="deleted", status_label="Scrubbed"),
        past.past_ticket("4", status="spam"),
        past.past_ticket("5", status="closed", more_facts=merged),
    )
    summary = await Bench(past).run()
    assert (summary.deleted, summary.scrubbed, summary.spam, summary.merged) == (1, 1, 1, 1)


async def test_what_cannot_be_read_waits_among_the_dead_letters_and_does_not_stop_the_rest(past: World) -> None:
    broken = [
        HistoryRecord(key="ticket:8:1", ticket_id="8", body=b'{"boom": "a customer\'s words"}'),
        HistoryRecord(key="ticket:9:1", ticket_id="9", body=b'{"refuse": "there is no field `status`"}'),
    ]
    tell(past, *broken, *five(past))
    desk(past).skipped = (SkippedRecord(key="ticket:10:1", body=b"[]", reason="no object"),)
    summary = await Bench(past).run()
    assert (summary.dead, summary.events, summary.unknown, summary.complete) == (3, 10, 2, False)
    reasons = {row["reason"] for row in await past.deliveries() if row["state"] == "dead"}
    assert reasons == {"ZeroDivisionError in adapter played", "there is no field `status`", "no object"}


async def test_the_next_run_tries_the_dead_again(past: World) -> None:
    good, broken = past.past_ticket("8", at=1), HistoryRecord(key="ticket:8:1", ticket_id="8", body=b'{"boom": 1}')
    tell(past, broken)
    assert (await Bench(past).run()).dead == 1
    past.clock.advance(timedelta(hours=1))
    assert (await Bench(past).run()).dead == 1
    past.clock.advance(timedelta(hours=1))
    desk(past).past = [good]
    summary = await Bench(past).run()
    assert (summary.dead, summary.complete) == (0, True)
    assert [row["state"] for row in await past.deliveries()] == ["done"]


async def test_a_dead_record_may_be_retried_by_a_worker(lone: World) -> None:
    tell(lone, lone.past_ticket("8", at=1).model_copy(update={"body": b'{"boom": 1}'}))
    await Bench(lone).run()
    [row] = await lone.deliveries()
    async with lone.storage.transaction() as tx:
        table = tables.deliveries
        await tx.execute(update(table).values(body=lone.past_ticket("8").body))
        await requeue_deliveries(tx, lone.jobs, [row["id"]])
    await lone.work()
    assert await kinds(lone) == {"ticket.created": 1}


# ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_vendor_that_is_busy_is_waited_for_as_long_as_it_asks(lone: World) -> None:
    tell(lone, *five(lone))
    desk(lone).troubles = [RetryableError("too many requests", retry_after=300), RetryableError("503")]
    bench = Bench(lone)
    assert (await bench.run()).complete
    assert [(each.seconds, each.reason) for each in bench.waits] == [(300, "too many requests"), (10, "503")]


async def test_a_vendor_that_refuses_our_credentials_ends_it_and_the_same_command_goes_on(lone: World) -> None:
    tell(lone, *five(lone))
    desk(lone).troubles = [CredentialsError("support: the token is refused; renew it")]
    with pytest.raises(CredentialsError):
        await Bench(lone).run()
    row = await run_row(lone)
    assert (row.state, row.reason, row.holder) == (RunState.FAILED, "support: the token is refused; renew it", None)
    assert (await Bench(lone).run()).complete


async def test_a_ticket_that_has_to_be_asked_for_is_asked_for_until_it_comes(lone: World) -> None:
    needy = [lone.fact(None, "look:12", at=3, needs=["ticket", "customer"])]
    tell(lone, lone.past_ticket(at=3, more_facts=needy, told_state=False))
    lone.desk.tickets["12"] = lone.state(at=3)
    lone.desk.failures["12"] = [RetryableError("busy") for _ in range(3)]
    bench = Bench(lone)

    async def sleep(seconds: float) -> None:
        lone.desk.failures["12"].pop()
        if not lone.desk.failures["12"]:
            del lone.desk.failures["12"]

    bench.work._sleep = sleep
    assert (await bench.run()).complete
    assert [each.reason for each in bench.waits] == ["busy", "busy"]


async def test_a_database_that_is_away_is_waited_for_and_not_for_ever(lone: World) -> None:
    tell(lone, *five(lone))
    bench = Bench(lone)
    away = StorageUnavailable("locked")

    async def store(*_: Any, **__: Any) -> Any:
        raise away

    bench.work._pages.store = store  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable):
        await bench.run()
    assert {each.reason for each in bench.waits} == {"locked"}
    assert (await Bench(lone).run()).complete


# ── one at a time, and on after anything ────────────────────────────────────────────────────────────────────────────


async def test_two_at_once_are_refused(lone: World) -> None:
    tell(lone, *five(lone))
    runs = HistoryRuns(lone.storage, lone.clock)
    await runs.begin("support", Origin.BACKFILL, RunState.RUNNING)
    async with runs.held("support", Origin.BACKFILL):
        with pytest.raises(HeldError, match="runs already"):
            await Bench(lone).run()
    assert (await Bench(lone).run()).complete


@pytest.mark.parametrize("died", ["here", "elsewhere"])
async def test_a_lease_is_taken_over_when_its_holder_died(past: World, died: str) -> None:
    tell(past, *five(past))
    runs = HistoryRuns(past.storage, past.clock)
    await runs.begin("support", Origin.BACKFILL, RunState.RUNNING)
    machine, _, number = new_holder().rsplit(":", 2)
    dead = f"{machine}:{2**22 + 1}:{number}" if died == "here" else f"far/1:1:{number}"
    table = tables.history_runs
    async with past.storage.transaction() as tx:
        await tx.execute(update(table).values(holder=dead, lease_until=past.clock.now() + LEASE))
    if died == "elsewhere":
        assert shown_state(await run_row(past), past.clock.now()) is RunState.RUNNING
        with pytest.raises(HeldError, match="process 1 on far; if that one is dead, try again in 30 s"):
            await Bench(past).run()
        past.clock.advance(LEASE)
    assert shown_state(await run_row(past), past.clock.now()) is RunState.INTERRUPTED
    assert (await Bench(past).run()).complete


async def test_who_lost_the_lease_stores_nothing_more(past: World) -> None:
    tell(past, *five(past))
    bench = Bench(past)
    fetch = past.desk.fetch_history

    async def taken_over(since: datetime | None, cursor: str | None) -> Any:
        async with past.storage.transaction() as tx:
            await tx.execute(update(tables.history_runs).values(holder="far/1:1:other"))
        return await fetch(since, cursor)

    past.desk.fetch_history = taken_over  # type: ignore[method-assign]
    with pytest.raises(HeldError, match="taken over"):
        await bench.run()
    assert await past.deliveries() == []
    assert (await run_row(past)).holder == "far/1:1:other"


async def test_another_wish_than_that_of_the_interrupted_run_is_refused(past: World) -> None:
    tell(past, *five(past))
    desk(past).troubles = []
    bench = Bench(past)
    await _crash_while_fetching(past, "2")
    with pytest.raises(FatalError, match=r"`cornerdesk backfill support --since 90d` goes on with it, --restart"):
        await bench.run()
    summary = await bench.run(restart=True)
    assert (summary.tickets, summary.events) == (5, 6)
    assert (await run_row(past)).asked is None


async def _crash_while_fetching(world: World, at: str) -> None:
    fetch = world.desk.fetch_history

    async def crash(since: datetime | None, cursor: str | None) -> Any:
        if cursor == at:
            raise world.crash
        return await fetch(since, cursor)

    world.desk.fetch_history = crash  # type: ignore[method-assign]
    with pytest.raises(world.crash):
        await Bench(world).run(asked="90d")
    world.desk.fetch_history = fetch  # type: ignore[method-assign]
    world.clock.advance(LEASE)


async def test_it_goes_on_behind_the_last_page_that_was_stored(past: World) -> None:
    tell(past, *five(past))
    await _crash_while_fetching(past, "4")
    asked_before = len(desk(past).asked)
    bench = Bench(past)
    summary = await bench.run(asked="90d")
    assert (bench.started.resumed, bench.started.run.pages, bench.started.run.tickets) == (True, 2, 4)
    assert [cursor for _, cursor in desk(past).asked[asked_before:]] == ["4"]
    assert (summary.tickets, summary.events, summary.parts) == (5, 10, 10)


async def test_cancelled_it_gives_its_lease_back(past: World) -> None:
    tell(past, *five(past))
    there = asyncio.Event()

    async def hang(since: datetime | None, cursor: str | None) -> Any:
        there.set()
        await asyncio.Event().wait()

    fetch, past.desk.fetch_history = past.desk.fetch_history, hang  # type: ignore[method-assign]
    run = asyncio.create_task(Bench(past).run())
    await there.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    row = await run_row(past)
    assert (row.holder, shown_state(row, past.clock.now())) == (None, RunState.INTERRUPTED)
    past.desk.fetch_history = fetch  # type: ignore[method-assign]
    assert (await Bench(past).run()).complete


class DyingStorage:
    """The process dies at the transaction of this number, before or after its commit, and stays dead."""

    def __init__(self, storage: Storage, number: int, before: bool, crash: type[BaseException]) -> None:
        self._storage = storage
        self._left = number
        self._before = before
        self._crash = crash
        self.died = False
        self.dialect = storage.dialect
        self.reading = storage.reading

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._left -= 1
        if self.died:
            raise self._crash
        async with self._storage.transaction() as tx:
            yield tx
            if self._left == 0 and self._before:
                self.died = True
                raise self._crash
        if self._left == 0:
            self.died = True
            raise self._crash


@pytest.mark.parametrize("before", [True, False], ids=["before-commit", "after-commit"])
async def test_killed_at_any_step_it_goes_on_and_loses_and_doubles_nothing(
    sqlite: Storage, migrated_file: Path, tmp_path: Path, before: bool, past_world: Any
) -> None:
    number = 0
    while True:
        number += 1
        file = tmp_path / f"{number}.db"
        shutil.copy(migrated_file, file)
        async with await open_storage(f"sqlite:///{file}") as storage:
            world = past_world(storage)
            tell(world, *five(world))
            dying = DyingStorage(storage, number, before, world.crash)
            try:
                await Bench(world, cast("Storage", dying)).run()
            except world.crash:
                world.clock.advance(LEASE)
                summary = await Bench(world).run()
                assert (summary.tickets, summary.parts, summary.complete) == (5, 10, True), number
            assert await kinds(world) == {"ticket.created": 5, "message.added": 5}, number
            assert Counter(row["state"] for row in await world.deliveries()) == {"done": 5}, number
            if not dying.died:
                break
    assert number > 10


async def test_memory_does_not_grow_with_what_is_told(lone: World) -> None:
    """Not a measurement (benchmarks/backfill.py has that): nothing holds a page once the next but one is there."""
    import gc
    import weakref

    tell(lone, *(lone.past_ticket(str(number), at=number) for number in range(12)))
    fetch = lone.desk.fetch_history
    seen: list[tuple[Any, int]] = []

    async def watched(since: datetime | None, cursor: str | None) -> Any:
        page = (await fetch(since, cursor)).model_copy()
        gc.collect()
        seen.append((weakref.ref(page), sum(known() is not None for known, _ in seen)))
        return page

    lone.desk.fetch_history = watched  # type: ignore[method-assign]
    await Bench(lone).run()
    assert max(alive for _, alive in seen) <= 1


async def test_the_counts_of_the_tables_are_right(past: World) -> None:
    tell(past, *five(past))
    await Bench(past).run()
    async with past.storage.reading() as tx:
        counts: Sequence[int] = [
            await tx.value(select(func.count()).select_from(table))
            for table in (tables.tickets, tables.events, tables.history_tickets)
        ]
    assert counts == [5, 10, 5]


async def test_tickets_with_very_long_histories_are_settled_in_several_transactions(past: World) -> None:
    long = [
        past.past_ticket(str(number), messages=[past.message(f"{number}-{each}", at=each) for each in range(250)])
        for number in range(3)
    ]
    tell(past, *long)
    summary = await Bench(past).run()
    assert (summary.events, summary.complete) == (750, True)


async def test_more_facts_than_a_statement_takes_values_are_looked_up_in_several(
    lone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cornerdesk.intake.settling.LOOKED_UP_AT_ONCE", 3)
    tell(lone, lone.past_ticket(messages=[lone.message(f"12-{each}", at=each) for each in range(20)]))
    assert (await Bench(lone).run()).events == 20
    tell(lone, lone.past_ticket(at=30, messages=[lone.message(f"12-{each}", at=each) for each in range(21)]))
    lone.clock.advance(timedelta(hours=1))
    assert (await Bench(lone).run()).events == 1


async def test_the_same_words_said_twice_at_once_are_two_messages_where_the_vendor_shows_two(lone: World) -> None:
    tell(lone, lone.past_ticket(messages=[lone.message("a", "Hello"), lone.message("b", "Hello", at=1)]))
    assert (await Bench(lone).run()).events == 2
