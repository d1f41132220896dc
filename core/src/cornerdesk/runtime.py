"""Puts the rooms together for one process that receives, decides and acts. Decides nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from cornerdesk.accounts import Directory, open_directory
from cornerdesk.actions import Effect
from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock, SystemClock
from cornerdesk.configuration import Configuration
from cornerdesk.housekeeping import keep_directory_fresh, register_housekeeping, register_reconciling
from cornerdesk.intake import Inbox, Processor, Receiver, Reconciler
from cornerdesk.intake.runs import acts
from cornerdesk.ledger import Executor, ReconsiderAction
from cornerdesk.model import Event, Origin, Snapshot, Ticket
from cornerdesk.plugins import Plugins
from cornerdesk.rules import Catalogue, RuleBook, load_rules
from cornerdesk.signals.interface import Detector, SignalSpec
from cornerdesk.sources import open_adapters
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction
from cornerdesk.store import Store, open_store
from cornerdesk.subscriptions.watch import Watch, WatchMetrics

log = structlog.get_logger()


@dataclass
class Runtime:
    """Everything that `serve` runs. Made by `open_runtime`."""

    store: Store
    adapters: dict[str, Adapter]
    book: RuleBook
    directory: Directory
    detectors: Sequence[Detector]
    registry: CollectorRegistry
    inbox: Inbox = field(init=False)
    receiver: Receiver = field(init=False)
    reconciler: Reconciler = field(init=False)
    watch_metrics: WatchMetrics = field(init=False)

    def __post_init__(self) -> None:
        configuration, clock = self.store.configuration, self.store.clock
        self.inbox = Inbox(self.store.storage, self.store.jobs, clock, registry=self.registry)
        self.receiver = Receiver(
            self.adapters, self.inbox, clock, configuration.server.max_body, registry=self.registry
        )
        self.reconciler = Reconciler(self.store.storage, self.adapters, self.store.jobs, clock)
        self.watch_metrics = WatchMetrics(self.store.storage, self.adapters, self.registry, self.receiver.seen)

    async def work(self, stop: asyncio.Event) -> None:
        """Process deliveries and do effects until `stop` is set."""
        store = self.store
        processor = Processor(
            store.storage,
            self.adapters,
            self.directory,
            self.detectors,
            store.clock,
            self.decide,
            jobs=store.jobs,
            registry=self.registry,
        )
        store.actions["reconsider"] = ReconsiderAction(self._reconsider)
        executor = Executor(
            store.storage,
            store.ledger,
            self.adapters,
            store.configuration,
            store.plugins.hooks,
            store.clock,
            registry=self.registry,
        )
        store.jobs.handle("deliveries", processor.handle)
        store.jobs.handle("effects", executor.handle)
        register_housekeeping(store)
        register_reconciling(store, self.reconciler)
        Watch(self.adapters, store.configuration, store.storage, store.clock).register(store.jobs)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_directory_fresh(self.directory, stop))
            await store.jobs.run(stop)

    async def decide(self, tx: Transaction, snapshot: Snapshot) -> None:
        """Plan on a new event and put the plan in the ledger, all in the event's transaction."""
        event = snapshot.event
        # A dead letter of a backfill that is tried again: nobody wanted rules to be asked then, so not now either.
        if event.origin is Origin.BACKFILL and not await acts(tx, event.source):
            return
        await plan_and_record(self.store, self.book, tx, snapshot)

    async def _reconsider(self, tx: Transaction, effect: Effect, now: datetime) -> None:
        """Ask an `after` rule again, on the state of now."""
        row = await tx.row(select(tables.events.c.snapshot).where(tables.events.c.id == effect.payload["event"]))
        if row is None:
            return
        before = Snapshot.model_validate(row["snapshot"])
        event = before.event.model_copy(update={"ticket": await self._ticket_now(tx, before.event)})
        snapshot = before.model_copy(update={"event": event, "now": now})
        plan = self.book.plan_again(snapshot, effect.payload["rule"])
        await self.store.ledger.record(tx, plan, event, self.book.version)

    async def _ticket_now(self, tx: Transaction, event: Event) -> Ticket:
        stored = await tx.row(
            select(tables.tickets.c.state).where(
                tables.tickets.c.source == event.source, tables.tickets.c.id == event.ticket.id
            )
        )
        ticket = Ticket.model_validate(stored["state"]) if stored else event.ticket
        match = self.directory.find(ticket.customer, ticket.account)
        return ticket.model_copy(update={"account": match.account or ticket.account})


def known_signals(detectors: Sequence[Detector]) -> list[SignalSpec]:
    """Every signal that may be seen."""
    return [spec for detector in detectors for spec in detector.signals]


def make_catalogue(configuration: Configuration, plugins: Plugins) -> Catalogue:
    """What rules may name in this configuration."""
    signals = known_signals(plugins.detectors(configuration))
    return Catalogue(plugins.actions(), configuration, signals, plugins.adapters())


@asynccontextmanager
async def open_runtime(
    configuration: Configuration, plugins: Plugins, *, clock: Clock | None = None, exclusive: bool = False
) -> AsyncIterator[Runtime]:
    """Open everything that `serve` needs, and close it again.

    Raises:
        ConfigurationError: rules, accounts or database are not right; names each place.
    """
    clock = clock or SystemClock()
    detectors = plugins.detectors(configuration)
    book = load_rules(configuration.rule_files, make_catalogue(configuration, plugins))
    directory = await open_directory(configuration)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(configuration, plugins, clock=clock, exclusive=exclusive))
        await keep_book(store, book)
        adapters = await stack.enter_async_context(open_adapters(configuration, plugins, store.storage, clock=clock))
        runtime = Runtime(store, adapters, book, directory, detectors, CollectorRegistry())
        await runtime.reconciler.begin()
        yield runtime


async def plan_and_record(store: Store, book: RuleBook, tx: Transaction, snapshot: Snapshot) -> None:
    """Plan on a new event and put the plan in the ledger, in the event's transaction."""
    event = snapshot.event
    await tx.execute(update(tables.events).where(tables.events.c.id == event.id).values(rulebook=book.version))
    await store.ledger.record(tx, book.plan(snapshot), event, book.version)


async def keep_book(store: Store, book: RuleBook) -> None:
    """Store this version of the rules, so that what it decides can be explained later."""
    row = {"version": book.version, "files": dict(book.files), "first_used_at": store.clock.now()}
    async with store.storage.transaction() as tx:
        await tx.insert_new(tables.rulebooks, [row], unique=["version"], returning="version")
