"""Facts, out of what was told of a conversation or ticket: by a delivery or by a record of history. Pure.

Both have the same facts with the same keys, so both are made here. How facts are named is told in `webhooks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cornerdesk import JSON, Actor, ActorKind, Change, EventKind, Fact, Message, Status

from cornerdesk_intercom.mapping import CATEGORIES, actor_of, is_message, map_rating, message_of
from cornerdesk_intercom.schemas import Part, Rating

ALWAYS = frozenset({"customer", "account", "actor"})
"""What no delivery tells: addresses of people, names of companies, teammates and teams."""

EVERYTHING = ALWAYS | {"ticket", "fields"}


@dataclass(frozen=True)
class Told:
    """A notification, or a record of history, about one conversation or ticket, with what every fact made of it shares.

    Attributes:
        ticket_id: the conversation's or ticket's.
        ticket: as far as told, by the names of `model.Ticket`.
        at: when it was told.
        told_as: the delivery's key.
        raw, item: the delivery's JSON, and the part of it that is about the ticket.
        as_of: the vendor's `updated_at` of the state told.
        parts: those that were told.
        first: the first message, where it was told.
        needs: see `Fact.needs`.
    """

    ticket_id: str
    ticket: dict[str, Any]
    at: datetime
    told_as: str
    raw: JSON
    item: JSON
    as_of: datetime | None = None
    parts: tuple[Part, ...] = ()
    first: Message | None = None
    rating: Rating | None = None
    needs: frozenset[str] = EVERYTHING

    def fact(self, kind: EventKind | None, *keys: str, part: Part | None = None, **more: Any) -> Fact:
        """`ticket` is known better than what the delivery's state says."""
        actor = more.pop("actor", None) or (actor_of(part.author) if part else Actor())
        return Fact(
            kind=kind,
            keys=keys,
            ticket_id=self.ticket_id,
            occurred_at=(part.created_at if part else None) or self.at,
            as_of=self.as_of,
            ticket=self.ticket | more.pop("ticket", {}),
            actor=actor,
            needs=self.needs | more.pop("needs", frozenset()),
            raw=self.raw,
            **more,
        )

    def look(self, *, part: Part | None = None, needs: frozenset[str] = frozenset()) -> Fact:
        """What nothing in the delivery says is found by comparing how the ticket looks now."""
        key = f"part:{part.id}:look" if part else f"look:{self.told_as}"
        return self.fact(None, key, part=part, needs=needs)


def message_key(message_id: str) -> str:
    return f"message:{message_id}"


def created_fact(told: Told, message: Message | None) -> Fact:
    """The conversation or ticket exists. A conversation that becomes a ticket later was created before."""
    author = message.author if message else None
    created_at = told.ticket.get("created_at")
    key = f"created:{told.ticket_id}"  # what was said first is in another space of ids than parts are (3.1)
    fact = told.fact(EventKind.TICKET_CREATED, key, actor=author, message=message, first_message=True)
    return fact.model_copy(update={"occurred_at": created_at}) if created_at else fact


def message_fact(told: Told, part: Part) -> Fact:
    """Something was said."""
    message = message_of(part)
    return told.fact(EventKind.MESSAGE_ADDED, message_key(part.id), part=part, message=message)


def rating_facts(told: Told) -> list[Fact]:
    """Nothing while the customer was only asked."""
    given = told.rating
    if given is None or given.rating is None:
        return []
    asked = int(given.created_at.timestamp()) if given.created_at else 0
    key = f"rating:{told.ticket_id}:{asked}:{given.rating}{':remark' if given.remark else ''}"
    customer = told.ticket.get("customer") or {}
    actor = Actor(kind=ActorKind.CUSTOMER, id=customer.get("id"))
    fact = told.fact(EventKind.TICKET_RATED, key, rating=map_rating(given), actor=actor)
    return [fact.model_copy(update={"occurred_at": given.updated_at}) if given.updated_at else fact]


def deleted_fact(told: Told) -> Fact:
    """It is gone."""
    told = replace(told, needs=frozenset())  # nobody can be asked any more
    return told.fact(EventKind.TICKET_DELETED, f"deleted:{told.ticket_id}", ticket={"status": Status.DELETED})


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def part_facts(told: Told, part: Part) -> Iterator[Fact]:
    """What one part says: words, changes, or that something changed which it does not tell."""
    if is_message(part):
        yield message_fact(told, part)
    changes = _changes_of(told, part)
    for field, change in changes.items():
        after = {field: change.after} if field in ("status", "assignee") else {}
        key = f"part:{part.id}:{field}"
        yield told.fact(EventKind.TICKET_CHANGED, key, part=part, changes={field: change}, ticket=after)
    if not changes and part.part_type in _COMPARED:
        yield told.look(part=part, needs=frozenset({"ticket"}))


def _changes_of(told: Told, part: Part) -> dict[str, Change]:
    kind, changes = part.part_type or "", dict[str, Change]()
    if kind in ("assignment", "assign_and_reopen", "default_assignment", "away_mode_assignment"):
        changes |= _assignment(part)
    if kind in ("open", "assign_and_reopen", "close", "snoozed"):
        changes |= _state_change(told, kind)
    if kind.startswith("ticket_state_updated"):
        changes |= _ticket_state_change(told, part)
    if kind == "priority_changed" and "priority" in told.ticket:
        changes["priority"] = Change(after=told.ticket["priority"])
    return changes


def _assignment(part: Part) -> dict[str, Change]:
    """A team is told by id, and ours has a name: that is found by comparing."""
    given = part.assigned_to
    if given is None or given.type == "team":
        return {}
    return {"assignee": Change(after={"id": given.id} if given.id else None)}


def _state_change(told: Told, kind: str) -> dict[str, Change]:
    """Whether a conversation is open says how a ticket stands only when it is closed."""
    if kind == "close":
        return {"status": Change(after=Status.SOLVED)}
    if "status" not in told.ticket:
        return {}
    return {"status": Change(after=Status.PENDING if kind == "snoozed" else Status.OPEN)}


def _ticket_state_change(told: Told, part: Part) -> dict[str, Change]:
    """A ticket's first state part repeats its state (3.3), and is no change. The state of before is told, the status
    of before is not: a ticket closed in the inbox is solved in any state."""
    if part.ticket_state is None or part.ticket_state == part.previous_ticket_state:
        return {}
    newest = all((other.created_at or told.at) <= (part.created_at or told.at) for other in told.parts)
    after = told.ticket.get("status") if newest else None
    return {"status": Change(after=after or CATEGORIES.get(part.ticket_state, Status.OTHER))}


_COMPARED = frozenset(
    (
        "assignment", "assign_and_reopen", "default_assignment", "away_mode_assignment", "open", "snoozed",
        "conversation_tags_updated", "title_changed",
    )
)  # fmt: skip
"""Parts that change what they do not tell."""
