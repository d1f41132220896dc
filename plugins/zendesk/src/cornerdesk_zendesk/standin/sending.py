"""Webhooks as Zendesk sends them: body, headers, signature, retries (fact sheet zendesk.md 1.2 to 1.6)."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from cornerdesk import sign
from cornerdesk.testing.desk import Packed, RetryRules, Sent

from cornerdesk_zendesk.standin.desk import Happening, seconds
from cornerdesk_zendesk.webhooks import INVOCATION, SIGNATURE, TIMESTAMP

ACCOUNT = 12345678
WEBHOOK = "01HZX3QW5E9T7N2K4M6P8R0S1V"
RETRIES = RetryRules(
    retries={409: 3, 429: 5, 503: 5},
    lost=5,
    only_when_asked=frozenset({429, 503}),
    longest_wait=60.0,
    timeout=12.0,
)


def event_body(happening: Happening) -> tuple[str, bytes]:
    """An event's id and the body that tells of it: 3 spaces of indent and a line feed at the end, as recorded."""
    event_id = str(uuid.uuid4())
    body = {
        "account_id": ACCOUNT,
        "detail": happening.detail,
        "event": happening.event,
        "id": event_id,
        "subject": f"zen:ticket:{happening.ticket}",
        "time": nanoseconds(happening.at),
        "type": f"zen:event-type:{happening.type}",
        "zendesk_event_version": "2022-11-06",
    }
    return event_id, (json.dumps(body, indent=3, ensure_ascii=False) + "\n").encode()


def nanoseconds(time: datetime) -> str:
    """As deliveries write times: nine digits of fraction."""
    return f"{seconds(time)[:-1]}.{time.microsecond * 1000:09d}Z"


def pack(sent: Sent, secret: str, now: datetime) -> Packed:
    """An attempt: the time signed is that of this attempt, not of the event."""
    stamp = seconds(now)
    return sent.body, {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Zendesk Webhook",
        "x-zendesk-account-id": str(ACCOUNT),
        "x-zendesk-webhook-id": WEBHOOK,
        INVOCATION: sent.invocation,
        TIMESTAMP: stamp,
        SIGNATURE: sign(secret, stamp.encode(), sent.body),
    }


def trigger_body(ticket: int, what: str, actor: int, updated_at: datetime) -> bytes:
    """What our own trigger template (README.md) becomes."""
    values: dict[str, Any] = {
        "cornerdesk": 1,
        "what": what,
        "ticket": str(ticket),
        "actor": str(actor),
        "updated_at": seconds(updated_at),
    }
    return json.dumps(values).encode()
