"""Names of what was told, by which it is known when it is told again. Pure.

To the adapter's own keys come ours, which begin with `~`: the message's id, "this ticket was created", "this ticket's
first message is known", "this field became this".
"""

from __future__ import annotations

from datetime import datetime

from cornerdesk.adapters.interface import TicketState
from cornerdesk.intake.diff import change_key, flattened, is_compared
from cornerdesk.intake.told import ToldFact, brings_messages
from cornerdesk.model import JSON, Change, EventKind, Message


def keys_of(told: ToldFact, hydrated: TicketState | None) -> list[str]:
    """Every key that could show that this fact, or part of it, was seen before."""
    fact = told.fact
    keys = [*fact.keys, created_key(fact.ticket_id), first_key(fact.ticket_id)]
    if fact.message is not None:
        keys.append(message_key(fact.ticket_id, fact.message))
    if hydrated is not None and brings_messages(fact):
        keys += [message_key(fact.ticket_id, message) for message in hydrated.messages]
    keys += [told_change_key(told, name, change) for name, change in fact.changes.items()]
    if not fact.changes and fact.kind in (None, EventKind.TICKET_CHANGED):
        keys += _found_change_keys(fact.ticket_id, told.fields, told.as_of)
        if hydrated is not None:
            keys += _found_change_keys(fact.ticket_id, hydrated.ticket.model_dump(mode="json"), hydrated.as_of)
    return keys


def _found_change_keys(ticket: str, fields: JSON, as_of: datetime) -> list[str]:
    """Of every change that could be found when a ticket that looks like this is compared with ours."""
    return [
        change_key(ticket, path, value, as_of.isoformat(timespec="microseconds"))
        for path, value in flattened(fields)
        if is_compared(path)
    ]


def created_key(ticket: str) -> str:
    return f"~created:{ticket}"


def first_key(ticket: str) -> str:
    return f"~first:{ticket}"


def message_key(ticket: str, message: Message) -> str:
    return f"~message:{ticket}:{message.id}"


def told_change_key(told: ToldFact, name: str, change: Change) -> str:
    return change_key(told.fact.ticket_id, name, change.after, told.as_of.isoformat(timespec="microseconds"))
