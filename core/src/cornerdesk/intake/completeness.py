"""What came of a backfill, counted in the database: it survives any number of resumptions and fills no memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, Table, and_, case, func, select

from cornerdesk.intake.runs import Run
from cornerdesk.model import EventKind, Origin, Status
from cornerdesk.storage import Storage, tables
from cornerdesk.storage.transaction import Row, Transaction

SHOWN = 20
SCRUBBED = "scrubbed"
"""`status_label` of a deleted ticket whose words the vendor has wiped out."""

_AT_ONCE = 500


class Difference(BaseModel):
    """A ticket of which we have more or fewer parts than the vendor counts."""

    ticket: str
    parts: int
    counted: int


class Summary(BaseModel):
    """What came of a run.

    Attributes:
        tickets: different ones that the vendor told.
        records: what was told of them, as often as it was told.
        events: new ones that came of it.
        unknown: tickets that were told and of which we know nothing all the same: ignored, or dead.
        deleted, scrubbed, spam, merged: of the tickets, how many are that now. A scrubbed one is not among `deleted`.
        compared: tickets whose parts the vendor counts; `parts` and `counted` are of those.
        differ, missing: of the compared, how many have another number of parts, and how many fewer.
        dead: records that could not be read or settled, and are among the dead letters.
        differences: up to 20 of those that differ, the worst first.
    """

    source: str
    tickets: int
    records: int
    events: int
    unknown: int
    deleted: int
    scrubbed: int
    spam: int
    merged: int
    compared: int
    parts: int
    counted: int
    differ: int
    missing: int
    dead: int
    differences: tuple[Difference, ...] = ()

    @property
    def complete(self) -> bool:
        return not (self.missing or self.dead)


async def summarize(storage: Storage, run: Run) -> Summary:
    """Count what came of a run."""
    async with storage.reading() as tx:
        return Summary(
            source=run.source,
            tickets=run.tickets,
            records=run.records,
            events=await _events(tx, run),
            unknown=await _unknown(tx, run.source),
            merged=await _merged(tx, run.source),
            dead=await _dead(tx, run),
            differences=[Difference.model_validate(row) for row in await tx.rows(_worst(run.source))],
            **await _statuses(tx, run.source),
            **await _parts(tx, run.source),
        )


async def differences(storage: Storage, source: str) -> AsyncIterator[Difference]:
    """Every ticket whose parts differ, in the order of their ids, a few hundred at once."""
    last = ""
    while True:
        chosen = _differing(source).where(_TOLD.c.ticket > last).order_by(_TOLD.c.ticket).limit(_AT_ONCE)
        async with storage.reading() as tx:
            rows = await tx.rows(chosen)
        for row in rows:
            yield Difference.model_validate(row)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1]["ticket"]


_TOLD = tables.history_tickets


def _differing(source: str) -> Select[tuple[str, int, int | None]]:
    return select(_TOLD.c.ticket, _TOLD.c.parts, _TOLD.c.counted).where(
        _TOLD.c.source == source, _TOLD.c.parts != _TOLD.c.counted
    )


def _worst(source: str) -> Select[tuple[str, int, int | None]]:
    return _differing(source).order_by(_TOLD.c.parts - _TOLD.c.counted, _TOLD.c.ticket).limit(SHOWN)


def _unindexed(table: Table) -> ColumnElement[str]:
    """The source, as no index knows it: else SQLite would walk through all that ever came from it."""
    return table.c.source + ""


async def _events(tx: Transaction, run: Run) -> int:
    table = tables.events
    chosen = select(func.count()).where(
        table.c.received_at >= run.started_at, _unindexed(table) == run.source, table.c.origin == Origin.BACKFILL.value
    )
    return int(await tx.value(chosen))


async def _dead(tx: Transaction, run: Run) -> int:
    table = tables.deliveries
    chosen = select(func.count()).where(
        tables.DEAD,
        _unindexed(table) == run.source,
        table.c.origin == Origin.BACKFILL.value,
        table.c.done_at >= run.started_at,
    )
    return int(await tx.value(chosen))


def _same_ticket() -> ColumnElement[bool]:
    return and_(tables.tickets.c.source == _TOLD.c.source, tables.tickets.c.id == _TOLD.c.ticket)


async def _unknown(tx: Transaction, source: str) -> int:
    stored = select(tables.tickets.c.id).where(_same_ticket()).exists()
    return int(await tx.value(select(func.count()).where(_TOLD.c.source == source, ~stored)))


async def _merged(tx: Transaction, source: str) -> int:
    events = tables.events
    of_ticket = and_(events.c.source == _TOLD.c.source, events.c.ticket == _TOLD.c.ticket)
    merged = select(events.c.id).where(of_ticket, events.c.kind == EventKind.TICKET_MERGED.value).exists()
    return int(await tx.value(select(func.count()).where(_TOLD.c.source == source, merged)))


async def _statuses(tx: Transaction, source: str) -> dict[str, int]:
    tickets = tables.tickets
    label = func.lower(tickets.c.state["status_label"].as_string())
    chosen = (
        select(tickets.c.status, case((label == SCRUBBED, 1), else_=0).label("scrubbed"), func.count().label("count"))
        .select_from(_TOLD.join(tickets, _same_ticket()))
        .where(_TOLD.c.source == source, tickets.c.status.in_([Status.DELETED.value, Status.SPAM.value]))
        .group_by(tickets.c.status, "scrubbed")
    )
    rows: Sequence[Row] = await tx.rows(chosen)
    counts = {(row["status"], bool(row["scrubbed"])): row["count"] for row in rows}
    return {
        "deleted": counts.get((Status.DELETED, False), 0),
        "scrubbed": counts.get((Status.DELETED, True), 0),
        "spam": sum(count for (status, _), count in counts.items() if status == Status.SPAM),
    }


async def _parts(tx: Transaction, source: str) -> dict[str, int]:
    differs, fewer = _TOLD.c.parts != _TOLD.c.counted, _TOLD.c.parts < _TOLD.c.counted
    chosen = select(
        func.count().label("compared"),
        func.coalesce(func.sum(_TOLD.c.parts), 0).label("parts"),
        func.coalesce(func.sum(_TOLD.c.counted), 0).label("counted"),
        func.coalesce(func.sum(case((differs, 1), else_=0)), 0).label("differ"),
        func.coalesce(func.sum(case((fewer, 1), else_=0)), 0).label("missing"),
    ).where(_TOLD.c.source == source, _TOLD.c.counted.is_not(None))
    row = await tx.row(chosen)
    assert row is not None
    return {name: int(value) for name, value in row.items()}
