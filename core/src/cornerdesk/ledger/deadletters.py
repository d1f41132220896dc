"""Dead letters: deliveries that could not be read and effects that could not be done, until a person decides."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, String, cast, func, literal, null, select, union_all

from cornerdesk.actions import EffectState
from cornerdesk.engine.jobs import JobRequest, Jobs
from cornerdesk.errors import ConfigurationError, RejectedError
from cornerdesk.ledger.ledger import JOB
from cornerdesk.ledger.listings import moment_of, on_ticket
from cornerdesk.ledger.rows import Held, change, hold
from cornerdesk.listings import Filter, Listing, Question, Request, Verb
from cornerdesk.model import FrozenModel, UtcTime
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction

Requeue = Callable[[Transaction, Jobs, Sequence[str]], Awaitable[Any]]
Drop = Callable[[Transaction, Sequence[str]], Awaitable[Any]]


class DeadLetter(FrozenModel):
    """One thing that waits for a person. `since` is when it was given up; `rule` and `action` are an effect's."""

    id: str
    what: Literal["delivery", "effect"]
    reason: str | None
    since: UtcTime
    attempts: int
    source: str | None
    ticket: str | None
    rule: str | None
    action: str | None
    target: str | None


def dead_letter_listing(jobs: Jobs | None, *, retry_delivery: Requeue, drop_delivery: Drop) -> Listing:
    """`cornerdesk deadletters list`, `retry`, `drop`.

    Args:
        jobs: where what is retried is set off; None where no verb will be run.
        retry_delivery: puts deliveries back to be read again. Deliveries are another room's, so it is handed in.
        drop_delivery: gives deliveries up for good.
    """

    async def retry(request: Request) -> str:
        if jobs is None:
            raise ConfigurationError("nothing can be retried here: there is no queue to put it in")
        if await _is_dead_delivery(request):
            await retry_delivery(request.tx, jobs, [request.id])
            return f"delivery {request.id} will be read again"
        return await _retry_effect(request, jobs)

    async def drop(request: Request) -> str:
        if await _is_dead_delivery(request):
            await drop_delivery(request.tx, [request.id])
            return f"delivery {request.id} is dropped"
        return await _drop_effect(request)

    return Listing(
        name="deadletters",
        about="what could not be processed or done, and waits for a person",
        row=DeadLetter,
        columns=("since", "id", "what", "source", "ticket", "action", "attempts", "reason"),
        rows=_rows,
        filters=(
            Filter("what", "only these", choices=("delivery", "effect")),
            Filter("source", "only this source"),
            Filter("ticket", "only this ticket, by its id or number"),
            Filter("action", "only effects of this action"),
            Filter("since", "only those given up since then: a date, or a length of time back such as 24h"),
        ),
        verbs=(
            Verb("retry", "tries it again from the beginning", retry),
            Verb("drop", "gives it up for good; it stays on record", drop),
        ),
        example="cornerdesk deadletters list --what effect",
    )


async def _rows(question: Question) -> Sequence[DeadLetter]:
    filters = question.filters
    parts = {"delivery": _dead_deliveries(), "effect": _dead_effects()}
    wanted = [part for what, part in parts.items() if filters.get("what") in (None, what)]
    letters = union_all(*wanted).subquery()
    statement = select(letters).where(*_conditions(letters.c, question))
    rows = await question.tx.rows(statement.order_by(letters.c.since.desc(), letters.c.id).limit(question.limit))
    return [DeadLetter.model_validate(row) for row in rows]


def _conditions(letters: Any, question: Question) -> list[ColumnElement[bool]]:
    filters = question.filters
    wanted = [letters[name] == filters[name] for name in ("source", "action") if filters.get(name)]
    if ticket := filters.get("ticket"):
        wanted.append(on_ticket(str(ticket), letters.source, letters.ticket))
    if since := filters.get("since"):
        wanted.append(letters.since >= moment_of(since, question.now))
    return wanted


def _dead_effects() -> Select[Any]:
    effects = tables.effects.c
    return select(
        effects.id,
        literal("effect").label("what"),
        effects.reason,
        func.coalesce(effects.done_at, effects.planned_at, type_=effects.planned_at.type).label("since"),
        effects.attempts,
        effects.source,
        effects.ticket,
        effects.rule,
        effects.action,
        effects.target,
    ).where(effects.state == EffectState.DEAD.value)


def _dead_deliveries() -> Select[Any]:
    deliveries = tables.deliveries.c
    nothing = cast(null(), String)
    return select(
        deliveries.id,
        literal("delivery").label("what"),
        deliveries.reason,
        func.coalesce(deliveries.done_at, deliveries.received_at, type_=deliveries.received_at.type).label("since"),
        deliveries.attempts,
        deliveries.source,
        deliveries.ticket,
        nothing.label("rule"),
        nothing.label("action"),
        nothing.label("target"),
    ).where(deliveries.state == "dead")


async def _is_dead_delivery(request: Request) -> bool:
    deliveries = tables.deliveries.c
    state = await request.tx.value(select(deliveries.state).where(deliveries.id == request.id))
    if state not in (None, "dead"):
        raise RejectedError(f"delivery {request.id} is {state}, not dead")
    return state is not None


async def _dead_effect(request: Request) -> Held:
    held = await hold(request.tx, request.id)
    if held is None:
        raise RejectedError(f"there is no dead letter {request.id!r}; `cornerdesk deadletters list` shows them")
    if held.effect.state is not EffectState.DEAD:
        raise RejectedError(f"effect {request.id} is {held.effect.state.value}, not dead")
    return held


async def _retry_effect(request: Request, jobs: Jobs) -> str:
    """From the beginning; but what may have gone out is looked up before it is sent again."""
    held = await _dead_effect(request)
    in_doubt = held.progress.sent_at is not None
    await change(
        request.tx,
        held,
        state=(EffectState.UNKNOWN if in_doubt else EffectState.PLANNED).value,
        attempts=0,
        done_at=None,
        not_before=request.now,
        receipt=held.progress.model_copy(update={"not_before": request.now}).model_dump(mode="json"),
    )
    await jobs.enqueue(request.tx, [JobRequest(JOB, json.dumps([request.id]).encode())])
    last = "is looked up, and sent again if it did not take place" if in_doubt else "will be tried again"
    return f"{held.effect.action} to {held.effect.target} {last}"


async def _drop_effect(request: Request) -> str:
    held = await _dead_effect(request)
    why = f": {held.effect.reason}" if held.effect.reason else ""
    await change(
        request.tx,
        held,
        state=EffectState.SUPPRESSED.value,
        reason=f"dropped by {request.by}{why}",
        done_at=request.now,
    )
    return f"{held.effect.action} to {held.effect.target} is dropped"
