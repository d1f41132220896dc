"""A small world for the ledger's tests: a clock, jobs in a table, actions that are played, and crashes on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from cornerdesk import (
    ActionSettings,
    Effect,
    Event,
    EventKind,
    Intent,
    Outcome,
    PlanContext,
    Receipt,
    RecordContext,
    RecordedAction,
    RemoteAction,
    SendContext,
    Ticket,
    Transaction,
    new_id,
)
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import HeldJob, Job, JobRequest, Jobs, RetryJob
from cornerdesk.ledger import Executor, Ledger, Patience
from cornerdesk.ledger.rows import effect_of
from cornerdesk.rules.plan import Plan, PlannedEffect
from cornerdesk.storage import Storage, tables
from cornerdesk.storage.types import UtcDateTime
from prometheus_client import CollectorRegistry
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, delete, select
from sqlalchemy.schema import CreateTable

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PATIENCE = Patience(keeping_delays=())

_fake_jobs = Table(
    "fake_jobs",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("not_before", UtcDateTime),
)


class Crash(BaseException):
    """The process dies here."""


class FakeClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, length: timedelta) -> None:
        self.time += length


class TableJobs(Jobs):
    """Jobs as rows, so that they come and go with the transaction that they were taken on in."""

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        rows = [{"payload": request.payload, "not_before": request.not_before} for request in requests]
        await tx.execute(_fake_jobs.insert(), rows)

    def handle(self, name: str, handler: Callable[[Job], Awaitable[None]]) -> None:
        raise NotImplementedError

    def cron(self, name: str, expression: str, handler: Callable[[], Awaitable[None]]) -> None:
        raise NotImplementedError

    async def run(self, stop: asyncio.Event) -> None:
        raise NotImplementedError

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        raise NotImplementedError

    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        raise NotImplementedError

    async def requeue(self, ids: Sequence[int]) -> None:
        raise NotImplementedError

    async def waiting(self) -> dict[str, int]:
        raise NotImplementedError


@dataclass
class Saboteur:
    """Counts the steps of everything that is awaited, and lets the process die at one of them."""

    crash_at: int | None = None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.crash_at:
            raise Crash


class FragileStorage:
    """Storage whose process may die before, in and after each transaction."""

    def __init__(self, storage: Storage, saboteur: Saboteur) -> None:
        self._storage = storage
        self._saboteur = saboteur

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._saboteur.step()
        async with self._storage.transaction() as tx:
            yield tx
            self._saboteur.step()
        self._saboteur.step()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        self._saboteur.step()
        async with self._storage.reading() as tx:
            yield tx


@dataclass
class Outside:
    """The world that remote actions change. It outlives every crash.

    `script`: what the next calls of `send` meet: an error to raise after nothing took place; `lost`, when it took
    place and no answer comes; `crash`, when the process dies after it took place. Nothing left: it goes well.
    """

    script: list[Exception | str] = field(default_factory=list)
    look_up_script: list[Exception] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    took_place: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    saboteur: Saboteur = field(default_factory=Saboteur)
    gate: asyncio.Event | None = None
    follow_ups: tuple[Intent, ...] = ()

    async def send(self, effect: Effect) -> Outcome:
        self.saboteur.step()
        self.sent.append(effect.id)
        if self.gate is not None:
            await self.gate.wait()
        ahead = self.script.pop(0) if self.script else "done"
        if isinstance(ahead, Exception):
            raise ahead
        self.took_place.append(effect.id)
        self.saboteur.step()
        if ahead == "crash":
            raise Crash
        if ahead == "lost":
            raise TimeoutError
        return self.outcome(effect)

    async def find(self, effect: Effect) -> Receipt | None:
        self.saboteur.step()
        self.looked_up.append(effect.id)
        if self.look_up_script:
            raise self.look_up_script.pop(0)
        self.saboteur.step()
        return self.outcome(effect).receipt if effect.id in self.took_place else None

    def outcome(self, effect: Effect) -> Outcome:
        receipt = Receipt(id=f"receipt-{effect.target}", echoes=("message:77",))
        return Outcome(receipt=receipt, follow_ups=self.follow_ups)


class PageAction(RemoteAction[ActionSettings]):
    """A remote action that can be looked up."""

    name = "page"
    about = "pages somebody"
    settings_model = ActionSettings

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        return ()

    def echoes(self, effect: Effect) -> Sequence[str]:
        return ("text:abc",)

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        return await self.outside.send(effect)

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        return await self.outside.find(effect)

    def found(self, effect: Effect, receipt: Receipt) -> Outcome:
        return self.outside.outcome(effect)


class BlindAction(PageAction):
    """A remote action that nobody can look up."""

    name = "shout"

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        return await RemoteAction.look_up(self, effect, context)


class CountAction(RecordedAction[ActionSettings]):
    """A recorded action: what it writes is a row of `once_windows`, named by the effect's target."""

    name = "count"
    about = "counts"
    settings_model = ActionSettings

    def __init__(self) -> None:
        self.script: list[Exception] = []
        self.outcome = Outcome()
        self.runs: list[str] = []

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        return ()

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        self.runs.append(effect.id)
        row = {"key": f"counted:{effect.id}", "anchor": context.now}
        await context.tx.execute(tables.once_windows.insert(), row)
        if self.script:
            raise self.script.pop(0)
        return self.outcome


def _half() -> float:
    return 0.5


class World:
    """Everything around the ledger, played."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = FakeClock()
        self.jobs = TableJobs()
        self.outside = Outside()
        self.count = CountAction()
        self.actions: dict[str, Any] = {
            action.name: action for action in (PageAction(self.outside), BlindAction(self.outside), self.count)
        }
        self.ledger = Ledger(self.actions, self.jobs, self.clock)
        self.registry = CollectorRegistry()
        self.executor = self.new_executor(registry=self.registry)
        self._scopes = itertools.count()

    def new_executor(self, saboteur: Saboteur | None = None, **options: Any) -> Executor:
        """The executor of another process."""
        storage = self.storage if saboteur is None else cast(Storage, FragileStorage(self.storage, saboteur))
        self.outside.saboteur = saboteur or Saboteur()
        options = {"patience": PATIENCE, "jitter": _half, **options}
        return Executor(storage, self.ledger, {}, Configuration(), None, self.clock, **options)

    def event(self, ticket: str = "12", *, at: datetime | None = None) -> Event:
        at = at or self.clock.now()
        return Event(
            id=new_id(),
            source="support",
            helpdesk="zendesk",
            kind=EventKind.MESSAGE_ADDED,
            occurred_at=at,
            received_at=at,
            ticket=Ticket(id=ticket),
        )

    def planned(self, action: str = "page", target: str = "ceo", **values: Any) -> PlannedEffect:
        values = {"rule": "canary", "rule_version": "v1", "owner": "canary"} | values
        scope = values.pop("scope", None) or f"event:{next(self._scopes)}"
        return PlannedEffect(action=action, target=target, scope=scope, **values)

    async def record(self, *planned: PlannedEffect, event: Event | None = None) -> list[Effect]:
        async with self.storage.transaction() as tx:
            return await self.ledger.record(tx, Plan(effects=planned), event or self.event(), "v1")

    async def effects(self, **wanted: Any) -> list[Effect]:
        columns = tables.effects.c
        statement = select(tables.effects).where(*(columns[name] == value for name, value in wanted.items()))
        async with self.storage.reading() as tx:
            return [effect_of(row) for row in await tx.rows(statement.order_by(columns.planned_at, columns.id))]

    async def effect(self, effect_id: str) -> Effect:
        return (await self.effects(id=effect_id))[0]

    async def change(self, effect_id: str, **values: Any) -> None:
        async with self.storage.transaction() as tx:
            await tx.execute(tables.effects.update().where(tables.effects.c.id == effect_id).values(**values))

    async def waiting(self) -> list[tuple[list[str], datetime | None]]:
        """The ids and the time of every job that waits."""
        async with self.storage.reading() as tx:
            rows = await tx.rows(select(_fake_jobs).order_by(_fake_jobs.c.id))
        return [(json.loads(row["payload"]), row["not_before"]) for row in rows]

    def job(self, *ids: str) -> Job:
        return Job(1, "effects", json.dumps(ids).encode(), 0)

    async def run_due(self, executor: Executor | None = None) -> int:
        """Run the jobs that are due, as the engine would: a job is gone once its handler has returned."""
        count = 0
        while (row := await self._next_job()) is not None:
            count += 1
            assert count < 200, "jobs go round in circles"
            try:
                await (executor or self.executor).handle(Job(row["id"], "effects", row["payload"], 0))
            except RetryJob as retry:
                again = _fake_jobs.update().where(_fake_jobs.c.id == row["id"])
                statement: Any = again.values(not_before=self.clock.now() + timedelta(seconds=retry.delay))
            else:
                statement = delete(_fake_jobs).where(_fake_jobs.c.id == row["id"])
            async with self.storage.transaction() as tx:
                await tx.execute(statement)
        return count

    async def run_all(self, executor: Executor | None = None) -> None:
        """Run everything, moving the clock on to whatever is due next."""
        await self.run_due(executor)
        for _ in range(100):
            moments = [moment for _, moment in await self.waiting() if moment is not None]
            if not moments:
                return
            self.clock.time = max(self.clock.time, min(moments))
            await self.run_due(executor)
        raise AssertionError("there is no end to it")

    async def _next_job(self) -> Any:
        due = (_fake_jobs.c.not_before.is_(None)) | (_fake_jobs.c.not_before <= self.clock.now())
        async with self.storage.reading() as tx:
            return await tx.row(select(_fake_jobs).where(due).order_by(_fake_jobs.c.id).limit(1))


@pytest.fixture
async def world(storage: Storage) -> World:
    async with storage.transaction() as tx:
        await tx.execute(CreateTable(_fake_jobs, if_not_exists=True))
    return World(storage)
