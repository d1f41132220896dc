"""Deliveries of Plaindesk's webhooks: whether they are genuine, which they are, what they tell. Pure."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from cornerdesk import (
    Delivery,
    Reading,
    RejectedError,
    SignatureError,
    check_signature,
    check_window,
    load_json,
)
from cornerdesk.testing.plaindesk.events import IGNORED, READERS, read_event
from cornerdesk.testing.plaindesk.mapping import state_of, ticket_of
from cornerdesk.testing.plaindesk.schemas import Delivered, Record
from cornerdesk.wire import parse, read_id, read_time

SIGNATURE = "x-plaindesk-signature"
TIMESTAMP = "x-plaindesk-timestamp"


def verify(delivery: Delivery, secrets: tuple[SecretStr, ...], now: datetime) -> None:
    """HMAC-SHA256 in hex, over the timestamp header as sent, a dot, and the raw body.

    Raises:
        SignatureError: missing, wrong or outside the window.
    """
    stamp = delivery.headers.get(TIMESTAMP, "")
    signed = stamp.encode("latin-1", "replace"), b".", delivery.body
    check_signature(delivery.headers.get(SIGNATURE), secrets, *signed, encoding="hex", header=SIGNATURE)
    try:
        sent = read_time(stamp)
    except ValueError:
        sent = None
    if sent is None:
        raise SignatureError(f"{TIMESTAMP} is no time such as 2026-10-05T12:00:00Z")
    check_window(sent, now)


def delivery_key(delivery: Delivery) -> str:
    """The event's id, which survives retries; where it cannot be read, a hash of the body."""
    with suppress(RejectedError, ValueError):
        data = load_json(delivery.body)
        if isinstance(data, dict) and (found := read_id(data.get("id"))):
            return f"event:{found}"
    return f"body:{digest(delivery.body)}"


def read(delivery: Delivery, pages: str) -> Reading:
    """What the delivery tells: one event, and the ticket after it.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    data = _object(delivery.body)
    kind = data.get("event")
    if not isinstance(kind, str):
        raise RejectedError("the field `event` is missing or no text")
    if kind not in READERS:
        return Reading(ignored=IGNORED.get(kind, "unknown event type"))
    told = parse(Delivered, data)
    fact = read_event(
        told,
        told.ticket.id,
        delivery.received_at,
        ticket=ticket_of(told.ticket, pages),
        as_of=told.ticket.updated_at,
        raw=data,
    )
    return Reading(facts=(fact,))


def read_record(body: bytes, pages: str) -> Reading:
    """What a ticket's record tells: everything that ever happened to it, and how it stands now.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    record = parse(Record, _object(body))
    state = state_of(record, pages)
    facts = [read_event(event, record.ticket.id, state.as_of) for event in record.events if event.event in READERS]
    return Reading(facts=tuple(facts), states=(state,))


def digest(body: bytes) -> str:
    """A name for what has no other."""
    return hashlib.sha256(body).hexdigest()


def _object(body: bytes) -> dict[str, Any]:
    data = load_json(body)
    if not isinstance(data, dict):
        raise RejectedError("the body is JSON, but no object")
    return data
