"""Vendors promise no order, so none may matter: the same deliveries in any order tell the same and end the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import Fact, Ticket
from cornerdesk.intake.facts import Surroundings, settle
from cornerdesk.intake.merging import TicketCopy
from cornerdesk.intake.told import ToldFact, checked_fields
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from core.tests.intake.conftest import World

START = datetime.fromisoformat("2026-11-22T09:00:00+00:00")


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def said(id: str, seconds: float, text: str, direction: str = "inbound") -> dict[str, Any]:
    author = {
        "id": "c-1" if direction == "inbound" else "a-1",
        "kind": "customer" if direction == "inbound" else "agent",
    }
    return {"id": id, "direction": direction, "text": text, "author": author, "created_at": at(seconds)}


def told(
    delivery: str, kind: str | None, seconds: float, key: str, as_of: float | None = None, **more: Any
) -> ToldFact:
    ticket = {"created_at": at(0), **more.pop("ticket", {})}
    fact = Fact.model_validate(
        {
            "kind": kind,
            "keys": [key],
            "ticket_id": "12",
            "occurred_at": at(seconds),
            "as_of": at(seconds if as_of is None else as_of),
            "ticket": ticket,
            **more,
        }
    )
    return ToldFact(delivery, fact, checked_fields(fact), START + timedelta(seconds=seconds + 0.2))


LIFE = (
    told("d1", "ticket.created", 0, "created:12", message=said("tmp", 0, "It burns"), ticket={"status": "new"}),
    told("d2", "message.added", 0.5, "message:1", 0, message=said("1", 0, "It burns"), ticket={"status": "new"}),
    told("d3", "message.added", 30, "message:2", message=said("2", 30, "Hello?"), ticket={"subject": "Fire"}),
    told("d4", "message.added", 60, "message:3", message=said("3", 60, "We look", "outbound")),
    told("d5", "ticket.changed", 60.4, "ev:5", 60, changes={"status": {"before": "new", "after": "open"}}),
    told("d6", "ticket.changed", 60.6, "ev:6", 60, changes={"priority": {"before": None, "after": "high"}}),
    told("d7", "message.added", 90, "message:4", message=said("4", 90, "Still burns"), ticket={"fields": {"A": 1}}),
    told("d8", "ticket.changed", 120, "ev:8", changes={"status": {"before": "open", "after": "solved"}}),
    told("d9", "ticket.rated", 130, "rating:1", rating={"score": "bad"}, ticket={"fields": {"A": 2, "B": 1}}),
    told(
        "d10", "message.added", 150, "message:5", message=said("5", 150, "No"), ticket={"status": "open", "tags": ["x"]}
    ),
)
"""A ticket's life, with deliveries of one second, partial states, and its first message told twice."""


def live(facts: Sequence[ToldFact], cuts: Sequence[int] = ()) -> tuple[list[str], Ticket]:
    """What is told and how the ticket ends, when the facts come in this order, in jobs cut at these places."""
    row: dict[str, Any] | None = None
    seen: set[str] = set()
    found: list[str] = []
    edges = [0, *sorted(cuts), len(facts)]
    copy = TicketCopy("12", None)
    for start, end in itertools.pairwise(edges):
        copy = TicketCopy("12", row)
        for settled in settle(copy, facts[start:end], seen, Surroundings(before_and_after=True)):
            found += [_name(draft) for draft in settled.drafts]
        row = {
            "state": copy.ticket().model_dump(mode="json"),
            "as_of": copy.as_of,
            "complete": copy.complete,
            "last_event_at": copy.last_event_at,
            "told": copy.told().model_dump(mode="json", exclude_defaults=True),
        }
    return sorted(found), copy.ticket()


def _name(draft: Any) -> str:
    text = draft.message.text if draft.message else ""
    return f"{draft.kind} {text} {sorted(draft.changes)} {draft.told.fact.rating}"


EXPECTED = live(LIFE)


def test_in_order_the_life_is_as_people_would_tell_it() -> None:
    names, ticket = EXPECTED
    assert len(names) == 9
    assert sum("ticket.created It burns" in name for name in names) == 1
    assert (ticket.status, ticket.priority, ticket.subject, ticket.tags) == ("open", "high", "Fire", ("x",))
    assert ticket.fields == {"A": 2, "B": 1}
    assert ticket.message_count == 5
    assert ticket.waiting_since == START + timedelta(seconds=150)


@given(st.permutations(LIFE), st.sets(st.integers(1, len(LIFE) - 1)))
@settings(max_examples=300, deadline=None)
def test_any_order_in_any_jobs_tells_the_same_and_ends_the_same(facts: list[ToldFact], cuts: set[int]) -> None:
    assert live(facts, sorted(cuts)) == EXPECTED


@given(st.permutations(LIFE), st.lists(st.sampled_from(LIFE), max_size=8), st.data())
@settings(max_examples=150, deadline=None)
def test_deliveries_told_again_change_nothing(
    facts: list[ToldFact], again: list[ToldFact], data: st.DataObject
) -> None:
    everything = list(facts)
    for one in again:
        everything.insert(data.draw(st.integers(0, len(everything))), one)
    assert live(everything, range(1, len(everything))) == EXPECTED


STATES = tuple(
    told(f"s{n}", None, 1000 + n // 2, f"s:{n}", ticket={"status": status, "subject": f"S{n}"})
    for n, status in enumerate(["open", "pending", "solved", "open", "solved"])
)


@given(st.permutations(STATES), st.sets(st.integers(1, len(STATES) - 1)))
@settings(max_examples=150, deadline=None)
def test_bare_states_in_any_order_end_in_the_same_ticket(facts: list[ToldFact], cuts: set[int]) -> None:
    assert live(facts, sorted(cuts))[1] == live(STATES)[1]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
async def test_through_the_database_and_the_api_the_order_matters_as_little(world: World, order: Sequence[int]) -> None:
    first = world.message("1", "It burns")
    world.desk.tickets["12"] = world.state(at=90, first=first, status="solved", message_count=3)
    needs = ["ticket", "customer"]
    deliveries = [
        {"id": "a", "facts": [world.fact("ticket.created", "created:12", needs=needs, first_message=True)]},
        {"id": "b", "facts": [world.fact("message.added", "message:1", needs=needs, message=first)]},
        {
            "id": "c",
            "facts": [world.fact("message.added", "message:2", at=60, needs=needs, message=world.message("2"))],
        },
        {
            "id": "d",
            "facts": [
                world.fact(
                    "ticket.changed",
                    "e:9",
                    at=90,
                    needs=needs,
                    changes={"status": {"before": "new", "after": "solved"}},
                )
            ],
        },
    ]
    for n in order:
        await world.receive(deliveries[n])
        await world.work()
    events = [(s.event.kind.value, s.message.id if s.message else None) for s in await world.events()]
    assert sorted(events, key=str) == [("message.added", "2"), ("ticket.changed", None), ("ticket.created", "1")]
    ticket = await world.ticket()
    assert (ticket.status, ticket.message_count, ticket.waiting_since) == ("solved", 3, None)
