"""What adapters make of stored deliveries. Pure: runs a plugin's code and lets nothing of it escape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from cornerdesk.adapters.history import HistoryRecord
from cornerdesk.adapters.interface import Adapter, Delivery, Reading, TicketState
from cornerdesk.errors import RejectedError, UnsupportedError
from cornerdesk.intake.text import may_hold_broken_text, with_clean_text
from cornerdesk.intake.told import ToldFact, checked_fields
from cornerdesk.model import Origin

State = str
DONE, IGNORED, DEAD = "done", "ignored", "dead"

HISTORY = frozenset({Origin.BACKFILL.value, Origin.RECONCILE.value})
HISTORY_KEY = "history:"
"""Before a record's key, among the keys of deliveries."""


@dataclass(frozen=True)
class ReadDelivery:
    """A stored delivery and what its adapter made of it.

    Attributes:
        states: of the tickets it tells all of.
        state: `ignored` or `dead` when reading settled it, else None.
        reason: why; never a customer's words.
    """

    id: str
    source: str
    received_at: datetime
    origin: str
    facts: tuple[ToldFact, ...] = ()
    states: tuple[TicketState, ...] = ()
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
    try:
        reading = _reading(row, adapter)
        facts = tuple(ToldFact(row["id"], fact, checked_fields(fact), row["received_at"]) for fact in reading.facts)
    except (RejectedError, UnsupportedError) as error:
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
    return ReadDelivery(**known, facts=facts, states=reading.states)


def _reading(row: Mapping[str, Any], adapter: Adapter) -> Reading:
    """What the adapter makes of a row; raises whatever it raises."""
    if row["origin"] in HISTORY:
        if row["ticket"] is None:
            raise RejectedError("the help desk's record had no known shape; `cornerdesk backfill` asks for it again")
        record = HistoryRecord(
            key=row["key"].removeprefix(HISTORY_KEY), ticket_id=row["ticket"], body=bytes(row["body"])
        )
        reading = adapter.read_history(record)
    else:
        reading = adapter.read(Delivery(headers=row["headers"], body=row["body"], received_at=row["received_at"]))
    if not may_hold_broken_text(row["body"]):
        return reading
    return Reading(
        facts=tuple(with_clean_text(fact) for fact in reading.facts),
        ignored=reading.ignored,
        states=tuple(with_clean_text(state) for state in reading.states),
    )
