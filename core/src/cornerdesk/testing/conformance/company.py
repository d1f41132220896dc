"""Somebody who listens to a stand-in: the whole intake behind it, on a database of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cornerdesk.adapters.interface import Adapter, Receipt
from cornerdesk.engine import open_jobs
from cornerdesk.intake import Processor
from cornerdesk.intake.backfill import Backfill, Wish
from cornerdesk.intake.completeness import Summary
from cornerdesk.model import Account, Customer, Event, Snapshot, new_id
from cornerdesk.storage import Storage, StoredDelivery, Transaction, open_storage, tables
from cornerdesk.testing.conformance.bench import Bench, HandClock
from cornerdesk.testing.desk import Sent, StandIn

_ON_ITS_WAY = timedelta(milliseconds=700)
"""A delivery takes so long: what its vendor tells to the second is over when it arrives."""

_migrated: list[bytes] = []


class Company:
    """The intake of one source; no rule is asked, and no account directory is there.

    Attributes:
        desk: the help desk.
        adapter: talks to it.
        clock: the help desk's, and the intake's.
        storage: where events are.
    """

    def __init__(self, bench: Bench, storage: Storage) -> None:
        self.desk: StandIn = bench.standin
        self.adapter: Adapter = bench.adapter
        self.clock: HandClock = bench.clock
        self.storage = storage
        self._told = 0
        self._processor = Processor(
            storage,
            {self.adapter.source: self.adapter},
            _NobodysDirectory(),
            [],
            self.clock,
            _ask_no_rule,
            jobs=open_jobs(storage),
        )

    def later(self, **length: float) -> None:
        """Time passes: as `timedelta` has it, half a minute unless told."""
        self.clock.advance(timedelta(**(length or {"seconds": 30})))

    async def hear_webhooks(self, sent: Sequence[Sent] | None = None) -> None:
        """These are delivered and become events, all of them; None: everything that was sent since the last time."""
        if sent is None:
            sent, self._told = self.desk.sent[self._told :], len(self.desk.sent)
        self.clock.advance(_ON_ITS_WAY)
        items = [self._received(each) for each in sent]
        await self.storage.store_deliveries(items, _enqueue_nothing)
        failed = await self._processor.process_now([item.id for item in items])
        assert not failed, f"{len(failed)} deliveries cannot be processed now"
        assert not (reasons := await self._reasons()), f"these cannot be read: {', '.join(reasons)}"

    async def read_history(self) -> Summary:
        """A backfill, or the next one."""

        async def no_wait(seconds: float) -> None:
            self.clock.advance(timedelta(seconds=seconds))

        source = self.adapter.source
        run = Backfill(
            source, self.adapter, self.storage, self._processor, self.clock, lambda news: None, sleep=no_wait
        )
        summary = await run.run(Wish())
        assert not (reasons := await self._reasons()), f"these cannot be read: {', '.join(reasons)}"
        return summary

    async def expect_echoes(self, ticket: str, *receipts: Receipt) -> None:
        """What the executor notes when it has written: by these hints our own writing is known."""
        hints = dict.fromkeys(hint for receipt in receipts for hint in receipt.echoes)
        row = {"source": self.adapter.source, "ticket": ticket, "effect": "e-1", "at": self.clock.now()}
        async with self.storage.transaction() as tx:
            await tx.execute(tables.echoes.insert(), [{**row, "hint": hint} for hint in hints])

    async def events(self) -> list[Event]:
        """Those that came of it, in the order in which they were found."""
        async with self.storage.reading() as tx:
            rows = await tx.rows(tables.events.select().order_by(tables.events.c.id))
        return [Snapshot.model_validate(row["snapshot"]).event for row in rows]

    async def told(self) -> Counter[str]:
        """What happened, in short; one event may tell several changes, or several events one each."""
        return Counter(said for event in await self.events() for said in _in_short(event))

    async def _reasons(self) -> set[str]:
        """Why deliveries or records went to the dead letters."""
        async with self.storage.reading() as tx:
            dead = await tx.rows(tables.deliveries.select().where(tables.deliveries.c.state == "dead"))
        return {str(row["reason"]) for row in dead}

    def _received(self, sent: Sent) -> StoredDelivery:
        delivery = self.desk.delivery_of(sent)
        key = self.adapter.delivery_key(delivery)
        return StoredDelivery(
            new_id(), self.adapter.source, key, self.clock.now(), dict(delivery.headers), delivery.body
        )


@asynccontextmanager
async def listening(bench: Bench, folder: Path) -> AsyncIterator[Company]:
    """A company whose database lies in `folder`."""
    async with await open_storage(f"sqlite:///{await _database(folder / 'cornerdesk.db')}") as storage:
        yield Company(bench, storage)


async def _database(file: Path) -> Path:
    """A migrated, empty one. Migrating takes longer than copying what was migrated once."""
    if not _migrated:
        async with await open_storage(f"sqlite:///{file}") as storage:
            await storage.migrate()
        _migrated.append(file.read_bytes())
    file.write_bytes(_migrated[0])
    return file


def _in_short(event: Event) -> Iterator[str]:
    what = f"{event.kind} of {event.ticket.id}"
    for name, change in event.changes.items():
        yield f"{what}: {name} is {change.after['id'] if isinstance(change.after, dict) else change.after}"
    if not event.changes:
        yield f"{what}: {event.message.text if event.message else event.rating and event.rating.score}"


@dataclass
class _Match:
    account: Account | None = None
    origins: dict[str, str] = field(default_factory=dict)


class _NobodysDirectory:
    """Knows no account beyond what the vendor tells."""

    def find(self, customer: Customer | None, vendor_account: Account | None) -> _Match:
        return _Match(vendor_account)


async def _ask_no_rule(tx: Transaction, snapshot: Snapshot) -> None:
    pass


async def _enqueue_nothing(tx: Transaction, new: Sequence[str]) -> None:
    """A test processes by itself what is stored."""
