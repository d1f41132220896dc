"""What came in, as lists: `deliveries`, `events`, `tickets`, `sources`; and what a person may do to a dead delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, or_, select, update

from cornerdesk.engine.jobs import Jobs
from cornerdesk.errors import RejectedError
from cornerdesk.intake.inbox import job_requests
from cornerdesk.intake.reading import DEAD, IGNORED
from cornerdesk.intake.source_listing import source_listing
from cornerdesk.listings import Filter, Listing, Question
from cornerdesk.model import Event, EventKind, Origin, Signal, Snapshot, Status, Ticket, UtcTime
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Row, Transaction

_SOURCE = Filter("source", "only this source")
_TICKET = Filter("ticket", "only this ticket, by its id or number")


class DeliveryRow(BaseModel):
    """One webhook request, or record of history, as it was stored; `events` is how many came of it."""

    id: str
    source: str
    received_at: UtcTime
    state: str
    reason: str | None = None
    events: int = 0
    ticket: str | None = None
    attempts: int = 0
    origin: str = "webhook"
    done_at: UtcTime | None = None


class EventRow(Event):
    """The event model, with the signals seen in it."""

    signals: tuple[Signal, ...] = ()


class TicketRow(Ticket):
    """The ticket model as last known, with its source; `complete` once the vendor or a delivery told all of it."""

    source: str
    complete: bool = False
    last_event_at: UtcTime | None = None


def intake_listings() -> list[Listing]:
    """`deliveries`, `events`, `tickets` and `sources`: commands, API routes and pages."""
    return [_deliveries(), _events(), _tickets(), source_listing()]


async def find_events(tx: Transaction, reference: str) -> list[Row]:
    """Rows of `events`, oldest first: of the event of this id, else of the tickets of this id or number."""
    events = tables.events
    event = await tx.row(select(events).where(events.c.id == reference))
    if event is not None:
        return [event]
    chosen = select(events).where(_of_ticket(events.c.source, events.c.ticket, reference))
    return await tx.rows(chosen.order_by(events.c.source, events.c.occurred_at, events.c.id))


async def requeue_deliveries(tx: Transaction, jobs: Jobs, ids: Sequence[str]) -> None:
    """Have dead deliveries processed anew, with all their attempts before them.

    Raises:
        RejectedError: one of them is not dead (any more).
    """
    await _move(tx, ids, {"state": "stored", "reason": None, "attempts": 0, "done_at": None})
    await jobs.enqueue(tx, job_requests(ids))


async def drop_deliveries(tx: Transaction, ids: Sequence[str]) -> None:
    """Give dead deliveries up. They stay stored as ignored ones, so that the same delivery does not come back.

    Raises:
        RejectedError: one of them is not dead (any more).
    """
    await _move(tx, ids, {"state": IGNORED, "reason": "dropped by hand"})


async def _move(tx: Transaction, ids: Sequence[str], values: dict[str, Any]) -> None:
    table = tables.deliveries
    change = update(table).where(table.c.id.in_(ids), table.c.state == DEAD).values(values).returning(table.c.id)
    moved = {row["id"] for row in await tx.rows(change)}
    if missing := [one for one in ids if one not in moved]:
        raise RejectedError(f"delivery {missing[0]} is not dead (any more); `cornerdesk deadletters list` shows those")


def _deliveries() -> Listing:
    return Listing(
        name="deliveries",
        about="webhook requests and records of history as they came in, and what became of each",
        row=DeliveryRow,
        columns=("received_at", "id", "source", "origin", "state", "events", "ticket", "reason"),
        rows=_delivery_rows,
        filters=(
            _SOURCE,
            Filter("state", "only deliveries in this state", choices=("stored", "done", "ignored", "dead")),
            Filter("origin", "webhook, or a record of the API's history", choices=tuple(map(str, Origin))),
            _TICKET,
            Filter("since", "only those received since then: a date, or a length of time back such as 24h"),
        ),
        example="cornerdesk deliveries --state dead --since 24h",
    )


def _events() -> Listing:
    return Listing(
        name="events",
        about="what happened to tickets, in one model for every help desk",
        row=EventRow,
        columns=("occurred_at", "id", "source", "kind", "ticket.number", "ticket.subject", "actor.kind", "origin"),
        rows=_event_rows,
        filters=(
            _SOURCE,
            Filter("kind", "only events of this kind", choices=tuple(kind.value for kind in EventKind)),
            _TICKET,
            Filter("origin", "how we came to know of it", choices=tuple(origin.value for origin in Origin)),
            Filter("since", "only those received since then: a date, or a length of time back such as 24h"),
        ),
        example="cornerdesk events --source support --kind ticket.created --since 24h",
    )


def _tickets() -> Listing:
    return Listing(
        name="tickets",
        about="tickets as they are now, as far as we were told",
        row=TicketRow,
        columns=(
            "last_event_at",
            "source",
            "number",
            "subject",
            "status",
            "priority",
            "customer.email",
            "waiting_since",
        ),
        rows=_ticket_rows,
        filters=(
            _SOURCE,
            Filter("status", "only tickets in this status", choices=tuple(status.value for status in Status)),
            _TICKET,
            Filter("customer", "only tickets of this customer, by e-mail address"),
            Filter("since", "only those that something happened to since then: a date, or a length such as 24h"),
        ),
        example="cornerdesk tickets --status open --since 7d",
    )


async def _delivery_rows(question: Question) -> Sequence[DeliveryRow]:
    table = tables.deliveries
    columns = [table.c[name] for name in DeliveryRow.model_fields]
    chosen = _narrowed(
        select(*columns), question, {"source": table.c.source, "state": table.c.state, "origin": table.c.origin}
    )
    chosen = _since(chosen, question, table.c.received_at)
    if ticket := question.filters.get("ticket"):
        chosen = chosen.where(_of_ticket(table.c.source, table.c.ticket, str(ticket)))
    # Ids are made on arrival and sort by time, so the primary key gives the order.
    rows = await question.tx.rows(chosen.order_by(table.c.id.desc()).limit(question.limit))
    return [DeliveryRow.model_validate(row) for row in rows]


async def _event_rows(question: Question) -> Sequence[EventRow]:
    table = tables.events
    equal = {"source": table.c.source, "kind": table.c.kind, "origin": table.c.origin}
    chosen = _since(_narrowed(select(table.c.snapshot), question, equal), question, table.c.received_at)
    if ticket := question.filters.get("ticket"):
        chosen = chosen.where(_of_ticket(table.c.source, table.c.ticket, str(ticket)))
    rows = await question.tx.rows(chosen.order_by(table.c.id.desc()).limit(question.limit))
    return [_event_row(Snapshot.model_validate(row["snapshot"])) for row in rows]


def _event_row(snapshot: Snapshot) -> EventRow:
    return EventRow(**dict(snapshot.event), signals=snapshot.signals)


async def _ticket_rows(question: Question) -> Sequence[TicketRow]:
    table = tables.tickets
    chosen = _narrowed(select(table), question, {"source": table.c.source, "status": table.c.status})
    chosen = _since(chosen, question, table.c.last_event_at)
    if ticket := question.filters.get("ticket"):
        chosen = chosen.where(or_(table.c.id == str(ticket), table.c.number == str(ticket)))
    if customer := question.filters.get("customer"):
        chosen = chosen.where(table.c.customer_email == str(customer).lower())
    # A ticket that only its state is known of has had no event yet.
    newest = chosen.order_by(table.c.last_event_at.desc().nulls_last(), table.c.updated_at.desc(), table.c.id)
    return [_ticket_row(row) for row in await question.tx.rows(newest.limit(question.limit)) if row["state"]]


def _ticket_row(row: Row) -> TicketRow:
    known = {name: row[name] for name in ("source", "complete", "last_event_at")}
    return TicketRow.model_validate({**row["state"], **known})


def _narrowed(chosen: Select[Any], question: Question, equal: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    for name, column in equal.items():
        if value := question.filters.get(name):
            chosen = chosen.where(column == str(value))
    return chosen


def _since(chosen: Select[Any], question: Question, column: ColumnElement[datetime]) -> Select[Any]:
    since = question.filters.get("since")
    return chosen.where(column >= since) if since else chosen


def _of_ticket(source: ColumnElement[Any], column: ColumnElement[Any], reference: str) -> ColumnElement[bool]:
    """Whether a row belongs to the ticket of this id, or of the number that people see."""
    numbered = select(tables.tickets.c.id).where(
        tables.tickets.c.source == source, tables.tickets.c.id == column, tables.tickets.c.number == reference
    )
    return or_(column == reference, numbered.exists())
