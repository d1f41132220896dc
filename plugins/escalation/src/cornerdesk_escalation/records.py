"""Rows of escalations, read and written. Decides nothing: what follows from them is the work of `course`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from cornerdesk import FrozenModel, Person, Transaction, UtcTime
from sqlalchemy import func, insert, select, text, update

from cornerdesk_escalation.chain import day_of
from cornerdesk_escalation.facts import TicketFacts
from cornerdesk_escalation.tables import escalations, history, tells

# Whoever decides whom to tell holds this lock: budgets and "one message for one ticket" are counted across
# escalations, which are rare enough to be decided one at a time.
DECIDING = 0x0E5CA1A7


class State(StrEnum):
    """`waiting` for an answer (or for somebody's hours); `exhausted`: nobody answered and nobody is left."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    EXHAUSTED = "exhausted"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class TellState(StrEnum):
    """`quiet`: their turn came while another escalation of the ticket had told them already: no second message."""

    PLANNED = "planned"
    TOLD = "told"
    FAILED = "failed"
    QUIET = "quiet"


class Escalation(FrozenModel):
    """One escalation as it stands; the columns of its table."""

    id: str
    effect: str
    rule: str
    source: str
    ticket: str
    event: str | None = None
    chain: tuple[str, ...]
    within: int
    reason: str
    facts: TicketFacts
    note: bool
    state: State
    step: int | None = None
    turn: int = 0
    waits_for: str | None = None
    opened_at: UtcTime
    due_at: UtcTime | None = None
    closed_at: UtcTime | None = None
    acknowledged_by: str | None = None
    answer: str | None = None

    @property
    def to(self) -> str | None:
        """Whom it waits on."""
        return self.chain[self.step] if self.step is not None else None


class Tell(FrozenModel):
    """One person told, at one place in the chain. The token is the key to acknowledge with."""

    token: str
    escalation: str
    step: int
    person: str
    at: UtcTime
    state: TellState
    told_at: UtcTime | None = None
    channel: str | None = None


async def take_turns(tx: Transaction) -> None:
    """Wait until nobody else decides whom to tell. SQLite has one writer anyway."""
    if tx.dialect == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": DECIDING})


async def add_escalation(tx: Transaction, escalation: Escalation) -> bool:
    """Insert it; False when its effect has opened one already."""
    row = escalation.model_dump() | {"facts": escalation.facts.model_dump(mode="json"), "chain": list(escalation.chain)}
    return bool(await tx.insert_new(escalations, [row], unique=["effect"], returning="id"))


async def load(tx: Transaction, id: str, *, lock: bool = False) -> Escalation | None:
    """The escalation of this id; with `lock`, nobody else changes it until the transaction ends."""
    asked = select(escalations).where(escalations.c.id == id)
    row = await tx.row(tx.locked(asked) if lock else asked)
    return Escalation.model_validate(row) if row else None


async def change(tx: Transaction, escalation: Escalation, **values: Any) -> Escalation:
    """Store these fields, and give the escalation as it is now."""
    await tx.execute(update(escalations).where(escalations.c.id == escalation.id).values(**values))
    return escalation.model_copy(update=values)


async def lock_open(tx: Transaction, source: str, ticket: str) -> list[Escalation]:
    """Escalations of the ticket that wait or ended without an answer, locked. In one order for everybody, so that two
    who answer at once do not wait for each other for ever."""
    asked = (
        select(escalations)
        .where(
            escalations.c.source == source,
            escalations.c.ticket == ticket,
            escalations.c.state.in_([State.WAITING, State.EXHAUSTED]),
        )
        .order_by(escalations.c.id)
    )
    return [Escalation.model_validate(row) for row in await tx.rows(tx.locked(asked))]


async def waiting_on_ticket(tx: Transaction, source: str, ticket: str, *, but: str) -> list[str]:
    """Ids of the ticket's escalations that wait, without `but`."""
    asked = select(escalations.c.id).where(
        escalations.c.source == source,
        escalations.c.ticket == ticket,
        escalations.c.state == State.WAITING,
        escalations.c.id != but,
    )
    return [str(row["id"]) for row in await tx.rows(asked)]


async def add_tell(tx: Transaction, tell: Tell) -> None:
    """Note whose turn it is."""
    await tx.execute(insert(tells).values(**tell.model_dump()))


async def change_tell(tx: Transaction, escalation: str, step: int, **values: Any) -> None:
    """What came of telling them."""
    await tx.execute(update(tells).where(tells.c.escalation == escalation, tells.c.step == step).values(**values))


async def tells_of(tx: Transaction, ids: Sequence[str]) -> list[Tell]:
    """Everybody told by these escalations, in the order in which they were."""
    asked = select(tells).where(tells.c.escalation.in_(ids)).order_by(tells.c.at, tells.c.step)
    return [Tell.model_validate(row) for row in await tx.rows(asked)]


async def find_tell(tx: Transaction, token: str) -> Tell | None:
    """The telling that this token belongs to."""
    row = await tx.row(select(tells).where(tells.c.token == token))
    return Tell.model_validate(row) if row else None


async def count_today(
    tx: Transaction, chain: Sequence[str], people: Mapping[str, Person], now: datetime
) -> dict[str, int]:
    """How often each of the chain who has a budget was told on the day that it is for them."""
    counts: dict[str, int] = {}
    for name in dict.fromkeys(chain):
        if (person := people.get(name)) and person.budget.per_day is not None:
            start, end = day_of(person, now)
            asked = select(func.count()).where(
                tells.c.person == name,
                tells.c.at >= start,
                tells.c.at < end,
                tells.c.state.in_([TellState.PLANNED, TellState.TOLD]),
            )
            counts[name] = await tx.value(asked)
    return counts


async def write_history(
    tx: Transaction, escalation: str, at: datetime, what: str, *, person: str | None = None, text: str | None = None
) -> None:
    """Add a line to what happened."""
    row = {"escalation": escalation, "at": at, "what": what, "person": person, "text": text}
    await tx.execute(insert(history).values(**row))


async def history_of(tx: Transaction, ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """What happened in these escalations, in order."""
    return await tx.rows(select(history).where(history.c.escalation.in_(ids)).order_by(history.c.number))
