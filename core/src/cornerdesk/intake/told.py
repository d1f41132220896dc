"""One fact as a delivery told it, checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cornerdesk.adapters.interface import Fact
from cornerdesk.model import JSON, EventKind, Status, Ticket

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ToldFact:
    """A fact with its delivery, and the ticket fields it tells as checked JSON."""

    delivery: str
    fact: Fact
    fields: JSON

    @property
    def as_of(self) -> datetime:
        return self.fact.as_of or self.fact.occurred_at

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        return self.as_of, self.fact.occurred_at, self.delivery

    @property
    def wanted(self) -> datetime:
        """How new a state has to be to show what this tells of. Vendors tell time to the second: what came later in the
        same second is not in a state that was looked at before, and only such a fact makes us look."""
        return self.as_of + SECOND if brings_messages(self.fact) else self.as_of


def brings_messages(fact: Fact) -> bool:
    """Whether a fact only says "look at this ticket", so that what was said there has to be found, too."""
    return fact.kind is None and "message" in fact.needs


def tells_all(told: ToldFact) -> bool:
    """Whether a delivery tells the whole ticket: nothing is lacking, and what every ticket has is there."""
    return not told.fact.needs and {"status", "subject", "customer"} <= told.fields.keys()


def checked_fields(fact: Fact) -> JSON:
    """What a fact tells of the ticket, checked against the model and as JSON. What a change led to is told, too.

    Raises:
        ValidationError: the adapter tells something that no ticket can have.
    """
    fields: dict[str, Any] = dict(fact.ticket)
    for name in ("status", "priority", "subject", "type"):
        if name in fact.changes:
            fields.setdefault(name, fact.changes[name].after)
    if fact.kind is EventKind.TICKET_DELETED:
        fields.setdefault("status", Status.DELETED)
    if fact.kind is EventKind.TICKET_CREATED:
        fields.setdefault("created_at", fact.occurred_at)
    fields["id"] = fact.ticket_id
    return Ticket.model_validate(fields).model_dump(mode="json", exclude_unset=True)
