"""What the tests of votes share: both databases with the real tables, the real ledger and executor over jobs that run
when the test says so, and a board that keeps what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from cornerdesk import (
    Account,
    Configuration,
    Customer,
    Direction,
    Effect,
    Event,
    EventKind,
    Evidence,
    Feature,
    Message,
    PlanContext,
    Question,
    Receipt,
    Request,
    Signal,
    Snapshot,
    Ticket,
    Transaction,
    hookimpl,
    new_id,
)
from cornerdesk.engine.jobs import Handler, HeldJob, Job, JobRequest, Jobs
from cornerdesk.ledger import Executor, Ledger, Patience
from cornerdesk.ledger.rows import effect_of
from cornerdesk.plugins import load_plugins
from cornerdesk.storage import Storage, open_storage, tables
from cornerdesk_votes import Board, BoardVote, cornerdesk_tables
from cornerdesk_votes.listing import TotalRow, VoteRow, list_totals, list_votes, vote_listing
from cornerdesk_votes.settings import Settings, VoteSettings
from cornerdesk_votes.tables import metadata
from sqlalchemy import delete, select

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
async def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the real tables, made by the real revisions, once for all tests."""
    url = f"sqlite:///{tmp_path_factory.mktemp('votes')}/votes.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("make_schema")("votes")
    async with await open_storage(url, plugin_tables=[cornerdesk_tables()]) as opened:
        await opened.migrate()
    return url


@pytest.fixture
async def storage(migrated: str) -> AsyncIterator[Storage]:
    async with await open_storage(migrated, plugin_tables=[cornerdesk_tables()]) as opened:
        async with opened.transaction() as tx:
            for table in (*reversed(metadata.sorted_tables), tables.effects):
                await tx.execute(delete(table))
        yield opened


FEATURES = {"sso": Feature(key="sso", title="Single sign-on", board={"post": "7"}), "dark": Feature(title="Dark mode")}


class ListBoard(Board):
    """A vote board in a list; fails once with whatever `trouble` holds, before or after it did what was asked."""

    name = "list"

    def __init__(self) -> None:
        self.standing: dict[str, BoardVote] = {}
        self.calls: list[tuple[str, str]] = []
        self.trouble: list[tuple[str, Exception]] = []

    async def find_post(self, feature: Feature) -> str | None:
        return feature.board.get("post")

    async def add_vote(self, post: str, vote: BoardVote, marker: str) -> Receipt:
        self._fail("before")
        self.standing[vote.id] = vote
        self.calls.append(("add", marker))
        self._fail("after")
        return Receipt(id=f"{post}/{vote.id}")

    async def withdraw_vote(self, post: str, vote: BoardVote, marker: str) -> Receipt:
        self._fail("before")
        self.standing.pop(vote.id, None)
        self.calls.append(("withdraw", marker))
        self._fail("after")
        return Receipt(id=f"{post}/{vote.id}")

    async def has_vote(self, post: str, vote: BoardVote) -> bool:
        return vote.id in self.standing

    def _fail(self, when: str) -> None:
        if self.trouble and self.trouble[0][0] == when:
            raise self.trouble.pop(0)[1]


class BoardPlugin:
    """A plugin that brings a board."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @hookimpl
    def cornerdesk_votes_boards(self, configuration: Configuration) -> list[Board]:
        return [self.board]


class HeldJobs(Jobs):
    """Jobs that run when the test says so."""

    def __init__(self) -> None:
        self.requests: list[JobRequest] = []

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        self.requests += requests

    def handle(self, name: str, handler: Handler) -> None: ...

    def cron(self, name: str, expression: str, handler: Callable[[], Awaitable[None]]) -> None: ...

    async def run(self, stop: asyncio.Event) -> None: ...

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None: ...

    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        return []

    async def requeue(self, ids: Sequence[int]) -> None: ...

    async def waiting(self) -> dict[str, int]:
        return {}


def snapshot(
    ticket: str = "1",
    email: str | None = "ann@acme.example",
    text: str = "Hi there. Do you support SSO? Thanks.",
    account: Account | None = None,
    subject: str | None = None,
    customer: bool = True,
    signal: bool = True,
    source: str = "support",
) -> Snapshot:
    """A customer's ticket that speaks of SSO."""
    at = text.find("SSO")
    where, words = ("message.text", text) if at >= 0 else ("ticket.subject", subject or "")
    found = max(words.find("SSO"), 0)
    evidence = Evidence(text="SSO", start=found, end=found + 3, where=where)
    event = Event(
        id=new_id(),
        source=source,
        helpdesk="zendesk",
        kind=EventKind.TICKET_CREATED,
        occurred_at=NOON,
        received_at=NOON,
        ticket=Ticket(
            id=ticket,
            number=ticket,
            url=f"https://acme.example.com/tickets/{ticket}",
            subject=subject,
            customer=Customer(id=f"c-{email}", email=email, name="Ann Ray") if customer else None,
            account=account,
        ),
        message=Message(id=f"m{ticket}", direction=Direction.INBOUND, text=text),
    )
    signals = (Signal(name="feature.sso", evidence=(evidence,)),) if signal else ()
    return Snapshot(event=event, signals=signals, now=NOON)


class Desk:
    """Plans votes, does effects, asks the lists and runs their verbs, as the running program does."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.board = ListBoard()
        self.time = NOON
        self.plugins = load_plugins(strict=True, extra={"boards": BoardPlugin(self.board)})
        self.jobs = HeldJobs()
        self.ledger = Ledger(self.plugins.actions(), self.jobs, self)
        self.configure()

    def now(self) -> datetime:
        return self.time

    def configure(self, **settings: Any) -> None:
        self.configuration = Configuration(features=FEATURES, plugins={"votes": Settings.model_validate(settings)})
        self.executor = Executor(
            self.storage,
            self.ledger,
            {},
            self.configuration,
            self.plugins.hooks,
            self,
            patience=Patience(keeping_delays=()),
        )

    async def plan(self, seen: Snapshot, feature: str = "sso") -> list[str]:
        """Write the effects down; those that are new."""
        self.time += timedelta(seconds=1)
        action: Any = self.ledger.actions["vote"]
        context = PlanContext(rule="a-rule", snapshot=seen, configuration=self.configuration)
        intents = action.plan(VoteSettings(feature=feature), context)
        ticket, source = seen.ticket.id, seen.event.source
        async with self.storage.transaction() as tx:
            return await self.ledger.plan_intents(
                tx, intents, rule="a-rule", action="vote", source=source, ticket=ticket
            )

    async def work(self) -> None:
        """Do everything that is planned, whenever it is due."""
        while self.jobs.requests:
            request = self.jobs.requests.pop(0)
            self.time = max(self.time, request.not_before or self.time)
            await self.executor.handle(Job(1, request.name, request.payload, 0))

    async def vote(self, seen: Snapshot | None = None, feature: str = "sso") -> None:
        await self.plan(seen or snapshot(), feature)
        await self.work()

    async def effects(self, action: str = "vote") -> list[Effect]:
        statement = select(tables.effects).where(tables.effects.c.action == action).order_by(tables.effects.c.id)
        async with self.storage.reading() as tx:
            return [effect_of(row) for row in await tx.rows(statement)]

    async def votes(self, **filters: Any) -> list[VoteRow]:
        async with self.storage.reading() as tx:
            return list(await list_votes(Question(tx, self.configuration, self.time, filters)))

    async def totals(self, **filters: Any) -> list[TotalRow]:
        async with self.storage.reading() as tx:
            return list(await list_totals(Question(tx, self.configuration, self.time, filters)))

    async def verb(self, name: str, vote: str) -> str:
        self.time += timedelta(seconds=1)
        run = next(verb.run for verb in vote_listing().verbs if verb.name == name)
        async with self.storage.transaction() as tx:
            answer = await run(
                Request(tx, self.configuration, self.time, vote, by="ops", plan=self.ledger.plan_intents)
            )
        await self.work()
        return answer


@pytest.fixture
def desk(storage: Storage) -> Desk:
    return Desk(storage)


@pytest.fixture
def ticket() -> Any:
    return snapshot
