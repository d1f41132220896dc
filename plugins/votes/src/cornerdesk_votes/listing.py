"""The lists `votes`, with its verbs, and `vote_totals`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cornerdesk import Filter, FrozenModel, Listing, Question, Request, Verb
from sqlalchemy import case, distinct, func, select

from cornerdesk_votes import records
from cornerdesk_votes.settings import Settings, VoteState
from cornerdesk_votes.sync import sync_intents
from cornerdesk_votes.tables import vote_tickets, votes

MOST_QUOTES = 20
"""Quotes shown of one vote, oldest first; every ticket is shown."""


class TicketLink(FrozenModel):
    """A ticket that the vote rests on."""

    source: str
    id: str
    number: str | None
    url: str | None
    added_at: datetime


class VoteRow(FrozenModel):
    """A vote. `tickets`: their ids, oldest first; `links` says where each is."""

    id: str
    feature: str
    state: VoteState
    customer: str | None
    customer_name: str | None
    account: str | None
    account_name: str | None
    account_status: str
    weight: float
    quotes: tuple[str, ...]
    tickets: tuple[str, ...]
    links: tuple[TicketLink, ...]
    rule: str
    created_at: datetime
    changed_at: datetime
    changed_by: str | None


class TotalRow(FrozenModel):
    """What a feature has gathered. `votes`, `weight` and `accounts` (different companies) are of counted votes."""

    feature: str
    title: str | None
    votes: int
    weight: float
    accounts: int
    proposed: int
    withdrawn: int
    last_at: datetime


def vote_listing() -> Listing:
    """`cornerdesk votes`."""
    return Listing(
        name="votes",
        about="votes for features on behalf of customers, one per person and feature",
        row=VoteRow,
        columns=("id", "feature", "state", "customer", "account", "weight", "quotes", "tickets"),
        rows=list_votes,
        filters=(
            Filter("feature", "only for this feature"),
            Filter("state", "only in this state", tuple(VoteState)),
            Filter("customer", "only of this person"),
            Filter("account", "only of this account"),
            Filter("ticket", "only with this ticket"),
        ),
        verbs=(
            Verb("withdraw", "take it back; the person's next ticket does not bring it back", _withdraw),
            Verb("count", "count it: a proposed vote, or one withdrawn by mistake", _count),
        ),
        example="cornerdesk votes --feature sso --json",
    )


def total_listing() -> Listing:
    """`cornerdesk vote_totals`."""
    return Listing(
        name="vote_totals",
        about="what each feature has gathered, the weightiest first",
        row=TotalRow,
        columns=("feature", "title", "votes", "weight", "accounts", "proposed"),
        rows=list_totals,
        filters=(Filter("feature", "only this feature"),),
        example="cornerdesk vote_totals",
    )


async def list_votes(question: Question) -> Sequence[VoteRow]:
    """Newest first."""
    statement = select(votes).order_by(votes.c.created_at.desc(), votes.c.id.desc()).limit(question.limit)
    for name in ("feature", "state", "account"):
        if question.filters.get(name):
            statement = statement.where(votes.c[name] == str(question.filters[name]))
    if customer := question.filters.get("customer"):
        statement = statement.where(func.lower(votes.c.customer) == str(customer).lower())
    if ticket := question.filters.get("ticket"):
        statement = statement.where(
            votes.c.id.in_(select(vote_tickets.c.vote).where(vote_tickets.c.ticket == str(ticket)))
        )
    rows = await question.tx.rows(statement)
    tickets = await records.tickets_of(question.tx, [row["id"] for row in rows])
    return [_row(row, tickets.get(row["id"], [])) for row in rows]


async def list_totals(question: Question) -> Sequence[TotalRow]:
    """The weightiest first."""
    counted = votes.c.state == VoteState.COUNTED.value
    weight = func.sum(case((counted, votes.c.weight), else_=0.0))
    statement = (
        select(
            votes.c.feature,
            func.sum(case((counted, 1), else_=0)).label("votes"),
            weight.label("weight"),
            func.count(distinct(case((counted, votes.c.company)))).label("accounts"),
            func.sum(case((votes.c.state == VoteState.PROPOSED.value, 1), else_=0)).label("proposed"),
            func.sum(case((votes.c.state == VoteState.WITHDRAWN.value, 1), else_=0)).label("withdrawn"),
            func.max(votes.c.created_at).label("last_at"),
        )
        .group_by(votes.c.feature)
        .order_by(weight.desc(), votes.c.feature)
        .limit(question.limit)
    )
    if feature := question.filters.get("feature"):
        statement = statement.where(votes.c.feature == str(feature))
    features = question.configuration.features
    return [
        TotalRow(**row, title=features[row["feature"]].title if row["feature"] in features else None)
        for row in await question.tx.rows(statement)
    ]


def _row(row: records.Row, tickets: Sequence[records.Row]) -> VoteRow:
    known: dict[str, Any] = {name: row[name] for name in VoteRow.model_fields if name in row}
    quotes = dict.fromkeys(ticket["quote"] for ticket in tickets if ticket["quote"])
    links = [
        TicketLink(source=t["source"], id=t["ticket"], number=t["number"], url=t["url"], added_at=t["added_at"])
        for t in tickets
    ]
    return VoteRow(
        **known, quotes=tuple(quotes)[:MOST_QUOTES], tickets=tuple(link.id for link in links), links=tuple(links)
    )


async def _withdraw(request: Request) -> str:
    vote = await _move(request, VoteState.WITHDRAWN)
    return f"The vote for {vote['feature']} is withdrawn."


async def _count(request: Request) -> str:
    vote = await _move(request, VoteState.COUNTED)
    return f"The vote for {vote['feature']} counts {vote['weight']:g}."


async def _move(request: Request, state: VoteState) -> records.Row:
    before = await records.load(request.tx, request.id, lock=True)
    vote = await records.move(request.tx, before, state, by=request.by, now=request.now)
    never_sent = before["state"] == VoteState.PROPOSED and state is VoteState.WITHDRAWN and before["revision"] == 1
    intents = () if never_sent else sync_intents(vote, request.configuration.settings_of(Settings))
    if intents and request.plan:
        ticket = (await records.tickets_of(request.tx, [vote["id"]]))[vote["id"]][0]
        await request.plan(
            request.tx,
            intents,
            rule=vote["rule"],
            action=None,
            source=ticket["source"],
            ticket=ticket["ticket"],
        )
    return vote
