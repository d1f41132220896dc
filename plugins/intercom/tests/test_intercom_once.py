"""What happens at Intercom becomes events once, whatever topics tell of it, in whatever order, and history after them.

Runs through the core's own settling of facts, with a ticket's row kept in memory.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cornerdesk import EventKind, Fact, TicketState
from cornerdesk.intake.facts import Draft, Surroundings, settle
from cornerdesk.intake.merging import TicketCopy
from cornerdesk.intake.told import ToldFact, checked_fields
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import SECRET, make_settings


class HandClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 10, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Settled:
    """One ticket's row and the events that came of it."""

    def __init__(self) -> None:
        self.events: list[Draft] = []
        self._row: dict[str, object] | None = None
        self._seen: set[str] = set()

    def take(self, facts: list[Fact], state: TicketState | None, at: datetime) -> None:
        if not facts:
            return
        copy = TicketCopy(facts[0].ticket_id, self._row)
        told = [ToldFact(str(number), fact, checked_fields(fact)) for number, fact in enumerate(facts)]
        around = Surroundings(hydrated=state, fetched_at=at, own_user="814")
        for settled in settle(copy, told, self._seen, around):
            self.events += settled.drafts
        self._row = {
            "state": copy.state,
            "as_of": copy.as_of,
            "complete": copy.complete,
            "last_event_at": copy.last_event_at,
            "told": copy.told().model_dump(mode="json"),
        }

    def told(self) -> list[str]:
        """The events in short."""
        return [_short(event) for event in self.events]


def _short(event: Draft) -> str:
    said = event.message.text if event.message else ""
    changes = [f"{name}: {change.before} > {change.after}" for name, change in event.changes.items()]
    return " ".join(filter(None, [event.kind.value, said, *changes]))


STEPS: list[Callable[[IntercomStandIn, str], object]] = [
    lambda desk, ticket: desk.comment(ticket, "Still."),
    lambda desk, ticket: desk.comment(ticket, "We look.", by="agent"),
    lambda desk, ticket: desk.comment(ticket, "Known.", by="agent", public=False),
    lambda desk, ticket: desk.change(ticket, assignee="815"),
    lambda desk, ticket: desk.change(ticket, team="Tier 2"),
    lambda desk, ticket: desk.change(ticket, priority="urgent"),
    lambda desk, ticket: desk.change(ticket, add_tags=["vip"]),
    lambda desk, ticket: desk.set_status(ticket, "pending"),
    lambda desk, ticket: desk.set_status(ticket, "solved"),
    lambda desk, ticket: desk.rate(ticket, "bad", "No."),
    lambda desk, ticket: desk.change(ticket, remove_tags=["beta"]),  # which no webhook tells
]


@pytest.mark.parametrize("tickets", [False, True], ids=["conversation", "ticket"])
@pytest.mark.parametrize("seed", range(3))
async def test_everything_that_happens_is_one_event(tickets: bool, seed: int) -> None:
    clock, shuffled = HandClock(), random.Random(seed)
    standin = IntercomStandIn(secret=SECRET, clock=clock, tickets=tickets)
    adapter = IntercomAdapter("chat", make_settings(), transport=httpx.ASGITransport(standin.app), clock=clock)
    settled, read = Settled(), 0
    ticket = standin.open_ticket("Export stops", "We will cancel.", tags=["beta"])
    for step in [lambda desk, ticket: None, *STEPS]:
        clock.time += timedelta(seconds=30)
        step(standin, ticket)
        facts = [fact for sent in standin.sent[read:] for fact in adapter.read(standin.delivery_of(sent)).facts]
        read = len(standin.sent)
        shuffled.shuffle(facts)
        settled.take(facts, await adapter.fetch_ticket(ticket), clock.now())
    opened, solved = ("new", "solved") if tickets else ("open", "solved")
    assert settled.told() == [
        "ticket.created We will cancel.",
        "message.added Still.",
        "message.added We look.",
        "message.added Known.",
        "ticket.changed assignee: None > {'id': '815'}",
        "ticket.changed team: None > Tier 2",
        "ticket.changed priority: None > urgent",
        "ticket.changed tags: ['beta'] > ['beta', 'vip']",
        f"ticket.changed status: {opened} > pending",
        f"ticket.changed status: pending > {solved}",
        "ticket.rated",
    ]
    before = len(settled.events)
    page = await adapter.fetch_history(None, None)
    for record in page.records:
        reading = adapter.read_history(record)
        settled.take(list(reading.facts), reading.states[0], clock.now())
    assert settled.told()[before:] == ["ticket.changed tags: ['beta', 'vip'] > ['vip']"]
    assert {event.kind for event in settled.events[before:]} == {EventKind.TICKET_CHANGED}
    await adapter.aclose()
