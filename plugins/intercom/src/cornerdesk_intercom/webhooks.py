"""Deliveries: their signature, their key, and the facts they tell. Pure.

Webhooks are signed in `X-Hub-Signature` (fact sheet intercom.md 1.2). Two more calls come from Intercom when an app's
other addresses (uninstalling, health check) are pointed here, too: they are signed in `X-Body-Signature`, in a way that
is documented nowhere; third parties agree on HMAC-SHA256 as hex. One that is signed so is stored and ignored, whatever
it says; any other is refused like every unsigned delivery. So neither ever becomes an event, and nobody fills the
inbox who does not know the secret.

Keys of facts, so that the same fact told under another topic, or by history, is one fact:

    created:<id>                  the conversation or ticket exists; its first message comes with it, and has no key of
                                  its own: it is no part, and its id may be some part's, too
    message:<part>                something was said
    part:<part>:<field>           a part changed a field
    change:<id>:<field>:<time>    a field changed, and no part says by what
    rating:<id>:<asked>:<score>   with `:remark` once there is one, which customers add afterwards
    deleted:<id>
    part:<part>:look, look:<delivery>, state:<record>    something that no part tells: look, and compare
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from cornerdesk import JSON, Delivery, Reading, RejectedError, SignatureError, check_signature, load_json
from cornerdesk.wire import parse
from pydantic import SecretStr

from cornerdesk_intercom.events import read_notification
from cornerdesk_intercom.schemas import Notification, read_notification_id

SIGNATURE = "x-hub-signature"
BODY_SIGNATURE = "x-body-signature"

ATTEMPT = ("delivery_attempts", "delivery_status", "delivered_at", "first_sent_at")
"""Keys of the envelope that differ from attempt to attempt (1.3)."""

APP_CALL = "a call about the app, not a webhook"
OTHER_WORKSPACE = "of another workspace"


def verify(delivery: Delivery, secrets: tuple[SecretStr, ...]) -> None:
    """HMAC-SHA1 over the raw body, as lower-case hex after `sha1=` (1.2). Nothing signed says when it was sent, so a
    captured delivery passes again; its key is known then.

    Raises:
        SignatureError: missing or wrong.
    """
    given, other = delivery.headers.get(SIGNATURE), delivery.headers.get(BODY_SIGNATURE)
    if given is None and other is not None:
        _verify_app_call(other, delivery.body, secrets)
        return
    check_signature(
        given.lower() if given else given,
        secrets,
        delivery.body,
        algorithm="sha1",
        encoding="hex",
        prefix="sha1=",
        header=SIGNATURE,
    )


def _verify_app_call(given: str, body: bytes, secrets: tuple[SecretStr, ...]) -> None:
    try:
        check_signature(
            given.lower().strip().removeprefix("sha256="), secrets, body, encoding="hex", header=BODY_SIGNATURE
        )
    except SignatureError:
        raise SignatureError(
            f"{BODY_SIGNATURE} instead of {SIGNATURE}: uninstall and health-check calls cannot be verified and are not"
            " taken; give them an address of their own in the Developer Hub"
        ) from None


def is_app_call(delivery: Delivery) -> bool:
    return SIGNATURE not in delivery.headers and BODY_SIGNATURE in delivery.headers


def delivery_key(delivery: Delivery) -> str:
    """The notification's id. Where there is none (`ping`, `conversation.read`), or nobody could keep it, a hash of
    what stays the same from attempt to attempt."""
    with suppress(RejectedError, RecursionError, ValueError):
        data = load_json(delivery.body)
        if isinstance(data, dict):
            return _key_of(data)
    return f"body:{hashlib.sha256(delivery.body).hexdigest()}"


def _key_of(envelope: JSON) -> str:
    if found := read_notification_id(envelope.get("id")):
        return f"notification:{found}"
    same = {key: value for key, value in envelope.items() if key not in ATTEMPT}
    text = json.dumps(same, sort_keys=True).encode("utf-8", "replace")
    return f"content:{hashlib.sha256(text).hexdigest()}"


def read(delivery: Delivery, app_id: str, pages: str) -> Reading:
    """What the delivery tells.

    Args:
        app_id: the workspace whose deliveries are ours; an app's one subscription sends those of all (1.1).
        pages: the address that a teammate's page of a conversation begins with.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    if is_app_call(delivery):
        return Reading(ignored=APP_CALL)
    data = load_json(delivery.body)
    if not isinstance(data, dict):
        raise RejectedError("the body is JSON, but no object: no notification of Intercom's")
    notification = parse(Notification, data)
    if notification.app_id != app_id:
        return Reading(ignored=OTHER_WORKSPACE)
    return read_notification(notification, _key_of(data), delivery.received_at, pages, data)
