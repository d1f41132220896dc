"""What happened to a ticket, as facts. Pure.

A webhook and a record of history tell the same events, so both are read here, and their facts have the same keys:
whatever is told twice makes one event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cornerdesk import JSON, Change, EventKind, Fact, RejectedError
from cornerdesk.testing.plaindesk import schemas
from cornerdesk.testing.plaindesk.mapping import actor_of, agent_of, message_of, priority_of, rating_of, status_of
from cornerdesk.wire import parse

IGNORED = {"ticket.viewed": "not part of the model"}
"""Why events that Plaindesk is known to send are ignored."""


def read_event(event: schemas.Event, ticket_id: str, otherwise_at: datetime, **more: Any) -> Fact:
    """One event.

    Args:
        event: its `event` is one of `READERS`.
        ticket_id: whose.
        otherwise_at: when it happened, where the vendor does not say.
        more: further fields of `Fact`.

    Raises:
        RejectedError: a field that this kind of event needs is missing; names it.
    """
    told = READERS[event.event](event, ticket_id)
    key = told.pop("key")
    return Fact(
        keys=(key, f"event:{event.id}"),
        ticket_id=ticket_id,
        occurred_at=event.at or otherwise_at,
        actor=actor_of(event.actor),
        **told,
        **more,
    )


def _created(event: schemas.Event, ticket_id: str) -> JSON:
    message = message_of(event.message) if event.message else None
    return {
        "kind": EventKind.TICKET_CREATED,
        "key": f"created:{ticket_id}",
        "message": message,
        "first_message": message is not None,
    }


def _message_added(event: schemas.Event, ticket_id: str) -> JSON:
    message = message_of(_needed(event.message, "message"))
    return {"kind": EventKind.MESSAGE_ADDED, "key": f"message:{message.id}", "message": message}


def _changed(event: schemas.Event, ticket_id: str) -> JSON:
    changes = {
        name: Change(before=_value(name, change.before), after=_value(name, change.after))
        for name, change in event.changes.items()
    }
    if not changes:
        raise RejectedError("the field `changes` is missing or empty")
    return {"kind": EventKind.TICKET_CHANGED, "key": f"change:{event.id}", "changes": changes}


def _rated(event: schemas.Event, ticket_id: str) -> JSON:
    rating = rating_of(_needed(event.rating, "rating"))
    return {"kind": EventKind.TICKET_RATED, "key": f"rating:{event.id}", "rating": rating}


def _merged(event: schemas.Event, ticket_id: str) -> JSON:
    changes = {"merged_into": Change(after=_needed(event.into, "into"))}
    return {"kind": EventKind.TICKET_MERGED, "key": f"merged:{ticket_id}", "changes": changes}


def _deleted(event: schemas.Event, ticket_id: str) -> JSON:
    return {"kind": EventKind.TICKET_DELETED, "key": f"deleted:{ticket_id}"}


READERS: dict[str, Callable[[schemas.Event, str], JSON]] = {
    "ticket.created": _created,
    "message.added": _message_added,
    "ticket.changed": _changed,
    "ticket.rated": _rated,
    "ticket.merged": _merged,
    "ticket.deleted": _deleted,
}
"""Every event that we can use: a subscription should send all of them."""


def _value(name: str, value: Any) -> Any:
    """A changed field's value in the model's words."""
    if name == "assignee" and isinstance(value, dict):
        agent = agent_of(parse(schemas.Person, value))
        return agent and agent.model_dump()  # plain values, which echo hints and the diff compare
    if name == "tags":
        return sorted(str(tag) for tag in value) if isinstance(value, Iterable) and not isinstance(value, str) else []
    if value is None or not isinstance(value, str):
        return value
    if name == "status":
        return status_of(value)
    return priority_of(value) if name == "priority" else value


def _needed(value: Any, name: str) -> Any:
    if value is None:
        raise RejectedError(f"the field `{name}` is missing")
    return value
