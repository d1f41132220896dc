"""What tests with a Plaindesk source need: its settings, and deliveries signed as Plaindesk signs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cornerdesk import Delivery, sign
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.testing.plaindesk.webhooks import SIGNATURE, TIMESTAMP

SECRET = "a-secret-for-tests-only"  # noqa: S105
TOKEN = "a-token-for-tests-only"  # noqa: S105
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def make_settings(**changes: Any) -> PlainSettings:
    """A source. `changes` are settings; None takes one away."""
    settings = {"adapter": "plaindesk", "site": "acme", "api_token": TOKEN, "webhook_secret": SECRET}
    return PlainSettings.model_validate({key: item for key, item in (settings | changes).items() if item is not None})


def make_delivery(body: bytes, *, at: datetime = NOW, secret: str = SECRET) -> Delivery:
    """A delivery that was sent, and came, at `at`."""
    return Delivery(headers=signed_headers(body, secret, at), body=body, received_at=at)


def signed_headers(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """The headers of an attempt at `at`."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = sign(secret, stamp.encode(), b".", body, encoding="hex")
    return {"content-type": "application/json", TIMESTAMP: stamp, SIGNATURE: signature}
