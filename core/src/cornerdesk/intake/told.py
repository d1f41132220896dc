"""One fact as a delivery told it, checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cornerdesk.adapters.interface import Fact
from cornerdesk.model import JSON, EventKind, Status, Ticket

SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class ToldFact:
    """A fact with its delivery, and the ticket fields it tells as checked JSON. `received_at` is the delivery's."""

    delivery: str
    fact: Fact
    fields: JSON
    received_at: datetime | None = None

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
        return self.as_of + SECOND if says_look(self.fact) else self.as_of

    @property
    def changed(self) -> JSON:
        """Of `fields` those that this fact is about: the others only show how the ticket looked then."""
        names, custom = self.fact.changes.keys(), self.fields.get("fields") or {}
        changed = {name: value for name, value in self.fields.items() if name in names}
        changed_custom = {name: value for name, value in custom.items() if f"fields.{name}" in names}
        return {**changed, **({"fields": changed_custom} if changed_custom else {})}

    @property
    def changed_at(self) -> datetime:
        """When that changed, as near as can be told. Of a vendor who tells whole seconds it is sometime in that second,
        and before the delivery came: so a state that was looked at earlier in the second gives way to it, and one that
        was looked at since does not."""
        second = self.fact.occurred_at
        if second.microsecond or self.received_at is None:
            return second
        return max(second, min(self.received_at, second + SECOND) - INSTANT)


def says_look(fact: Fact) -> bool:
    """Whether a fact only says "look at this ticket": what happened is not told."""
    return fact.kind is None and not fact.needs.isdisjoint({"ticket", "message"})


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
