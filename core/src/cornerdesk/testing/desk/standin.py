"""What every vendor's stand-in is. This file is the manual for whoever writes the stand-in of another vendor."""

from __future__ import annotations

import argparse
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, Self, TypedDict, Unpack

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from cornerdesk import (
    JSON,
    Clock,
    Delivery,
    Direction,
    SystemClock,
    UnsupportedError,
)
from cornerdesk.testing.desk.api import Api, Write
from cornerdesk.testing.desk.control import control_routes
from cornerdesk.testing.desk.failing import Faults
from cornerdesk.testing.desk.faults import Fault
from cornerdesk.testing.desk.look import Look
from cornerdesk.testing.desk.rates import RateHeaders, RateLimit
from cornerdesk.testing.desk.refusals import RefusedError
from cornerdesk.testing.desk.sending import Packed, RetryRules, Sender, Sent
from cornerdesk.testing.desk.serving import serving


class Options(TypedDict, total=False):
    """What every stand-in takes; see `StandIn`. A subclass with more has `**options: Unpack[Options]`."""

    receiver: str | None
    secret: str
    clock: Clock | None
    retry_wait: float | None
    timeout: float | None
    rate_limit: int | None
    transport: httpx.AsyncBaseTransport | None


class StandIn(ABC):
    """One account of a vendor's, in memory. Its methods are what people do there; each sends its webhooks by itself.

    Tickets, messages and people are named by the vendor's ids, as text. Words of the model's are understood wherever
    the vendor has the thing: `status="solved"`, `priority="urgent"`, `score="bad"`; beside them the vendor's own.

    A subclass brings
        - the class variables below;
        - a desk, which is its state, and an `api` (`cornerdesk.testing.desk.Api`) over it;
        - `pack`: how a delivery is written and signed;
        - what people do, as far as the vendor has the thing;
        - `look`, `tickets`, `settings`, and who there is (`own_id`, `agent_id`, `teams`).
    What a vendor has not raises `UnsupportedError`. `cornerdesk.testing.plaindesk` is a small one to copy.

    Args:
        receiver: the address that webhooks are sent to; None: they are only counted.
        secret: what they are signed with.
        clock: the time that tickets and webhooks carry.
        retry_wait, timeout: of webhooks, in seconds; None: as `retries` has it.
        rate_limit: requests that the API takes in one window; None: as the class has it.
        transport: how webhooks travel, instead of the network.

    Attributes:
        sender: sends the webhooks.
        limit: how many requests the API takes; the subclass hands it to its `api`.
        faults: what will go wrong; append to it.
    """

    vendor: ClassVar[str]
    """As messages call it: `Zendesk`."""

    retries: ClassVar[RetryRules] = RetryRules()
    rate_headers: ClassVar[RateHeaders] = RateHeaders()
    rate_limit: ClassVar[int | None] = None
    rate_window: ClassVar[int] = 60
    """Seconds."""

    api: Api

    def __init__(
        self,
        *,
        receiver: str | None = None,
        secret: str = "stand-in",  # noqa: S107 - guards nothing
        clock: Clock | None = None,
        retry_wait: float | None = None,
        timeout: float | None = None,
        rate_limit: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        rules = replace(
            self.retries,
            first_wait=self.retries.first_wait if retry_wait is None else retry_wait,
            timeout=self.retries.timeout if timeout is None else timeout,
        )
        self.sender = Sender(
            self.pack,
            rules,
            receiver=receiver,
            secret=secret,
            clock=self.clock,
            finished=self.finished,
            transport=transport,
        )
        self.limit = RateLimit(
            self.rate_limit if rate_limit is None else rate_limit, self.rate_headers, seconds=self.rate_window
        )
        self.faults: list[Fault] = []

    @cached_property
    def app(self) -> Starlette:
        """API and control, for a server or for `httpx.ASGITransport`."""
        routes = [*self.api.routes(), *control_routes(self), *self.control()]
        return Starlette(routes=routes, middleware=[Middleware(Faults, pending=self.faults, touch=self.touch)])

    @property
    def sent(self) -> list[Sent]:
        """Every webhook, with what became of it."""
        return self.sender.sent

    @property
    def writes(self) -> list[Write]:
        """Everything the API was asked to do and did, in order."""
        return self.api.writes

    # ── what a vendor brings ────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def pack(self, sent: Sent, secret: str, now: datetime) -> Packed:
        """One attempt of a delivery: its body, mostly `sent.body`, and its headers with the signature over it. Called
        for each attempt, as some vendors sign the time or count attempts in the body."""

    @abstractmethod
    def settings(self, base_url: str) -> JSON:
        """A source in cornerdesk.yaml that talks to this stand-in at `base_url`, secrets included."""

    @property
    @abstractmethod
    def own_id(self) -> str:
        """The user whom the adapter writes as."""

    @property
    @abstractmethod
    def agent_id(self) -> str:
        """An agent, to whom tickets may be assigned."""

    @property
    def teams(self) -> Mapping[str, str]:
        """Teams: names by id. Empty where the vendor has none."""
        return {}

    def control(self) -> Sequence[BaseRoute]:
        """Routes under `/_standin/` beyond those that every stand-in has."""
        return ()

    def finished(self, sent: Sent) -> None:  # noqa: B027 - most vendors count nothing
        """A delivery was taken or given up: vendors that switch a subscription off count here."""

    def shown_id(self, vendor_id: str) -> str | int:
        """An id as the vendor's own JSON writes it."""
        return vendor_id

    def read_id(self, written: object) -> str:
        """An id out of JSON or an address, as text.

        Raises:
            ValueError: it can be none.
        """
        return str(written)

    # ── what people do ──────────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def open_ticket(
        self,
        subject: str,
        text: str,
        *,
        requester: str = "bo@example.com",
        name: str | None = None,
        phone: str | None = None,
        organization: str | None = None,
        domains: Sequence[str] = (),
        channel: str = "email",
        tags: Sequence[str] = (),
        priority: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> str:
        """A customer writes for the first time. Returns the ticket's id. What the vendor does not know of (a phone
        number, say) is left out."""

    @abstractmethod
    def comment(self, ticket: str, text: str, *, by: str = "customer", public: bool = True) -> str:
        """Somebody writes: `customer`, `agent`, `own` (the user whom the adapter writes as, at the vendor's page), or a
        user's address; not `public`: an internal note. Returns the message's id."""

    @abstractmethod
    def change(
        self,
        ticket: str,
        *,
        by: str = "agent",
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Somebody changes tags, custom fields (by name) and, among `changes`, at least `status`, `priority`,
        `subject`, `assignee` (an id or address; None takes it away) and `team` (an id or name).

        Raises:
            UnsupportedError: the vendor has no such thing.
        """

    def set_status(self, ticket: str, status: str, *, by: str = "agent") -> None:
        """Somebody sets the status."""
        self.change(ticket, by=by, status=status)

    def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
        """The customer rates the help: `good`, `okay` or `bad`."""
        raise self.not_here("rate tickets")

    def delete(self, ticket: str) -> None:
        """An agent deletes it."""
        raise self.not_here("delete tickets")

    def merge(self, ticket: str, into: str) -> None:
        """An agent merges it into another."""
        raise self.not_here("merge tickets")

    def touch(self) -> None:
        """Somebody changes the ticket that was not changed for longest, so that lists in order of time shift."""
        for ticket in self.tickets():
            with suppress(RefusedError):  # a closed ticket stays as it is
                self.comment(ticket, "Still looking.", by="agent", public=False)
                return

    def not_here(self, what: str) -> UnsupportedError:
        """The error to raise for what the vendor cannot do: `not_here("merge tickets")`."""
        return UnsupportedError(f"in {self.vendor} nobody can {what}")

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def tickets(self) -> list[str]:
        """Ids of all tickets that are not deleted, those that were changed longest ago first."""

    @abstractmethod
    def look(self, ticket: str) -> Look:
        """A ticket as it stands."""

    @abstractmethod
    def show_desk(self) -> JSON:
        """`tickets`, a list of JSON with messages and whatever else is kept; and what else stands on the desk."""

    def notes(self, ticket: str, text: str = "") -> int:
        """How many internal notes with this text stand on a ticket."""
        lines = self.look(ticket).messages
        return sum(line.direction is Direction.INTERNAL and text in line.text for line in lines)

    def state(self) -> JSON:
        """Everything, for another process to look at."""
        return {
            **self.show_desk(),
            "writes": [self._shown(write.show()) for write in self.writes],
            "deliveries": [self.show_sent(sent) for sent in self.sent],
            "pending": self.sender.pending,
            "requests": len(self.api.requests),
            "faults": [fault.show() for fault in self.faults],
        }

    def show_sent(self, sent: Sent) -> JSON:
        """A delivery, for another process to look at."""
        return self._shown(sent.show())

    def _shown(self, row: JSON) -> JSON:
        return row if row["ticket"] is None else {**row, "ticket": self.shown_id(row["ticket"])}

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, body: bytes, kind: str, event: str | None = None, ticket: str | None = None, **more: Any) -> Sent:
        """Send a webhook; the desk calls it. `more`: fields of `Sent`. Returns at once."""
        invocation = more.pop("invocation", None) or self.new_invocation()
        return self.sender.send(Sent(invocation, event, kind, ticket, body, **more))

    def new_invocation(self) -> str:
        """Names one sending of one delivery."""
        return uuid.uuid4().hex

    def deliver(self, kind: str, ticket: str, event: JSON | None = None) -> Sent:
        """An event of any kind of the vendor's, also those that nothing else here makes, about a ticket."""
        raise self.not_here("send an event of any kind")

    def deliver_raw(self, body: bytes | JSON, headers: Mapping[str, str] | None = None) -> Sent:
        """Any body, signed unless `headers` say otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(raw, "raw", headers=headers or {})

    def redeliver(self, last: int | None = None) -> list[Sent]:
        """The last webhooks again, each as a sending of its own, as after a time-out that we did not see."""
        again = list(self.sent if last is None else self.sent[max(0, len(self.sent) - last) :])
        return [
            self.send(sent.body, sent.type, sent.event, sent.ticket, url=sent.url, secret=sent.secret) for sent in again
        ]

    def delivery_of(self, sent: Sent) -> Delivery:
        """A webhook as the receiver would get it now, for tests without one."""
        now = self.clock.now()
        body, headers = self.pack(sent, sent.secret or self.sender.secret, now)
        told = {name.lower(): value for name, value in {**headers, **sent.headers}.items()}
        return Delivery(headers=told, body=body, received_at=now)

    async def settled(self) -> None:
        """Until every webhook was taken or given up."""
        await self.sender.settled()

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def serving(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serves the API, within this event loop. Gives its address."""
        async with serving(self.app, port, host) as url:
            try:
                yield url
            finally:
                await self.sender.aclose()

    @classmethod  # noqa: B027 - most have no more
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Options of the command beyond those that every stand-in has."""

    @classmethod
    def of_options(cls, options: argparse.Namespace, **common: Unpack[Options]) -> Self:
        """The stand-in that a command line asks for; `common` are to be handed on."""
        return cls(**common)
