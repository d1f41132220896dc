"""A `deliveries` job from its payload to events: read, fetch, settle, and whatever goes wrong on the way.

One bad delivery never holds up its neighbours, and none is tried for ever:

- the vendor is slow: whoever need not wait for it is settled meanwhile;
- the vendor is away: its deliveries go into a job of their own, later and later, for about a day;
- an adapter or a rule fails on it: it becomes a dead letter with the reason, and nothing of it is half done;
- the worker dies of it: its attempts, counted before they begin, run out.

What was not finished is found by the rows of `deliveries` in state `stored`, so a job may run any number of times.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from sqlalchemy import select, tuple_, update

from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.engine.jobs import Job, JobRequest, Jobs, RetryJob
from cornerdesk.errors import CornerdeskError, CredentialsError, RejectedError, RetryableError, UnsupportedError
from cornerdesk.intake.hydration import Fetched, Hydrator, newer, states_told
from cornerdesk.intake.inbox import JOB
from cornerdesk.intake.metrics import ProcessingMetrics
from cornerdesk.intake.reading import DEAD, DONE, ReadDelivery, read
from cornerdesk.intake.settling import AccountDirectory, Batch, Decide, MadeEvent, Settler, TicketKey
from cornerdesk.intake.told import ToldFact
from cornerdesk.signals.interface import Detector
from cornerdesk.storage import Storage, StorageUnavailable, tables

log = structlog.get_logger()

STORED = "stored"
CRASHES = 5
"""Runs begun and never ended, after which a delivery is dead."""

RETRIES = 20
"""Tries while the vendor is away: about a day, see `retry_delay`."""

CREDENTIAL_RETRIES = 100
"""Tries while the vendor refuses our credentials: about four days, for somebody has to notice and renew them."""

FIRST_DELAY, LONGEST_DELAY = 5.0, 7200.0
CREDENTIAL_DELAYS = 300.0, 3600.0
STORAGE_DELAY = 5.0
WAVE = 1.0
"""Seconds that a group waits for the vendor; whose ticket has not come by then is settled in a later wave."""

AT_ONCE = 50
"""Deliveries in one transaction: more would keep others from the database, on SQLite the receiver, for too long."""

FACTS_AT_ONCE = 300
"""Facts in one transaction, for the same reason: a delivery has one or two, a record of history hundreds."""


class Payload(BaseModel):
    """A job's payload, when it is not simply a list of ids: these were tried `retries` times already."""

    ids: list[str]
    retries: int = 0


Looks = dict[tuple[TicketKey, datetime], asyncio.Task[Fetched | None]]
"""What the vendor was asked for during one job: a ticket, as new as that."""


@dataclass(frozen=True)
class Failure:
    """Why deliveries could not be processed: `error`'s kind says what becomes of them."""

    delivery: ReadDelivery
    error: Exception

    @property
    def reason(self) -> str:
        """An error of ours speaks for itself; any other may quote a customer, so only its name is told."""
        if isinstance(self.error, CornerdeskError):
            return str(self.error)
        return f"{type(self.error).__name__} while it was processed"


class Processor:
    """Handles `deliveries` jobs.

    Args:
        decide: called in the ticket's transaction, once for every new event, when its row is there.
        random: of [0, 1), for jitter.
    """

    def __init__(
        self,
        storage: Storage,
        adapters: Mapping[str, Adapter],
        directory: AccountDirectory,
        detectors: Sequence[Detector],
        clock: Clock,
        decide: Decide,
        *,
        jobs: Jobs,
        registry: CollectorRegistry | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._storage = storage
        self._adapters = adapters
        self._clock = clock
        self._jobs = jobs
        self._random = random
        self._metrics = ProcessingMetrics(registry)
        self._hydrator = Hydrator(adapters, clock, self._metrics)
        self._settler = Settler(adapters, directory, detectors, clock, decide)

    async def handle(self, job: Job) -> None:
        """Process the deliveries that a job names and that are not processed yet.

        Raises:
            RetryJob: the database is away.
        """
        payload = read_payload(job.payload)
        begun = payload.retries + job.attempts
        try:
            rows = await self._claim(payload.ids, begun)
            await self._process(rows, payload.retries)
            for suspect in await self._suspects(set(payload.ids) - {row["id"] for row in rows}):
                await self._process(await self._claim_alone(suspect, begun), payload.retries)
        except StorageUnavailable as error:
            raise RetryJob(str(error), delay=STORAGE_DELAY * (1 + self._random())) from error

    async def process_now(self, ids: Sequence[str], retries: int = 0) -> list[Failure]:
        """Process deliveries that no job names, for whoever waits for it and has tried `retries` times before.

        Returns:
            Those to be tried again later; of all others it is certain by now what became of them. No crash has ended
            their attempts, so these do not count.

        Raises:
            StorageUnavailable: the database is away.
        """
        rows = await self._claim(ids, 0)
        failures = await self._attempt(rows)
        for suspect in await self._suspects(set(ids) - {row["id"] for row in rows}):
            failures += await self._attempt(await self._claim_alone(suspect, 0))
        await self._write_off([_dead(failure) for failure in failures if _hopeless(failure, retries)])
        later = [failure for failure in failures if not _hopeless(failure, retries)]
        await self._take_back([failure.delivery.id for failure in later])
        return later

    # ── attempts ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self, ids: Sequence[str], begun: int) -> list[Mapping[str, Any]]:
        """Count an attempt of every delivery whose earlier ones all ended, before anything is tried."""
        table = tables.deliveries
        claim = (
            update(table)
            .where(table.c.id.in_(ids), table.c.state == STORED, table.c.attempts <= begun)
            .values(attempts=table.c.attempts + 1)
            .returning(table)
        )
        async with self._storage.transaction() as tx:
            return sorted(await tx.rows(claim), key=lambda row: str(row["id"]))

    async def _suspects(self, ids: set[str]) -> list[str]:
        """Deliveries that were begun and not ended. One of them may have taken the worker with it, so each is tried
        alone, and its neighbours' attempts are not used up by it."""
        if not ids:
            return []
        table = tables.deliveries
        chosen = select(table.c.id).where(table.c.id.in_(ids), table.c.state == STORED).order_by(table.c.id)
        async with self._storage.reading() as tx:
            return [row["id"] for row in await tx.rows(chosen)]

    async def _claim_alone(self, delivery: str, begun: int) -> list[Mapping[str, Any]]:
        rows = await self._claim([delivery], begun + CRASHES)
        if rows and rows[0]["attempts"] > begun + CRASHES:
            known = {name: rows[0][name] for name in ("id", "source", "received_at", "origin")}
            reason = f"the worker died {CRASHES} times while processing it"
            await self._write_off([ReadDelivery(**known, state=DEAD, reason=reason)])
            return []
        return rows

    async def _take_back(self, ids: Sequence[str]) -> None:
        if ids:
            table = tables.deliveries
            ended = update(table).where(table.c.id.in_(ids), table.c.state == STORED)
            async with self._storage.transaction() as tx:
                await tx.execute(ended.values(attempts=table.c.attempts - 1))

    # ── one group ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _process(self, rows: Sequence[Mapping[str, Any]], retries: int) -> None:
        await self._put_off(await self._attempt(rows), retries)

    async def _attempt(self, rows: Sequence[Mapping[str, Any]]) -> list[Failure]:
        """Process these rows once; whoever failed is returned."""
        readings = [read(row, self._adapters) for row in rows]
        await self._write_off([reading for reading in readings if reading.state is not None])
        failures: list[Failure] = []
        looks: Looks = {}
        waiting: Sequence[ReadDelivery] = [reading for reading in readings if reading.state is None]
        try:
            while waiting:
                waiting = await self._process_wave(waiting, looks, failures)
        finally:
            for look in looks.values():
                look.cancel()
            await asyncio.gather(*looks.values(), return_exceptions=True)
        return failures

    async def _process_wave(
        self, deliveries: Sequence[ReadDelivery], looks: Looks, failures: list[Failure]
    ) -> list[ReadDelivery]:
        """Settle those whose tickets are known by now; the others are returned."""
        late: list[ReadDelivery] = []
        for group in _grouped(deliveries):
            batch, waiting = await self._prepare(group, looks, failures)
            await self._settle(batch, failures)
            late += waiting
        return late

    async def _write_off(self, readings: Sequence[ReadDelivery]) -> None:
        """Ignored and dead deliveries."""
        if not readings:
            return
        table, now = tables.deliveries, self._clock.now()
        async with self._storage.transaction() as tx:
            for reading in readings:
                values = {"state": reading.state, "reason": reading.reason, "done_at": now}
                await tx.execute(update(table).where(table.c.id == reading.id, table.c.state == STORED).values(values))
        for reading in readings:
            self._metrics.processed.labels(reading.source, reading.state).inc()
            if reading.state == DEAD:
                log.error("delivery_dead", source=reading.source, delivery=reading.id, reason=reading.reason)
            else:
                self._metrics.ignored(reading.source, reading.reason or "")

    async def _prepare(
        self, deliveries: Sequence[ReadDelivery], looks: Looks, failures: list[Failure]
    ) -> tuple[Batch, list[ReadDelivery]]:
        """Find out, outside any transaction, what settling will want to know.

        Who lacks it for good is among `failures`; who still waits for the vendor is returned beside the batch.
        """
        facts = Batch(deliveries).facts()
        rows, echoes = await self._stored(list(facts))
        fetched = states_told(deliveries)
        asked = {
            key: self._look(key, wanted, looks)
            for key, told_facts in facts.items()
            if (wanted := self._wanted(key, told_facts, rows.get(key), fetched.get(key))) is not None
        }
        if asked:
            await asyncio.wait(asked.values(), timeout=WAVE)
        errors: dict[TicketKey, Exception] = {}
        for key, look in asked.items():
            if look.done():
                self._take_look(key, look, _too_little(facts[key], rows.get(key)), fetched, errors)
        unknown = {key for key, look in asked.items() if not look.done()}
        waiting = [delivery for delivery in deliveries if not unknown.isdisjoint(delivery.tickets)]
        known = [delivery for delivery in deliveries if unknown.isdisjoint(delivery.tickets)]
        ready = _without_failed(known, errors, failures)
        return Batch(ready, fetched, echoes, await self._own_users(echoes)), waiting

    def _wanted(
        self, key: TicketKey, facts: Sequence[ToldFact], row: Mapping[str, Any] | None, told: Fetched | None
    ) -> datetime | None:
        """How new a state the vendor has to be asked for; None: what is told or stored will do."""
        facts = [fact for fact in facts if told is None or fact.delivery not in told.deliveries]
        if not any(self._hydrator.lacks(key[0], fact, row) for fact in facts):
            return None
        wanted = max(fact.wanted for fact in facts)
        return None if told is not None and told.is_as_new_as(wanted) else wanted

    def _look(self, key: TicketKey, wanted: datetime, looks: Looks) -> asyncio.Task[Fetched | None]:
        if (key, wanted) not in looks:
            looks[key, wanted] = asyncio.create_task(self._hydrator.fetch(*key, wanted))
        return looks[key, wanted]

    def _take_look(
        self,
        key: TicketKey,
        look: asyncio.Task[Fetched | None],
        too_little: bool,
        fetched: dict[TicketKey, Fetched],
        errors: dict[TicketKey, Exception],
    ) -> None:
        error, answer = look.exception(), None
        if isinstance(error, Exception):
            errors[key] = self._named(key[0], error)
        elif error is not None:
            raise error
        else:
            answer = look.result()
        if answer is not None and answer.state is not None:
            fetched[key] = newer(answer, fetched.get(key))
        elif answer is not None and too_little:
            errors[key] = RejectedError(f"{answer.reason}; what the delivery itself tells is not enough")

    async def _stored(
        self, keys: Sequence[TicketKey]
    ) -> tuple[dict[TicketKey, Mapping[str, Any]], dict[TicketKey, frozenset[str]]]:
        """The tickets as stored, and the hints of our writes to them: a hint is stored before its write goes out, so
        it is there before the delivery that tells of it."""
        tickets, echoes = tables.tickets, tables.echoes
        of_tickets = select(tickets).where(tuple_(tickets.c.source, tickets.c.id).in_(keys))
        of_echoes = select(echoes).where(tuple_(echoes.c.source, echoes.c.ticket).in_(keys))
        hints: dict[TicketKey, set[str]] = {}
        async with self._storage.reading() as tx:
            rows = {(row["source"], row["id"]): row for row in await tx.rows(of_tickets)}
            for row in await tx.rows(of_echoes):
                hints.setdefault((row["source"], row["ticket"]), set()).add(row["hint"])
        return rows, {key: frozenset(found) for key, found in hints.items()}

    async def _own_users(self, echoes: Mapping[TicketKey, frozenset[str]]) -> dict[str, str | None]:
        """Who we are at the vendors whose tickets we wrote to; None where that cannot be told just now."""
        found: dict[str, str | None] = {}
        for source in sorted({source for source, _ in echoes}):
            try:
                async with asyncio.timeout(WAVE):
                    found[source] = await self._adapters[source].own_user_id()
            except (TimeoutError, RetryableError, UnsupportedError, CredentialsError, RejectedError):
                found[source] = None
        return found

    def _named(self, source: str, error: Exception) -> Exception:
        """An adapter's own failure says whose it is."""
        if isinstance(error, CornerdeskError):
            return error
        return RejectedError(f"{type(error).__name__} in adapter {self._adapters[source].helpdesk}")

    # ── settling ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _settle(self, batch: Batch, failures: list[Failure]) -> None:
        """Settle all in one transaction, or, when that fails, each delivery in its own, in the order of their facts."""
        if not batch.deliveries:
            return
        try:
            async with self._storage.transaction() as tx:
                events = await self._settler.settle(tx, batch)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - rules and plugins decide in there
            if len(batch.deliveries) == 1:
                failures.append(Failure(batch.deliveries[0], error))
                return
            for delivery in sorted(batch.deliveries, key=lambda one: min(told.order for told in one.facts)):
                await self._settle(batch.only(delivery), failures)
            return
        self._count(batch.deliveries, events)

    def _count(self, deliveries: Sequence[ReadDelivery], events: Sequence[MadeEvent]) -> None:
        now = self._clock.now()
        for delivery in deliveries:
            self._metrics.processed.labels(delivery.source, DONE).inc()
            self._metrics.age.labels(delivery.source).observe(max((now - delivery.received_at).total_seconds(), 0.0))
        for event in events:
            self._metrics.events.labels(event.source, event.kind).inc()

    # ── later, or never ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _put_off(self, failures: Sequence[Failure], retries: int) -> None:
        """Those that may be tried again get a job of their own, those of one kind of failure together."""
        await self._write_off([_dead(failure) for failure in failures if _hopeless(failure, retries)])
        later: dict[float, list[Failure]] = {}
        for failure in failures:
            if not _hopeless(failure, retries):
                later.setdefault(retry_delay(failure.error, retries), []).append(failure)
        for delay, group in later.items():
            # Jitter only lengthens: a vendor's Retry-After is the least it wants.
            not_before = self._clock.now() + timedelta(seconds=delay * (1 + self._random() / 4))
            await self._try_again(group, not_before, retries + 1)

    async def _try_again(self, failures: Sequence[Failure], not_before: datetime, retries: int) -> None:
        table = tables.deliveries
        ids = [failure.delivery.id for failure in failures]
        payload = Payload(ids=ids, retries=retries).model_dump_json().encode()
        async with self._storage.transaction() as tx:
            for failure in failures:
                reason = f"waits for try {retries + 1}: {failure.reason}"
                await tx.execute(update(table).where(table.c.id == failure.delivery.id).values(reason=reason))
            await self._jobs.enqueue(tx, [JobRequest(JOB, payload, not_before=not_before)])
        for source in sorted({failure.delivery.source for failure in failures}):
            log.warning("deliveries_put_off", source=source, count=len(ids), retries=retries, until=str(not_before))


def read_payload(payload: bytes) -> Payload:
    """A JSON list of delivery ids, or a `Payload`."""
    data = json.loads(payload)
    return Payload(ids=data) if isinstance(data, list) else Payload.model_validate(data)


def retry_delay(error: Exception, retries: int) -> float:
    """Seconds to wait at least: doubling from 5 s to 2 h, so that 20 tries take about a day; longer where the vendor
    asks for it; from 5 minutes to an hour when credentials are refused."""
    first, longest = CREDENTIAL_DELAYS if isinstance(error, CredentialsError) else (FIRST_DELAY, LONGEST_DELAY)
    asked = error.retry_after if isinstance(error, RetryableError) else None
    return max(min(first * 2.0 ** min(retries, 30), longest), asked or 0.0)


def _hopeless(failure: Failure, retries: int) -> bool:
    if isinstance(failure.error, CredentialsError):
        return retries >= CREDENTIAL_RETRIES
    return not isinstance(failure.error, RetryableError) or retries >= RETRIES


def _dead(failure: Failure) -> ReadDelivery:
    delivery = failure.delivery
    return ReadDelivery(
        delivery.id, delivery.source, delivery.received_at, delivery.origin, state=DEAD, reason=failure.reason
    )


def _too_little(facts: Sequence[Any], row: Mapping[str, Any] | None) -> bool:
    """Whether the deliveries themselves leave us without a ticket, now that the vendor has none any more."""
    return row is None and any("ticket" in told.fact.needs for told in facts)


def _without_failed(
    deliveries: Sequence[ReadDelivery], errors: Mapping[TicketKey, Exception], failures: list[Failure]
) -> list[ReadDelivery]:
    ready: list[ReadDelivery] = []
    for delivery in deliveries:
        error = next((errors[key] for key in delivery.tickets if key in errors), None)
        if error is None:
            ready.append(delivery)
        else:
            failures.append(Failure(delivery, error))
    return ready


def _grouped(deliveries: Sequence[ReadDelivery]) -> list[list[ReadDelivery]]:
    """Groups for one transaction each, a ticket's deliveries side by side so that they share fetches and locks."""
    groups: list[list[ReadDelivery]] = []
    facts = 0
    for delivery in sorted(deliveries, key=lambda one: (one.tickets[0], one.id)):
        facts += len(delivery.facts)
        if not groups or len(groups[-1]) == AT_ONCE or facts > FACTS_AT_ONCE:
            groups.append([])
            facts = len(delivery.facts)
        groups[-1].append(delivery)
    return groups
