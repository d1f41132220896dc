"""A stage for escalations: the plugin's own tables on a real database, a clock in the test's hand, and the least of a
ledger that keeps the promises of the real one (once by key, in one transaction, dead letters, timers)."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import cornerdesk_escalation
import pluggy
import pytest
from cornerdesk import (
    Account,
    AccountStatus,
    Actor,
    ActorKind,
    Budget,
    Configuration,
    CredentialsError,
    Customer,
    Direction,
    Effect,
    EffectState,
    Event,
    EventKind,
    Evidence,
    Hours,
    Intent,
    Message,
    Outcome,
    Person,
    PlanContext,
    Question,
    Receipt,
    RecordContext,
    RecordedAction,
    RejectedError,
    RemoteAction,
    RetryableError,
    SendContext,
    Signal,
    Snapshot,
    Status,
    Ticket,
    Transaction,
    UnknownOutcomeError,
    UnsupportedError,
    hookimpl,
    new_id,
)
from cornerdesk_escalation import Channel, Notification
from cornerdesk_escalation.listing import EscalationRow, list_escalations
from cornerdesk_escalation.settings import EscalationSettings
from cornerdesk_escalation.tables import metadata
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)  # 10:00 in Berlin
POSTGRESQL = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


class RecordingChannel(Channel):
    """Keeps what it is given, or fails as it is told to."""

    name = "email"
    repeatable = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, Notification]] = []
        self.trouble: dict[str, Exception] = {}

    def address_of(self, person: Person, detail: str) -> str:
        if not person.email:
            raise RejectedError(f"{person.key} has no `email` in cornerdesk.yaml")
        return person.key

    async def send(self, notification: Notification, address: str, context: SendContext) -> Receipt:
        if error := self.trouble.get(address):
            raise error
        self.sent.append((address, notification))
        return Receipt(id=notification.marker)


class Chat(RecordingChannel):
    """Another one, whose address stands behind the colon; it cannot tell what became of a message."""

    name = "slack"
    repeatable = False

    def address_of(self, person: Person, detail: str) -> str:
        return detail


class Stage:
    """Plays rules, time and people against the plugin."""

    def __init__(self, engine: AsyncEngine | None) -> None:
        self.engine = engine
        self.now = TUESDAY
        self.email, self.chat = RecordingChannel(), Chat()
        self.people: dict[str, Person] = {}
        self.settings = EscalationSettings()
        self.server: dict[str, Any] = {"public_url": "https://desk.example.com"}
        self.effects: list[Effect] = []
        self.keys: set[tuple[str, ...]] = set()
        self.notes: list[str] = []
        for key, name in (("ceo", "Ada Park"), ("coo", "Ben Ode"), ("cto", "Cleo Ray")):
            self.person(key, name)
        self.actions = {action.name: action for action in cornerdesk_escalation.cornerdesk_actions()}
        self.manager = pluggy.PluginManager("cornerdesk")
        self.manager.add_hookspecs(cornerdesk_escalation.cornerdesk_hookspecs())
        self.manager.register(self)

    @hookimpl
    def cornerdesk_channels(self, configuration: Configuration) -> Sequence[Channel]:
        return [self.email, self.chat]

    def person(self, key: str, name: str | None = None, *, hours: str | None = None, **values: Any) -> None:
        """Add somebody, or change them."""
        known = self.people.get(key)
        self.people[key] = Person(
            key=key,
            name=name or (known.name if known else key),
            email=values.pop("email", f"{key}@acme.example"),
            hours=Hours(hours) if hours else None,
            budget=Budget(per_day=values.pop("per_day", None)),
            **values,
        )

    @property
    def configuration(self) -> Configuration:
        return Configuration(people=self.people, plugins={"escalation": self.settings}, server=self.server)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        assert self.engine is not None
        async with self.engine.begin() as connection:
            yield Transaction(connection)

    async def escalate(
        self, snapshot: Snapshot | None = None, *, rule: str = "canary-in-distress", **settings: Any
    ) -> Effect:
        """A rule asks for an escalation, and what is due is done."""
        snapshot = snapshot or make_snapshot(now=self.now)
        effect = self.planned("escalate", rule, snapshot, settings)[0]
        await self.run()
        return self.effect(effect.id)

    def planned(self, action: str, rule: str, snapshot: Snapshot, settings: dict[str, Any]) -> list[Effect]:
        """What a rule plans, as effects that wait."""
        verb = self.actions[action]
        parsed = verb.settings_model.model_validate(settings)
        intents = verb.plan(parsed, PlanContext(rule, snapshot, self.configuration))
        event = snapshot.event
        return [
            self._add(
                Effect(
                    id=new_id(), key=new_id(), rule=rule, action=action, target=intent.target, payload=intent.payload,
                    source=event.source, ticket=event.ticket.id, event=event.id, planned_at=self.now,
                )
            )
            for intent in intents
        ]  # fmt: skip

    async def plan(
        self, tx: Transaction, intents: Sequence[Intent], *, rule: str, action: str | None, source: str | None,
        ticket: str | None, event: str | None = None, parent: str | None = None,
    ) -> list[str]:  # fmt: skip
        """The face of the ledger that pages and verbs use."""
        made = []
        for intent in intents:
            name = intent.action or action or ""
            assert intent.scope
            key = (name, intent.scope, intent.target)
            if key in self.keys:
                continue
            self.keys.add(key)
            effect = Effect(
                id=new_id(), key=new_id(), rule=rule, action=name, target=intent.target, payload=intent.payload,
                source=source, ticket=ticket, event=event, parent=parent, planned_at=self.now,
                not_before=intent.not_before, internal=intent.internal,
            )  # fmt: skip
            made.append(self._add(effect).id)
        return made

    async def run(self) -> None:
        """Do everything that is due."""
        while due := next((each for each in self.effects if self._due(each)), None):
            await self.do(due.id)

    async def wait(self, length: timedelta) -> None:
        """Let time pass, and do everything at the moment it is due."""
        until = self.now + length
        while True:
            await self.run()
            later = [each.not_before for each in self.effects if each.state is EffectState.PLANNED and each.not_before]
            if not later or min(later) > until:
                break
            self.now = min(later)
        self.now = until

    async def do(self, id: str) -> Effect:
        """Do one effect, whatever its time."""
        effect = self.effect(id)
        action = self.actions.get(effect.action)
        if effect.action == "note":
            self.notes.append(effect.payload["text"])
            return self._end(effect, Outcome())
        if isinstance(action, RecordedAction):
            async with self.transaction() as tx:
                outcome = await action.record(effect, RecordContext(tx, self.now, self.configuration))
                await self._follow(effect, outcome.follow_ups)
            return self._end(effect, outcome)
        assert isinstance(action, RemoteAction)
        return await self._send(effect, action)

    async def rows(self, **filters: Any) -> list[EscalationRow]:
        """The list `escalations`, newest first."""
        async with self.transaction() as tx:
            found = await list_escalations(Question(tx, self.configuration, self.now, filters))
        return [EscalationRow.model_validate(row.model_dump()) for row in found]

    async def row(self) -> EscalationRow:
        """The only escalation there is."""
        rows = await self.rows()
        assert len(rows) == 1
        return rows[0]

    def effect(self, id: str) -> Effect:
        return next(each for each in self.effects if each.id == id)

    @property
    def told(self) -> list[str]:
        """Who got a mail, in order."""
        return [address for address, _ in self.email.sent]

    @property
    def last(self) -> Notification:
        return self.email.sent[-1][1]

    @staticmethod
    def require_postgresql() -> None:
        """Go on only where a server answers."""
        if not _answers(POSTGRESQL):
            if os.environ.get("CI"):
                pytest.fail("no PostgreSQL server answers")
            pytest.skip("no PostgreSQL server answers")

    def context(self, effect: Effect) -> SendContext:
        return SendContext(
            self.now, self.configuration, {}, self.manager.hook, f"cd-{effect.id}", reading=self.transaction
        )

    async def _send(self, effect: Effect, action: RemoteAction[Any]) -> Effect:
        try:
            outcome = await action.send(effect, self.context(effect))
        except UnknownOutcomeError as error:
            return self._replace(effect, state=EffectState.UNKNOWN, reason=str(error))
        except RetryableError as error:
            return self._replace(effect, state=EffectState.FAILED, reason=str(error))
        except (RejectedError, CredentialsError, UnsupportedError) as error:
            await self._follow(effect, action.given_up(effect))
            return self._replace(effect, state=EffectState.DEAD, reason=str(error))
        await self._follow(effect, outcome.follow_ups)
        return self._end(effect, outcome)

    async def _follow(self, effect: Effect, intents: Sequence[Intent]) -> None:
        async with _nothing() as tx:
            await self.plan(
                tx, intents, rule=effect.rule, action=effect.action, source=effect.source, ticket=effect.ticket,
                event=effect.event, parent=effect.id,
            )  # fmt: skip

    def _due(self, effect: Effect) -> bool:
        return effect.state is EffectState.PLANNED and (effect.not_before is None or effect.not_before <= self.now)

    def _add(self, effect: Effect) -> Effect:
        self.effects.append(effect)
        return effect

    def _end(self, effect: Effect, outcome: Outcome) -> Effect:
        return self._replace(effect, state=outcome.state, reason=outcome.reason, receipt=None)

    def _replace(self, effect: Effect, **values: Any) -> Effect:
        changed = effect.model_copy(update=values)
        self.effects[[each.id for each in self.effects].index(effect.id)] = changed
        return changed


@asynccontextmanager
async def _nothing() -> AsyncIterator[Any]:
    yield None


def make_snapshot(
    *,
    now: datetime = TUESDAY,
    ticket: str = "1234",
    subject: str | None = "Thinking of leaving",
    words: str = "We will cancel next month.\nThis is the third time.",
    url: str | None = "https://acme.zendesk.example/agent/tickets/1234",
    customer: str = "Dana Smith",
    direction: Direction = Direction.INBOUND,
) -> Snapshot:
    """A canary talks of leaving."""
    account = Account(
        id="globex", name="Globex", status=AccountStatus.ACTIVE, tier="canary", plan="Enterprise", revenue=120_000.0,
        currency="EUR",
    )  # fmt: skip
    event = Event(
        id=new_id(), source="support", helpdesk="zendesk", kind=EventKind.TICKET_CREATED, occurred_at=now,
        received_at=now,
        ticket=Ticket(
            id=ticket, number=ticket, url=url, subject=subject, status=Status.NEW, account=account,
            customer=Customer(id="c1", name=customer, email="dana@globex.example"),
        ),
        message=Message(id="m1", direction=direction, author=Actor(kind=ActorKind.CUSTOMER), text=words),
    )  # fmt: skip
    seen = Signal(name="churn_risk", evidence=(Evidence(text="cancel next month", start=8, end=25),))
    return Snapshot(event=event, signals=(seen,), known_signals=frozenset({"churn_risk"}), now=now)


def _answers(url: str) -> bool:
    place = urlsplit(url)
    try:
        with socket.create_connection((place.hostname or "127.0.0.1", place.port or 5432), timeout=2):
            return True
    except OSError:
        return False


@asynccontextmanager
async def _postgresql() -> AsyncIterator[AsyncEngine]:
    Stage.require_postgresql()
    url = POSTGRESQL.replace("postgresql://", "postgresql+asyncpg://", 1)
    schema = f"escalation_{uuid.uuid4().hex[:12]}"
    maker = create_async_engine(url, poolclass=NullPool)
    async with maker.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"server_settings": {"search_path": schema}})
    try:
        yield engine
    finally:
        await engine.dispose()
        async with maker.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        await maker.dispose()


@asynccontextmanager
async def _sqlite() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    yield engine
    await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The same on both databases."""
    opened = _postgresql if request.param == "postgresql" else _sqlite
    async with opened() as engine:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield Stage(engine)


@pytest.fixture
def snapshots() -> Any:
    """Makes snapshots."""
    return make_snapshot


@pytest.fixture
def any_stage() -> Stage:
    """A stage for somebody who brings a database of their own."""
    return Stage(None)
