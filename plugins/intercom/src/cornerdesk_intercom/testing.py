"""What tests with an Intercom source need, here and elsewhere: its settings, and deliveries that Intercom signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cornerdesk import Delivery, sign

from cornerdesk_intercom.settings import IntercomSettings
from cornerdesk_intercom.webhooks import SIGNATURE

SECRET = "test-client-secret"  # noqa: S105 - the fact sheet's, for tests
APP = "wxyz"
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def make_settings(**changes: Any) -> IntercomSettings:
    """A source in Europe. `changes` are settings; None takes one away."""
    settings = {
        "adapter": "intercom",
        "app_id": APP,
        "access_token": "access-token",
        "client_secret": SECRET,
        "region": "eu",
        "admin_id": "814",
    }
    given = {key: item for key, item in (settings | changes).items() if item is not None}
    return IntercomSettings.model_validate(given)


def make_delivery(body: bytes, *, secret: str = SECRET, **headers: str) -> Delivery:
    """A delivery that came at `NOW`. `headers` replace or add to the signature, with `_` for `-`."""
    signed = {SIGNATURE: "sha1=" + sign(secret, body, algorithm="sha1", encoding="hex")}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(headers=signed | given, body=body, received_at=NOW)
