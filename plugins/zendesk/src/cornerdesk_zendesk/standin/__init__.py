"""A local stand-in of Zendesk: its API over tickets in memory, and its signed webhooks. For demos and tests.

In a test, within one process:

    standin = StandIn(receiver="http://127.0.0.1:8484/webhooks/support", secret="...")
    async with standin.serving() as url:          # the API's address
        ticket = standin.open_ticket("Export broken", "We will cancel.", requester="bo@example.com")
        await standin.settled()                   # every delivery was taken or given up

As a process: `python -m cornerdesk_zendesk.standin --port P --receiver URL --secret S`, driven by JSON under
`/_standin/` (`control`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import httpx
import uvicorn
from cornerdesk import JSON, Clock, SystemClock
from starlette.applications import Starlette
from starlette.middleware import Middleware

from cornerdesk_zendesk.standin.api import Api, Credentials, Write
from cornerdesk_zendesk.standin.control import control_routes
from cornerdesk_zendesk.standin.desk import Desk, Happening, Ticket, User
from cornerdesk_zendesk.standin.faults import Fault, Faults
from cornerdesk_zendesk.standin.sending import Sender, Sent, trigger_body

__all__ = ["Credentials", "Fault", "Sent", "StandIn", "Write"]


class StandIn:
    """One account. Its methods are what people do there; each sends its webhooks by itself.

    Args:
        receiver: the address that webhooks are sent to; None: they are only counted.
        secret: what they are signed with.
        credentials: what the API lets in; by default anything of the right form.
        clock: the time that tickets and webhooks carry.
        retry_wait, timeout: of webhooks, in seconds.
        rate_limit, token_lifetime: of the API; see `Api`.
        transport: how webhooks travel, instead of the network.

    Attributes:
        app: the Starlette application: API and control.
        desk: the state.
        api: what was asked of the API.
        faults: what will go wrong; append to it.
        sent: every webhook, with what became of it.
    """

    def __init__(
        self,
        *,
        receiver: str | None = None,
        secret: str = "stand-in",  # noqa: S107 - guards nothing
        credentials: Credentials | None = None,
        clock: Clock | None = None,
        retry_wait: float = 0.5,
        timeout: float = 12.0,
        rate_limit: int = 2500,
        token_lifetime: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.sender = Sender(receiver, secret, clock, timeout=timeout, retry_wait=retry_wait, transport=transport)
        self.desk = Desk(self._tell, clock)
        self.api = Api(self.desk, credentials or Credentials(), rate_limit=rate_limit, token_lifetime=token_lifetime)
        self.faults: list[Fault] = []
        self._clock = clock
        self.app = Starlette(
            routes=[*self.api.routes(), *control_routes(self)], middleware=[Middleware(Faults, pending=self.faults)]
        )

    @property
    def sent(self) -> list[Sent]:
        return self.sender.sent

    @property
    def writes(self) -> list[Write]:
        """Everything the API was asked to do and did, in order."""
        return self.api.writes

    # ── what people do ──────────────────────────────────────────────────────────────────────────────────────────────

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
        organization_external_id: str | None = None,
        channel: str = "email",
        tags: Sequence[str] = (),
        priority: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> int:
        """A customer writes for the first time. Returns the ticket's id."""
        company = None
        if organization is not None:
            company = self.desk.organization(organization, domains, external_id=organization_external_id)
        user = self.desk.user(name or requester.partition("@")[0].title(), requester, phone=phone, organization=company)
        ticket = self.desk.open(
            subject, text, user, channel=channel, tags=sorted(tags), priority=priority, fields=fields
        )
        return ticket.id

    def comment(self, ticket: int, text: str, *, by: str = "customer", public: bool = True) -> int:
        """Somebody writes: `customer`, `agent`, or a user's address. Returns the comment's id."""
        found = self.desk.ticket(ticket)
        self.desk.update(found, self._who(found, by), comment=text, public=public)
        comment_id: int = found.comments[-1]["id"]
        return comment_id

    def change(
        self,
        ticket: int,
        *,
        by: str = "agent",
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Somebody changes `status`, `priority`, `type`, `subject`, `assignee_id`, `group_id`, tags, custom fields."""
        found = self.desk.ticket(ticket)
        author = self._who(found, by)
        self.desk.update(found, author, changes=changes, add_tags=add_tags, remove_tags=remove_tags)
        for title, value in (fields or {}).items():
            self.desk.change_field(found, author, title, value)

    def set_status(self, ticket: int, status: str, *, by: str = "agent") -> None:
        self.change(ticket, by=by, status=status)

    def rate(self, ticket: int, score: str, comment: str | None = None) -> None:
        """The customer rates the help: `good` or `bad`."""
        self.desk.rate(self.desk.ticket(ticket), score, comment)

    def delete(self, ticket: int) -> None:
        self.desk.delete(self.desk.ticket(ticket), self.desk.agent)

    def merge(self, ticket: int, into: int) -> None:
        self.desk.merge(self.desk.ticket(ticket), self.desk.ticket(into), self.desk.agent)

    def _who(self, ticket: Ticket, by: str) -> User:
        if by == "customer":
            return self.desk.users[ticket.requester_id]
        if by == "agent":
            return self.desk.agent
        return self.desk.user(by.partition("@")[0].title(), by)

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    def notes(self, ticket: int, text: str = "") -> int:
        """How many internal notes with this text stand on a ticket."""
        comments = self.desk.tickets[ticket].comments
        return sum(not comment["public"] and text in comment["body"] for comment in comments)

    def state(self) -> JSON:
        """Everything, for another process to look at."""
        return {
            "tickets": [self._show(ticket) for ticket in self.desk.tickets.values()],
            "users": [self.desk.show_user(user) for user in self.desk.users.values()],
            "groups": {str(group): name for group, name in self.desk.groups.items()},
            "writes": [write.show() for write in self.writes],
            "deliveries": [sent.show() for sent in self.sent],
            "pending": self.sender.pending,
            "requests": len(self.api.requests),
            "faults": [vars(fault) for fault in self.faults],
        }

    def _show(self, ticket: Ticket) -> JSON:
        return {**self.desk.show(ticket), "comments": ticket.comments, "audits": ticket.audits}

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, happening: Happening) -> None:
        self.sender.tell(happening)

    def deliver(self, kind: str, ticket: int, event: JSON | None = None) -> Sent:
        """An event of any type about a ticket: `ticket.sla_policy_changed`."""
        detail = self.desk.detail(self.desk.tickets[ticket], self.desk.agent.id)
        return self.sender.tell(Happening(kind, ticket, event or {}, detail, self._clock.now()))

    def deliver_raw(self, body: bytes | JSON, headers: dict[str, str] | None = None) -> Sent:
        """Any body, signed unless `headers` say otherwise."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.sender.send(raw, "raw", headers=headers)

    def deliver_trigger(self, ticket: int, what: str = "updated") -> Sent:
        """What our own trigger template sends."""
        found = self.desk.tickets[ticket]
        body = trigger_body(ticket, what, self.desk.agent.id, found.updated_at)
        return self.sender.send(body, f"trigger {what}", ticket=ticket)

    def redeliver(self, last: int | None = None) -> list[Sent]:
        """The last webhooks again, each under a new invocation, as after a time-out that we did not see."""
        again = list(self.sent if last is None else self.sent[-last:])
        return [
            self.sender.send(sent.body, sent.type, sent.event, sent.ticket, invocation=uuid.uuid4().hex[:26].upper())
            for sent in again
        ]

    async def settled(self) -> None:
        """Until every webhook was taken or given up."""
        await self.sender.settled()

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serves the API, within this event loop. Gives its address."""
        config = uvicorn.Config(self.app, host=host, port=port, log_level="critical", lifespan="off", access_log=False)
        server = _Server(config)
        task = asyncio.create_task(server.serve())
        try:
            while not server.started:
                if task.done():
                    task.result()
                    raise OSError(f"port {port} cannot be served")
                await asyncio.sleep(0.01)
            name, bound = server.servers[0].sockets[0].getsockname()[:2]
            yield f"http://{name}:{bound}"
        finally:
            await self.sender.aclose()
            server.should_exit = True
            server.force_exit = True
            await task


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
