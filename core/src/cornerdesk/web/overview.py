"""What the overview tells at a glance: is it alive, is anything stuck, how much was there in the last day. Reads only.

Counts what is open by index and what is past only over a day, so that a large database can be looked at all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select

from cornerdesk.actions import EffectState
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction
from cornerdesk.web.asking import ask_rows

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

DAY = timedelta(hours=24)
OVERDUE = timedelta(seconds=60)
MANY = 100
"""Rows of a plugin's listing counted at most."""


@dataclass(frozen=True)
class SourceSeen:
    """What came from one source in the last day. `unread`: stored and not yet processed, the oldest since `oldest`."""

    name: str
    helpdesk: str
    last: datetime | None = None
    received: int = 0
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
    events: int
    effects: dict[str, int]


async def look_over(runtime: Runtime) -> Overview:
    """Ask the database."""
    now = runtime.store.clock.now()
    async with runtime.store.storage.reading() as tx:
        sources = await _sources(tx, runtime, now)
        open_effects = await _open_effects(tx, now)
        dead = await tx.value(select(func.count()).where(tables.deliveries.c.state == "dead")) + open_effects["dead"]
        events = await tx.value(select(func.count()).where(tables.events.c.received_at >= now - DAY))
        effects = await _effects(tx, now)
    worries = [*_stuck(dead, open_effects), *_unread(sources, now), *await _escalations(runtime)]
    return Overview(now, sources, worries, sum(each.received for each in sources), events, effects)


async def _sources(tx: Transaction, runtime: Runtime, now: datetime) -> list[SourceSeen]:
    table = tables.deliveries.c
    columns: list[ColumnElement[Any]] = [
        table.source, table.state, func.count().label("n"),
        func.max(table.received_at, type_=table.received_at.type).label("last"),
        func.min(table.received_at, type_=table.received_at.type).label("first"),
    ]  # fmt: skip
    rows = await tx.rows(select(*columns).where(table.id >= first_id(now - DAY)).group_by(table.source, table.state))
    found = []
    for name, settings in runtime.store.configuration.sources.items():
        own = [row for row in rows if row["source"] == name]
        unread = next((row for row in own if row["state"] == "stored"), None)
        found.append(
            SourceSeen(
                name,
                settings.adapter,
                max((row["last"] for row in own), default=None),
                sum(row["n"] for row in own),
                unread["n"] if unread else 0,
                unread["first"] if unread else None,
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


async def _effects(tx: Transaction, now: datetime) -> dict[str, int]:
    table = tables.effects.c
    counted = select(table.state, func.count().label("n")).where(table.planned_at >= now - DAY, ~table.internal)
    return {row["state"]: row["n"] for row in await tx.rows(counted.group_by(table.state).order_by(table.state))}


def _stuck(dead: int, effects: dict[str, int]) -> list[Worry]:
    found = [
        (dead, "could not be processed or done and wait for a person", "/deadletters", "dead"),
        (effects["unknown"], "may or may not have taken place; being looked up", "/effects?state=unknown", "unknown"),
        (effects["failed"], "failed and wait for the next attempt", "/effects?state=failed", "failed"),
        (
            effects["planned"],
            "should be done by now; does a worker run?",
            "/effects?state=planned&timers=yes",
            "failed",
        ),
    ]
    return [Worry(str(count), what, link, state) for count, what, link, state in found if count]


def _unread(sources: Sequence[SourceSeen], now: datetime) -> list[Worry]:
    late = [each for each in sources if each.oldest and each.oldest < now - OVERDUE]
    count = sum(each.unread for each in late)
    what = "deliveries have come in and are not read; does a worker run?"
    return [Worry(str(count), what, "/deliveries?state=stored", "failed")] if late else []


async def _escalations(runtime: Runtime) -> list[Worry]:
    listing = runtime.store.listings.get("escalations")
    if listing is None:
        return []
    found = []
    for state, what in (("exhausted", "escalations nobody answered"), ("waiting", "escalations wait for an answer")):
        count = len(await ask_rows(runtime, listing, [("state", state)], limit=MANY))
        if count:
            shown = f"{count}+" if count == MANY else str(count)
            found.append(Worry(shown, what, f"/escalations?state={state}", state))
    return found


def first_id(moment: datetime) -> str:
    """The smallest id that can have been made then: ids begin with their time, so the primary key finds the newest."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
