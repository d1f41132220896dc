"""What waits for a person, and how reconcile does: findings out of our own tables. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, func, literal_column, select

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.model import Origin
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Row, Transaction
from cornerdesk.subscriptions.findings import Finding, Trouble

_FAILING = "failing"
_OVERDUE_AFTER = 3
"""Turns that may be left out before it counts: a restart or a long page delays one."""
_AT_LEAST = timedelta(hours=1)


async def dead_letters(tx: Transaction, source: str) -> list[Finding]:
    """Dead deliveries and effects of this source, as one finding."""
    deliveries, effects = tables.deliveries, tables.effects
    moments: tuple[tuple[Table, ColumnElement[Any]], ...] = (
        (deliveries, func.coalesce(deliveries.c.done_at, deliveries.c.received_at, type_=deliveries.c.done_at.type)),
        (effects, func.coalesce(effects.c.done_at, effects.c.planned_at, type_=effects.c.done_at.type)),
    )
    counts, oldest = [], []
    for table, moment in moments:
        dead = select(func.count().label("count"), func.min(moment, type_=deliveries.c.done_at.type).label("since"))
        # In these very words, and with a source that no index knows: else SQLite would walk through all that ever came
        # from this source instead of through the few that are dead.
        these = (table.c.state == literal_column("'dead'"), table.c.source + "" == source)
        row = await tx.row(dead.where(*these))
        assert row is not None
        counts.append(row["count"])
        oldest += [row["since"]] if row["since"] else []
    if not any(counts):
        return []
    told = [_count(counts[0], "delivery", "deliveries"), _count(counts[1], "effect", "effects")]
    what = " and ".join(each for each in told if each)
    return [
        Finding(
            source=source,
            what=Trouble.DEAD_LETTERS,
            since=min(oldest),
            detail=f"{what} could not be done and {'wait' if sum(counts) > 1 else 'waits'} for a person",
            to_do=f"`cornerdesk deadletters list --source {source}` says why; retry or drop each",
        )
    ]


async def reconcile_troubles(tx: Transaction, adapter: Adapter, now: datetime) -> list[Finding]:
    """Whether the API is asked in time for what webhooks lost."""
    every = adapter.settings.reconcile
    if every is None or Capability.HISTORY not in adapter.capabilities:
        return []
    runs = tables.history_runs
    row = await tx.row(select(runs).where(runs.c.source == adapter.source, runs.c.origin == Origin.RECONCILE.value))
    if row is None:
        return []
    since = row["finished_at"] or row["started_at"]
    if row["state"] == _FAILING:
        return [_failing(adapter.source, row, since)]
    if now - since <= max(every * _OVERDUE_AFTER, _AT_LEAST):
        return []
    return [
        Finding(
            source=adapter.source,
            what=Trouble.RECONCILE_OVERDUE,
            since=since,
            detail="the API was not asked to the end for what webhooks lost since then",
            to_do="see that a worker of `cornerdesk serve` runs and is not overloaded; `cornerdesk sources` says how"
            " far it came",
        )
    ]


def _failing(source: str, row: Row, since: datetime) -> Finding:
    return Finding(
        source=source,
        what=Trouble.RECONCILE_FAILING,
        since=since,
        detail=f"what webhooks lost cannot be fetched: {row['reason'] or 'no reason is known'}",
        to_do="mend what the reason names; it is tried again by itself",
    )


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}" if number else ""
