"""From Help Scout to events, through the whole intake: whatever tells a thing first, it is told once."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cornerdesk import (
    Account,
    ActorKind,
    Customer,
    Event,
    EventKind,
    Snapshot,
    Status,
    Transaction,
    new_id,
    text_hint,
)
from cornerdesk.engine import open_jobs
from cornerdesk.intake import Processor
from cornerdesk.intake.backfill import Backfill, Wish
from cornerdesk.intake.completeness import Summary
from cornerdesk.storage import Storage, StoredDelivery, open_storage, tables
from cornerdesk.testing.desk import Sent
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.testing import make_settings
from sqlalchemy import select


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 10, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, **length: float) -> None:
        self.time += timedelta(**length)


class Match:
    account: Account | None = None
    origins: dict[str, str] = {}


class NobodysDirectory:
    def find(self, customer: Customer | None, vendor_account: Account | None) -> Match:
        match = Match()
        match.account = vendor_account
        return match


class Company:
    """A Help Scout, and the intake of somebody who listens to it."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = Clock()
        self.desk = HelpScoutStandIn(clock=self.clock, rate_limit=100_000)
        self.slept = 0.0
        self.adapter = HelpScoutAdapter(
            "inbox",
            make_settings(),
            transport=httpx.ASGITransport(self.desk.app),
            sleep=self._sleep,
            clock=self.clock,
            monotonic=lambda: self.slept,
        )
        self._told = 0
        self.processor = Processor(
            storage, {"inbox": self.adapter}, NobodysDirectory(), [], self.clock, _nobody, jobs=open_jobs(storage)
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        await asyncio.sleep(0)

    def later(self, **length: float) -> None:
        self.clock.advance(**(length or {"seconds": 30}))

    async def hear_webhooks(self, sent: Sequence[Sent] | None = None) -> None:
        """Everything sent since the last time, or these."""
        if sent is None:
            sent, self._told = self.desk.sent[self._told :], len(self.desk.sent)
        self.clock.advance(milliseconds=700)  # what the vendor tells to the second is over when it arrives
        deliveries = [self.desk.delivery_of(each) for each in sent]
        items = [
            StoredDelivery(
                new_id(), "inbox", self.adapter.delivery_key(each), self.clock.now(), dict(each.headers), each.body
            )
            for each in deliveries
        ]
        await self.storage.store_deliveries(items, _enqueue_nothing)
        assert not await self.processor.process_now([item.id for item in items])

    async def read_history(self) -> Summary:
        run = Backfill(
            "inbox", self.adapter, self.storage, self.processor, self.clock, lambda news: None, sleep=self._sleep
        )
        return await run.run(Wish())

    async def events(self) -> list[Event]:
        async with self.storage.reading() as tx:
            rows = await tx.rows(select(tables.events.c.snapshot).order_by(tables.events.c.id))
        return [Snapshot.model_validate(row["snapshot"]).event for row in rows]

    async def told(self) -> Counter[str]:
        """What happened; one event may tell several changes, or several events one each."""
        return Counter(said for event in await self.events() for said in _in_short(event))


async def _nobody(tx: Transaction, snapshot: Snapshot) -> None:
    """No rule is asked."""


async def _enqueue_nothing(*given: Any) -> None:
    """The test itself processes what is stored."""


def _in_short(event: Event) -> Iterator[str]:
    what = f"{event.kind} of {event.ticket.id}"
    for name, change in event.changes.items():
        yield f"{what}: {name} is {change.after['id'] if isinstance(change.after, dict) else change.after}"
    if not event.changes:
        yield f"{what}: {event.message.text if event.message else event.rating and event.rating.score}"


@pytest.fixture
async def company(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Company]:
    shutil.copy(migrated_file, tmp_path / "cornerdesk.db")
    async with await open_storage(f"sqlite:///{tmp_path}/cornerdesk.db") as storage:
        made = Company(storage)
        yield made
        await made.adapter.aclose()


async def a_busy_day(company: Company, *, heard: bool = False) -> None:
    """One of everything that both webhooks and history tell; `heard`: with its webhooks."""
    desk = company.desk

    async def pause() -> None:
        company.later()
        if heard:
            await company.hear_webhooks()

    first = desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd", fields={"Plan": "free"})
    second = desk.open_ticket("Invoice", "Twice!", requester="kim@example.com")
    await pause()
    desk.comment(first, "Please wait.", by="agent")
    await pause()
    desk.change(first, status="pending", add_tags=["vip"])
    await pause()
    desk.change(first, assignee=desk.agent_id, fields={"Plan": "pro"})
    await pause()
    desk.comment(first, "How long?")  # opens it again
    await pause()
    desk.change(first, remove_tags=["vip"])
    await pause()
    desk.set_status(first, "solved")
    await pause()
    desk.rate(first, "bad", "Slow.")
    await pause()
    desk.merge(second, first)
    await pause()
    desk.comment(first, "Both are paid back.", by="agent", public=False)
    await pause()
    company.later(hours=1)


async def test_history_after_webhooks_tells_nothing_again(company: Company) -> None:
    await a_busy_day(company, heard=True)
    told = await company.told()
    summary = await company.read_history()
    assert await company.told() == told
    assert summary.events == 0
    assert summary.complete
    assert (summary.records, summary.parts, summary.counted) == (1, 5, 5)


async def test_webhooks_after_history_tell_nothing_again(company: Company) -> None:
    await a_busy_day(company)
    await company.read_history()
    told = await company.told()
    await company.hear_webhooks()
    assert await company.told() == told


async def test_both_tell_the_same(company: Company, tmp_path: Path, migrated_file: Path) -> None:
    await a_busy_day(company)
    await company.read_history()
    shutil.copy(migrated_file, tmp_path / "other.db")
    async with await open_storage(f"sqlite:///{tmp_path}/other.db") as storage:
        other = Company(storage)
        await a_busy_day(other, heard=True)
        by_webhooks, by_history = await other.told(), await company.told()
        await other.adapter.aclose()
    apart = (by_webhooks - by_history) + (by_history - by_webhooks)
    # How it stands now is all that history knows of changes; and of what was merged away it knows that it is gone.
    told = {name.partition(" of ")[0] for name in apart if "Twice!" not in name}
    assert told == {"ticket.changed"}
    assert by_history["ticket.merged of 2001011: merged_into is 2001007"] == 1
    assert {name for name in apart if "Twice!" in name} == {
        "ticket.created of 2001011: Twice!",
        "message.added of 2001007: Twice!",
    }


async def test_any_half_of_the_webhooks_and_history_make_a_whole(company: Company) -> None:
    await a_busy_day(company)
    sent = list(company.desk.sent)
    await company.hear_webhooks(sent[::2])
    await company.read_history()
    whole = await company.told()
    await company.hear_webhooks(sent[1::2])
    assert await company.told() == whole
    assert set(whole.values()) == {1}


@pytest.mark.parametrize("embedded", [None, 1, 0])
async def test_each_message_is_told_once_however_many_threads_bodies_bring(
    company: Company, embedded: int | None
) -> None:
    company.desk.desk.embedded = embedded
    ticket = company.desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
    company.desk.comment(ticket, "Hello?")
    company.later(seconds=2)
    company.desk.comment(ticket, "Anybody?")
    await company.hear_webhooks()
    company.later(minutes=10)
    company.desk.comment(ticket, "On it.", by="agent")
    company.desk.comment(ticket, "Tell the CEO.", by="agent", public=False)
    await company.hear_webhooks()
    said = Counter(event.message.text for event in await company.events() if event.message)
    assert said == Counter(["We will cancel.", "Hello?", "Anybody?", "On it.", "Tell the CEO."])
    created = [event for event in await company.events() if event.kind is EventKind.TICKET_CREATED]
    assert [event.message and event.message.text for event in created] == ["We will cancel."]
    assert created[0].ticket.account is not None


@pytest.mark.parametrize("embedded", [None, 0])
async def test_the_order_of_deliveries_does_not_matter(company: Company, embedded: int | None) -> None:
    company.desk.desk.embedded = embedded
    ticket = company.desk.open_ticket("Export stops", "We will cancel.")
    company.later()
    company.desk.comment(ticket, "Anybody?")
    company.later()
    company.desk.set_status(ticket, "closed")
    await company.hear_webhooks(list(reversed(company.desk.sent)))
    await company.hear_webhooks(company.desk.sent)
    told = await company.told()
    assert told[f"message.added of {ticket}: Anybody?"] == 1
    assert told[f"ticket.created of {ticket}: We will cancel."] == 1
    assert set(told.values()) == {1}


async def test_changes_are_told_with_what_was_before(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
    await company.hear_webhooks()
    company.later()
    company.desk.change(ticket, add_tags=["vip"], status="closed", team="Billing")
    await company.hear_webhooks()
    changes = {name: change for event in await company.events() for name, change in event.changes.items()}
    assert (changes["tags"].before, changes["tags"].after) == (["beta"], ["beta", "vip"])
    assert (changes["status"].before, changes["status"].after) == ("open", "solved")
    assert (changes["team"].before, changes["team"].after) == (None, "Billing")


async def test_a_snooze_of_which_no_webhook_tells_is_found_by_history(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.")
    await company.hear_webhooks()
    company.later()
    company.desk.change(ticket, status="on_hold")
    await company.hear_webhooks()
    company.later(hours=1)
    await company.read_history()
    (changed,) = [event for event in await company.events() if event.changes]
    assert changed.changes["status"].after == Status.ON_HOLD
    assert changed.ticket.status_label == "active, snoozed"


async def test_what_we_wrote_ourselves_is_known_as_ours(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
    await company.hear_webhooks()
    company.later()
    receipts = [
        await company.adapter.add_note(ticket, "The CEO knows.", "cd-1"),
        await company.adapter.add_tags(ticket, ("vip",), "cd-2"),
        await company.adapter.set_status(ticket, Status.CLOSED, "cd-3"),
        await company.adapter.assign(ticket, None, "billing", "cd-4"),
    ]
    rows = [
        {"source": "inbox", "ticket": ticket, "hint": hint, "effect": "e-1", "at": company.clock.now()}
        for receipt in receipts
        for hint in dict.fromkeys(receipt.echoes)
    ]
    async with company.storage.transaction() as tx:
        await tx.execute(tables.echoes.insert(), list({row["hint"]: row for row in rows}.values()))
    await company.hear_webhooks()
    done = [event for event in await company.events() if event.kind is not EventKind.TICKET_CREATED]
    assert {name for event in done for name in event.changes} == {"tags", "status", "team"}
    assert {event.actor.kind for event in done} == {ActorKind.SELF}


async def test_a_customer_who_writes_after_us_is_not_taken_for_us(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.")
    await company.hear_webhooks()
    company.later()
    company.desk.comment(ticket, "The CEO knows.")
    async with company.storage.transaction() as tx:
        row = {"source": "inbox", "ticket": ticket, "hint": text_hint("The CEO knows."), "effect": "e-1"}
        await tx.execute(tables.echoes.insert(), [row | {"at": company.clock.now()}])
    await company.hear_webhooks()
    (said,) = [event for event in await company.events() if event.kind is EventKind.MESSAGE_ADDED]
    assert said.actor.kind is ActorKind.CUSTOMER
