"""The waiting room of deliveries: many requests, one commit. Knows nothing of HTTP, signatures or vendors.

A group is whatever waited while the last commit ran. There is no timer, which would only add delay, and one flusher:
two would take each other's lock. Nobody is told "stored" before the commit that stored it.

The room is bounded in three ways (`InboxLimits`); whoever comes when it is full is refused at once and may come again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import select, tuple_

from cornerdesk.clock import Clock
from cornerdesk.engine.jobs import JobRequest, Jobs
from cornerdesk.errors import RetryableError
from cornerdesk.intake.metrics import InboxMetrics
from cornerdesk.storage import Storage, StorageUnavailable, StoredDelivery, tables
from cornerdesk.storage.transaction import Transaction

log = structlog.get_logger()

JOB = "deliveries"
JOB_SIZE = 200
"""How many deliveries one job names at most: one worker holds them all at once."""


@dataclass(frozen=True)
class InboxLimits:
    """How much may wait.

    Attributes:
        waiting: deliveries that wait at most.
        waiting_bytes: bytes of their bodies at most.
        age: seconds; while somebody has waited longer than this, nobody else is let in. The strictest vendor
            (fact sheet intercom.md 1.1) wants its answer within 5 s.
        patience: seconds after which those who wait for a commit that does not end are sent away.
        group: deliveries in one commit at most.
    """

    waiting: int = 2_000
    waiting_bytes: int = 64 * 1024 * 1024
    age: float = 2.0
    patience: float = 4.0
    group: int = 500


@dataclass(frozen=True, slots=True)
class PutResult:
    """A delivery that is stored: its id, and whether it is new. `id` of a duplicate is the first one's; None when that
    could not be looked up."""

    id: str | None
    new: bool


class _Waiting:
    """One request that waits, and since when (the loop's clock)."""

    __slots__ = ("future", "item", "since")

    def __init__(self, item: StoredDelivery, future: asyncio.Future[PutResult], since: float) -> None:
        self.item = item
        self.future = future
        self.since = since

    def answer(self, result: PutResult) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Inbox:
    """Stores deliveries in groups and enqueues a `deliveries` job for the new ones, in the same transaction."""

    def __init__(
        self,
        storage: Storage,
        jobs: Jobs,
        clock: Clock,
        *,
        registry: CollectorRegistry | None = None,
        limits: InboxLimits | None = None,
    ) -> None:
        self._storage = storage
        self._jobs = jobs
        self.clock = clock
        self.limits = limits or InboxLimits()
        self._room: deque[_Waiting] = deque()
        self._room_bytes = 0
        self._in_flight: Sequence[_Waiting] = ()
        self._stuck = False
        self._closing = False
        self._wake = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._metrics = InboxMetrics(registry, lambda: float(len(self._room) + len(self._in_flight)))

    def start(self) -> None:
        """Begin to flush. Call it once, in the event loop that serves."""
        self._flusher = asyncio.create_task(self._flush_until_closed(), name="inbox")

    async def put(self, item: StoredDelivery) -> PutResult:
        """Wait until the delivery is stored durably.

        Raises:
            StorageUnavailable: it is not known to be stored: the room is full, the database is away or too slow.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._refuse_when_full(now)
        waiting = _Waiting(item, loop.create_future(), now)
        self._room.append(waiting)
        self._room_bytes += len(item.body)
        self._wake.set()
        return await waiting.future

    async def put_dead(self, item: StoredDelivery, reason: str) -> PutResult:
        """Store a delivery that nobody will be able to process as a dead letter, by itself: it is rare.

        Raises:
            StorageUnavailable: it is not known to be stored.
        """
        row = {name: getattr(item, name) for name in ("id", "source", "key", "received_at", "body", "origin")}
        row |= {"headers": dict(item.headers), "state": "dead", "reason": reason, "done_at": item.received_at}
        async with self._storage.transaction() as tx:
            new = await tx.insert_new(tables.deliveries, [row], unique=["source", "key"], returning="id")
        if new:
            return PutResult(item.id, True)
        return PutResult((await self._look_up([(item.source, item.key)])).get((item.source, item.key)), False)

    async def aclose(self) -> None:
        """Let nobody else in, store what waits, stop."""
        self._closing = True
        self._wake.set()
        if self._flusher is not None:
            await self._flusher
            self._flusher = None

    def _refuse_when_full(self, now: float) -> None:
        limits = self.limits
        if self._closing or self._flusher is None:
            raise StorageUnavailable("the receiver is shutting down; send it again")
        if self._stuck:
            raise StorageUnavailable("the database does not answer; send it again")
        if len(self._room) >= limits.waiting or self._room_bytes >= limits.waiting_bytes:
            raise StorageUnavailable("too many deliveries wait to be stored; send it again")
        oldest = self._in_flight or self._room
        if oldest and now - oldest[0].since > limits.age:
            raise StorageUnavailable("deliveries wait too long to be stored; send it again")

    async def _flush_until_closed(self) -> None:
        while not (self._closing and not self._room):
            self._wake.clear()
            if not self._room:
                await self._wake.wait()
                continue
            self._in_flight = group = self._take_group()
            try:
                await self._store_patiently(group)
            finally:
                self._in_flight = ()

    def _take_group(self) -> list[_Waiting]:
        room = self._room
        group = [room.popleft() for _ in range(min(len(room), self.limits.group))]
        self._room_bytes = self._room_bytes - sum(len(each.item.body) for each in group) if room else 0
        return group

    async def _store_patiently(self, group: Sequence[_Waiting]) -> None:
        """A commit that hangs is never cancelled, for it may have taken place; those who wait are sent away."""
        storing = asyncio.create_task(self._store(group))
        done, _ = await asyncio.wait({storing}, timeout=self.limits.patience)
        if not done:
            self._stuck = True
            log.error("inbox_stuck", waiting=len(group) + len(self._room), seconds=self.limits.patience)
            error = StorageUnavailable("the database does not answer; send it again")
            for each in (*group, *self._take_all()):
                each.fail(error)
        try:
            await storing
        finally:
            self._stuck = False

    def _take_all(self) -> list[_Waiting]:
        room, self._room, self._room_bytes = list(self._room), deque(), 0
        return room

    async def _store(self, group: Sequence[_Waiting]) -> None:
        """Store a group, or halve it until the delivery that the database does not take stands alone."""
        try:
            await self._store_once(group)
        except RetryableError as error:
            log.error("deliveries_not_stored", count=len(group), reason=str(error))
            self._fail(group, StorageUnavailable("the delivery could not be stored; send it again"))
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the flusher has to go on
            if len(group) > 1:
                middle = len(group) // 2
                await self._store(group[:middle])
                await self._store(group[middle:])
                return
            log.error("delivery_refused_by_database", source=group[0].item.source, error=type(error).__name__)
            self._fail(group, StorageUnavailable(f"the database refuses this delivery ({type(error).__name__})"))

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        for each in group:
            each.fail(error)

    async def _store_once(self, group: Sequence[_Waiting]) -> None:
        started = asyncio.get_running_loop().time()
        firsts: dict[tuple[str, str], StoredDelivery] = {}
        for each in group:
            firsts.setdefault((each.item.source, each.item.key), each.item)
        new = await self._storage.store_deliveries(list(firsts.values()), self._enqueue)
        ids = {key: item.id for key, item in firsts.items() if item.id in new}
        if len(ids) < len(firsts):
            ids |= await self._look_up([key for key in firsts if key not in ids])
        for each in group:
            item = each.item
            each.answer(PutResult(ids.get((item.source, item.key)), item.id in new))
        self._metrics.group.observe(len(group))
        self._metrics.commit.observe(asyncio.get_running_loop().time() - started)

    async def _enqueue(self, tx: Transaction, ids: Sequence[str]) -> None:
        await self._jobs.enqueue(tx, job_requests(ids))

    async def _look_up(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Ids of deliveries stored earlier: a courtesy to whoever reads the answer, so it may fail."""
        table = tables.deliveries
        wanted = select(table.c.source, table.c.key, table.c.id).where(tuple_(table.c.source, table.c.key).in_(keys))
        try:
            async with self._storage.reading() as tx:
                return {(row["source"], row["key"]): row["id"] for row in await tx.rows(wanted)}
        except RetryableError:
            return {}


def job_requests(ids: Sequence[str]) -> list[JobRequest]:
    """Jobs that process these deliveries, `JOB_SIZE` each. Payload: a JSON list of ids."""
    ordered = sorted(ids)
    chunks = (ordered[start : start + JOB_SIZE] for start in range(0, len(ordered), JOB_SIZE))
    return [JobRequest(JOB, json.dumps(chunk).encode()) for chunk in chunks]
