"""The list `escalations`, and what people may do to one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cornerdesk import Filter, FrozenModel, Listing, Question, RejectedError, Request, UtcTime, Verb
from sqlalchemy import Select, String, cast, select

from cornerdesk_escalation import records
from cornerdesk_escalation.course import Scene, acknowledge, end
from cornerdesk_escalation.letters import ack_url
from cornerdesk_escalation.records import Escalation, State, Tell
from cornerdesk_escalation.tables import escalations


class HistoryLine(FrozenModel):
    """One thing that happened: `what` (opened, telling, told, passed_over, waiting, deadline, ...), to whom, why."""

    at: UtcTime
    what: str
    person: str | None = None
    text: str | None = None


class EscalationRow(FrozenModel):
    """One escalation as people see it.

    Attributes:
        ticket: what the vendor's API calls it; `number` is what people see in the inbox.
        to: whom it waits on; while nobody can be told, who will be first.
        step: the place in the chain of the last one told, from 1; 0: nobody yet.
        due_at: when the next is told, unless somebody answers.
        ack_url: where `to` answers; None while nobody was told.
        history: everything that happened, oldest first.
    """

    id: str
    rule: str
    ticket: str
    number: str
    source: str
    reason: str
    to: str | None
    chain: tuple[str, ...]
    step: int
    state: State
    opened_at: UtcTime
    due_at: UtcTime | None
    acknowledged_by: str | None
    acknowledged_at: UtcTime | None
    answer: str | None
    ack_url: str | None
    history: tuple[HistoryLine, ...]


def escalation_listing() -> Listing:
    """`cornerdesk escalations`."""
    return Listing(
        name="escalations",
        about="who was asked to take care of which ticket",
        row=EscalationRow,
        columns=("id", "state", "to", "step", "due_at", "acknowledged_by", "number", "source", "rule", "reason"),
        rows=list_escalations,
        filters=(
            Filter("state", "only those in this state", choices=tuple(State)),
            Filter("to", "only those whose chain names this person"),
            Filter("source", "only those of this source"),
            Filter("ticket", "only those of this ticket (its id)"),
            Filter("since", "only those opened since then"),
        ),
        verbs=_verbs(),
        example="cornerdesk escalations --state waiting",
    )


async def list_escalations(question: Question) -> Sequence[EscalationRow]:
    """Rows that match, newest first."""
    asked = _select(question.filters).limit(question.limit)
    found = [Escalation.model_validate(row) for row in await question.tx.rows(asked)]
    ids = [each.id for each in found]
    tells = await records.tells_of(question.tx, ids)
    lines = await records.history_of(question.tx, ids)
    return [_row(question, each, tells, lines) for each in found]


def _select(filters: Mapping[str, Any]) -> Select[Any]:
    asked = select(escalations).order_by(escalations.c.opened_at.desc(), escalations.c.id.desc())
    for name in ("state", "source", "ticket"):
        if filters.get(name):
            asked = asked.where(escalations.c[name] == filters[name])
    if person := filters.get("to"):
        asked = asked.where(cast(escalations.c.chain, String).contains(json.dumps(person), autoescape=True))
    if since := filters.get("since"):
        asked = asked.where(escalations.c.opened_at >= since)
    return asked


def _row(
    question: Question, escalation: Escalation, tells: Sequence[Tell], lines: Sequence[Mapping[str, Any]]
) -> EscalationRow:
    current = next((t for t in tells if t.escalation == escalation.id and t.step == escalation.step), None)
    return EscalationRow(
        **escalation.model_dump(include=set(EscalationRow.model_fields) & set(Escalation.model_fields) - {"step"}),
        number=escalation.facts.number,
        to=escalation.waits_for or escalation.to,
        step=0 if escalation.step is None else escalation.step + 1,
        acknowledged_at=escalation.closed_at if escalation.acknowledged_by else None,
        ack_url=ack_url(question.configuration, current.token) if current else None,
        history=tuple(
            HistoryLine(at=line["at"], what=line["what"], person=line["person"], text=line["text"])
            for line in lines
            if line["escalation"] == escalation.id
        ),
    )


def _verbs() -> tuple[Verb, ...]:
    why = Filter("reason", "why, for the record")
    return (
        Verb(
            "ack",
            "say that somebody takes care of it",
            _ack,
            (Filter("by", "who does; absent: whom it waits on"), Filter("answer", "a word to the support team")),
        ),
        Verb("withdraw", "call it off: it was never needed", _withdraw, (why,)),
        Verb("resolve", "close it: it is taken care of", _resolve, (why,)),
    )


async def _ack(request: Request) -> str:
    scene = Scene(request.tx, request.now, request.configuration)
    person = request.options.get("by") or await _waited_on(request)
    if person not in request.configuration.people:
        known = ", ".join(request.configuration.people) or "nobody"
        raise RejectedError(f"there is no person {person!r}; cornerdesk.yaml knows {known}")
    answer = await acknowledge(scene, request.id, person, request.options.get("answer"))
    escalation = answer.escalation
    if not answer.new:
        raise RejectedError(f"escalation {request.id} is {scene.ending(escalation)} already")
    if answer.intents and request.plan:
        await request.plan(
            request.tx,
            answer.intents,
            rule=escalation.rule,
            action=None,
            source=escalation.source,
            ticket=escalation.ticket,
            event=escalation.event,
        )
    return f"Acknowledged by {scene.name(person)}: {escalation.reason}"


async def _waited_on(request: Request) -> str:
    escalation = await records.load(request.tx, request.id)
    if escalation is None:
        raise RejectedError(f"there is no escalation {request.id}; `cornerdesk escalations` lists them")
    if escalation.to is None:
        raise RejectedError("nobody was told yet; say who takes care of it with --by PERSON")
    return escalation.to


async def _withdraw(request: Request) -> str:
    return await _end(request, State.WITHDRAWN)


async def _resolve(request: Request) -> str:
    return await _end(request, State.RESOLVED)


async def _end(request: Request, state: State) -> str:
    scene = Scene(request.tx, request.now, request.configuration)
    escalation = await end(scene, request.id, state, request.by, request.options.get("reason"))
    return f"{state.value.capitalize()}: {escalation.reason}"
