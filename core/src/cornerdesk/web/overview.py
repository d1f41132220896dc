"""What the overview tells at a glance: is it alive, is anything stuck, how much was there in the last day. Reads only.

Counts what is open by index and what is past only over a day, so that a large database can be looked at all the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select

from cornerdesk.actions import EffectState
from cornerdesk.model import Origin
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction
from cornerdesk.web.asking import ask_rows

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

DAY = timedelta(hours=24)
OVERDUE = timedelta(seconds=60)
MOST = 100
"""More than these are not counted out."""


@dataclass(frozen=True)
class SourceSeen:
    """What came from one source in the last day.

    Attributes:
        last, received: of webhooks: what backfill and reconcile fetch says nothing of whether the help desk sends.
        fetched: records of history that backfill and reconcile fetched.
        unread: stored and not yet processed, wherever from, the oldest since `oldest`.
    """

    name: str
    helpdesk: str
    last: datetime | None = None
    received: int = 0
    fetched: int = 0
    unread: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class Worry:
    """Something that is stuck: a link says where. `state` colours it."""

    count: str
    what: str
    link: str
    state: str


@dataclass(frozen=True)
class Overview:
    """At `now`."""

    now: datetime
    sources: Sequence[SourceSeen]
    worries: Sequence[Worry]
    received: int
    fetched: int
    events: int
    effects: dict[str, int]


async def look_over(runtime: Runtime) -> Overview:
    """Ask the database."""
    now = runtime.store.clock.now()
    async with runtime.store.storage.reading() as tx:
        sources = await _sources(tx, runtime, now)
        counted = await _open_effects(tx, now)
        counted["dead"] += await tx.value(select(func.count()).where(tables.deliveries.c.state == "dead"))
        counted["findings"] = await _findings(tx, list(runtime.store.configuration.sources))
        events = await tx.value(select(func.count()).where(tables.events.c.received_at >= now - DAY))
        effects = await _effects(tx, now)
    worries = _worries(counted, _late(sources, now), await _escalations(runtime))
    received, fetched = (sum(getattr(each, name) for each in sources) for name in ("received", "fetched"))
    return Overview(now, sources, worries, received, fetched, events, effects)


async def _sources(tx: Transaction, runtime: Runtime, now: datetime) -> list[SourceSeen]:
    table = tables.deliveries.c
    columns: list[ColumnElement[Any]] = [
        table.source, table.state, table.origin, func.count().label("n"),
        func.max(table.received_at, type_=table.received_at.type).label("last"),
        func.min(table.received_at, type_=table.received_at.type).label("first"),
    ]  # fmt: skip
    rows = await tx.rows(
        select(*columns).where(table.id >= first_id(now - DAY)).group_by(table.source, table.state, table.origin)
    )
    found = []
    for name, settings in runtime.store.configuration.sources.items():
        own = [row for row in rows if row["source"] == name]
        sent = [row for row in own if row["origin"] == Origin.WEBHOOK]
        unread = [row for row in own if row["state"] == "stored"]
        found.append(
            SourceSeen(
                name,
                settings.adapter,
                max((row["last"] for row in sent), default=None),
                sum(row["n"] for row in sent),
                sum(row["n"] for row in own if row not in sent),
                sum(row["n"] for row in unread),
                min((row["first"] for row in unread), default=None),
            )
        )
    return found


async def _open_effects(tx: Transaction, now: datetime) -> dict[str, int]:
    """How many are in each state that does not last; of the planned ones, those that should be done by now."""
    table = tables.effects.c
    due = or_(table.state != EffectState.PLANNED, func.coalesce(table.not_before, table.planned_at) < now - OVERDUE)
    states = [EffectState.PLANNED, EffectState.FAILED, EffectState.UNKNOWN, EffectState.DEAD]
    counted = select(table.state, func.count().label("n")).where(table.state.in_(states), due).group_by(table.state)
    return {str(state): 0 for state in states} | {row["state"]: row["n"] for row in await tx.rows(counted)}


async def _findings(tx: Transaction, sources: Sequence[str]) -> int:
    """What is wrong with the sources of the configuration: those that were taken out of it are nobody's worry."""
    found: int = await tx.value(select(func.count()).where(tables.findings.c.source.in_(sources)))
    return found


async def _effects(tx: Transaction, now: datetime) -> dict[str, int]:
    table = tables.effects.c
    counted = select(table.state, func.count().label("n")).where(table.planned_at >= now - DAY, ~table.internal)
    return {row["state"]: row["n"] for row in await tx.rows(counted.group_by(table.state).order_by(table.state))}


def _worries(counted: Mapping[str, int], unread: int, escalations: Mapping[str, int]) -> list[Worry]:
    """What a person must see to first."""
    found = [
        (counted["dead"], "Dead letters: a person must retry or drop them", "/deadletters", "dead"),
        (counted["findings"], "Findings about sources: see `cornerdesk doctor`", "/sources", "dead"),
        (escalations["exhausted"], "Escalations that nobody answered", "/escalations?state=exhausted", "exhausted"),
        (unread, "Deliveries not read yet: does a worker run?", "/deliveries?state=stored", "failed"),
        (counted["planned"], "Effects overdue: does a worker run?", "/effects?state=planned&timers=yes", "failed"),
        (escalations["waiting"], "Escalations waiting for an answer", "/escalations?state=waiting", "waiting"),
        (counted["unknown"], "Effects in doubt: being looked up", "/effects?state=unknown&timers=yes", "unknown"),
        (
            counted["failed"],
            "Effects that failed: another attempt follows",
            "/effects?state=failed&timers=yes",
            "failed",
        ),
    ]
    return [
        Worry(f"{min(n, MOST)}{'+' if n >= MOST else ''}", what, link, state) for n, what, link, state in found if n
    ]


def _late(sources: Sequence[SourceSeen], now: datetime) -> int:
    return sum(each.unread for each in sources if each.oldest and each.oldest < now - OVERDUE)


async def _escalations(runtime: Runtime) -> dict[str, int]:
    """Of each state that asks for somebody. The list is a plugin's, which may be missing."""
    listing = runtime.store.listings.get("escalations")
    return {
        state: len(await ask_rows(runtime, listing, [("state", state)], limit=MOST)) if listing else 0
        for state in ("exhausted", "waiting")
    }


def first_id(moment: datetime) -> str:
    """The smallest id that can have been made then: ids begin with their time, so the primary key finds the newest."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
