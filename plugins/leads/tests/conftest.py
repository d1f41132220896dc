"""What the tests of leads share: both databases with the real tables, a ticket to begin with, and a small ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from cornerdesk import (
    Account,
    Actor,
    Agent,
    Configuration,
    Customer,
    Direction,
    Effect,
    Event,
    EventKind,
    Message,
    Outcome,
    PlanContext,
    Question,
    RecordContext,
    Request,
    Snapshot,
    Ticket,
    new_id,
)
from cornerdesk.storage import Storage, open_storage
from cornerdesk_leads import cornerdesk_actions, cornerdesk_tables
from cornerdesk_leads.listing import LeadRow, lead_listing, list_leads
from cornerdesk_leads.settings import LeadSettings, Settings
from cornerdesk_leads.tables import metadata
from sqlalchemy import delete

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
async def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the real tables, made by the real revisions, once for all tests."""
    url = f"sqlite:///{tmp_path_factory.mktemp('leads')}/leads.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("make_schema")("leads")
    async with await open_storage(url, plugin_tables=[cornerdesk_tables()]) as opened:
        await opened.migrate()
    return url


@pytest.fixture
async def storage(migrated: str) -> AsyncIterator[Storage]:
    async with await open_storage(migrated, plugin_tables=[cornerdesk_tables()]) as opened:
        async with opened.transaction() as tx:
            for table in reversed(metadata.sorted_tables):
                await tx.execute(delete(table))
        yield opened


def snapshot(
    ticket: str = "1",
    email: str | None = "ann@acme.example",
    account: Account | None = None,
    assignee: Agent | None = None,
    actor: Actor | None = None,
    source: str = "support",
    customer: bool = True,
) -> Snapshot:
    """A customer's ticket."""
    asks = Customer(id=f"c-{email}", email=email, name="Ann Ray") if customer else None
    event = Event(
        id=new_id(),
        source=source,
        helpdesk="zendesk",
        kind=EventKind.TICKET_CREATED,
        occurred_at=NOON,
        received_at=NOON,
        actor=actor or Actor(),
        ticket=Ticket(id=ticket, number=ticket, customer=asks, account=account, assignee=assignee),
        message=Message(id="m", direction=Direction.INBOUND, text="Do you support SSO?"),
    )
    return Snapshot(event=event, now=NOON)


class Desk:
    """Plans and records leads as the ledger does: each key once, each effect in its own transaction."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.action: Any = cornerdesk_actions()[0]
        self.configuration = Configuration()
        self.now = NOON
        self.keys: set[tuple[str, str]] = set()

    def configure(self, **settings: Any) -> None:
        self.configuration = Configuration(plugins={"leads": Settings(**settings)})

    def plan(self, seen: Snapshot, **settings: Any) -> Effect:
        wanted = LeadSettings.model_validate({"kind": "new_business", **settings})
        context = PlanContext(rule="a-rule", snapshot=seen, configuration=self.configuration)
        (intent,) = self.action.plan(wanted, context)
        return Effect(
            id=new_id(),
            key=f"{intent.scope} {intent.target}",
            rule="a-rule",
            action="lead",
            target=intent.target,
            payload=intent.payload,
            source=seen.event.source,
            ticket=seen.ticket.id,
            planned_at=self.now,
        )

    async def do(self, effect: Effect) -> Outcome:
        async with self.storage.transaction() as tx:
            outcome: Outcome = await self.action.record(effect, RecordContext(tx, self.now, self.configuration))
        return outcome

    async def lead(self, seen: Snapshot | None = None, **settings: Any) -> Outcome | None:
        """Plan and record; None when the ledger would have known the key."""
        self.now += timedelta(seconds=1)
        effect = self.plan(seen or snapshot(), **settings)
        if (effect.key, "") in self.keys:
            return None
        self.keys.add((effect.key, ""))
        return await self.do(effect)

    async def leads(self, **filters: Any) -> list[LeadRow]:
        async with self.storage.reading() as tx:
            return list(await list_leads(Question(tx, self.configuration, self.now, filters)))

    async def verb(self, name: str, lead: str, **options: Any) -> str:
        self.now += timedelta(seconds=1)
        run = next(verb.run for verb in lead_listing().verbs if verb.name == name)
        async with self.storage.transaction() as tx:
            return await run(Request(tx, self.configuration, self.now, lead, options, by="ops"))


@pytest.fixture
def desk(storage: Storage) -> Desk:
    return Desk(storage)


@pytest.fixture
def ticket() -> Any:
    return snapshot
