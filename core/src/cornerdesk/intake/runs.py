"""Rows of `history_runs`: how far a source's past was asked for, by whom, and how that goes.

A row belongs to a source and an origin: one for `backfill`, which somebody asked for, and one for `reconcile`, which
goes on for ever. Whoever works on it holds a lease, and every step that moves the cursor checks that it still does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, and_, select, update

from cornerdesk.cancellation import settled
from cornerdesk.clock import Clock
from cornerdesk.errors import RejectedError, RetryableError
from cornerdesk.intake.leases import LEASE, RENEWED_EVERY, describe_holder, is_held, new_holder
from cornerdesk.model import Origin, UtcTime
from cornerdesk.storage import Storage, tables
from cornerdesk.storage.transaction import Transaction

log = structlog.get_logger()


class RunState(StrEnum):
    """How it goes. `running`, `interrupted`, `done` and `failed` are a backfill's; the others reconcile's."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"  # the same command goes on
    DONE = "done"
    FAILED = "failed"  # what `reason` says has to be mended first; the same command goes on
    WAITING = "waiting"  # nothing was asked for yet
    FINE = "fine"
    BEHIND = "behind"  # there is more than one turn could fetch
    FAILING = "failing"  # tried again when it is due again


class Run(BaseModel):
    """One row.

    Attributes:
        since: where it begins; None: at the beginning.
        asked: the `--since` of the command as it was typed, for that is what "the same command" means.
        act: rules are asked about what it tells.
        ended: the vendor had nothing newer when the last page came.
        pages, records: fetched, those known before included.
        tickets: different ones.
        total: how many there are in all, where the vendor says.
        attempted_at: when a page was last asked for.
        finished_at: when the end was last reached.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    origin: Origin
    state: RunState
    reason: str | None = None
    since: UtcTime | None = None
    asked: str | None = None
    act: bool = False
    cursor: str | None = None
    ended: bool = False
    pages: int = 0
    records: int = 0
    tickets: int = 0
    total: int | None = None
    started_at: UtcTime
    attempted_at: UtcTime | None = None
    finished_at: UtcTime | None = None
    holder: str | None = None
    lease_until: UtcTime | None = None


class HeldError(RejectedError):
    """Another process works on it."""


class HistoryRuns:
    """Reads and writes the rows. Every write here is a transaction of its own unless it is given one."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def find(self, source: str, origin: Origin) -> Run | None:
        async with self._storage.reading() as tx:
            row = await tx.row(select(_TABLE).where(_this(source, origin)))
        return None if row is None else Run.model_validate(row)

    async def begin(self, source: str, origin: Origin, state: RunState, **values: Any) -> None:
        """Make the row, unless there is one."""
        row = {"source": source, "origin": origin, "state": state, "started_at": self._clock.now(), **values}
        async with self._storage.transaction() as tx:
            await tx.insert_new(_TABLE, [row], unique=["source", "origin"], returning="source")

    async def make_due(self, source: str) -> bool:
        """Have this source's reconcile take its next turn at the next tick. False: it was never served."""
        due = update(_TABLE).where(_this(source, Origin.RECONCILE)).values(attempted_at=None)
        async with self._storage.transaction() as tx:
            return bool((await tx.execute(due)).rowcount)

    @asynccontextmanager
    async def held(self, source: str, origin: Origin) -> AsyncIterator[Run]:
        """Hold a row that is there, for the time of the block.

        Raises:
            HeldError: somebody else does.
        """
        run = await self._take(source, origin)
        renewing = asyncio.create_task(self._renew(run))
        try:
            yield run
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
            await settled(self._give_back(run))

    async def change(self, run: Run, tx: Transaction | None = None, **values: Any) -> Run:
        """Write these columns.

        Raises:
            HeldError: the row is no longer ours.
        """
        if tx is None:
            async with self._storage.transaction() as own:
                return await self.change(run, own, **values)
        values |= {"lease_until": self._clock.now() + LEASE}
        changed = await tx.execute(update(_TABLE).where(_held_by(run)).values(values))
        if changed.rowcount != 1:
            raise HeldError(f"another process has taken over the {run.origin} of {run.source!r}")
        return run.model_copy(update=values)

    async def _take(self, source: str, origin: Origin) -> Run:
        now = self._clock.now()
        async with self._storage.transaction() as tx:
            row = await tx.row(tx.locked(select(_TABLE).where(_this(source, origin))))
            if row is None:
                raise RejectedError(f"nobody has asked for the {origin} of {source!r}")
            if is_held(row["holder"], row["lease_until"], now):
                who = describe_holder(row["holder"], row["lease_until"], now)
                raise HeldError(f"the {origin} of {source!r} runs already: {who}")
            values = {"holder": new_holder(), "lease_until": now + LEASE}
            await tx.execute(update(_TABLE).where(_this(source, origin)).values(values))
        return Run.model_validate({**row, **values})

    async def _renew(self, run: Run) -> None:
        while True:
            await asyncio.sleep(RENEWED_EVERY)
            # Whoever lost it finds that out when it next wants to write.
            with contextlib.suppress(RetryableError, HeldError):
                await self.change(run)

    async def _give_back(self, run: Run) -> None:
        try:
            async with self._storage.transaction() as tx:
                await tx.execute(update(_TABLE).where(_held_by(run)).values(holder=None, lease_until=None))
        except RetryableError as error:
            log.warning("lease_kept", source=run.source, origin=run.origin.value, reason=str(error))


async def acts(tx: Transaction, source: str) -> bool:
    """Whether rules are to be asked about what a backfill of this source tells."""
    return bool(await tx.value(select(_TABLE.c.act).where(_this(source, Origin.BACKFILL))))


def shown_state(run: Run, now: datetime) -> RunState:
    """The state as it is: a run whose process died says `running` itself."""
    if run.state is RunState.RUNNING and not is_held(run.holder, run.lease_until, now):
        return RunState.INTERRUPTED
    return run.state


_TABLE = tables.history_runs


def _this(source: str, origin: Origin) -> ColumnElement[bool]:
    return and_(_TABLE.c.source == source, _TABLE.c.origin == origin.value)


def _held_by(run: Run) -> ColumnElement[bool]:
    return and_(_this(run.source, run.origin), _TABLE.c.holder == run.holder)
