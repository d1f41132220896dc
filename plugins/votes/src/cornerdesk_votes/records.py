"""Votes in the database: one per person and feature, with the tickets and words they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cornerdesk import RejectedError, Transaction, new_id
from sqlalchemy import select, update

from cornerdesk_votes.settings import VoteState
from cornerdesk_votes.tables import vote_tickets, votes

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What became of a vote: `new` when the person had not voted for the feature, `joined` when the ticket was new."""

    vote: Row
    new: bool
    joined: bool


async def record(tx: Transaction, vote: Mapping[str, Any], ticket: Mapping[str, Any], now: datetime) -> Recorded:
    """Make the vote, or join the ticket to the one that the person gave; columns as given.

    The account and its weight follow what was last seen; the state stays.
    """
    made = await tx.insert_new(
        votes,
        [{**vote, "id": new_id(), "revision": 1, "created_at": now, "changed_at": now}],
        unique=["feature", "voter"],
        returning="id",
    )
    found = select(votes).where(votes.c.feature == vote["feature"], votes.c.voter == vote["voter"])
    row = await tx.row(tx.locked(found))
    assert row is not None  # made by us, or by whoever was first
    joined = await tx.insert_new(
        vote_tickets,
        [{**ticket, "vote": row["id"], "added_at": now}],
        unique=["vote", "source", "ticket"],
        returning="ticket",
    )
    if not made:
        await _refresh(tx, row, vote)
    return Recorded(row, bool(made), bool(joined))


async def load(tx: Transaction, vote: str, *, lock: bool = False) -> Row:
    """The vote.

    Raises:
        RejectedError: there is none.
    """
    statement = select(votes).where(votes.c.id == vote)
    row = await tx.row(tx.locked(statement) if lock else statement)
    if row is None:
        raise RejectedError(f"there is no vote {vote}; `cornerdesk votes` lists them")
    return row


async def move(tx: Transaction, vote: Row, state: VoteState, *, by: str, now: datetime) -> Row:
    """Change the vote's state, by hand; the vote as it is then.

    Raises:
        RejectedError: it is in that state already.
    """
    if vote["state"] == state:
        raise RejectedError(f"vote {vote['id']} is {state} already")
    changed = {"state": state.value, "revision": vote["revision"] + 1, "changed_by": by, "changed_at": now}
    await tx.execute(update(votes).where(votes.c.id == vote["id"]).values(**changed))
    return {**vote, **changed}


async def tickets_of(tx: Transaction, ids: Sequence[str]) -> dict[str, list[Row]]:
    """The tickets of votes, oldest first, by vote."""
    statement = select(vote_tickets).where(vote_tickets.c.vote.in_(ids)).order_by(vote_tickets.c.added_at)
    found: dict[str, list[Row]] = {}
    for row in await tx.rows(statement) if ids else ():
        found.setdefault(row["vote"], []).append(row)
    return found


async def _refresh(tx: Transaction, row: Row, vote: Mapping[str, Any]) -> None:
    names = ("customer_name", "account", "account_name", "account_status", "company", "weight")
    changed = {name: vote[name] for name in names if vote[name] is not None and vote[name] != row[name]}
    if vote["account"] is None:  # this time nobody knew the company: what was known stays
        changed = {name: value for name, value in changed.items() if name == "customer_name"}
    if changed:
        await tx.execute(update(votes).where(votes.c.id == row["id"]).values(**changed))
