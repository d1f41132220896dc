"""The list `effects`: what was planned, and what became of it. Payloads stay out: they may hold a customer's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select

from cornerdesk.actions import EffectState
from cornerdesk.durations import parse_duration
from cornerdesk.errors import RejectedError
from cornerdesk.listings import Filter, Listing, Question
from cornerdesk.model import FrozenModel, UtcTime
from cornerdesk.storage import tables


class EffectRow(FrozenModel):
    """One effect as people see it. `done_at` is when it ended, well or not."""

    id: str
    key: str
    rule: str
    rule_version: str | None
    action: str
    target: str
    ticket: str | None
    source: str | None
    event: str | None
    parent: str | None
    state: EffectState
    internal: bool
    attempts: int
    planned_at: UtcTime
    not_before: UtcTime | None
    done_at: UtcTime | None
    reason: str | None


def effect_listing() -> Listing:
    """`cornerdesk effects`, `/api/v1/effects`, and the page of that name."""
    return Listing(
        name="effects",
        about="what was planned and what became of it",
        row=EffectRow,
        columns=("planned_at", "rule", "action", "target", "source", "ticket", "state", "attempts", "reason"),
        rows=_rows,
        filters=(
            Filter("rule", "only what this rule asked for"),
            Filter("action", "only this action: escalate, note, tag, ..."),
            Filter("state", "only effects in this state", choices=tuple(state.value for state in EffectState)),
            Filter("source", "only this source"),
            Filter("ticket", "only this ticket, by its id or number"),
            Filter("since", "only those planned since then: a date, or a length of time back such as 24h"),
            Filter("timers", "also timers and other inner steps", flag=True),
        ),
        example="cornerdesk effects --state dead --since 24h",
    )


def on_ticket(ticket: str, source: ColumnElement[Any], column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row belongs to the ticket of this id, or of the number that people see."""
    numbered = select(tables.tickets.c.id).where(
        tables.tickets.c.source == source, tables.tickets.c.id == column, tables.tickets.c.number == ticket
    )
    return or_(column == ticket, numbered.exists())


def moment_of(value: Any, now: datetime) -> datetime:
    """What `since` means: a time as it is, a date, or a length of time back from `now`.

    Raises:
        RejectedError: it is none of these.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return now - parse_duration(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RejectedError(f"{value!r} is neither a time such as 2026-11-22T09:00 nor a length such as 24h") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _rows(question: Question) -> Sequence[EffectRow]:
    effects = tables.effects
    columns = [effects.c[field] for field in EffectRow.model_fields]
    statement = _narrowed(select(*columns), question).order_by(effects.c.planned_at.desc(), effects.c.id.desc())
    return [EffectRow.model_validate(row) for row in await question.tx.rows(statement.limit(question.limit))]


def _narrowed(statement: Select[Any], question: Question) -> Select[Any]:
    effects, filters = tables.effects.c, question.filters
    wanted: list[ColumnElement[bool]] = [
        effects[name] == filters[name] for name in ("rule", "action", "state", "source") if filters.get(name)
    ]
    if not filters.get("timers"):
        wanted.append(effects.internal == false())
    if ticket := filters.get("ticket"):
        wanted.append(on_ticket(str(ticket), effects.source, effects.ticket))
    if since := filters.get("since"):
        wanted.append(effects.planned_at >= moment_of(since, question.now))
    return statement.where(and_(*wanted)) if wanted else statement
