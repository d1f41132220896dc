"""Deliveries: their signature, their key, and which reader they go to. Pure.

The body carries no event name and no delivery id: the name stands in the header `X-HelpScout-Event` (fact sheet
helpscout.md 1.1). How facts are named is told in `events`.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from cornerdesk import Delivery, Reading, RejectedError, SignatureError, check_signature, load_json
from pydantic import SecretStr

from cornerdesk_helpscout.events import SAYS_LITTLE, is_whole, read_event

SIGNATURE = "x-helpscout-signature"
EVENT = "x-helpscout-event"

_DRIFTING = frozenset({"friendly", "photoUrl"})
"""Keys whose values change by themselves: `friendly` is relative text such as "31 min ago" (1.8)."""

_APP_KEYS = frozenset({"ticket", "customer", "user", "mailbox"})


def verify(delivery: Delivery, secrets: tuple[SecretStr, ...]) -> None:
    """HMAC-SHA1 over the raw body, in base64; the secret counts as UTF-8 (1.2). There is no time in it.

    Raises:
        SignatureError: missing or wrong, or the request of a dynamic app, which is signed with another secret.
    """
    try:
        check_signature(
            delivery.headers.get(SIGNATURE), secrets, delivery.body, algorithm="sha1", header="X-HelpScout-Signature"
        )
    except SignatureError:
        if _of_dynamic_app(delivery):
            raise SignatureError(
                "this is the request of a dynamic app of the sidebar, which is signed with that app's own secret;"
                " point the app elsewhere: only deliveries of Manage > Apps > Webhooks are taken here"
            ) from None
        raise


def _of_dynamic_app(delivery: Delivery) -> bool:
    """`ticket` and `customer.fname`, and no event's name: often taken for a webhook (1.2)."""
    if delivery.headers.get(EVENT):
        return False
    with suppress(RejectedError):
        data = load_json(delivery.body)
        return isinstance(data, dict) and "ticket" in data and len(_APP_KEYS & data.keys()) > 1
    return False


def delivery_key(delivery: Delivery) -> str:
    """A hash of the event's name and of the state it tells, without what drifts by itself (1.8).

    Two deliveries of one event that tell exactly the same state are one to us, for nothing else tells them apart. A
    body that holds an address alone tells no state, so there every delivery counts; looking twice does no harm.
    """
    name = delivery.headers.get(EVENT, "").strip().lower()
    body, moment = delivery.body, ""
    with suppress(RejectedError, ValueError, RecursionError):
        data = load_json(delivery.body)
        body = json.dumps(_steady(data), sort_keys=True, separators=(",", ":")).encode()
        if name.startswith("convo.") and name not in SAYS_LITTLE and not is_whole(data):
            moment = delivery.received_at.isoformat()
    digest = hashlib.sha256(f"{name}\n{moment}\n".encode("utf-8", "replace") + body).hexdigest()
    return f"state:{digest}"


def _steady(data: object) -> object:
    if isinstance(data, dict):
        return {key: _steady(value) for key, value in data.items() if key not in _DRIFTING}
    return [_steady(item) for item in data] if isinstance(data, list) else data


def read(delivery: Delivery) -> Reading:
    """What the delivery tells.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    name = delivery.headers.get(EVENT, "").strip().lower()
    data = load_json(delivery.body)
    if not name:
        raise RejectedError("the header X-HelpScout-Event is missing, and nothing else names the event")
    return read_event(name, data, delivery, delivery_key(delivery))
