"""What goes wrong costs what it must and nothing beside it, and after a crash all is as if there was none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import (
    CornerdeskError,
    CredentialsError,
    RejectedError,
    RetryableError,
    Snapshot,
    SourceSettings,
    TicketState,
)
from cornerdesk.intake.processing import CRASHES, RETRIES, retry_delay
from cornerdesk.storage import StorageUnavailable

if TYPE_CHECKING:
    from core.tests.intake.conftest import World

ADDED, CHANGED = "message.added", "ticket.changed"
NEEDS = ["ticket", "customer"]


def delivery(world: World, id: str, of: str, *, at: float = 600, **more: Any) -> dict[str, Any]:
    told = world.fact(ADDED, id, ticket=of, at=at, message=world.message(id, at=at), needs=NEEDS)
    return {"id": id, "facts": [{**told, **more}]}


async def states(world: World) -> dict[str, str]:
    return {row["key"]: row["state"] for row in await world.deliveries()}


async def reasons(world: World) -> dict[str, str]:
    return {row["key"]: row["reason"] for row in await world.deliveries()}


# ── what an adapter makes of it ──────────────────────────────────────────────────────────────────────────────────────


async def test_ignored_rejected_and_failing_deliveries_are_told_apart_and_their_neighbours_go_on(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=600)
    await world.receive(
        {"id": "1", "ignore": "user.created"},
        {"id": "2", "surprise": True},
        {"id": "3", "boom": "the customer's words"},
        {"id": "4", "facts": [world.fact(None, "x") | {"ticket": {"status": "the customer's words"}}]},
        delivery(world, "5", "12"),
    )
    await world.work()
    assert await states(world) == {"1": "ignored", "2": "dead", "3": "dead", "4": "dead", "5": "done"}
    found = await reasons(world)
    assert found["1"] == "user.created"
    assert found["2"] == "there is no field `facts`"
    assert found["3"] == "ZeroDivisionError in adapter played"
    assert found["4"] == "ValidationError in adapter played: status"
    assert found["5"] is None


async def test_a_source_that_is_not_configured_any_more_leaves_dead_letters(world: World) -> None:
    await world.receive(delivery(world, "1", "12"))
    world.adapters.clear()
    await world.work()
    assert await reasons(world) == {"1": "source 'support' is not configured (any more)"}


# ── the vendor is away ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_while_the_vendor_fails_on_one_ticket_the_others_go_on(world: World) -> None:
    world.desk.tickets |= {"12": world.state(at=600), "13": world.state("13", at=600)}
    world.desk.failures["12"] = [RetryableError("support: HTTP 503", retry_after=60)]
    await world.receive(delivery(world, "1", "12"), delivery(world, "2", "13"))
    await world.work()
    assert await states(world) == {"1": "stored", "2": "done"}
    assert (await reasons(world))["1"] == "waits for try 2: support: HTTP 503"
    world.desk.failures.clear()
    world.clock.advance(timedelta(seconds=59))
    await world.work()
    assert (await states(world))["1"] == "stored"
    world.clock.advance(timedelta(seconds=2))
    await world.work()
    assert await states(world) == {"1": "done", "2": "done"}
    assert len(world.decided) == 2


async def test_a_delivery_waits_about_a_day_for_its_vendor_and_is_then_dead(world: World) -> None:
    world.desk.failures["12"] = [RetryableError("support: HTTP 503")]
    begun = world.clock.now()
    await world.receive(delivery(world, "1", "12"))
    await world.work()
    while world.jobs.queue:
        not_before = world.jobs.queue[0].not_before
        assert not_before is not None
        world.clock.time = not_before
        await world.work()
    assert await states(world) == {"1": "dead"}
    assert timedelta(hours=18) < world.clock.now() - begun < timedelta(hours=30)
    assert len(world.desk.fetched) == RETRIES + 1


async def test_refused_credentials_are_seen_and_tried_again_slowly(world: World) -> None:
    world.desk.failures["12"] = [CredentialsError("support: the API token was refused; renew it")]
    await world.receive(delivery(world, "1", "12"))
    await world.work()
    assert await reasons(world) == {"1": "waits for try 2: support: the API token was refused; renew it"}
    (job,) = world.jobs.queue
    assert job.not_before == world.clock.now() + timedelta(minutes=5)


def test_waits_double_and_respect_what_the_vendor_asks_for() -> None:
    plain = [retry_delay(RetryableError("x"), n) for n in (0, 1, 2, 20)]
    assert plain == [5, 10, 20, 7200]
    assert retry_delay(RetryableError("x", retry_after=99), 0) == 99
    assert retry_delay(RetryableError("x", retry_after=1), 4) == 80
    assert [retry_delay(CredentialsError("x"), n) for n in (0, 9)] == [300, 3600]


async def test_jitter_only_makes_waits_longer(world: World) -> None:
    world.random = lambda: 1.0
    world.desk.failures["12"] = [RetryableError("x", retry_after=100)]
    await world.receive(delivery(world, "1", "12"))
    await world.work()
    assert world.jobs.queue[0].not_before == world.clock.now() + timedelta(seconds=125)


async def test_of_a_ticket_that_is_gone_what_the_delivery_told_is_enough_or_not(world: World) -> None:
    told: dict[str, Any] = {"needs": ["customer"], "ticket": {"status": "open", "subject": "S"}}
    await world.receive(delivery(world, "1", "12"), delivery(world, "2", "13", **told))
    await world.work()
    assert await states(world) == {"1": "dead", "2": "done"}
    assert "ticket 12 does not exist any more" in (await reasons(world))["1"]


# ── a decision fails ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("the customer's words"), "KeyError while it was processed"),
        (RejectedError("rule x names nobody"), "rule x names nobody"),
        (CornerdeskError("so it is"), "so it is"),
    ],
)
async def test_a_decision_that_fails_undoes_its_delivery_and_no_other(
    world: World, error: Exception, reason: str
) -> None:
    async def decide(tx: Any, snapshot: Any) -> None:
        if snapshot.message.id == "2":
            raise error
        world.decided.append(snapshot)

    world.decide = decide
    world.desk.tickets |= {"12": world.state(at=600), "13": world.state("13", at=600)}
    await world.receive(*(delivery(world, str(n), "12" if n < 4 else "13", at=600 + n) for n in range(1, 6)))
    await world.work()
    assert await states(world) == {"1": "done", "2": "dead", "3": "done", "4": "done", "5": "done"}
    assert (await reasons(world))["2"] == reason
    assert sorted(s.message.id for s in await world.events() if s.message) == ["1", "3", "4", "5"]


async def test_when_the_database_is_away_the_job_comes_back_and_nothing_is_dead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.desk.tickets["12"] = world.state(at=600)
    (id,) = await world.receive(delivery(world, "1", "12"))
    payload = json.dumps([id]).encode()
    world.jobs.queue.clear()

    async def decide(tx: Any, snapshot: Any) -> None:
        raise StorageUnavailable("the connection was lost")

    decided, world.decide = world.decide, decide
    for attempts in range(CRASHES + 3):
        await world.run(payload, attempts=attempts)
    assert await states(world) == {"1": "stored"}
    world.decide = decided
    await world.run(payload, attempts=CRASHES + 3)
    assert await states(world) == {"1": "done"}


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_delivery_that_kills_the_worker_is_dead_after_a_few_times_and_takes_nobody_along(world: World) -> None:
    async def decide(tx: Any, snapshot: Any) -> None:
        if snapshot.message.id == "2":
            raise world.crash
        world.decided.append(snapshot)

    world.decide = decide
    world.desk.tickets |= {"12": world.state(at=600), "13": world.state("13", at=600)}
    ids = await world.receive(*(delivery(world, str(n), "12" if n < 3 else "13") for n in range(1, 5)))
    payload = json.dumps(ids).encode()
    for _ in range(CRASHES):
        with pytest.raises(world.crash):
            await world.run(payload)
    await world.run(payload)
    assert await states(world) == {"1": "done", "2": "dead", "3": "done", "4": "done"}
    assert (await reasons(world))["2"] == f"the worker died {CRASHES} times while processing it"


STEPS = ["_claim", "_prepare", "_stored", "_settle", "settle", "_write", "_write_rows", "_finish", "_count", "_put_off"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_any_step_leaves_the_same_events_as_none(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    world.desk.tickets |= {"12": world.state(at=700), "13": world.state("13", at=700)}
    changed = world.fact(CHANGED, "c", at=601, changes={"status": {"before": "new", "after": "open"}})
    ids = await world.receive(
        delivery(world, "1", "12"), {"id": "2", "facts": [changed]}, delivery(world, "3", "13"), {"id": "4", "x": 1}
    )
    payload = json.dumps(ids).encode()
    processor = world.processor()
    owner = processor if hasattr(processor, step) else processor._settler
    work = getattr(owner, step)

    async def dies(*arguments: Any) -> Any:
        if when == "after":
            result = work(*arguments)
            if hasattr(result, "__await__"):
                await result
        raise world.crash

    monkeypatch.setattr(owner, step, dies if step != "_count" else lambda *_: (_ for _ in ()).throw(world.crash))
    with pytest.raises(world.crash):
        await world.run(payload, processor)
    world.decided.clear()
    monkeypatch.undo()
    await world.run(payload)
    await world.run(payload)
    found = sorted((s.event.kind.value, s.ticket.id) for s in await world.events())
    assert found == [(ADDED, "12"), (ADDED, "13"), (CHANGED, "12")]
    assert await states(world) == {"1": "done", "2": "done", "3": "done", "4": "dead"}


async def test_two_workers_on_one_job_make_its_events_once(world: World) -> None:
    """One that was taken for dead wakes up and goes on where it was."""
    world.desk.tickets["12"] = world.state(at=700)
    ids = await world.receive(delivery(world, "1", "12"))
    zombie = world.processor()
    rows = await zombie._claim(ids, 0)
    await world.run(json.dumps(ids).encode())
    await zombie._process(rows, 0)
    assert len(await world.events()) == 1
    (row,) = await world.deliveries()
    assert (row["state"], row["events"]) == ("done", 1)


async def test_a_source_of_the_same_vendor_knows_its_own_tickets(world: World) -> None:
    other = type(world.desk)("other", SourceSettings(adapter="played"))
    world.adapters["other"] = other
    other.tickets["12"] = world.state(at=600, subject="Theirs")
    world.desk.tickets["12"] = world.state(at=600, subject="Ours")
    await world.receive(delivery(world, "1", "12"))
    await world.receive(delivery(world, "1", "12"), source="other")
    await world.work()
    subjects: Sequence[str | None] = sorted(s.ticket.subject or "" for s in await world.events())
    assert subjects == ["Ours", "Theirs"]


async def test_a_ticket_that_the_vendor_is_slow_to_tell_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, decided, fetch = asyncio.Event(), asyncio.Event(), world.desk.fetch_ticket

    async def fetch_slowly(ticket: str) -> TicketState:
        if ticket == "12":
            await answered.wait()
        return await fetch(ticket)

    async def decide(tx: object, snapshot: Snapshot) -> None:
        world.decided.append(snapshot)
        decided.set()

    monkeypatch.setattr(world.desk, "fetch_ticket", fetch_slowly)
    monkeypatch.setattr("cornerdesk.intake.processing.WAVE", 0.01)
    world.decide = decide
    for ticket in ("12", "13"):
        world.desk.tickets[ticket] = world.state(ticket, at=600)
    await world.receive(*(delivery(world, f"m-{ticket}", ticket) for ticket in ("12", "13")))
    working = asyncio.create_task(world.work())
    await decided.wait()
    assert [snapshot.ticket.id for snapshot in world.decided] == ["13"]
    answered.set()
    await working
    assert [snapshot.ticket.id for snapshot in world.decided] == ["13", "12"]
    assert world.desk.fetched == ["13", "12"]


async def test_an_adapter_that_never_answers_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(ticket: str) -> TicketState:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.desk, "fetch_ticket", hang)
    monkeypatch.setattr("cornerdesk.intake.hydration.LONGEST", 0.01)
    await world.told(world.fact(ADDED, "m:12", needs=NEEDS))
    (row,) = await world.deliveries()
    assert row["state"] == "stored"
    assert "adapter played told nothing of the ticket" in row["reason"]
