"""Notifications that Intercom sends: the table of every known topic, and the facts that each tells. Pure.

What happened is told by the parts in a delivery rather than by its topic: one action arrives under several topics with
the same part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cornerdesk import JSON, ActorKind, Change, EventKind, Fact, Reading, Status
from cornerdesk.wire import parse, read_id

from cornerdesk_intercom.facts import (
    ALWAYS,
    EVERYTHING,
    Told,
    created_fact,
    deleted_fact,
    message_fact,
    part_facts,
    rating_facts,
)
from cornerdesk_intercom.legacy import is_legacy, modern
from cornerdesk_intercom.mapping import (
    actor_of,
    description_message,
    is_message,
    source_message,
    told_conversation,
    told_ticket,
)
from cornerdesk_intercom.schemas import Conversation, Notification, Part, Rating, VendorTicket

LATELY = timedelta(seconds=10)
"""A ticket's delivery holds all its parts so far; those this close before it are what it is about (1.5)."""

Handler = Callable[[Told], list[Fact]]


def read_notification(
    notification: Notification, told_as: str, received_at: datetime, pages: str, raw: JSON
) -> Reading:
    """A delivery of our workspace.

    Raises:
        RejectedError: about a conversation or ticket of an unknown shape; names the field.
    """
    topic = notification.topic
    handler = TOPICS.get(topic) or DOMAINS.get(topic.partition(".")[0], UNKNOWN)
    if isinstance(handler, str):
        return Reading(ignored=handler)
    told = _told(notification, told_as, received_at, pages, raw)
    return Reading(facts=tuple(handler(told))) if told else Reading(ignored=NAMELESS)


def _told(notification: Notification, told_as: str, received_at: datetime, pages: str, raw: JSON) -> Told | None:
    """None where the delivery names no conversation."""
    item, topic = notification.data.item, notification.topic
    shared: dict[str, Any] = {"told_as": told_as, "raw": raw, "item": item}
    if topic.startswith("ticket."):
        nested = item.get("ticket")  # since API version 2.15 a closed ticket is nested (1.5)
        ticket = parse(VendorTicket, nested if isinstance(nested, dict) else item)
        return _of_ticket(ticket, pages, at=notification.created_at or ticket.updated_at or received_at, **shared)
    if item.get("id") is None or item.get("type", "conversation") != "conversation" or topic in _LOOSELY:
        ticket_id = named_conversation(item)
        told = {"id": ticket_id, "url": f"{pages}{ticket_id}"}
        return Told(ticket_id, told, notification.created_at or received_at, **shared) if ticket_id else None
    conversation = parse(Conversation, modern(item) if is_legacy(item) else item)
    at = notification.created_at or conversation.updated_at or received_at
    return _of_conversation(conversation, pages, at=at, **shared)


def _of_conversation(conversation: Conversation, pages: str, **shared: Any) -> Told:
    told = told_conversation(conversation, pages)
    whole = conversation.ticket is None and {"status", "customer"} <= told.keys()
    return Told(
        conversation.id,
        told,
        as_of=conversation.updated_at,
        parts=tuple(conversation.conversation_parts),
        first=source_message(conversation),
        rating=conversation.conversation_rating,
        needs=ALWAYS if whole else EVERYTHING,
        **shared,
    )


def _of_ticket(ticket: VendorTicket, pages: str, **shared: Any) -> Told:
    """A ticket does not tell its tags, nor since when the customer waits: the conversation does."""
    return Told(
        ticket.id,
        told_ticket(ticket, pages),
        as_of=ticket.updated_at,
        parts=tuple(ticket.ticket_parts),
        first=description_message(ticket),
        **shared,
    )


def named_conversation(item: JSON) -> str | None:
    """The conversation that an item of another shape is about (1.5): deleted ones tell `conversation_id`, attached
    contacts an internal serialisation, tagged parts perhaps the part alone."""
    inner = item.get("conversation")
    inner = inner if isinstance(inner, dict) else {}
    model = inner.get("model")
    model = model if isinstance(model, dict) else {}
    own = item.get("id") if item.get("type") == "conversation" else None
    for value in (item.get("conversation_id"), inner.get("id"), inner.get("conversation_id"), model.get("id"), own):
        with suppress(ValueError):
            if (found := read_id(value)) is not None:
                return found
    return None


# ── handlers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _created(told: Told) -> list[Fact]:
    """A customer who answers a campaign begins a conversation, and the answer is a part of it."""
    said = (message_fact(told, part) for part in told.parts if is_message(part))
    return [created_fact(told, told.first), *said]


def _ticket_created(told: Told) -> list[Fact]:
    return [created_fact(told, told.first)]


def _happened(status: Status | None = None) -> Handler:
    """What a conversation's part says: in its deliveries there is the one that it is about, and no other.

    Args:
        status: what the topic says of it where no part does; of a ticket it says nothing unless it is closed.
    """

    def handle(told: Told) -> list[Fact]:
        facts = [fact for part in told.parts for fact in part_facts(told, part)]
        says = status is Status.SOLVED or "status" in told.ticket
        if status is not None and says and not any("status" in fact.changes for fact in facts):
            facts.append(_became(told, status))
        return facts or [told.look()]

    return handle


def _lately(about: Callable[[Part], bool]) -> Handler:
    """What a ticket's parts say: there are all, and those count that the topic is about and that are new."""

    def handle(told: Told) -> list[Fact]:
        facts = [fact for part in _new_parts(told, about) for fact in part_facts(told, part)]
        return facts or [told.look()]

    return handle


def _new_parts(told: Told, about: Callable[[Part], bool]) -> list[Part]:
    parts = sorted(filter(about, told.parts), key=lambda part: part.created_at or told.at)
    new = [part for part in parts if (part.created_at or told.at) >= told.at - LATELY]
    return new or parts[-1:]


def _became(told: Told, status: Status) -> Fact:
    stamp = int((told.as_of or told.at).timestamp())
    key = f"change:{told.ticket_id}:status:{stamp}"
    return told.fact(EventKind.TICKET_CHANGED, key, changes={"status": Change(after=status)}, ticket={"status": status})


def _ticket_solved(told: Told) -> list[Fact]:
    """`ticket.closed` and `ticket.resolved`: who did it stands in the newest part, if at all."""
    new = _new_parts(told, lambda part: part.part_type == "close" or _is_state(part))
    facts = [fact for part in new for fact in part_facts(told, part)]
    if any("status" in fact.changes and fact.changes["status"].after is Status.SOLVED for fact in facts):
        return facts
    return [*facts, _became(told, Status.SOLVED)]


def _is_state(part: Part) -> bool:
    return (part.part_type or "").startswith("ticket_state_updated")


def _tagged(told: Told) -> list[Fact]:
    """Whether 2.x still tells which tag came is not known (1.5), and of two that came in one second nobody knows which
    delivery shows both: so what is on it is looked at. The part in the delivery is the one that was tagged, so its
    author is not who did it."""
    return [told.look(needs=frozenset({"ticket"}))]


def _rated(told: Told) -> list[Fact]:
    """No genuine recording is known, of tickets least of all (section 7): the rating is looked for where it may be."""
    if told.rating is None:
        for name in ("conversation_rating", "rating", "ticket_rating"):
            value = told.item.get(name)
            value = {"rating": value} if type(value) is int else value
            if isinstance(value, dict):
                told = replace(told, rating=parse(Rating, value))
    return rating_facts(told) or [told.look()]


def _deleted(told: Told) -> list[Fact]:
    return [deleted_fact(told)]


def _look(told: Told) -> list[Fact]:
    return [told.look()]


def _said_by(*kinds: ActorKind, note: bool = False) -> Callable[[Part], bool]:
    def about(part: Part) -> bool:
        by = actor_of(part.author).kind
        return is_message(part) and (part.part_type == "note") is note and (not kinds or by in kinds)

    return about


def _typed(*prefixes: str) -> Callable[[Part], bool]:
    return lambda part: (part.part_type or "").startswith(prefixes)


UNKNOWN = "unknown topic"
NAMELESS = "names no conversation"
_NOT_MODELLED = "not part of the model"

DOMAINS: Mapping[str, str] = {
    **dict.fromkeys(("contact", "user", "visitor", "lead"), "about a contact, not a ticket"),
    "company": "about a company, not a ticket",
    "admin": "about a teammate, not a ticket",
    **dict.fromkeys(("ping", "job", "event", "content_stat", "call", "article"), "not about a ticket"),
}
"""Why topics of these domains are ignored; an unknown topic of any other domain is `UNKNOWN`."""

_CONVERSATION: Mapping[str, Handler | str] = {
    "user.created": _created,
    "user.replied": _happened(),
    "read": _NOT_MODELLED,
    "rating.added": _rated,
    "admin.assigned": _happened(),
    "admin.open.assigned": _happened(),
    "admin.closed": _happened(Status.SOLVED),
    "admin.opened": _happened(Status.OPEN),
    "admin.noted": _happened(),
    "admin.replied": _happened(),
    "admin.replied.translated": _happened(),  # the same part as the reply itself; whichever comes first
    "admin.single.created": _created,
    "admin.snoozed": _happened(Status.PENDING),
    "admin.unsnoozed": _happened(Status.OPEN),
    "operator.replied": _happened(),
    "priority.updated": _happened(),
    "company.updated": _look,
    "contact.attached": _look,
    "contact.detached": _look,
    "deleted": _deleted,
}
_TICKET: Mapping[str, Handler | str] = {
    "created": _ticket_created,
    "state.updated": _lately(_is_state),
    "attribute.updated": _look,  # by its label alone, which need not be its name
    "note.created": _lately(_said_by(note=True)),
    "admin.assigned": _lately(_typed("assign", "default_assign", "away_mode_assign")),
    "admin.replied": _lately(_said_by(ActorKind.AGENT, ActorKind.BOT)),
    "admin.replied.translated": _lately(_said_by(ActorKind.AGENT, ActorKind.BOT)),
    "admin.snoozed": _look,
    "admin.unsnoozed": _look,
    "team.assigned": _look,
    "contact.attached": _look,
    "contact.detached": _look,
    "contact.replied": _lately(_said_by(ActorKind.CUSTOMER)),
    "rating.provided": _rated,
    "closed": _ticket_solved,
    "resolved": _ticket_solved,
}
TOPICS: Mapping[str, Handler | str] = {
    **{f"conversation.{name}": handler for name, handler in _CONVERSATION.items()},
    **{f"ticket.{name}": handler for name, handler in _TICKET.items()},
    "conversation_part.tag.created": _tagged,
    "conversation_part.redacted": _NOT_MODELLED,
    "ping": "Intercom's test",
}
"""Every topic that Intercom is known to send about conversations and tickets (1.4): what reads it, or why it is
ignored."""

_LOOSELY = frozenset({"conversation.contact.attached", "conversation.contact.detached", "conversation.deleted"})
"""Topics whose item is none of the API's objects (1.5)."""
