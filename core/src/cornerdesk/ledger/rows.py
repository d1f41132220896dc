"""Effects as rows of the table `effects`, and how far an unfinished one has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from cornerdesk.actions import Effect, EffectState
from cornerdesk.ledger.keys import marker_of
from cornerdesk.model import FrozenModel, UtcTime
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Row, Transaction

ENDED = frozenset({EffectState.CONFIRMED, EffectState.SUPPRESSED, EffectState.DEAD})
IN_DOUBT = frozenset({EffectState.SENT, EffectState.UNKNOWN})

_FIELDS = tuple(Effect.model_fields)

# Built once: building a statement costs as much as running it.
_RECEIVED_AT = select(tables.events.c.received_at).where(tables.events.c.id == tables.effects.c.event)
_BY_ID = select(tables.effects, _RECEIVED_AT.scalar_subquery().label("received_at")).where(
    tables.effects.c.id == bindparam("effect_id")
)
_CHANGE = update(tables.effects).where(tables.effects.c.id == bindparam("effect_id"))


class Progress(FrozenModel):
    """What stands in `receipt` until there is one.

    Attributes:
        not_before: as it was planned; the column of that name then holds when the next step is due.
        sent_at: when it last went out with no answer known.
    """

    not_before: UtcTime | None = None
    sent_at: UtcTime | None = None


@dataclass(frozen=True)
class Held:
    """An effect whose row is locked by this transaction."""

    effect: Effect
    marker: str
    progress: Progress
    received_at: datetime | None

    @property
    def due_since(self) -> datetime:
        """When it was first to be done: age counts from here."""
        return self.progress.not_before or self.effect.planned_at


def effect_of(row: Row) -> Effect:
    """The effect that a row holds."""
    return Effect.model_validate({field: row[field] for field in _FIELDS})


async def hold(tx: Transaction, effect_id: str) -> Held | None:
    """Lock an effect's row until the transaction ends."""
    row = await tx.row(tx.locked(_BY_ID), {"effect_id": effect_id})
    if row is None:
        return None
    effect = effect_of(row)
    return Held(effect, row["marker"] or marker_of(effect.id), _progress(effect), row["received_at"])


async def change(tx: Transaction, held: Held, **values: Any) -> None:
    """Change an effect whose row is locked."""
    await tx.execute(_CHANGE, {"effect_id": held.effect.id, **values})


async def note_echoes(tx: Transaction, effect: Effect, hints: Sequence[str], now: datetime) -> None:
    """Remember how the vendor's report of this write will look."""
    if not hints or effect.source is None or effect.ticket is None:
        return
    rows = [
        {"source": effect.source, "ticket": effect.ticket, "hint": hint, "effect": effect.id, "at": now}
        for hint in sorted(set(hints))
    ]
    insert = tx.upsert(tables.echoes).values(rows)
    await tx.execute(
        insert.on_conflict_do_update(
            index_elements=["source", "ticket", "hint"],
            set_={"effect": insert.excluded.effect, "at": insert.excluded.at},
        )
    )


def _progress(effect: Effect) -> Progress:
    if effect.state in {EffectState.CONFIRMED, EffectState.SUPPRESSED} or effect.receipt is None:
        return Progress(not_before=effect.not_before)
    return Progress.model_validate(effect.receipt)
