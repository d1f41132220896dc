"""One transaction: facts become events, events are decided on, deliveries are done.

Everything that depends on what was before is read under the lock of the tickets' rows. What is not in the database by
the end of the transaction did not happen, so a crash at any point leaves either nothing or all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import structlog
from sqlalchemy import bindparam, delete, select, tuple_, update

from cornerdesk.adapters.echo import hints_of
from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.clock import Clock
from cornerdesk.intake.facts import Draft, Settled, Surroundings, settle
from cornerdesk.intake.hydration import Fetched
from cornerdesk.intake.keys import keys_of
from cornerdesk.intake.merging import TicketCopy
from cornerdesk.intake.reading import DONE, ReadDelivery
from cornerdesk.intake.told import ToldFact
from cornerdesk.model import (
    Account,
    ActorKind,
    Customer,
    Direction,
    Event,
    EventKind,
    Message,
    Origin,
    Signal,
    Snapshot,
    Ticket,
    new_id,
)
from cornerdesk.signals.interface import Detector
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction

log = structlog.get_logger()

Decide = Callable[[Transaction, Snapshot], Awaitable[None]]
TicketKey = tuple[str, str]
"""Source and ticket id."""

KEY_LENGTH = 300
LOOKED_UP_AT_ONCE = 5_000
"""Keys in one statement: both databases take some 32,000 values at most, and a ticket's history may hold more."""


class AccountMatch(Protocol):
    """What the directory says of a customer: `accounts.Match`."""

    @property
    def account(self) -> Account | None: ...
    @property
    def origins(self) -> Mapping[str, str]: ...


class AccountDirectory(Protocol):
    """What intake needs of `accounts.Directory`."""

    def find(self, customer: Customer | None, vendor_account: Account | None) -> AccountMatch: ...


@dataclass
class Batch:
    """What one transaction settles, and what was found out for it beforehand."""

    deliveries: Sequence[ReadDelivery]
    fetched: Mapping[TicketKey, Fetched] = field(default_factory=dict)
    echoes: Mapping[TicketKey, frozenset[str]] = field(default_factory=dict)
    own_users: Mapping[str, str | None] = field(default_factory=dict)

    def only(self, delivery: ReadDelivery) -> Batch:
        return Batch([delivery], self.fetched, self.echoes, self.own_users)

    def facts(self) -> dict[TicketKey, list[ToldFact]]:
        """By ticket, in the order in which their rows are locked by everybody."""
        found: dict[TicketKey, list[ToldFact]] = {}
        for delivery in self.deliveries:
            for told in delivery.facts:
                found.setdefault((delivery.source, told.fact.ticket_id), []).append(told)
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class MadeEvent:
    """An event that was committed; for counting."""

    source: str
    kind: str


class Settler:
    """Settles batches of deliveries. `decide` is called once for every new event, in its transaction."""

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        directory: AccountDirectory,
        detectors: Sequence[Detector],
        clock: Clock,
        decide: Decide,
    ) -> None:
        self._adapters = adapters
        self._directory = directory
        self._detectors = detectors
        self._known_signals = frozenset(spec.name for detector in detectors for spec in detector.signals)
        self._clock = clock
        self._decide = decide

    async def settle(self, tx: Transaction, batch: Batch) -> list[MadeEvent]:
        """Settle a batch; the caller commits. Raises whatever `decide` raises."""
        facts = batch.facts()
        rows = await self._lock(tx, list(facts))
        seen = await _seen(tx, facts, batch.fetched)
        outcomes: list[tuple[TicketKey, Settled]] = []
        copies: dict[TicketKey, TicketCopy] = {}
        for key, told in facts.items():
            copies[key] = TicketCopy(key[1], rows[key])
            found = settle(copies[key], told, seen.setdefault(key[0], set()), self._surroundings(key, batch))
            outcomes += ((key, settled) for settled in found)
        return await self._write(tx, batch, copies, outcomes)

    async def _write(
        self,
        tx: Transaction,
        batch: Batch,
        copies: Mapping[TicketKey, TicketCopy],
        outcomes: Sequence[tuple[TicketKey, Settled]],
    ) -> list[MadeEvent]:
        deliveries = {delivery.id: delivery for delivery in batch.deliveries}
        snapshots: list[tuple[Snapshot, str]] = []
        new_facts: list[dict[str, str]] = []
        matches = _Matches(self._directory)
        for (source, _), settled in outcomes:
            delivery = deliveries[settled.told.delivery]
            made = [self._snapshot(delivery, draft, matches.find(draft.ticket)) for draft in settled.drafts]
            event = made[0].event.id if made else ""
            new_facts += ({"source": source, "key": _short(key), "event": event} for key in settled.keys)
            snapshots += ((snapshot, settled.told.delivery) for snapshot in made)
        await self._write_rows(tx, copies, new_facts, snapshots)
        await self._use_up_echoes(tx, [snapshot.event for snapshot, _ in snapshots])
        await self._finish(tx, batch, snapshots)
        for snapshot, _ in snapshots:
            await self._decide(tx, snapshot)
        return [MadeEvent(snapshot.event.source, snapshot.event.kind.value) for snapshot, _ in snapshots]

    async def _use_up_echoes(self, tx: Transaction, events: Sequence[Event]) -> None:
        """A write of ours changes a field once. Where nobody tells who changed it, the same change later is somebody
        else's; where deliveries tell old values, one that tells this change again, with its actor, may still come."""
        table = tables.echoes
        for event in events:
            if event.actor.kind is not ActorKind.SELF or event.actor.id is not None or not event.changes:
                continue
            if Capability.BEFORE_AND_AFTER in self._adapters[event.source].capabilities:
                continue
            used = hints_of(None, event.changes)
            of_ticket = (table.c.source == event.source) & (table.c.ticket == event.ticket.id)
            await tx.execute(delete(table).where(of_ticket, table.c.hint.in_(used)))

    async def _lock(self, tx: Transaction, keys: Sequence[TicketKey]) -> dict[TicketKey, Mapping[str, Any] | None]:
        """Make and lock the rows; None for one that is new. Everybody locks in this order, so nobody deadlocks."""
        table = tables.tickets
        insert = tx.upsert(table).on_conflict_do_nothing(index_elements=["source", "id"])
        await tx.execute(insert, [{"source": source, "id": ticket, "state": {}} for source, ticket in keys])
        chosen = select(table).where(tuple_(table.c.source, table.c.id).in_(keys)).order_by(table.c.source, table.c.id)
        rows = {(row["source"], row["id"]): row for row in await tx.rows(tx.locked(chosen))}
        return {key: rows[key] if rows[key]["state"] else None for key in keys}

    def _surroundings(self, key: TicketKey, batch: Batch) -> Surroundings:
        fetched = batch.fetched.get(key)
        return Surroundings(
            hydrated=fetched.state if fetched else None,
            fetched_at=fetched.at if fetched else None,
            echoes=batch.echoes.get(key, frozenset()),
            own_user=batch.own_users.get(key[0]),
            before_and_after=Capability.BEFORE_AND_AFTER in self._adapters[key[0]].capabilities,
        )

    def _snapshot(self, delivery: ReadDelivery, draft: Draft, match: AccountMatch) -> Snapshot:
        fact, ticket = draft.told.fact, draft.ticket
        event = Event(
            id=new_id(),
            source=delivery.source,
            helpdesk=self._adapters[delivery.source].helpdesk,
            kind=draft.kind,
            occurred_at=draft.occurred_at,
            received_at=delivery.received_at,
            actor=draft.actor,
            ticket=ticket.model_copy(update={"account": match.account}) if match.account else ticket,
            message=draft.message,
            changes=draft.changes,
            rating=fact.rating,
            origin=Origin(delivery.origin),
            raw=fact.raw,
        )
        return Snapshot(
            event=event,
            signals=self._signals(event),
            known_signals=self._known_signals,
            now=self._clock.now(),
            provenance=dict(match.origins),
        )

    def _signals(self, event: Event) -> tuple[Signal, ...]:
        created = event.kind is EventKind.TICKET_CREATED
        if not created and event.kind is not EventKind.MESSAGE_ADDED:
            return ()
        if event.message is None or event.message.direction is not Direction.INBOUND:
            return ()
        return tuple(self._detected(event.message, event.ticket.subject if created else None))

    def _detected(self, message: Message, subject: str | None) -> list[Signal]:
        found: list[Signal] = []
        for detector in self._detectors:
            try:
                found += detector.detect(message, subject)
            except Exception as error:  # noqa: BLE001 - a plugin's code: one detector less, and not one event less
                log.error("detector_failed", detector=type(detector).__name__, error=type(error).__name__)
        return found

    async def _write_rows(
        self,
        tx: Transaction,
        copies: Mapping[TicketKey, TicketCopy],
        new_facts: Sequence[Mapping[str, str]],
        snapshots: Sequence[tuple[Snapshot, str]],
    ) -> None:
        if new_facts:
            insert = tx.upsert(tables.facts).on_conflict_do_nothing(index_elements=["source", "key"])
            await tx.execute(insert, new_facts)
        now = self._clock.now()
        rows = [_ticket_row(source, copy, now) for (source, _), copy in copies.items()]
        await tx.execute(_UPDATE_TICKET, rows)
        if snapshots:
            await tx.execute(tables.events.insert(), [_event_row(*each) for each in snapshots])

    async def _finish(self, tx: Transaction, batch: Batch, snapshots: Sequence[tuple[Snapshot, str]]) -> None:
        counts: dict[str, int] = {}
        for _, delivery in snapshots:
            counts[delivery] = counts.get(delivery, 0) + 1
        done_at = self._clock.now()
        rows = [
            {
                "b_id": delivery.id,
                "ticket": delivery.tickets[0][1],
                "state": DONE,
                "events": counts.get(delivery.id, 0),
                "done_at": done_at,
                "reason": None,
            }
            for delivery in batch.deliveries
        ]
        await tx.execute(_FINISH, rows)


class _Matches:
    """The directory's answers. One customer after another: a ticket's whole history comes in one batch."""

    def __init__(self, directory: AccountDirectory) -> None:
        self._directory = directory
        self._asked: tuple[Customer | None, Account | None] | None = None
        self._match: AccountMatch | None = None

    def find(self, ticket: Ticket) -> AccountMatch:
        asked = (ticket.customer, ticket.account)
        if self._match is None or asked != self._asked:
            self._asked, self._match = asked, self._directory.find(*asked)
        return self._match


_FINISH = (
    update(tables.deliveries)
    # A worker that was taken over and woke up again finds them done and leaves their counts alone.
    .where(tables.deliveries.c.id == bindparam("b_id"), tables.deliveries.c.state == "stored")
    .values({name: bindparam(name) for name in ("ticket", "state", "events", "done_at", "reason")})
)

_TICKET_COLUMNS = (
    "number",
    "state",
    "as_of",
    "complete",
    "last_event_at",
    "status",
    "customer_email",
    "account",
    "updated_at",
    "told",
)
_UPDATE_TICKET = (
    update(tables.tickets)
    .where(tables.tickets.c.source == bindparam("b_source"), tables.tickets.c.id == bindparam("b_id"))
    .values({name: bindparam(name) for name in _TICKET_COLUMNS})
)


def _ticket_row(source: str, copy: TicketCopy, now: datetime) -> dict[str, Any]:
    ticket = copy.ticket()
    email = ticket.customer.email if ticket.customer else None
    return {
        "b_source": source,
        "b_id": copy.id,
        "number": ticket.number,
        "state": ticket.model_dump(mode="json"),
        "as_of": copy.as_of,
        "complete": copy.complete,
        "last_event_at": copy.last_event_at,
        "status": ticket.status.value,
        "customer_email": email.lower() if email else None,
        "account": ticket.account.id if ticket.account else None,
        "updated_at": now,
        "told": copy.told().model_dump(mode="json", exclude_defaults=True),
    }


def _event_row(snapshot: Snapshot, delivery: str) -> dict[str, Any]:
    event = snapshot.event
    return {
        "id": event.id,
        "source": event.source,
        "helpdesk": event.helpdesk,
        "kind": event.kind.value,
        "ticket": event.ticket.id,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "actor_kind": event.actor.kind.value,
        "origin": event.origin.value,
        "delivery": delivery,
        "snapshot": snapshot.model_dump(mode="json"),
    }


async def _seen(
    tx: Transaction, facts: Mapping[TicketKey, Sequence[ToldFact]], fetched: Mapping[TicketKey, Fetched]
) -> dict[str, set[str]]:
    """Which keys of these facts were seen before, by source. A key too long for an index is known by its hash."""
    wanted: dict[str, dict[str, str]] = {}
    for ticket, told in facts.items():
        hydrated = fetched[ticket].state if ticket in fetched else None
        known = wanted.setdefault(ticket[0], {})
        known.update((_short(key), key) for one in told for key in keys_of(one, hydrated))
    seen: dict[str, set[str]] = {}
    table = tables.facts
    for source, keys in wanted.items():
        seen[source] = set()
        for some in _batched(keys, LOOKED_UP_AT_ONCE):
            found = await tx.rows(select(table.c.key).where(table.c.source == source, table.c.key.in_(some)))
            seen[source].update(keys[row["key"]] for row in found)
    return seen


def _batched(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    """As `itertools.batched` of Python 3.12."""
    rest = iter(keys)
    while some := list(islice(rest, size)):
        yield some


def _short(key: str) -> str:
    if len(key) <= KEY_LENGTH and key.isprintable():
        return key
    return f"hash:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
