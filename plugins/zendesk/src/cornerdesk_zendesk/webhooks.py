"""Deliveries: their signature, their key, and the facts they tell. Pure.

Two kinds arrive under one address and one scheme of signatures (fact sheet zendesk.md 1.1): event subscriptions, whose
body names its `type` and which `events` reads, and our own trigger template (README.md), whose body holds
`"cornerdesk": 1`.

Keys of facts, so that the same fact told by another delivery is one fact:

    created:<ticket>                              the ticket exists; its first message comes with it
    message:<comment>                             something was said
    change:<ticket>:<field>:<sequence>:<position> a field changed; without a position, the event's id stands there
    rating:<ticket>:<event>, merged:<ticket>, deleted:<ticket>:<sequence>:<position>
    trigger:<delivery>                            a trigger fired: look at the ticket
    event:<event>                                 beside each of them but the last: one event, told by two webhooks

and beside those that history tells, too (`keys`), names that both give:

    became:<ticket>:<field>:<value>:<two seconds>, rated:<ticket>:<what>, deleted:<ticket>:<updated_at>

`ticket.created` brings the first message's words (`detail.description`) but not its id, so the fact's message is called
`first:<ticket>` and `first_message` is true. A later `comment_added` tells the same message by its real id; it is the
ticket's first when its id equals `TicketState.first_message.id`. So: a fact with `first_message`, or a message equal by
id to `TicketState.first_message`, is the ticket's first, and makes no second event.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime

from cornerdesk import (
    JSON,
    Actor,
    Delivery,
    EventKind,
    Fact,
    Reading,
    RejectedError,
    SignatureError,
    check_signature,
    check_window,
    load_json,
)
from cornerdesk.wire import parse, read_time
from pydantic import SecretStr
from pydantic_core import from_json

from cornerdesk_zendesk.events import PREFIX, read_event
from cornerdesk_zendesk.facts import EVERYTHING
from cornerdesk_zendesk.schemas import Trigger, read_event_id

SIGNATURE = "x-zendesk-webhook-signature"
TIMESTAMP = "x-zendesk-webhook-signature-timestamp"
INVOCATION = "x-zendesk-webhook-invocation-id"


def verify(delivery: Delivery, secrets: tuple[SecretStr, ...], now: datetime) -> None:
    """HMAC-SHA256 over the timestamp header as sent, followed by the raw body; the secret counts as UTF-8 (1.4).

    The timestamp is when Zendesk sent this attempt, so a delivery held back for hours passes and a captured one does
    not.

    Raises:
        SignatureError: missing, wrong or outside the window.
    """
    stamp = delivery.headers.get(TIMESTAMP)
    if not stamp:
        raise SignatureError(f"{TIMESTAMP} is missing; only deliveries signed by Zendesk are taken")
    signed = stamp.encode("latin-1", "replace"), delivery.body
    check_signature(delivery.headers.get(SIGNATURE), secrets, *signed, header=SIGNATURE)
    try:
        sent = read_time(stamp)
    except ValueError:
        sent = None
    if sent is None:
        raise SignatureError(f"{TIMESTAMP} is not a time such as 2026-10-05T12:00:00Z")
    check_window(sent, now)


def delivery_key(delivery: Delivery) -> str:
    """The event's id; for triggers, which have none, the invocation's, which survives Zendesk's retries (1.5)."""
    with suppress(ValueError, RecursionError):
        data = from_json(delivery.body)
        if (
            isinstance(data, dict)
            and str(data.get("type")).startswith(PREFIX)
            and (found := read_event_id(data.get("id")))
        ):
            return f"event:{found}"
    invocation = delivery.headers.get(INVOCATION, "").strip()
    if invocation and invocation.isprintable():
        return f"invocation:{invocation[:100]}"
    stamp = delivery.headers.get(TIMESTAMP, "").encode("utf-8", "replace")
    return f"body:{hashlib.sha256(stamp + delivery.body).hexdigest()}"


def read(delivery: Delivery, pages: str) -> Reading:
    """What the delivery tells.

    Args:
        pages: the address that an agent's page of a ticket begins with.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    data = load_json(delivery.body)
    if not isinstance(data, dict):
        raise RejectedError("the body is JSON, but no object: neither Zendesk's event nor our trigger template")
    if "cornerdesk" in data:
        return Reading(facts=(_read_trigger(parse(Trigger, data), delivery, data),))
    if not isinstance(data.get("type"), str):
        raise RejectedError(
            "the field `type` is missing or no text, and there is no field `cornerdesk`:"
            " neither an event of Zendesk's nor Cornerdesk's trigger template"
        )
    return read_event(data, delivery, pages)


# ── trigger ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_trigger(trigger: Trigger, delivery: Delivery, raw: JSON) -> Fact:
    """Only `created` is taken at its word; anything else is found out by looking at the ticket."""
    if str(trigger.cornerdesk) != "1":
        raise RejectedError("the field `cornerdesk` is not 1: a template of another version; see the plugin's README")
    created = trigger.what == "created"
    key = f"created:{trigger.ticket}" if created else f"trigger:{delivery_key(delivery)}"
    return Fact(
        kind=EventKind.TICKET_CREATED if created else None,
        keys=(key,),
        ticket_id=trigger.ticket,
        occurred_at=trigger.updated_at or delivery.received_at,
        ticket={"id": trigger.ticket},
        actor=Actor(id=trigger.actor),
        needs=EVERYTHING,
        raw=raw,
    )
