"""Webhook subscriptions as a vendor keeps them. Data only: adapters tell it, `webhooks` and `doctor` judge it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import SecretStr

from cornerdesk.model import FrozenModel


class SubscriptionState(StrEnum):
    """Whether the vendor sends."""

    ENABLED = "enabled"
    DISABLED = "disabled"  # somebody, or the vendor after too many errors, switched it off
    SUSPENDED = "suspended"  # the vendor pauses it and may resume by itself


class Subscription(FrozenModel):
    """One subscription of the vendor's account, ours or somebody else's.

    Attributes:
        id: the vendor's.
        url: where it sends to.
        state: see there.
        state_label: the vendor's own word for the state.
        name: what people call it there.
        missing: events that the adapter can use and that this subscription does not send.
    """

    id: str
    url: str
    state: SubscriptionState
    state_label: str = ""
    name: str = ""
    missing: tuple[str, ...] = ()


class Registration(FrozenModel):
    """A subscription just made.

    Attributes:
        id: the vendor's.
        secret: what its deliveries are signed with, where the vendor chose it; None where it took ours from the
            settings. It is written to a file that only its owner may read, and never shown.
        detail: a line for people.
    """

    id: str
    secret: SecretStr | None = None
    detail: str = ""
