"""What tests with a Zendesk source need, here and elsewhere: its settings, and deliveries signed as Zendesk signs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cornerdesk import Delivery, sign

from cornerdesk_zendesk.settings import ZendeskSettings
from cornerdesk_zendesk.webhooks import INVOCATION, SIGNATURE, TIMESTAMP

SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105 - Zendesk's published secret for tests
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def make_settings(**changes: Any) -> ZendeskSettings:
    """A source that signs in by OAuth. `changes` are settings; None takes one away."""
    settings = {
        "adapter": "zendesk",
        "subdomain": "acme",
        "oauth": {"client_id": "cd", "client_secret": "client-secret"},
        "webhook_secret": SECRET,
    }
    return ZendeskSettings.model_validate({key: item for key, item in (settings | changes).items() if item is not None})


def make_delivery(
    body: bytes,
    *,
    stamp: str = "2026-10-05T12:00:00Z",
    secret: str = SECRET,
    invocation: str = "01HINVOCATION",
) -> Delivery:
    """A delivery that came at `NOW`, signed at `stamp`."""
    headers = {TIMESTAMP: stamp, SIGNATURE: sign(secret, stamp.encode(), body), INVOCATION: invocation}
    return Delivery(headers=headers, body=body, received_at=NOW)
