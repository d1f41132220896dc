"""Most vendors tell time to the second: what happened twice in one is told once, and the newer of the two stands."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from cornerdesk import Capability, Priority, Status
from cornerdesk.intake import Reconciler
from cornerdesk.storage import tables
from sqlalchemy import select, update

if TYPE_CHECKING:
    from core.tests.intake.conftest import PastDesk, World

SECOND = 60
"""Everything happens in this second after the world began."""

FULL: dict[str, Any] = {"status": "open", "subject": "Printer", "customer": {"id": "c-1"}, "priority": None, "tags": []}


@pytest.fixture
async def known(lone: World) -> World:
    """A ticket that is known, of a vendor who tells no old values. The second has just begun."""

    class Terse(type(lone.desk)):  # type: ignore[misc]
        capabilities = lone.desk.capabilities - {Capability.BEFORE_AND_AFTER}

    lone.desk = lone.adapters["support"] = Terse("support", lone.desk.settings)
    await Reconciler(lone.storage, lone.adapters, lone.jobs, lone.clock).begin()
    await lone.told({**lone.fact("ticket.created", "created:12", message=lone.message("m12")), "ticket": FULL})
    lone.clock.advance(timedelta(seconds=SECOND))
    return lone


def changed(world: World, field: str, after: Any, **more: Any) -> dict[str, Any]:
    """The vendor's word that a field became this, with how the rest of the ticket looked."""
    fact = world.fact("ticket.changed", f"{field}:{after}", at=SECOND, changes={field: {"after": after}}, **more)
    return {**fact, "ticket": {**FULL, field: after}}


def look(world: World, key: str = "look") -> dict[str, Any]:
    """The vendor's word that something changed, and no more."""
    return {**world.fact(None, key, at=SECOND, needs=["ticket"]), "ticket": FULL}


def shows(world: World, **fields: Any) -> None:
    """What the vendor's API shows from now on: its state is of that second, too."""
    world.desk.tickets["12"] = world.state(at=SECOND, first=world.message("m12"), **fields)


async def reconcile(world: World, at: float, **fields: Any) -> None:
    """A while later history is asked for, and shows this."""
    state = world.fact(None, f"state:{at}", at=at)
    record = world.past_ticket(at=at, messages=[world.message("m12")], more_facts=[state], **fields)
    cast("PastDesk", world.desk).past = [record]
    world.clock.advance(timedelta(minutes=15))
    await Reconciler(world.storage, world.adapters, world.jobs, world.clock).handle(world.jobs.job(b"support"))
    await world.work()


def told(world: World) -> list[tuple[str, Any, Any]]:
    """The changes that became events."""
    events = [snapshot.event for snapshot in world.decided]
    return [(name, change.before, change.after) for event in events for name, change in event.changes.items()]


def wait(world: World, seconds: float = 0.2) -> None:
    world.clock.advance(timedelta(seconds=seconds))


URGENT = ("priority", None, "urgent")


@pytest.mark.parametrize("later", [0, 30], ids=["as it was", "after something else"])
async def test_what_was_looked_at_before_it_changed_does_not_hide_the_change(known: World, later: float) -> None:
    shows(known, status="pending")
    wait(known)
    await known.told(look(known))
    wait(known)
    await known.told(changed(known, "priority", "urgent"))
    assert (await known.ticket()).priority is Priority.URGENT
    await reconcile(known, SECOND + later, status="pending", priority="urgent")
    assert told(known) == [("status", "open", "pending"), URGENT]


async def test_what_was_looked_at_before_it_changed_and_comes_later_overwrites_nothing(known: World) -> None:
    """Two workers: one has looked and is slow to settle, the other is told of the change meanwhile."""
    shows(known, status="pending")
    wait(known)
    before = await known.worker._hydrator.fetch("support", "12", known.clock.now())
    wait(known)
    await known.told(changed(known, "priority", "urgent"))
    assert before is not None
    known.worker._hydrator._cache["support", "12"] = before
    known.desk.failures["12"] = [AssertionError("it was looked at already")]
    await known.told(changed(known, "status", "pending", needs=["customer"], actor={"id": "nobody-known"}))
    ticket = await known.ticket()
    assert (ticket.status, ticket.priority) == (Status.PENDING, Priority.URGENT)
    await reconcile(known, SECOND + 30, status="pending", priority="urgent")
    assert told(known) == [URGENT, ("status", "open", "pending")]


async def test_what_was_looked_at_after_it_came_is_newer_than_what_it_tells(known: World) -> None:
    wait(known)
    shows(known, priority="low")  # it was urgent for a moment
    await known.told(changed(known, "priority", "urgent"), look(known))
    assert (await known.ticket()).priority is Priority.LOW


async def test_what_comes_late_does_not_overwrite_what_was_looked_at_when_the_second_was_over(known: World) -> None:
    shows(known, priority="low")
    wait(known, 2)
    await known.told(look(known))
    wait(known)
    await known.told(changed(known, "priority", "urgent"))
    assert (await known.ticket()).priority is Priority.LOW


async def test_how_the_rest_looked_then_is_no_news(known: World) -> None:
    """A delivery that was overtaken shows fields that it is not about as they were before."""
    shows(known, status="pending", priority="urgent")
    wait(known)
    await known.told(look(known))
    wait(known)
    await known.told(changed(known, "status", "pending"))
    assert (await known.ticket()).priority is Priority.URGENT


async def test_who_says_look_is_looked_at_though_that_second_was_seen(known: World) -> None:
    shows(known, status="pending")
    wait(known)
    await known.told(look(known, "one"))
    shows(known, status="pending", team="Tier 2")
    wait(known)
    await known.told(look(known, "two"))
    await reconcile(known, SECOND, status="pending", team="Tier 2")
    assert told(known) == [("status", "open", "pending"), ("team", None, "Tier 2")]
    assert [snapshot.event.origin for snapshot in known.decided[1:]] == ["webhook", "webhook"]


async def test_a_change_that_was_told_and_is_found_again_is_known(known: World) -> None:
    """Whatever our copy came to be: here somebody restored an older one."""
    async with known.storage.reading() as tx:
        (old,) = await tx.rows(select(tables.tickets))
    wait(known)
    await known.told(changed(known, "priority", "urgent"))
    async with known.storage.transaction() as tx:
        await tx.execute(update(tables.tickets).values({name: old[name] for name in ("state", "told", "as_of")}))
    await reconcile(known, SECOND, priority="urgent")
    assert told(known) == [URGENT]
    assert (await known.ticket()).priority is Priority.URGENT
