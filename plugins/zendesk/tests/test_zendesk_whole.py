"""From Zendesk to events, through the whole intake: whatever tells a thing first, it is told once."""

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
from cornerdesk import Account, Customer, Event, Snapshot, Transaction, new_id
from cornerdesk.engine import open_jobs
from cornerdesk.intake import Processor
from cornerdesk.intake.backfill import Backfill, Wish
from cornerdesk.intake.completeness import Summary
from cornerdesk.model import ActorKind, EventKind, Status
from cornerdesk.storage import Storage, StoredDelivery, open_storage, tables
from cornerdesk.testing.desk import Sent
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings
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
    """A Zendesk, and the intake of somebody who listens to it."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = Clock()
        self.desk = ZendeskStandIn(clock=self.clock)
        self.slept = 0.0
        self.adapter = ZendeskAdapter(
            "support",
            make_settings(),
            transport=httpx.ASGITransport(self.desk.app),
            sleep=self._sleep,
            clock=self.clock,
            monotonic=lambda: self.slept,
        )
        self._told = 0
        self.processor = Processor(
            storage, {"support": self.adapter}, NobodysDirectory(), [], self.clock, _nobody, jobs=open_jobs(storage)
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
        deliveries = [self.desk.delivery_of(each) for each in sent]
        items = [
            StoredDelivery(
                new_id(), "support", self.adapter.delivery_key(each), self.clock.now(), dict(each.headers), each.body
            )
            for each in deliveries
        ]
        await self.storage.store_deliveries(items, _enqueue_nothing)
        assert not await self.processor.process_now([item.id for item in items])

    async def read_history(self) -> Summary:
        run = Backfill(
            "support", self.adapter, self.storage, self.processor, self.clock, lambda news: None, sleep=self._sleep
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
    desk.change(first, status="pending", priority="high", add_tags=["vip"], group_id=desk.desk.second)
    await pause()
    desk.change(first, assignee_id=desk.desk.agent.id, type="problem", subject="Export", fields={"Plan": "pro"})
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
    third = desk.open_ticket("Spam", "Buy!", requester="x@example.net")
    await pause()
    desk.delete(third)
    await pause()
    company.later(hours=1)


async def test_history_after_webhooks_tells_nothing_again(company: Company) -> None:
    await a_busy_day(company, heard=True)
    told = await company.told()
    summary = await company.read_history()
    assert await company.told() == told
    assert summary.events == 0
    assert summary.complete
    assert summary.records > 10


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
    # Into which ticket another was merged, only webhooks know.
    assert {name.partition(":")[0] for name in apart} == {"ticket.merged of 5002"}
    assert sum(by_history.values()) == sum(by_webhooks.values())


async def test_any_half_of_the_webhooks_and_history_make_a_whole(company: Company) -> None:
    await a_busy_day(company)
    sent = list(company.desk.sent)
    await company.hear_webhooks(sent[::2])
    await company.read_history()
    whole = await company.told()
    await company.hear_webhooks(sent[1::2])
    assert await company.told() == whole
    assert set(whole.values()) == {1}


async def test_a_backfill_is_complete_by_zendesks_own_count(company: Company) -> None:
    await a_busy_day(company)
    summary = await company.read_history()
    assert (summary.tickets, summary.parts, summary.counted, summary.missing) == (3, 4, 4, 0)
    assert (summary.deleted, summary.scrubbed, summary.merged) == (1, 0, 1)
    company.later(hours=1)
    again = await company.read_history()
    assert (again.events, again.parts, again.complete) == (0, 4, True)


async def test_a_lost_comment_is_found_and_the_ticket_stands_as_it_is(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
    company.later()
    await company.hear_webhooks()
    company.desk.comment(ticket, "Are you there?")
    company.desk.change(ticket, priority="urgent")
    company.later(hours=1)
    await company.read_history()
    *_, said, changed = sorted(await company.events(), key=lambda event: (event.occurred_at, event.kind))
    if said.kind is not EventKind.MESSAGE_ADDED:
        said, changed = changed, said
    assert said.message is not None
    assert (said.message.text, said.actor.kind, said.origin) == ("Are you there?", ActorKind.CUSTOMER, "backfill")
    assert list(changed.changes) == ["priority"]
    assert changed.ticket.status is Status.NEW
    assert changed.ticket.account is not None


async def test_what_we_wrote_ourselves_is_known_as_ours_in_history_too(company: Company) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.")
    await company.hear_webhooks()
    receipt = await company.adapter.add_note(ticket, "The CEO knows.", "marker-1")
    rows = [
        {"source": "support", "ticket": ticket, "hint": hint, "effect": "e-1", "at": company.clock.now()}
        for hint in receipt.echoes
    ]
    async with company.storage.transaction() as tx:
        await tx.execute(tables.echoes.insert(), rows)
    company.later(hours=1)
    await company.read_history()
    (note,) = [event for event in await company.events() if event.message and event.message.text == "The CEO knows."]
    assert note.actor.kind is ActorKind.SELF


async def test_triggers_alone_tell_what_was_said_and_changed_and_history_tells_it_no_second_time(
    company: Company,
) -> None:
    ticket = company.desk.open_ticket("Export stops", "We will cancel.")
    await company.hear_webhooks([company.desk.deliver_trigger(ticket, "created")])
    company.later()
    company.desk.comment(ticket, "Are you there?")
    company.desk.change(ticket, status="pending", add_tags=["vip"])
    await company.hear_webhooks([company.desk.deliver_trigger(ticket)])
    by_triggers = {
        f"ticket.created of {ticket}: We will cancel.": 1,
        f"message.added of {ticket}: Are you there?": 1,
        f"ticket.changed of {ticket}: status is pending": 1,
        f"ticket.changed of {ticket}: tags is ['vip']": 1,
    }
    assert await company.told() == by_triggers
    company.later(hours=1)
    await company.read_history()
    assert await company.told() == by_triggers


async def test_what_zendesk_calls_spam_stays_spam_when_history_shows_it_deleted(company: Company) -> None:
    ticket = company.desk.open_ticket("Buy!", "Cheap!")
    await company.hear_webhooks()
    company.later()
    found = company.desk.desk.tickets[int(ticket)]
    found.updated_at = company.clock.now()
    await company.hear_webhooks([company.desk.deliver("ticket.marked_as_spam", ticket)])
    found.status = "deleted"
    company.later(hours=1)
    summary = await company.read_history()
    assert not [event for event in await company.events() if event.kind is EventKind.TICKET_DELETED]
    assert (summary.events, summary.spam, summary.deleted) == (0, 1, 0)
