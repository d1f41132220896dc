"""Plaindesk's words and objects in the model's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from cornerdesk import (
    Account,
    Actor,
    ActorKind,
    Agent,
    Channel,
    Customer,
    CustomerKind,
    Direction,
    Message,
    Priority,
    Rating,
    RejectedError,
    Score,
    Status,
    Ticket,
    TicketState,
    clean_text,
    split_reply,
)
from cornerdesk.testing.plaindesk import schemas

STATUSES: Mapping[str, Status] = {
    "new": Status.NEW,
    "open": Status.OPEN,
    "waiting": Status.PENDING,
    "on_hold": Status.ON_HOLD,
    "solved": Status.SOLVED,
    "closed": Status.CLOSED,
    "spam": Status.SPAM,
    "deleted": Status.DELETED,
}
VENDOR_STATUSES = {ours: word for word, ours in STATUSES.items() if ours is not Status.DELETED}
"""What a status may be set to."""

_KINDS = {"customer": ActorKind.CUSTOMER, "agent": ActorKind.AGENT, "bot": ActorKind.BOT}
_FINISHED = (Status.SOLVED, Status.CLOSED, Status.SPAM, Status.DELETED)


def status_of(word: str | None) -> Status:
    return STATUSES.get(word or "", Status.OTHER)


def priority_of(word: str | None) -> Priority | None:
    return Priority(word) if word in list(Priority) else None


def actor_of(person: schemas.Person | None) -> Actor:
    if person is None:
        return Actor()
    kind = _KINDS.get(person.kind or "", ActorKind.UNKNOWN)
    return Actor(kind=kind, id=person.id, name=person.name, email=person.email)


def agent_of(person: schemas.Person | None) -> Agent | None:
    return Agent(id=person.id, name=person.name, email=person.email) if person else None


def message_of(message: schemas.Message) -> Message:
    """Notes are not searched for quotations: what we wrote must come back whole."""
    author = actor_of(message.author)
    if message.internal:
        direction, text, quoted = Direction.INTERNAL, clean_text(message.text), None
    else:
        direction = Direction.INBOUND if author.kind is ActorKind.CUSTOMER else Direction.OUTBOUND
        text, quoted = split_reply(message.text)
    return Message(id=message.id, direction=direction, author=author, text=text, quoted=quoted, created_at=message.at)


def rating_of(rated: schemas.Rated) -> Rating:
    score = Score(rated.score) if rated.score in list(Score) else None
    return Rating(score=score, comment=clean_text(rated.comment) if rated.comment else None, label=rated.score)


def ticket_of(ticket: schemas.Ticket, pages: str) -> dict[str, Any]:
    """Every field of `model.Ticket` that Plaindesk tells."""
    channel = ticket.channel if ticket.channel in list(Channel) else None
    return {
        "id": ticket.id,
        "number": ticket.number,
        "url": f"{pages}{ticket.number or ticket.id}",
        "subject": ticket.subject,
        "status": status_of(ticket.status),
        "status_label": ticket.status,
        "priority": priority_of(ticket.priority),
        "priority_label": ticket.priority,
        "channel": Channel(channel) if channel else Channel.OTHER,
        "channel_label": ticket.channel,
        "tags": tuple(ticket.tags),
        "customer": _customer(ticket.customer),
        "account": _account(ticket.company),
        "assignee": agent_of(ticket.assignee),
        "team": ticket.team,
        "fields": ticket.fields or {},
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "message_count": ticket.message_count,
    }


def state_of(record: schemas.Record, pages: str) -> TicketState:
    """A ticket as it stands now.

    Raises:
        RejectedError: it has no time.
    """
    ticket = record.ticket
    if ticket.updated_at is None:
        raise RejectedError("the field `ticket.updated_at` is missing")
    messages = tuple(message_of(message) for message in record.messages)
    told = ticket_of(ticket, pages)
    waiting = waiting_since(messages, told["status"])
    return TicketState(
        ticket=Ticket.model_validate({**told, "waiting_since": waiting}),
        as_of=ticket.updated_at,
        first_message=messages[0] if messages else None,
        messages=messages,
        people=_people(record),
    )


def waiting_since(messages: Sequence[Message], status: Status) -> datetime | None:
    """When the customer first wrote after our last answer; None where we owe none."""
    since = None
    for message in messages:
        if message.direction is Direction.OUTBOUND:
            since = None
        elif message.direction is Direction.INBOUND:
            since = since or message.created_at
    return None if status in _FINISHED else since


def _people(record: schemas.Record) -> dict[str, Actor]:
    named: Iterable[schemas.Person | None] = (
        record.ticket.customer,
        record.ticket.assignee,
        *(message.author for message in record.messages),
        *(event.actor for event in record.events),
    )
    return {person.id: actor_of(person) for person in named if person is not None}


def _customer(person: schemas.Person | None) -> Customer | None:
    if person is None:
        return None
    return Customer(id=person.id, email=person.email, name=person.name, phone=person.phone, kind=CustomerKind.USER)


def _account(company: schemas.Company | None) -> Account | None:
    return Account(id=company.id, name=company.name, domains=tuple(company.domains)) if company else None
