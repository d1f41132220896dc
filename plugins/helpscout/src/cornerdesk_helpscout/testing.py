"""What tests with a Help Scout source need, here and elsewhere: its settings, and deliveries signed as Help Scout
signs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cornerdesk import Delivery, sign

from cornerdesk_helpscout.settings import HelpScoutSettings
from cornerdesk_helpscout.webhooks import EVENT, SIGNATURE

SECRET = "a-secret-for-tests"  # noqa: S105 - guards nothing
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def make_settings(**changes: Any) -> HelpScoutSettings:
    """A source that signs in by itself. `changes` are settings; None takes one away."""
    settings = {"adapter": "helpscout", "app_id": "cd", "app_secret": "app-secret", "webhook_secret": SECRET}
    return HelpScoutSettings.model_validate(
        {key: item for key, item in (settings | changes).items() if item is not None}
    )


def make_delivery(
    body: bytes, event: str = "convo.created", *, secret: str = SECRET, received_at: datetime = NOW
) -> Delivery:
    """A delivery of this event, signed."""
    headers = {EVENT: event, SIGNATURE: sign(secret, body, algorithm="sha1")}
    return Delivery(headers=headers, body=body, received_at=received_at)
