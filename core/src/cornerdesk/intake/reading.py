"""What adapters make of stored deliveries. Pure: runs a plugin's code and lets nothing of it escape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from cornerdesk.adapters.interface import Adapter, Delivery
from cornerdesk.errors import RejectedError
from cornerdesk.intake.text import may_hold_broken_text, with_clean_text
from cornerdesk.intake.told import ToldFact, checked_fields

State = str
DONE, IGNORED, DEAD = "done", "ignored", "dead"


@dataclass(frozen=True)
class ReadDelivery:
    """A stored delivery and what its adapter made of it.

    Attributes:
        state: `ignored` or `dead` when reading settled it, else None.
        reason: why; never a customer's words.
    """

    id: str
    source: str
    received_at: datetime
    origin: str
    facts: tuple[ToldFact, ...] = ()
    state: State | None = None
    reason: str | None = None

    @property
    def tickets(self) -> list[tuple[str, str]]:
        """Of what it tells, by source and id, each once."""
        return list(dict.fromkeys((self.source, told.fact.ticket_id) for told in self.facts))


def read(row: Mapping[str, Any], adapters: Mapping[str, Adapter]) -> ReadDelivery:
    """Read one row of `deliveries`."""
    known = {name: row[name] for name in ("id", "source", "received_at", "origin")}
    adapter = adapters.get(row["source"])
    if adapter is None:
        return ReadDelivery(**known, state=DEAD, reason=f"source {row['source']!r} is not configured (any more)")
    delivery = Delivery(headers=row["headers"], body=row["body"], received_at=row["received_at"])
    try:
        reading = adapter.read(delivery)
        told = reading.facts
        if may_hold_broken_text(delivery.body):
            told = tuple(with_clean_text(fact) for fact in told)
        facts = tuple(ToldFact(row["id"], fact, checked_fields(fact)) for fact in told)
    except RejectedError as error:
        return ReadDelivery(**known, state=DEAD, reason=str(error))
    except ValidationError as error:
        # pydantic's own text quotes the value, which may be a customer's.
        fields = sorted({".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)})
        reason = f"ValidationError in adapter {adapter.helpdesk}: {', '.join(fields)[:200]}"
        return ReadDelivery(**known, state=DEAD, reason=reason)
    except Exception as error:  # noqa: BLE001 - a plugin's code
        return ReadDelivery(**known, state=DEAD, reason=f"{type(error).__name__} in adapter {adapter.helpdesk}")
    if not facts:
        return ReadDelivery(**known, state=IGNORED, reason=reading.ignored or "tells nothing")
    return ReadDelivery(**known, facts=facts)
