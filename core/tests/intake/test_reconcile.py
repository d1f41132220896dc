"""Reconcile finds what webhooks lost: on time, by one worker, one source not held up by another, and waking nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from cornerdesk import Capability, CredentialsError, RejectedError, RetryableError, SourceSettings
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import JobRequest
from cornerdesk.intake import Reconciler
from cornerdesk.intake.reconcile import OVERLAP
from cornerdesk.intake.runs import HistoryRuns, Run, RunState
from cornerdesk.intake.source_listing import SourceRow, source_listing
from cornerdesk.listings import Question
from cornerdesk.model import Origin, Status
from cornerdesk.storage import StorageUnavailable

if TYPE_CHECKING:
    from core.tests.intake.conftest import PastDesk, World

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EVERY = timedelta(minutes=15)


def desk(world: World, source: str = "support") -> PastDesk:
    return cast("PastDesk", world.adapters[source])


def reconciler(world: World) -> Reconciler:
    return Reconciler(world.storage, world.adapters, world.jobs, world.clock)


async def turn(world: World, after: timedelta = EVERY) -> list[JobRequest]:
    """Time passes, the tick comes, and its jobs are done; the jobs for deliveries are left in the queue."""
    world.clock.advance(after)
    worker = reconciler(world)
    await worker.tick()
    due = [request for request in world.jobs.due() if request.name == "reconcile"]
    for request in due:
        await worker.handle(world.jobs.job(request.payload))
    return due


async def row(world: World, source: str = "support") -> Run:
    found = await HistoryRuns(world.storage, world.clock).find(source, Origin.RECONCILE)
    assert found is not None
    return found


async def listed(world: World, source: str = "support", **settings: Any) -> SourceRow:
    configuration = Configuration.model_construct(
        sources={name: SourceSettings(adapter="played", **settings) for name in world.adapters}
    )
    async with world.storage.reading() as tx:
        rows = await source_listing().rows(Question(tx, configuration, world.clock.now()))
    return next(cast("SourceRow", each) for each in rows if cast("SourceRow", each).source == source)


async def test_what_webhooks_lost_is_found_and_told_as_late(past: World) -> None:
    await reconciler(past).begin()
    first, lost = past.message("12a"), past.message("12b", at=30)
    await past.told(past.fact("ticket.created", "created:12", message=first))
    desk(past).past = [past.past_ticket(at=30, messages=[first, lost], status="solved")]
    assert len(await turn(past)) == 1
    await past.work()
    events = [(each.event.kind, each.event.origin) for each in await past.events()]
    assert events == [("ticket.created", Origin.WEBHOOK), ("message.added", Origin.RECONCILE)]
    assert (await past.ticket()).status is Status.SOLVED
    assert past.desk.fetched == []
    assert past.decided[-1].event.occurred_at == START + timedelta(seconds=30)


async def test_what_a_ticket_became_meanwhile_is_a_change(past: World) -> None:
    await reconciler(past).begin()
    opening = past.message("12a")
    full = {"status": "open", "subject": "Printer", "customer": {"id": "c-1"}}
    await past.told({**past.fact("ticket.created", "created:12", message=opening), "ticket": full})
    looks = [past.fact(None, "state:12:40", at=40)]
    desk(past).past = [past.past_ticket(at=40, messages=[opening], status="solved", more_facts=looks)]
    await turn(past)
    await past.work()
    *_, last = await past.events()
    assert (last.event.kind, last.event.changes["status"].after) == ("ticket.changed", "solved")


async def test_it_begins_when_the_source_was_first_served(past: World) -> None:
    await reconciler(past).begin()
    past.clock.advance(timedelta(hours=5))
    await reconciler(past).begin()
    await turn(past)
    assert desk(past).asked == [(START, None)]
    assert (await row(past)).started_at == START


async def test_it_goes_on_where_it_ended(past: World) -> None:
    await reconciler(past).begin()
    desk(past).past = [past.past_ticket("1", at=1), past.past_ticket("2", at=2), past.past_ticket("3", at=3)]
    await turn(past)
    desk(past).past.append(past.past_ticket("4", at=4))
    await turn(past)
    assert [cursor for _, cursor in desk(past).asked] == [None, "2", "3"]
    assert [delivery["ticket"] for delivery in await past.deliveries()] == ["1", "2", "3", "4"]
    assert {delivery["origin"] for delivery in await past.deliveries()} == {"reconcile"}
    assert ((await row(past)).state, (await row(past)).finished_at) == (RunState.FINE, past.clock.now())


async def test_it_is_asked_as_often_as_the_source_wants(lone: World) -> None:
    await reconciler(lone).begin()
    assert await turn(lone, EVERY - timedelta(seconds=1)) == []
    assert len(await turn(lone, timedelta(seconds=1))) == 1
    assert await turn(lone, timedelta(minutes=14)) == []


async def test_switched_off_it_never_asks(lone: World) -> None:
    lone.desk.settings = SourceSettings(adapter="played", reconcile=None)
    await reconciler(lone).begin()
    assert await turn(lone, timedelta(days=3)) == []
    assert (await listed(lone, reconcile=None)).reconcile_state == "off"


async def test_a_desk_that_tells_no_history_is_left_alone(lone: World) -> None:
    class Silent(type(lone.desk)):  # type: ignore[misc]
        capabilities = lone.desk.capabilities - {Capability.HISTORY}

    lone.adapters["support"] = Silent("support", lone.desk.settings)
    await reconciler(lone).begin()
    assert await turn(lone, timedelta(days=3)) == []
    assert (await listed(lone)).reconcile_state is None


async def test_a_source_that_fails_says_why_is_tried_again_and_holds_nobody_up(past: World) -> None:
    past.adapters["inbox"] = type(past.desk)("inbox", past.desk.settings)
    await reconciler(past).begin()
    desk(past, "inbox").troubles = [RetryableError("it answers 503")]
    desk(past).past = [past.past_ticket("1", at=1)]
    assert len(await turn(past)) == 2
    assert len(await past.deliveries()) == 1
    failed = await listed(past, "inbox")
    assert (failed.reconcile_state, failed.reason, failed.last_reconcile_at) == ("failing", "it answers 503", None)
    assert (await listed(past)).reconcile_state == "fine"
    await turn(past)
    mended = await listed(past, "inbox")
    assert (mended.reconcile_state, mended.reason, mended.last_reconcile_at) == ("fine", None, past.clock.now())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CredentialsError("inbox: the token is refused"), "inbox: the token is refused"),
        (ZeroDivisionError("a customer's words"), "ZeroDivisionError in adapter played while it fetched history"),
    ],
)
async def test_whatever_fails_is_kept_as_a_reason(lone: World, error: Exception, reason: str) -> None:
    await reconciler(lone).begin()
    desk(lone).troubles = [error]
    await turn(lone)
    assert ((await row(lone)).state, (await row(lone)).reason) == (RunState.FAILING, reason)


async def test_a_cursor_that_the_vendor_forgot_is_made_up_for_by_asking_again(lone: World) -> None:
    await reconciler(lone).begin()
    desk(lone).past = [lone.past_ticket("1", at=1)]
    for _ in range(12):
        await turn(lone)
    ended = lone.clock.now()
    desk(lone).troubles = [RejectedError("the cursor has expired")]
    await turn(lone)
    await turn(lone)
    assert desk(lone).asked[-1] == (ended - OVERLAP, None)
    assert (await row(lone)).state is RunState.FINE


async def test_a_database_that_is_away_is_no_failure_of_the_source(lone: World) -> None:
    await reconciler(lone).begin()
    lone.clock.advance(EVERY)
    worker = reconciler(lone)

    async def store(*_: Any, **__: Any) -> Any:
        raise StorageUnavailable("locked")

    worker._pages.store = store  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable):
        await worker.handle(lone.jobs.job(b"support"))
    assert (await row(lone)).state is RunState.WAITING


async def test_more_than_one_turn_can_fetch_is_gone_on_with_at_the_next_tick(
    lone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cornerdesk.intake.reconcile.TURN", -1.0)
    await reconciler(lone).begin()
    desk(lone).past = [lone.past_ticket(str(number), at=number) for number in range(5)]
    await turn(lone)
    assert ((await row(lone)).state, len(await lone.deliveries())) == (RunState.BEHIND, 2)
    for _ in range(2):
        assert len(await turn(lone, timedelta(minutes=1))) == 1
    assert ((await row(lone)).state, len(await lone.deliveries())) == (RunState.FINE, 5)
    assert await turn(lone, timedelta(minutes=1)) == []


async def test_of_two_workers_one_takes_the_turn(past: World) -> None:
    await reconciler(past).begin()
    past.clock.advance(EVERY)
    asked, going_on = asyncio.Event(), asyncio.Event()
    fetch = past.desk.fetch_history

    async def slow(since: datetime | None, cursor: str | None) -> Any:
        asked.set()
        await going_on.wait()
        return await fetch(since, cursor)

    past.desk.fetch_history = slow  # type: ignore[method-assign]
    desk(past).past = [past.past_ticket("1", at=1)]
    first = asyncio.create_task(reconciler(past).handle(past.jobs.job(b"support")))
    await asked.wait()
    past.clock.advance(EVERY)  # so late that it would be due again
    async with past.storage.transaction() as tx:
        await HistoryRuns(past.storage, past.clock).change(await row(past), tx)
    await reconciler(past).handle(past.jobs.job(b"support"))
    going_on.set()
    await first
    assert len(desk(past).asked) == 1
    assert len(await past.deliveries()) == 1


async def test_a_turn_that_was_asked_for_twice_is_taken_once(lone: World) -> None:
    await reconciler(lone).begin()
    lone.clock.advance(EVERY)
    for _ in range(2):
        await reconciler(lone).handle(lone.jobs.job(b"support"))
    assert len(desk(lone).asked) == 1


async def test_when_its_worker_dies_behind_a_page_nothing_is_lost_or_doubled(past: World) -> None:
    await reconciler(past).begin()
    desk(past).past = [past.past_ticket("1", at=1), past.past_ticket("2", at=2), past.past_ticket("3", at=3)]
    fetch = past.desk.fetch_history

    async def dies(since: datetime | None, cursor: str | None) -> Any:
        if cursor == "2":
            raise past.crash
        return await fetch(since, cursor)

    past.desk.fetch_history = dies  # type: ignore[method-assign]
    with pytest.raises(past.crash):
        await turn(past)
    await past.work()
    past.desk.fetch_history = fetch  # type: ignore[method-assign]
    await turn(past)
    await past.work()
    assert [event.event.ticket.id for event in await past.events()] == ["1", "2", "3"]


async def test_the_list_tells_when_a_source_was_last_heard_of(past: World) -> None:
    assert (await listed(past)).last_delivery_at is None
    await past.told(past.fact("ticket.created", "created:12", message=past.message("12a")))
    heard = past.clock.now()
    await reconciler(past).begin()
    desk(past).past = [past.past_ticket("1", at=1)]
    await turn(past)
    assert (await listed(past)).last_delivery_at == heard
