"""The list `leads` and its verbs: what came of each, and who is credited."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cornerdesk import Filter, FrozenModel, Listing, Question, RejectedError, Request, Transaction, Verb
from sqlalchemy import select

from cornerdesk_leads import records
from cornerdesk_leads.states import LeadKind, LeadState
from cornerdesk_leads.tables import lead_tickets, leads


class TicketLink(FrozenModel):
    """A ticket that the lead rests on."""

    source: str
    id: str
    number: str | None
    url: str | None
    customer: str | None
    added_at: datetime


class LeadRow(FrozenModel):
    """A lead. `tickets`: their ids, oldest first; `links` says where each is."""

    id: str
    kind: LeadKind
    state: LeadState
    company: str | None
    domain: str | None
    customer: str | None
    credited_to: str | None
    value: float | None
    currency: str | None
    tickets: tuple[str, ...]
    links: tuple[TicketLink, ...]
    account: str | None
    account_status: str
    reason: str | None
    rule: str
    created_at: datetime
    changed_at: datetime
    changed_by: str | None
    closed_at: datetime | None


def lead_listing() -> Listing:
    """`cornerdesk leads`."""
    because = Filter("because", "why")
    money = (Filter("value", "what it is worth a year"), Filter("currency", "its currency"))
    return Listing(
        name="leads",
        about="support-sourced leads, one per company and kind",
        row=LeadRow,
        columns=("id", "kind", "state", "company", "domain", "credited_to", "value", "tickets"),
        rows=list_leads,
        filters=(
            Filter("kind", "only this kind", tuple(LeadKind)),
            Filter("state", "only in this state", tuple(LeadState)),
            Filter("domain", "only of this company domain"),
            Filter("account", "only of this account"),
            Filter("agent", "only credited to this agent"),
            Filter("ticket", "only with this ticket"),
        ),
        verbs=(
            Verb(
                "not-a-lead", "say that it is none; the company's next ticket will not bring it back", _none, (because,)
            ),
            Verb("won", "say that it became business", _won, money),
            Verb("lost", "say that nothing came of it; a later ticket may open a new one", _lost, (because,)),
            Verb(
                "open",
                "count it: a proposed lead, or one closed by mistake",
                _open,
                (Filter("kind", "count it as this kind", tuple(LeadKind)),),
            ),
            Verb("credit", "say whose it is", _credit, (Filter("to", "the agent"),)),
        ),
        example="cornerdesk leads --kind new_business --state open --json",
    )


async def list_leads(question: Question) -> Sequence[LeadRow]:
    """Newest first."""
    statement = select(leads).order_by(leads.c.created_at.desc(), leads.c.id.desc()).limit(question.limit)
    for name, column in {
        "kind": leads.c.kind,
        "state": leads.c.state,
        "domain": leads.c.domain,
        "account": leads.c.account,
        "agent": leads.c.credited_to,
    }.items():
        if question.filters.get(name):
            statement = statement.where(column == str(question.filters[name]))
    if ticket := question.filters.get("ticket"):
        statement = statement.where(
            leads.c.id.in_(select(lead_tickets.c.lead).where(lead_tickets.c.ticket == str(ticket)))
        )
    rows = await question.tx.rows(statement)
    links = await _links(question.tx, [row["id"] for row in rows])
    return [_row(row, links.get(row["id"], [])) for row in rows]


async def _links(tx: Transaction, ids: Sequence[str]) -> dict[str, list[TicketLink]]:
    statement = select(lead_tickets).where(lead_tickets.c.lead.in_(ids)).order_by(lead_tickets.c.added_at)
    links: dict[str, list[TicketLink]] = {}
    for row in await tx.rows(statement) if ids else ():
        links.setdefault(row["lead"], []).append(
            TicketLink(
                source=row["source"],
                id=row["ticket"],
                number=row["number"],
                url=row["url"],
                customer=row["customer"],
                added_at=row["added_at"],
            )
        )
    return links


def _row(row: records.Row, links: list[TicketLink]) -> LeadRow:
    known: dict[str, Any] = {name: row[name] for name in LeadRow.model_fields if name in row}
    return LeadRow(**known, tickets=tuple(link.id for link in links), links=tuple(links))


async def _none(request: Request) -> str:
    lead = await records.load(request.tx, request.id)
    await records.move(request.tx, lead, LeadState.NOT_A_LEAD, reason=_option(request, "because"), **_answer(request))
    return f"{_title(lead)} is not a lead, and will not come back as one."


async def _won(request: Request) -> str:
    lead = await _real(request)
    value = _amount(request)
    changed: dict[str, Any] = {} if value is None else {"value": value}
    if currency := _option(request, "currency"):
        changed["currency"] = currency
    await records.move(request.tx, lead, LeadState.WON, reason=None, **changed, **_answer(request))
    return f"{_title(lead)} is won."


async def _lost(request: Request) -> str:
    lead = await _real(request)
    await records.move(request.tx, lead, LeadState.LOST, reason=_option(request, "because"), **_answer(request))
    return f"{_title(lead)} is lost."


async def _open(request: Request) -> str:
    lead = await records.load(request.tx, request.id)
    kind = _kind(_option(request, "kind") or lead["kind"])
    await records.move(request.tx, lead, LeadState.OPEN, kind=kind, reason=None, **_answer(request))
    return f"{_title(lead)} is an open {kind} lead."


async def _credit(request: Request) -> str:
    lead = await records.load(request.tx, request.id)
    agent = _option(request, "to")
    if not agent:
        raise RejectedError("say who is credited: --to AGENT")
    await records.change(request.tx, lead, credited_to=agent, **_answer(request))
    return f"{_title(lead)} is credited to {agent}."


async def _real(request: Request) -> records.Row:
    lead = await records.load(request.tx, request.id)
    if lead["state"] == LeadState.NOT_A_LEAD:
        raise RejectedError(f"lead {request.id} was found to be none; `cornerdesk leads open {request.id}` first")
    return lead


def _answer(request: Request) -> dict[str, Any]:
    return {"by": request.by, "now": request.now}


def _option(request: Request, name: str) -> str | None:
    value = request.options.get(name)
    return None if value is None else str(value).strip() or None


def _amount(request: Request) -> float | None:
    text = _option(request, "value")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not (math.isfinite(value) and value >= 0):
        raise RejectedError(f"{text!r} is no amount of money; expected one such as 12000")
    return value


def _kind(text: str) -> LeadKind:
    if text not in tuple(LeadKind):
        raise RejectedError(f"there is no kind of lead {text!r}; there are {', '.join(LeadKind)}")
    return LeadKind(text)


def _title(lead: records.Row) -> str:
    return lead["company"] or f"Lead {lead['id']}"
