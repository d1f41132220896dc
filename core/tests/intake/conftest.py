"""A small world for intake's tests: a clock, a help desk that is played, jobs that run when a test says so."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import (
    Account,
    Actor,
    ActorKind,
    Adapter,
    Capability,
    Channel,
    Customer,
    CustomerKind,
    Delivery,
    Detector,
    Fact,
    HistoryPage,
    HistoryRecord,
    Message,
    Reading,
    RejectedError,
    Signal,
    SignalSpec,
    SignatureError,
    SkippedRecord,
    Snapshot,
    SourceSettings,
    Ticket,
    TicketState,
    Transaction,
    new_id,
)
from cornerdesk.engine.jobs import HeldJob, Job, JobRequest, Jobs, RetryJob
from cornerdesk.intake import Inbox, Processor
from cornerdesk.storage import Row, Storage, StoredDelivery, open_storage, tables
from prometheus_client import CollectorRegistry
from sqlalchemy import select

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = b"not a secret"


class Crash(BaseException):
    """The process dies here."""


class FakeClock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, length: timedelta) -> None:
        self.time += length


class FakeJobs(Jobs):
    """Jobs in memory, which come and go with the transaction that they were taken on in."""

    def __init__(self, clock: FakeClock) -> None:
        self.queue: list[JobRequest] = []
        self.clock = clock
        self._ids = itertools.count(1)

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        tx.after_commit(lambda: self.queue.extend(requests))

    def due(self) -> list[JobRequest]:
        now = self.clock.now()
        due = [each for each in self.queue if each.not_before is None or each.not_before <= now]
        self.queue = [each for each in self.queue if each not in due]
        return due

    def job(self, payload: bytes, attempts: int = 0) -> Job:
        return Job(next(self._ids), "deliveries", payload, attempts)

    def handle(self, name: str, handler: Callable[[Job], Awaitable[None]]) -> None:
        raise NotImplementedError

    def cron(self, name: str, expression: str, handler: Callable[[], Awaitable[None]]) -> None:
        raise NotImplementedError

    async def run(self, stop: asyncio.Event) -> None:
        raise NotImplementedError

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        raise NotImplementedError

    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        return ()

    async def requeue(self, ids: Sequence[int]) -> None:
        raise NotImplementedError

    async def waiting(self) -> dict[str, int]:
        return {}


class PlayedDesk(Adapter):
    """A vendor whose deliveries are our facts as JSON, and whose API is a dictionary."""

    helpdesk = "played"
    capabilities = frozenset({Capability.SIGNED_WEBHOOKS, Capability.HYDRATION, Capability.BEFORE_AND_AFTER})

    def __init__(self, source: str, settings: Any) -> None:
        super().__init__(source, settings)
        self.tickets: dict[str, TicketState] = {}
        self.fetched: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.own: str | None = "own-1"

    def verify(self, delivery: Delivery, now: datetime) -> None:
        given = delivery.headers.get("x-signature")
        if given is None:
            raise SignatureError("the header X-Signature is missing")
        if not hmac.compare_digest(given, sign(delivery.body)):
            raise SignatureError("the signature does not match the body")

    def delivery_key(self, delivery: Delivery) -> str:
        return str(json.loads(delivery.body)["id"])

    def read(self, delivery: Delivery) -> Reading:
        data = json.loads(delivery.body)
        if "boom" in data:
            raise ZeroDivisionError(data["boom"])
        if "ignore" in data:
            return Reading(ignored=data["ignore"])
        if "facts" not in data:
            raise RejectedError("there is no field `facts`")
        return Reading(facts=tuple(Fact.model_validate(each) for each in data["facts"]))

    async def own_user_id(self) -> str | None:
        return self.own

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        self.fetched.append(ticket_id)
        if waiting := self.failures.get(ticket_id):
            raise waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if ticket_id not in self.tickets:
            raise RejectedError(f"ticket {ticket_id} does not exist any more")
        return self.tickets[ticket_id]


class PastDesk(PlayedDesk):
    """One that tells its past: a list of records in the order in which their tickets changed last."""

    capabilities = PlayedDesk.capabilities | {Capability.HISTORY}

    def __init__(self, source: str, settings: Any) -> None:
        super().__init__(source, settings)
        self.past: list[HistoryRecord] = []
        self.skipped: tuple[SkippedRecord, ...] = ()
        self.page = 2
        self.overlap = 0
        self.asked: list[tuple[datetime | None, str | None]] = []
        self.troubles: list[BaseException] = []

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        self.asked.append((since, cursor))
        if self.troubles:
            raise self.troubles.pop(0)
        start = int(cursor or 0)
        end = min(start + self.page, len(self.past))
        return HistoryPage(
            records=tuple(self.past[max(start - self.overlap, 0) : end]),
            cursor=str(end),
            end=end == len(self.past),
            total=len(self.past),
            skipped=self.skipped if start == 0 else (),
        )

    def read_history(self, record: HistoryRecord) -> Reading:
        data = json.loads(record.body)
        if "boom" in data:
            raise ZeroDivisionError(data["boom"])
        if "refuse" in data:
            raise RejectedError(data["refuse"])
        return Reading(
            facts=tuple(Fact.model_validate(each) for each in data["facts"]),
            states=tuple(TicketState.model_validate(each) for each in data["states"]),
        )


class PlainDesk(PlayedDesk):
    """One that can tell neither old values nor anything when asked."""

    capabilities = frozenset({Capability.SIGNED_WEBHOOKS})


def sign(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


class AngryWords(Detector):
    @property
    def signals(self) -> Sequence[SignalSpec]:
        return (SignalSpec(name="churn_risk", about="talks of leaving"),)

    def detect(self, message: Message, subject: str | None) -> Sequence[Signal]:
        if "explode" in message.text:
            raise RuntimeError("a detector's mistake")
        return [Signal(name="churn_risk")] if "cancel" in f"{message.text} {subject}" else []


@dataclass(frozen=True)
class Match:
    account: Account | None
    origins: dict[str, str] = field(default_factory=dict)


class PlayedDirectory:
    def find(self, customer: Customer | None, vendor_account: Account | None) -> Match:
        if customer and (customer.email or "").endswith("@canary.example"):
            account = Account(id="canary", name="Canary Ltd", tier="canary")
            return Match(account, {"account.tier": "directory accounts.csv:4"})
        return Match(vendor_account)


def fact(kind: str | None, *keys: str, ticket: str = "12", at: float = 0, **more: Any) -> dict[str, Any]:
    """A fact as JSON, `at` seconds after START at the vendor."""
    time = (START + timedelta(seconds=at)).isoformat()
    return {"kind": kind, "keys": keys, "ticket_id": ticket, "occurred_at": time, "as_of": time, **more}


def message(id: str, text: str = "Hello", *, at: float = 0, direction: str = "inbound", author: str = "c-1") -> Any:
    kind = {"inbound": "customer", "outbound": "agent", "internal": "agent"}[direction]
    return {
        "id": id,
        "direction": direction,
        "text": text,
        "author": {"id": author, "kind": kind, "name": "Somebody"},
        "created_at": (START + timedelta(seconds=at)).isoformat(),
    }


def ticket_state(
    ticket: str = "12", *, at: float = 0, first: Any = None, messages: Sequence[Any] = (), **fields: Any
) -> TicketState:
    """A ticket as the vendor's API would show it, last changed `at` seconds after START."""
    as_of = START + timedelta(seconds=at)
    fields = {"subject": "Printer", "status": "open", "channel": Channel.EMAIL, "created_at": START, **fields}
    customer = Customer(id="c-1", email="kim@canary.example", name="Kim", kind=CustomerKind.USER)
    fields.setdefault("customer", customer)
    return TicketState(
        ticket=Ticket.model_validate({"id": ticket, "number": ticket, "updated_at": as_of, **fields}),
        as_of=as_of,
        first_message=Message.model_validate(first) if first else None,
        messages=tuple(Message.model_validate(each) for each in messages),
        people={"a-1": Actor(kind=ActorKind.AGENT, id="a-1", name="Ada", email="ada@example.com")},
    )


def past_ticket(
    ticket: str = "12",
    *,
    at: float = 0,
    messages: Sequence[Any] = (),
    more_facts: Sequence[Any] = (),
    counted: int | None = None,
    parts: int | None = None,
    told_state: bool = True,
    **fields: Any,
) -> HistoryRecord:
    """A ticket's whole past, as it was `at` seconds after START; the facts have the keys that deliveries give them."""
    first, *rest = messages or [message(f"m{ticket}")]
    facts = [fact("ticket.created", f"created:{ticket}", ticket=ticket, at=0, message=first)]
    for each in rest:
        said = datetime.fromisoformat(each["created_at"]) - START
        facts.append(
            fact("message.added", f"message:{each['id']}", ticket=ticket, at=said.total_seconds(), message=each)
        )
    state = ticket_state(ticket, at=at, first=first, messages=[first, *rest], **fields)
    states = [state.model_dump(mode="json")] if told_state else []
    held = len(facts) if parts is None else parts
    return HistoryRecord(
        key=f"ticket:{ticket}:{at}",
        ticket_id=ticket,
        body=json.dumps({"facts": [*facts, *more_facts], "states": states}).encode(),
        parts=held,
        parts_counted=held if counted is None else counted,
    )


@dataclass
class World:
    """Everything between a request and its events."""

    storage: Storage
    clock: FakeClock = field(default_factory=FakeClock)
    decided: list[Snapshot] = field(default_factory=list)
    desk: PlayedDesk = field(default_factory=lambda: PlayedDesk("support", SourceSettings(adapter="played")))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    # Here, because test files cannot import from this one.
    fact = staticmethod(fact)
    message = staticmethod(message)
    state = staticmethod(ticket_state)
    past_ticket = staticmethod(past_ticket)
    sign = staticmethod(sign)
    crash = Crash

    def __post_init__(self) -> None:
        self.jobs = FakeJobs(self.clock)
        self.adapters: dict[str, Adapter] = {"support": self.desk}
        self.decide: Callable[[Transaction, Snapshot], Awaitable[None]] = self._decide
        self.random = lambda: 0.0

    async def _decide(self, tx: Transaction, snapshot: Snapshot) -> None:
        self.decided.append(snapshot)

    def processor(self) -> Processor:
        return Processor(
            self.storage,
            self.adapters,
            PlayedDirectory(),
            [AngryWords()],
            self.clock,
            lambda tx, snapshot: self.decide(tx, snapshot),
            jobs=self.jobs,
            random=self.random,
        )

    async def receive(self, *deliveries: dict[str, Any], source: str = "support") -> list[str]:
        """Store deliveries as the inbox does; their ids."""
        items = [self.stored(data, source) for data in deliveries]
        await self.storage.store_deliveries(items, Inbox(self.storage, self.jobs, self.clock)._enqueue)
        return [item.id for item in items]

    def stored(self, data: dict[str, Any], source: str = "support") -> StoredDelivery:
        body = json.dumps(data).encode()
        return StoredDelivery(new_id(), source, str(data["id"]), self.clock.now(), {"x-signature": sign(body)}, body)

    @cached_property
    def worker(self) -> Processor:
        return self.processor()

    async def work(self) -> None:
        """Run the jobs that are due until there are none, in one worker that lives on."""
        while due := self.jobs.due():
            for request in due:
                await self.run(request.payload, self.worker)

    async def run(self, payload: bytes, processor: Processor | None = None, attempts: int = 0) -> None:
        try:
            await (processor or self.processor()).handle(self.jobs.job(payload, attempts))
        except RetryJob as again:
            not_before = self.clock.now() + timedelta(seconds=again.delay)
            self.jobs.queue.append(JobRequest("deliveries", payload, not_before=not_before))

    async def told(self, *facts: dict[str, Any]) -> list[Snapshot]:
        """One delivery of these facts, processed by a worker that lives on; the snapshots decided on."""
        before = len(self.decided)
        await self.receive({"id": uuid.uuid4().hex, "facts": list(facts)})
        await self.work()
        return self.decided[before:]

    async def deliveries(self) -> list[Row]:
        async with self.storage.reading() as tx:
            return await tx.rows(select(tables.deliveries).order_by(tables.deliveries.c.id))

    async def events(self) -> list[Snapshot]:
        async with self.storage.reading() as tx:
            rows = await tx.rows(select(tables.events.c.snapshot).order_by(tables.events.c.id))
        return [Snapshot.model_validate(row["snapshot"]) for row in rows]

    async def ticket(self, id: str = "12") -> Ticket:
        async with self.storage.reading() as tx:
            state = await tx.value(select(tables.tickets.c.state).where(tables.tickets.c.id == id))
        return Ticket.model_validate(state)

    async def echo(self, *hints: str, ticket: str = "12") -> None:
        rows = [
            {"source": "support", "ticket": ticket, "hint": hint, "effect": "e-1", "at": self.clock.now()}
            for hint in hints
        ]
        async with self.storage.transaction() as tx:
            await tx.execute(tables.echoes.insert(), rows)


@pytest.fixture
async def sqlite(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Storage]:
    """For what does not depend on the database."""
    shutil.copy(migrated_file, tmp_path / "cornerdesk.db")
    async with await open_storage(f"sqlite:///{tmp_path}/cornerdesk.db") as opened:
        yield opened


@pytest.fixture
def world(storage: Storage) -> World:
    return World(storage)


@pytest.fixture
def past_world() -> Callable[[Storage], World]:
    """Makes a world whose vendor tells its past."""
    return lambda storage: World(storage, desk=PastDesk("support", SourceSettings(adapter="played")))


@pytest.fixture
def past(storage: Storage, past_world: Callable[[Storage], World]) -> World:
    return past_world(storage)


@pytest.fixture
def lone(sqlite: Storage, past_world: Callable[[Storage], World]) -> World:
    """The same, for what does not depend on the database."""
    return past_world(sqlite)


@pytest.fixture
def plain(sqlite: Storage) -> World:
    """A world whose vendor tells no old values and cannot be asked."""
    return World(sqlite, desk=PlainDesk("support", SourceSettings(adapter="played")))
