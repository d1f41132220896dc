"""Fetching from the vendor what a delivery does not tell, as seldom as can be. Never called within a transaction.

One vendor action arrives as several deliveries, often within one job or a few at once: they share one fetch.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

from cornerdesk.adapters.interface import Adapter, Capability, Fact, TicketState
from cornerdesk.clock import Clock
from cornerdesk.errors import CornerdeskError, RejectedError, RetryableError, UnsupportedError
from cornerdesk.intake.metrics import ProcessingMetrics
from cornerdesk.intake.people import known_person
from cornerdesk.intake.reading import ReadDelivery
from cornerdesk.intake.text import with_clean_text
from cornerdesk.intake.told import ToldFact
from cornerdesk.model import Actor, ActorKind, Ticket

CACHED = 1_000
"""Tickets kept in memory, at about ten kilobytes each."""

LONGEST = 60.0
"""Seconds that one fetch may take in all, whatever its adapter thinks."""

AT_ONCE = 8
"""Fetches that run at the same time for one source."""


@dataclass(frozen=True)
class Fetched:
    """A ticket as the vendor's API showed it at `at`; `state` None: it is gone there, and `reason` says so.

    `deliveries` are those that told it, where nobody had to ask.
    """

    state: TicketState | None
    at: datetime
    reason: str = ""
    deliveries: frozenset[str] = frozenset()

    def is_as_new_as(self, wanted: datetime) -> bool:
        return self.state is not None and not _older(self.state.as_of, wanted)


def states_told(deliveries: Iterable[ReadDelivery]) -> dict[tuple[str, str], Fetched]:
    """Tickets that deliveries tell all of, by source and id: of each the newest state."""
    found: dict[tuple[str, str], Fetched] = {}
    for delivery in deliveries:
        for state in delivery.states:
            key, told = (delivery.source, state.ticket.id), Fetched(state, delivery.received_at)
            before = found.get(key)
            by = (before.deliveries if before else frozenset()) | {delivery.id}
            found[key] = replace(newer(told, before), deliveries=by)
    return found


def newer(one: Fetched, other: Fetched | None) -> Fetched:
    """Which of two looks at a ticket shows more of it."""
    if other is None or other.state is None or one.state is None:
        return one
    return max(one, other, key=_newness)


def _newness(fetched: Fetched) -> tuple[datetime, datetime]:
    return (fetched.state.as_of if fetched.state else datetime.min.replace(tzinfo=UTC)), fetched.at


class Hydrator:
    """Fetches tickets, remembering the last ones of every source.

    A ticket is fetched once however many ask at the same time, and not at all while the one remembered is as new as
    what the delivery tells of.
    """

    def __init__(self, adapters: Mapping[str, Adapter], clock: Clock, metrics: ProcessingMetrics) -> None:
        self._adapters = adapters
        self._clock = clock
        self._metrics = metrics
        self._cache: OrderedDict[tuple[str, str], Fetched] = OrderedDict()
        # A lock is forgotten when nobody holds or awaits it any more.
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._gates: dict[str, asyncio.Semaphore] = {}

    def lacks(self, source: str, told: ToldFact, row: Mapping[str, Any] | None) -> bool:
        """Whether a fact tells less than rules may want, and the stored ticket does not make up for it."""
        if Capability.HYDRATION not in self._adapters[source].capabilities:
            return False
        fact = told.fact
        fresh = row is not None and row["complete"] and not _older(row["as_of"], told.wanted)
        if fact.needs - {"message", "actor"} and not fresh:
            return True
        # A fact that brings messages needs the ticket itself: what was said is not in our row. The cache spares most.
        if "message" in fact.needs and fact.message is None and (fact.kind is None or not fresh):
            return True
        return self._actor_lacks(source, fact, row)

    def _actor_lacks(self, source: str, fact: Fact, row: Mapping[str, Any] | None) -> bool:
        if fact.actor.id is None or not _incomplete(fact.actor):
            return False
        if row is None or not row["state"]:
            return True
        ticket = Ticket.model_validate(row["state"])
        known = known_person(fact.actor.id, ticket, {})
        return known is None or _incomplete(known)

    async def fetch(self, source: str, ticket: str, wanted: datetime) -> Fetched | None:
        """The ticket, as new as `wanted` where the vendor's API is that far. None: the adapter cannot fetch.

        Raises:
            RetryableError, CredentialsError: not now.
        """
        key = (source, ticket)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            return self.cached(source, ticket, wanted) or await self._ask(source, ticket)

    def cached(self, source: str, ticket: str, wanted: datetime) -> Fetched | None:
        """What is remembered of a ticket, if it is as new as `wanted`."""
        fetched = self._cache.get((source, ticket))
        if fetched is None or not fetched.is_as_new_as(wanted):
            return None
        self._cache.move_to_end((source, ticket))
        return fetched

    async def _ask(self, source: str, ticket: str) -> Fetched | None:
        try:
            async with self._gates.setdefault(source, asyncio.Semaphore(AT_ONCE)), asyncio.timeout(LONGEST):
                state = await self._adapters[source].fetch_ticket(ticket)
        except UnsupportedError:
            return None
        except RejectedError as error:
            self._metrics.fetches.labels(source, "gone").inc()
            return Fetched(None, self._clock.now(), str(error))
        except TimeoutError:
            self._metrics.fetches.labels(source, "failed").inc()
            helpdesk = self._adapters[source].helpdesk
            raise RetryableError(f"adapter {helpdesk} told nothing of the ticket within {LONGEST:.0f} s") from None
        except CornerdeskError:
            self._metrics.fetches.labels(source, "failed").inc()
            raise
        self._metrics.fetches.labels(source, "fetched").inc()
        fetched = Fetched(with_clean_text(state), self._clock.now())
        self._cache[source, ticket] = fetched
        self._cache.move_to_end((source, ticket))
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return fetched


def _older(one: datetime, other: datetime) -> bool:
    """Vendors' APIs tell `updated_at` to the second where their deliveries may tell fractions (zendesk.md 1.2, 2.5)."""
    return one.replace(microsecond=0) < other.replace(microsecond=0)


def _incomplete(actor: Actor) -> bool:
    return actor.kind is ActorKind.UNKNOWN or (actor.name is None and actor.email is None)
