"""The plugin on the real storage, with its migrations, the real ledger and the real executor, on both databases."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cornerdesk import (
    Adapter,
    Configuration,
    Effect,
    EffectState,
    PlanContext,
    Question,
    Receipt,
    Request,
    RetryableError,
    Snapshot,
    Transaction,
    UnknownOutcomeError,
)
from cornerdesk.engine.jobs import HeldJob, Job, JobRequest, Jobs
from cornerdesk.ledger import Executor, Ledger, Patience
from cornerdesk.ledger.desk import cornerdesk_actions as desk_actions
from cornerdesk.rules.plan import Plan, PlannedEffect
from cornerdesk.storage import Storage, open_storage, tables
from cornerdesk_escalation import cornerdesk_actions, cornerdesk_tables
from cornerdesk_escalation.actions.escalate import EscalateAction, EscalateSettings
from cornerdesk_escalation.listing import EscalationRow, escalation_listing
from cornerdesk_escalation.tables import metadata
from sqlalchemy import insert, select

POSTGRESQL = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


class Desk(Adapter):
    """A help desk that keeps notes."""

    helpdesk = "fake"

    def __init__(self) -> None:
        self.notes: list[str] = []

    def verify(self, delivery: Any, now: datetime) -> None: ...

    def delivery_key(self, delivery: Any) -> str:
        return ""

    def read(self, delivery: Any) -> Any: ...

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        self.notes.append(text)
        return Receipt(id=marker)


class ListedJobs(Jobs):
    """Jobs in a list: which of them run, and when, is the test's to say."""

    def __init__(self) -> None:
        self.waiting_jobs: list[JobRequest] = []

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        tx.after_commit(lambda: self.waiting_jobs.extend(requests))

    def handle(self, name: str, handler: Callable[[Job], Awaitable[None]]) -> None: ...

    def cron(self, name: str, expression: str, handler: Callable[[], Awaitable[None]]) -> None: ...

    async def run(self, stop: Any) -> None: ...

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None: ...

    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        return []

    async def requeue(self, ids: Sequence[int]) -> None: ...

    async def waiting(self) -> dict[str, int]:
        return {}


@dataclass
class House:
    """The rooms of the core around the plugin."""

    storage: Storage
    stage: Any
    jobs: ListedJobs = field(default_factory=ListedJobs)
    desk: Desk = field(default_factory=Desk)

    def __post_init__(self) -> None:
        actions = {action.name: action for action in (*desk_actions(), *cornerdesk_actions())}
        self.ledger = Ledger(actions, self.jobs, self)

    def now(self) -> datetime:
        return self.stage.now  # type: ignore[no-any-return]

    @property
    def configuration(self) -> Configuration:
        return self.stage.configuration  # type: ignore[no-any-return]

    async def fire(self, snapshot: Snapshot, *, rule: str = "canary", **settings: Any) -> None:
        """A rule fires on an event, and what is due is done."""
        await self.plan(snapshot, rule=rule, **settings)
        await self.work()

    async def plan(self, snapshot: Snapshot, *, rule: str = "canary", **settings: Any) -> None:
        """A rule fires on an event."""
        parsed = EscalateSettings.model_validate(settings)
        intents = EscalateAction().plan(parsed, PlanContext(rule, snapshot, self.configuration))
        effects = [
            PlannedEffect(
                rule=rule, rule_version="v1", action="escalate", owner=rule, scope=f"event:{snapshot.event.id}",
                target=intent.target, payload=intent.payload,
            )
            for intent in intents
        ]  # fmt: skip
        async with self.storage.transaction() as tx:
            await self._keep(tx, snapshot)
            await self.ledger.record(tx, Plan(effects=tuple(effects), fired=(rule,)), snapshot.event, "v1")

    async def work(self, length: timedelta = timedelta()) -> None:
        """Let time pass, and run each job at its moment, twice: the engine may do that at any time."""
        until, executor = self.stage.now + length, self.executor()
        while due := [job for job in self.jobs.waiting_jobs if (job.not_before or self.stage.now) <= until]:
            first = min(due, key=lambda job: job.not_before or self.stage.now)
            self.jobs.waiting_jobs.remove(first)
            self.stage.now = max(self.stage.now, first.not_before or self.stage.now)
            for _ in range(2):
                await executor.handle(Job(id=1, name=first.name, payload=first.payload, attempts=0))
        self.stage.now = until

    def executor(self) -> Executor:
        return Executor(
            self.storage, self.ledger, {"support": self.desk}, self.configuration, self.stage.manager.hook, self,
            patience=Patience(keeping_delays=()), jitter=lambda: 0.5,
        )  # fmt: skip

    async def work_at_once(self) -> None:
        """Run every job that is due at the same time, each by a worker of its own."""
        due = [job for job in self.jobs.waiting_jobs if job.not_before is None]
        for job in due:
            self.jobs.waiting_jobs.remove(job)
        jobs = [Job(id=1, name=job.name, payload=job.payload, attempts=0) for job in due]
        await asyncio.gather(*(self.executor().handle(job) for job in jobs))

    async def rows(self) -> list[EscalationRow]:
        async with self.storage.reading() as tx:
            found = await escalation_listing().rows(Question(tx, self.configuration, self.now()))
        return [row for row in found if isinstance(row, EscalationRow)]

    async def verb(self, name: str, **options: str) -> str:
        said = await self.ask((await self.rows())[0].id, name, **options)
        await self.work()
        return said

    async def ask(self, id: str, name: str, **options: str) -> str:
        wanted = next(each for each in escalation_listing().verbs if each.name == name)
        async with self.storage.transaction() as tx:
            request = Request(tx, self.configuration, self.now(), id, options, "cli", self.ledger.plan_intents)
            return await wanted.run(request)

    async def effects(self, action: str) -> list[Effect]:
        asked = select(tables.effects).where(tables.effects.c.action == action).order_by(tables.effects.c.id)
        async with self.storage.reading() as tx:
            rows = await tx.rows(asked)
        return [Effect.model_validate({name: row[name] for name in Effect.model_fields}) for row in rows]

    async def _keep(self, tx: Transaction, snapshot: Snapshot) -> None:
        event = snapshot.event
        row: dict[str, Any] = {
            "id": event.id, "source": event.source, "helpdesk": event.helpdesk, "kind": event.kind.value,
            "ticket": event.ticket.id, "occurred_at": event.occurred_at, "received_at": event.received_at,
            "actor_kind": "customer", "origin": "webhook", "snapshot": {},
        }  # fmt: skip
        await tx.execute(insert(tables.events).values(**row))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def house(request: pytest.FixtureRequest, tmp_path: Path, any_stage: Any) -> AsyncIterator[House]:
    """A migrated database and the ledger on it."""
    if request.param == "sqlite":
        async with await open_storage(f"sqlite:///{tmp_path}/test.db", plugin_tables=[cornerdesk_tables()]) as storage:
            await storage.migrate()
            yield House(storage, any_stage)
        return
    any_stage.require_postgresql()
    schema = f"escalation_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(POSTGRESQL)
    await connection.execute(f"CREATE SCHEMA {schema}")
    try:
        url = f"{POSTGRESQL}?options=-csearch_path%3D{schema}"
        async with await open_storage(url, plugin_tables=[cornerdesk_tables()]) as storage:
            await storage.migrate()
            yield House(storage, any_stage)
    finally:
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


async def test_the_migrations_make_what_the_code_says(house: House) -> None:
    names = set(metadata.tables)

    def difference(connection: Any) -> list[Any]:
        def include(_: Any, name: str | None, kind: str, reflected: bool, __: Any) -> bool:
            return kind != "table" or not reflected or name in names

        options = {"include_object": include, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with house.storage.reading() as tx:
        assert await tx.connection.run_sync(difference) == []


async def test_a_chain_runs_to_its_answer_with_every_job_run_twice(house: House, snapshots: Any) -> None:
    await house.fire(snapshots(), to=["ceo", "coo"], reason="Globex talks of leaving")
    await house.work(timedelta(minutes=31))
    assert house.stage.told == ["ceo", "coo"]
    assert await house.verb("ack", answer="On it") == "Acknowledged by Ben Ode (coo): Globex talks of leaving"
    await house.work(timedelta(days=2))
    assert house.stage.told == ["ceo", "coo"]
    assert house.desk.notes == [
        "Acknowledged by Ben Ode (coo) at 2026-03-03 09:31 UTC: Globex talks of leaving\n\nOn it"
    ]
    row = (await house.rows())[0]
    assert [line.what for line in row.history] == [
        *("opened", "telling", "told", "deadline", "telling", "told", "acknowledged"),
    ]


async def test_a_chain_without_an_answer_ends_in_one_note(house: House, snapshots: Any) -> None:
    await house.fire(snapshots(), to=["ceo", "coo"])
    await house.work(timedelta(days=2))
    assert [row.state for row in await house.rows()] == ["exhausted"]
    assert len(house.desk.notes) == 1
    tells = await house.effects("escalation.tell")
    assert [(tell.target, tell.state, tell.internal) for tell in tells] == [
        ("ceo", EffectState.CONFIRMED, False),
        ("coo", EffectState.CONFIRMED, False),
    ]
    assert all(step.internal for step in await house.effects("escalation.step"))


async def test_two_rules_on_one_event_tell_one_person_once(house: House, snapshots: Any) -> None:
    snapshot = snapshots()
    await house.fire(snapshot, rule="first", to=["ceo", "coo"])
    await house.fire(snapshots(), rule="second", to="ceo")
    assert house.stage.told == ["ceo"]
    states = [effect.state for effect in await house.effects("escalate")]
    assert states == [EffectState.CONFIRMED, EffectState.SUPPRESSED]


async def test_a_dead_letter_does_not_hold_up_the_chain(house: House, snapshots: Any) -> None:
    house.stage.person("ceo", notify=("fax",))
    await house.fire(snapshots(), to=["ceo", "coo"])
    assert house.stage.told == ["coo"]
    dead, _ = await house.effects("escalation.tell")
    assert (dead.state, dead.reason) == (
        EffectState.DEAD,
        "ceo cannot be told: there is no channel 'fax'; installed: email, slack",
    )


async def test_a_mail_of_unknown_outcome_is_sent_again_with_the_same_marker(house: House, snapshots: Any) -> None:
    house.stage.email.trouble["ceo"] = UnknownOutcomeError("no answer")
    await house.fire(snapshots(), to="ceo")
    house.stage.email.trouble.clear()
    await house.work(timedelta(minutes=5))
    (tell,) = await house.effects("escalation.tell")
    assert (tell.state, house.stage.told) == (EffectState.CONFIRMED, ["ceo"])


async def test_a_mail_server_that_is_away_for_a_while_is_tried_until_it_is_back(house: House, snapshots: Any) -> None:
    house.stage.email.trouble["ceo"] = RetryableError("away")
    await house.fire(snapshots(), to="ceo")
    await house.work(timedelta(minutes=3))
    house.stage.email.trouble.clear()
    await house.work(timedelta(minutes=10))
    assert house.stage.told == ["ceo"]
    assert "Please answer by" in house.stage.last.text


async def test_a_budget_holds_when_many_workers_decide_at_once(house: House, snapshots: Any) -> None:
    house.stage.person("ceo", per_day=2)
    for number in range(6):
        await house.plan(snapshots(ticket=str(number)), to=["ceo", "coo"])
    await house.work_at_once()
    await house.work()
    assert sorted(house.stage.told) == ["ceo"] * 2 + ["coo"] * 4


async def test_two_rules_at_once_tell_one_person_once(house: House, snapshots: Any) -> None:
    for rule in ("first", "second", "third"):
        await house.plan(snapshots(), rule=rule, to="ceo")
    await house.work_at_once()
    await house.work()
    assert house.stage.told == ["ceo"]
    assert len(await house.rows()) == 1


async def test_of_two_who_answer_at_once_one_is_first(house: House, snapshots: Any) -> None:
    await house.fire(snapshots(), to=["ceo", "coo"])
    await house.work(timedelta(minutes=30))
    id = (await house.rows())[0].id
    answers = await asyncio.gather(
        *(house.ask(id, "ack", by=person) for person in ("ceo", "coo")), return_exceptions=True
    )
    await house.work()
    assert sorted(type(answer).__name__ for answer in answers) == ["RejectedError", "str"]
    assert len(house.desk.notes) == 1


async def test_an_answer_at_the_moment_of_the_deadline_leaves_one_end(house: House, snapshots: Any) -> None:
    await house.fire(snapshots(), to="ceo")
    id = (await house.rows())[0].id
    house.stage.now += timedelta(minutes=30)
    (timer,) = house.jobs.waiting_jobs
    job = Job(id=1, name=timer.name, payload=timer.payload, attempts=0)
    await asyncio.gather(house.ask(id, "ack"), house.executor().handle(job))
    assert (await house.rows())[0].state == "acknowledged"
