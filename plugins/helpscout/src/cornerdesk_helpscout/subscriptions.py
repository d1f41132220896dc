"""Subscriptions as Help Scout keeps them, and as we want them. Pure."""

from __future__ import annotations

from cornerdesk import JSON, Subscription, SubscriptionState, UnsupportedError
from pydantic import SecretStr

from cornerdesk_helpscout.events import SUBSCRIBED
from cornerdesk_helpscout.schemas import Webhook
from cornerdesk_helpscout.settings import LONGEST_SECRET

LABEL = "Cornerdesk"
_VERSIONS = ("", "v2", "v3")
"""Payload versions that we read; V2 is the default, and V3 tells more of who did it (fact sheet 1.4)."""


def subscription_of(webhook: Webhook) -> Subscription:
    """One that sends addresses only, or bodies of version V1, sends nothing that is of use: all its events count as
    missing."""
    sends = set(webhook.events)
    if webhook.notification or (webhook.payloadVersion or "").lower() not in _VERSIONS:
        sends = set()
    return Subscription(
        id=webhook.id,
        url=webhook.url,
        state=SubscriptionState.ENABLED if webhook.state == "enabled" else SubscriptionState.DISABLED,
        state_label=webhook.state or "",
        name=webhook.label or "",
        missing=tuple(event for event in SUBSCRIBED if event not in sends),
    )


def wanted(url: str, secret: SecretStr, before: Webhook | None = None) -> JSON:
    """The body that makes or replaces a subscription. What people chose stays: its label, more events, some inboxes,
    and V3 where somebody got it.

    Raises:
        UnsupportedError: the secret is longer than Help Scout documents (1.2).
    """
    if len(secret.get_secret_value()) > LONGEST_SECRET:
        raise UnsupportedError(
            f"Help Scout takes webhook secrets of at most {LONGEST_SECRET} characters; shorten webhook_secret,"
            " or make the subscription by hand under Manage > Apps > Webhooks"
        )
    more = [event for event in before.events if event not in SUBSCRIBED] if before is not None else []
    body: JSON = {
        "url": url,
        "events": [*SUBSCRIBED, *more],
        "secret": secret.get_secret_value(),
        "payloadVersion": "V3" if before is not None and (before.payloadVersion or "").lower() == "v3" else "V2",
        "notification": False,
        "label": (before.label if before is not None else None) or LABEL,
    }
    if before is not None and before.mailboxIds:
        body["mailboxIds"] = before.mailboxIds
    return body
