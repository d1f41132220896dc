"""Pages of history on their way into `deliveries`: a page and the cursor behind it, in one transaction.

A record stored before is not stored again. One that a backfill is told again and that is dead gets another chance:
whoever asks for a backfill again has mended something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from cornerdesk.adapters.history import HistoryPage, HistoryRecord
from cornerdesk.clock import Clock
from cornerdesk.engine.jobs import Jobs
from cornerdesk.intake.inbox import job_requests
from cornerdesk.intake.reading import DEAD, HISTORY_KEY
from cornerdesk.intake.runs import HistoryRuns, Run
from cornerdesk.model import Origin, new_id
from cornerdesk.storage import Row, Storage, tables
from cornerdesk.storage.transaction import Transaction

STORED = "stored"


class HistoryPages:
    """Stores pages.

    Args:
        jobs: what is stored is processed by `deliveries` jobs; None: by whoever stores it.
    """

    def __init__(self, storage: Storage, runs: HistoryRuns, clock: Clock, jobs: Jobs | None = None) -> None:
        self._storage = storage
        self._runs = runs
        self._clock = clock
        self._jobs = jobs

    async def store(self, run: Run, page: HistoryPage, **values: Any) -> Run:
        """Store a page and what is known after it; `values` are more columns of the run.

        Raises:
            HeldError: somebody else has taken the run over; nothing is stored.
        """
        now = self._clock.now()
        rows = _rows(run, page, now)
        async with self._storage.transaction() as tx:
            new = await tx.insert_new(tables.deliveries, list(rows.values()), unique=["source", "key"], returning="id")
            tickets = 0
            if run.origin is Origin.BACKFILL:
                known = [row for row in rows.values() if row["id"] not in new]
                await _take_up_dead(tx, run, known)
                tickets = await _count_tickets(tx, run.source, page.records)
                await _add_parts(tx, run, [row for row in rows.values() if row["id"] in new], page.records)
            if self._jobs is not None:
                waiting = [row["id"] for row in rows.values() if row["id"] in new and row["state"] == STORED]
                await self._jobs.enqueue(tx, job_requests(waiting))
            values |= {
                "cursor": page.cursor,
                "ended": page.end,
                "pages": run.pages + 1,
                "records": run.records + len(rows),
                "tickets": run.tickets + tickets,
                "total": page.total if page.total is not None else run.total,
                "attempted_at": now,
            }
            return await self._runs.change(run, tx, **values)


async def unread(storage: Storage, source: str, limit: int) -> list[str]:
    """Ids of records of a backfill that are stored and not processed, oldest first."""
    table = tables.deliveries
    chosen = select(table.c.id).where(
        table.c.source == source, tables.UNREAD_HISTORY, table.c.origin == Origin.BACKFILL.value
    )
    async with storage.reading() as tx:
        return [row["id"] for row in await tx.rows(chosen.order_by(table.c.id).limit(limit))]


def _rows(run: Run, page: HistoryPage, now: datetime) -> dict[str, dict[str, Any]]:
    """Rows of `deliveries` by key: a page may tell a record twice."""
    same: dict[str, Any] = {"source": run.source, "received_at": now, "headers": {}, "origin": run.origin.value}
    rows: dict[str, dict[str, Any]] = {}
    for record in page.records:
        key = HISTORY_KEY + record.key
        mine: dict[str, Any] = {"id": new_id(), "key": key, "ticket": record.ticket_id, "body": record.body}
        rows.setdefault(key, {**same, **mine, "state": STORED, "reason": None, "done_at": None})
    for skipped in page.skipped:
        key = HISTORY_KEY + skipped.key
        mine = {"id": new_id(), "key": key, "ticket": None, "body": skipped.body}
        rows.setdefault(key, {**same, **mine, "state": DEAD, "reason": skipped.reason, "done_at": now})
    return rows


async def _take_up_dead(tx: Transaction, run: Run, known: Sequence[Mapping[str, Any]]) -> None:
    if not known:
        return
    table = tables.deliveries
    told = {row["key"]: row for row in known}
    dead = select(table.c.id, table.c.key).where(
        table.c.source == run.source, table.c.key.in_(list(told)), table.c.state == DEAD
    )
    names = ("ticket", "body", "state", "reason", "done_at", "origin")
    changes = [{"b_id": row["id"], **{name: told[row["key"]][name] for name in names}} for row in await tx.rows(dead)]
    if changes:
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        again = update(table).where(table.c.id == bindparam("b_id")).values(**values, attempts=0)
        await tx.execute(again, changes)


async def _count_tickets(tx: Transaction, source: str, records: Iterable[HistoryRecord]) -> int:
    """Note how many parts each ticket has, here and as the vendor counts them; how many tickets are new to the run.

    What a later page tells of a ticket replaces it: it is newer. Of one page that counts which counts most. Records
    without a count are parts of a ticket, see `_add_parts`.
    """
    told: dict[str, HistoryRecord] = {}
    for record in records:
        told[record.ticket_id] = max(told.get(record.ticket_id, record), record, key=_counts)
    if not told:
        return 0
    table = tables.history_tickets
    known: list[Row] = await tx.rows(
        select(table.c.ticket).where(table.c.source == source, table.c.ticket.in_(list(told)))
    )
    rows = [
        {"source": source, "ticket": ticket, "parts": _whole(record), "counted": record.parts_counted}
        for ticket, record in sorted(told.items())
    ]
    insert = tx.upsert(table)
    place = {"index_elements": ["source", "ticket"]}
    count = {"counted": insert.excluded.counted}
    if counted := [row for row in rows if row["counted"] is not None and row["parts"]]:
        await tx.execute(insert.on_conflict_do_update(**place, set_={"parts": insert.excluded.parts, **count}), counted)
    if counting := [row for row in rows if row["counted"] is not None and not row["parts"]]:
        # A vendor's count alone; the parts come in records of their own.
        await tx.execute(insert.on_conflict_do_update(**place, set_=count), counting)
    if uncounted := [row for row in rows if row["counted"] is None]:
        await tx.execute(insert.on_conflict_do_nothing(**place), uncounted)
    return len(told) - len(known)


def _whole(record: HistoryRecord) -> int:
    """Parts of a record that tells a whole ticket: those without a count are added up instead."""
    return record.parts if record.parts_counted is not None else 0


async def _add_parts(
    tx: Transaction, run: Run, new: Sequence[Mapping[str, Any]], records: Iterable[HistoryRecord]
) -> None:
    """Add up the parts of records that are parts of a ticket, each once a run, however often it is told."""
    parts = {HISTORY_KEY + each.key: each for each in records if each.parts_counted is None and each.parts}
    if not parts:
        return
    told_before = set(parts) - {row["key"] for row in new}
    if told_before:
        table = tables.deliveries
        of_this_run = select(table.c.key).where(
            table.c.source == run.source,
            table.c.key.in_(sorted(told_before)),
            table.c.received_at >= run.started_at,
            table.c.origin == Origin.BACKFILL.value,
        )
        for row in await tx.rows(of_this_run):
            del parts[row["key"]]
    sums: dict[str, int] = {}
    for record in parts.values():
        sums[record.ticket_id] = sums.get(record.ticket_id, 0) + record.parts
    counts = tables.history_tickets
    more = (
        update(counts)
        .where(counts.c.source == run.source, counts.c.ticket == bindparam("b_ticket"))
        .values(parts=counts.c.parts + bindparam("b_parts"))
    )
    if sums:
        await tx.execute(more, [{"b_ticket": ticket, "b_parts": count} for ticket, count in sorted(sums.items())])


def _counts(record: HistoryRecord) -> tuple[int, int]:
    return -1 if record.parts_counted is None else record.parts_counted, record.parts
