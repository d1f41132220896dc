"""What every fact that a delivery tells has in common: names, times, who did it, the ticket as it was then. Pure.

How facts are named is told in `webhooks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cornerdesk import JSON, Actor, ActorKind, EventKind, Fact

from cornerdesk_zendesk import keys
from cornerdesk_zendesk.mapping import told_ticket
from cornerdesk_zendesk.schemas import Detail, Envelope

ALWAYS = frozenset({"customer", "account", "fields", "actor"})
"""What no delivery tells (fact sheet zendesk.md 1.2)."""

SYSTEM = Actor(kind=ActorKind.AUTOMATION, id="-1", name="Zendesk")
"""Triggers, automations and whatever else the account does by itself."""

EVERYTHING = ALWAYS | {"ticket", "message"}


@dataclass(frozen=True)
class Told:
    """One event, parsed, with what every fact made of it shares."""

    envelope: Envelope
    ticket_id: str
    received_at: datetime
    digest: str
    pages: str
    raw: JSON

    @property
    def detail(self) -> Detail:
        return self.envelope.detail

    @property
    def occurred_at(self) -> datetime:
        return self.envelope.time or self.detail.updated_at or self.received_at

    @property
    def place(self) -> str:
        """Which of the action's events this is; the event's own id where Zendesk does not number them."""
        meta = self.envelope.event.meta
        sequence = meta.sequence if meta is not None else None
        if sequence is None or sequence.id is None or sequence.position is None:
            return self.event_id
        return f"{sequence.id}:{sequence.position}"

    @property
    def event_id(self) -> str:
        return self.envelope.id or f"body-{self.digest}"

    @property
    def actor(self) -> Actor:
        """Zendesk itself acts as -1. Whoever asks is a customer; of anybody else only the id is told."""
        actor_id = self.detail.actor_id
        if actor_id == SYSTEM.id:
            return SYSTEM
        asks = actor_id is not None and actor_id == self.detail.requester_id
        return Actor(kind=ActorKind.CUSTOMER if asks else ActorKind.UNKNOWN, id=actor_id)

    def became(self, field: str, after: Any) -> tuple[str, ...]:
        return keys.became_told(self.ticket_id, field, after, self.detail.updated_at, self.envelope.time)

    @property
    def deletion(self) -> str:
        return keys.deleted(self.ticket_id, self.detail.updated_at or self.occurred_at)

    def fact(self, kind: EventKind | None, *named: str, **more: Any) -> Fact:
        """`ticket` is known better than the snapshot in `detail`, `otherwise` only where that says nothing."""
        told = told_ticket(self.ticket_id, self.detail, self.pages)
        ticket = more.pop("otherwise", {}) | told | more.pop("ticket", {})
        return Fact(
            kind=kind,
            keys=(*named, f"event:{self.event_id}"),
            ticket_id=self.ticket_id,
            occurred_at=self.occurred_at,
            as_of=self.detail.updated_at,
            ticket=ticket,
            actor=more.pop("actor", self.actor),
            needs=ALWAYS | more.pop("needs", frozenset()),
            raw=self.raw,
            **more,
        )
