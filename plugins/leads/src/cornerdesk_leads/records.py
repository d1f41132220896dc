"""Leads in the database: made once per company and kind, joined by further tickets, changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cornerdesk import RejectedError, RetryableError, Transaction, new_id
from sqlalchemy import select, update

from cornerdesk_leads.states import LeadKind, LeadState, holds_place
from cornerdesk_leads.tables import lead_tickets, leads

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """A lead as a rule claims it. `keys`: the party's, the first for a new lead; `row`, `ticket`: columns as given."""

    keys: tuple[str, ...]
    kind: LeadKind
    state: LeadState
    rule: str
    credit: str | None
    row: Mapping[str, Any]
    ticket: Mapping[str, Any]


async def open_or_find(tx: Transaction, claim: Claim, now: datetime) -> tuple[Row, bool]:
    """The party's lead of this kind, locked; and whether it was made just now."""
    found = await _find(tx, claim)
    if found is not None:
        return found, False
    values = {
        **claim.row,
        "id": new_id(),
        "slot": _slot(claim.keys[0], claim.kind),
        "party": claim.keys[0],
        "kind": claim.kind.value,
        "state": claim.state.value,
        "credited_to": claim.credit,
        "rule": claim.rule,
        "created_at": now,
        "changed_at": now,
    }
    if await tx.insert_new(leads, [values], unique=["slot"], returning="id"):
        return await load(tx, values["id"]), True
    found = await _find(tx, claim)
    if found is None:
        raise RetryableError("the company's lead was made and closed at this very moment; it is tried again")
    return found, False


async def join_ticket(tx: Transaction, lead: Row, claim: Claim, now: datetime) -> bool:
    """Add the ticket to the lead, and what the lead does not know yet; whether the ticket was new to it."""
    ticket = {**claim.ticket, "lead": lead["id"], "rule": claim.rule, "added_at": now}
    added = await tx.insert_new(lead_tickets, [ticket], unique=["lead", "source", "ticket"], returning="ticket")
    learnt = {name: claim.row[name] for name in ("company", "account") if lead[name] is None and claim.row[name]}
    if lead["value"] is None and claim.row["value"] is not None:
        learnt |= {"value": claim.row["value"], "currency": claim.row["currency"]}
    if lead["credited_to"] is None and claim.credit and lead["changed_by"] is None:
        learnt["credited_to"] = claim.credit
    if learnt:
        await tx.execute(update(leads).where(leads.c.id == lead["id"]).values(**learnt))
    return bool(added)


async def load(tx: Transaction, lead: str) -> Row:
    """The lead, locked.

    Raises:
        RejectedError: there is none.
    """
    found = await tx.row(tx.locked(select(leads).where(leads.c.id == lead)))
    if found is None:
        raise RejectedError(f"there is no lead {lead}; `cornerdesk leads` lists them")
    return found


async def move(
    tx: Transaction, lead: Row, state: LeadState, *, by: str, now: datetime, kind: LeadKind | None = None, **values: Any
) -> None:
    """Change a lead's state, by hand.

    Raises:
        RejectedError: it would take the place that another lead of the same company holds.
    """
    kind = kind or LeadKind(lead["kind"])
    slot = _slot(lead["party"], kind) if holds_place(kind, state) else None
    if slot is not None:
        other = await tx.value(select(leads.c.id).where(leads.c.slot == slot, leads.c.id != lead["id"]))
        if other is not None:
            raise RejectedError(f"lead {other} is the company's {kind} lead already; close that one first")
    closed = state in (LeadState.WON, LeadState.LOST, LeadState.NOT_A_LEAD)
    changed = {"state": state.value, "kind": kind.value, "slot": slot, "changed_by": by, "changed_at": now}
    changed["closed_at"] = now if closed else None
    await tx.execute(update(leads).where(leads.c.id == lead["id"]).values(**changed, **values))


async def change(tx: Transaction, lead: Row, *, by: str, now: datetime, **values: Any) -> None:
    """Change what a lead says, by hand."""
    await tx.execute(update(leads).where(leads.c.id == lead["id"]).values(changed_by=by, changed_at=now, **values))


def _slot(party: str, kind: LeadKind) -> str:
    return f"{party}|{kind}"


async def _find(tx: Transaction, claim: Claim) -> Row | None:
    """The oldest lead that holds a place for any of the party's keys: two domains of one account are one company."""
    slots = [_slot(key, claim.kind) for key in claim.keys]
    statement = select(leads).where(leads.c.slot.in_(slots)).order_by(leads.c.created_at, leads.c.id).limit(1)
    return await tx.row(tx.locked(statement))
