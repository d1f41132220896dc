"""The list `sources`: when each was last heard of, and how far its history was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import select

from cornerdesk.adapters.interface import SourceSettings
from cornerdesk.intake.runs import Run, RunState, shown_state
from cornerdesk.listings import Listing, Question
from cornerdesk.model import Origin, UtcTime
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction

OFF = "off"


class SourceRow(BaseModel):
    """One source of the configuration.

    Attributes:
        findings: what the last examination (`serve`'s, every hour, or `doctor`'s) found wrong: the words of
            `cornerdesk doctor`, which tells more.
        last_delivery_at: when its help desk last sent a webhook.
        last_reconcile_at: when reconcile last reached the end; null: never.
        reconcile_state: `waiting` (not yet due for the first time), `fine`, `behind` (more than one turn could fetch),
            `failing`, `off`; null where the help desk tells no history, or `serve` has not run yet.
        reason: why reconcile fails, or why the backfill ended.
        backfill_state: `running`, `interrupted`, `failed`, `done`; null: nobody asked for one.
        backfill_at: when it ended, or last fetched a page.
        backfill_tickets, backfill_total: so far, and in all where the help desk says.
    """

    source: str
    helpdesk: str
    findings: tuple[str, ...] = ()
    last_delivery_at: UtcTime | None = None
    last_reconcile_at: UtcTime | None = None
    reconcile_state: str | None = None
    reason: str | None = None
    backfill_state: str | None = None
    backfill_at: UtcTime | None = None
    backfill_tickets: int | None = None
    backfill_total: int | None = None


def source_listing() -> Listing:
    """`sources`: a command, an API route and a page."""
    return Listing(
        name="sources",
        about="the help desks of the configuration: what is wrong (`cornerdesk doctor` tells more), when each was last"
        " heard of, how reconcile and backfill stand",
        row=SourceRow,
        columns=(
            "source",
            "helpdesk",
            "findings",
            "last_delivery_at",
            "last_reconcile_at",
            "reconcile_state",
            "backfill_state",
            "backfill_tickets",
            "reason",
        ),
        rows=_rows,
        example="cornerdesk sources --json",
    )


async def _rows(question: Question) -> Sequence[SourceRow]:
    runs = await _runs(question.tx)
    findings = await _findings(question.tx)
    sources = sorted(question.configuration.sources.items())
    return [
        SourceRow(
            source=name,
            helpdesk=settings.adapter,
            findings=tuple(findings.get(name, ())),
            last_delivery_at=await _last_delivery(question.tx, name),
            **_reconcile(settings, runs.get((name, Origin.RECONCILE))),
            **_backfill(runs.get((name, Origin.BACKFILL)), question.now),
            reason=_reason(runs, name),
        )
        for name, settings in sources[: question.limit]
    ]


async def _runs(tx: Transaction) -> dict[tuple[str, Origin], Run]:
    found = [Run.model_validate(row) for row in await tx.rows(select(tables.history_runs))]
    return {(run.source, run.origin): run for run in found}


async def _findings(tx: Transaction) -> dict[str, list[str]]:
    """The kinds of what is wrong, each once, of each source."""
    table = tables.findings.c
    found: dict[str, list[str]] = {}
    for row in await tx.rows(select(table.source, table.what).distinct().order_by(table.source, table.what)):
        found.setdefault(row["source"], []).append(row["what"])
    return found


async def _last_delivery(tx: Transaction, source: str) -> datetime | None:
    # Ids are made on arrival and sort by time.
    table = tables.deliveries
    newest = select(table.c.received_at).where(table.c.source == source, tables.WEBHOOKS).order_by(table.c.id.desc())
    found: datetime | None = await tx.value(newest.limit(1))
    return found


def _reconcile(settings: SourceSettings, run: Run | None) -> dict[str, object]:
    if settings.reconcile is None:
        return {"reconcile_state": OFF, "last_reconcile_at": run.finished_at if run else None}
    return {"reconcile_state": run.state, "last_reconcile_at": run.finished_at} if run else {}


def _backfill(run: Run | None, now: datetime) -> dict[str, object]:
    if run is None:
        return {}
    return {
        "backfill_state": shown_state(run, now),
        "backfill_at": run.finished_at or run.attempted_at,
        "backfill_tickets": run.tickets,
        "backfill_total": run.total,
    }


def _reason(runs: Mapping[tuple[str, Origin], Run], source: str) -> str | None:
    """What is wrong now: with reconcile, which goes on for ever, before what is wrong with a backfill."""
    for origin, state in ((Origin.RECONCILE, RunState.FAILING), (Origin.BACKFILL, RunState.FAILED)):
        run = runs.get((source, origin))
        if run is not None and run.state is state:
            return run.reason
    return None
