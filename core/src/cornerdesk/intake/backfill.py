"""All of a source's history, now: page after page, each stored with its cursor and settled before the next is stored.

Whatever ends a run, the next one goes on: first with what is stored and not processed, then behind the last page that
was stored. Nothing here grows with the number of tickets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import delete

from cornerdesk.adapters.history import HistoryPage
from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.errors import CornerdeskError, CredentialsError, FatalError, RejectedError, RetryableError
from cornerdesk.intake.completeness import Summary, summarize
from cornerdesk.intake.fetching import fetch_page
from cornerdesk.intake.pages import HistoryPages, unread
from cornerdesk.intake.processing import Failure, Processor, retry_delay
from cornerdesk.intake.runs import HeldError, HistoryRuns, Run, RunState
from cornerdesk.model import Origin
from cornerdesk.storage import Storage, StorageUnavailable, tables

T = TypeVar("T")

LONGEST_WAIT = 120.0
"""Seconds between two tries, unless the vendor asks for more."""

DATABASE_TRIES = 10
AT_ONCE = 200
"""Records in memory while they are processed."""

BREATHING_AT_ONCE = 50
"""Records between two breaths: as many as one transaction settles."""


@dataclass(frozen=True)
class Wish:
    """What somebody asks for.

    Attributes:
        since: where to begin; None: at the beginning.
        asked: `since` as it was typed.
        act: rules are asked about what comes of it.
        restart: from the beginning, whatever an interrupted run has done.
    """

    since: datetime | None = None
    asked: str | None = None
    act: bool = False
    restart: bool = False


@dataclass(frozen=True)
class Started:
    """A run begins, or goes on."""

    run: Run
    resumed: bool


@dataclass(frozen=True)
class Progressed:
    """A page is stored and settled."""

    run: Run


@dataclass(frozen=True)
class Waiting:
    """Nothing goes on for so many seconds, and why."""

    seconds: float
    reason: str


News = Started | Progressed | Waiting


class Backfill:
    """One source's backfill.

    Args:
        processor: settles what is stored; its `decide` is what `act` means.
        tell: hears of every page and every wait, at once.
        breath: seconds to leave the database to others after every group, where it has one writer and others write.
        sleep: for tests.
    """

    def __init__(
        self,
        source: str,
        adapter: Adapter,
        storage: Storage,
        processor: Processor,
        clock: Clock,
        tell: Callable[[News], None],
        *,
        breath: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._adapter = adapter
        self._storage = storage
        self._processor = processor
        self._clock = clock
        self._tell = tell
        self._breath = breath
        self._at_once = BREATHING_AT_ONCE if breath else AT_ONCE
        self._sleep = sleep
        self._runs = HistoryRuns(storage, clock)
        self._pages = HistoryPages(storage, self._runs, clock)

    async def run(self, wish: Wish) -> Summary:
        """Fetch and settle until there is nothing newer; what came of it.

        Raises:
            HeldError: another process does this already.
            CredentialsError: the vendor refuses our credentials.
            FatalError: an interrupted run was asked for something else.
            RejectedError: the vendor or its adapter cannot go on.
            StorageUnavailable: the database stays away.
        """
        asked = {"since": wish.since, "asked": wish.asked, "act": wish.act}
        await self._runs.begin(self._source, Origin.BACKFILL, RunState.RUNNING, **asked)
        async with self._runs.held(self._source, Origin.BACKFILL) as taken:
            run = await self._begin(taken, wish)
            try:
                run = await self._fetch_and_settle(run)
            except CornerdeskError as error:
                await self._note_failure(run, error)
                raise
            summary = await summarize(self._storage, run)
            await self._runs.change(run, state=RunState.DONE, reason=None, finished_at=self._clock.now())
            return summary

    async def _begin(self, run: Run, wish: Wish) -> Run:
        resumed = run.pages > 0 and run.state is not RunState.DONE and not wish.restart
        if resumed:
            _check_same(run, wish)
            run = await self._runs.change(run, state=RunState.RUNNING, reason=None)
        else:
            run = await self._begin_anew(run, wish)
        self._tell(Started(run, resumed))
        return run

    async def _begin_anew(self, run: Run, wish: Wish) -> Run:
        counted = tables.history_tickets
        async with self._storage.transaction() as tx:
            await tx.execute(delete(counted).where(counted.c.source == self._source))
            return await self._runs.change(
                run,
                tx,
                state=RunState.RUNNING,
                reason=None,
                since=wish.since,
                asked=wish.asked,
                act=wish.act,
                cursor=None,
                ended=False,
                pages=0,
                records=0,
                tickets=0,
                total=None,
                started_at=self._clock.now(),
                finished_at=None,
            )

    async def _note_failure(self, run: Run, error: CornerdeskError) -> None:
        with contextlib.suppress(RetryableError, HeldError):
            await self._runs.change(run, state=RunState.FAILED, reason=str(error))

    # ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _fetch_and_settle(self, run: Run) -> Run:
        """While a page is settled, the next one is fetched."""
        fetching = None if run.ended else asyncio.create_task(self._fetch(run))
        try:
            await self._settle_stored()
            while fetching is not None:
                page = await fetching
                run = await self._patiently(partial(self._pages.store, run, page))
                fetching = None if run.ended else asyncio.create_task(self._fetch(run))
                await self._settle_stored()
                self._tell(Progressed(run))
        finally:
            if fetching is not None:
                fetching.cancel()
                await asyncio.gather(fetching, return_exceptions=True)
        return run

    async def _fetch(self, run: Run) -> HistoryPage:
        try:
            return await self._patiently(partial(fetch_page, self._adapter, run))
        except RejectedError as error:
            raise RejectedError(f"{error}; `--restart` begins anew") from error

    async def _settle_stored(self) -> None:
        tries = 0
        while ids := await self._patiently(partial(unread, self._storage, self._source, self._at_once)):
            failures = await self._patiently(partial(self._processor.process_now, ids, tries))
            tries = tries + 1 if failures else 0
            if failures:
                await self._wait_for(failures, tries)
            elif self._breath:
                await self._sleep(self._breath)

    async def _wait_for(self, failures: list[Failure], tries: int) -> None:
        for failure in failures:
            if isinstance(failure.error, CredentialsError):
                raise failure.error
        longest = max(failures, key=lambda failure: _delay(failure.error, tries))
        await self._wait(_delay(longest.error, tries), longest.reason)

    # ── patience ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it works: as long as the vendor may be away, not as long for our own database."""
        tries = 0
        while True:
            try:
                return await call()
            except RetryableError as error:
                tries += 1
                if isinstance(error, StorageUnavailable) and tries >= DATABASE_TRIES:
                    raise
                await self._wait(_delay(error, tries), str(error))

    async def _wait(self, seconds: float, reason: str) -> None:
        self._tell(Waiting(seconds, reason))
        await self._sleep(seconds)


def _delay(error: Exception, tries: int) -> float:
    asked = error.retry_after if isinstance(error, RetryableError) else None
    return max(min(retry_delay(error, tries - 1), LONGEST_WAIT), asked or 0.0)


def _check_same(run: Run, wish: Wish) -> None:
    if (run.asked, run.act) == (wish.asked, wish.act):
        return
    before = " ".join(
        ["cornerdesk backfill", run.source, *(["--since", run.asked] if run.asked else []), *["--act"] * run.act]
    )
    raise FatalError(
        f"another backfill of {run.source!r} was interrupted: `{before}` goes on with it, --restart begins this one"
    )
