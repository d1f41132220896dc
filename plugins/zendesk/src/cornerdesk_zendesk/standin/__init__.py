"""A local stand-in of Zendesk: its API over tickets in memory, and its signed webhooks. For demos and tests.

How to use one stands in `cornerdesk.testing.desk`. Under `/_standin/` there is one address more than there:

POST /_standin/trigger                      {ticket, what?}: what our trigger template sends
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self, Unpack

from cornerdesk import JSON, Direction, Priority, Status
from cornerdesk.testing.desk import (
    Fault,
    Line,
    Look,
    Options,
    Packed,
    RateHeaders,
    RetryRules,
    Sent,
    StandIn,
    Write,
    control_route,
)
from starlette.requests import Request
from starlette.routing import Route

from cornerdesk_zendesk.standin.api import RATE_HEADERS, Credentials, ZendeskApi
from cornerdesk_zendesk.standin.desk import Desk, Happening, Ticket, User
from cornerdesk_zendesk.standin.sending import RETRIES, event_body, pack, trigger_body

__all__ = ["Credentials", "Fault", "Sent", "Write", "ZendeskStandIn"]

_STATUSES = {"on_hold": "hold"}
"""The model's words that are not Zendesk's."""


class ZendeskStandIn(StandIn):
    """One Zendesk account.

    Args:
        credentials: what the API lets in; by default anything of the right form.
        token_lifetime: of the API; see `ZendeskApi`.
        options: see `cornerdesk.testing.desk.StandIn`.

    Attributes:
        desk: the state.
        api: what was asked of the API.
    """

    vendor: ClassVar[str] = "Zendesk"
    retries: ClassVar[RetryRules] = RETRIES
    rate_headers: ClassVar[RateHeaders] = RATE_HEADERS
    rate_limit: ClassVar[int | None] = 2500

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        token_lifetime: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.desk = Desk(self._tell, self.clock)
        self.api: ZendeskApi = ZendeskApi(
            self.desk, credentials or Credentials(), self.limit, token_lifetime=token_lifetime
        )
        self.api.subscriptions.secret = lambda: self.sender.secret

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--client-id", help="the only OAuth client let in; default: any")
        parser.add_argument("--client-secret")
        parser.add_argument("--email", help="the only user of API tokens let in; default: any")
        parser.add_argument("--api-token")

    @classmethod
    def of_options(cls, options: argparse.Namespace, **common: Unpack[Options]) -> Self:
        credentials = Credentials(options.client_id, options.client_secret, options.email, options.api_token)
        return cls(credentials=credentials, **common)

    # ── what is Zendesk's ───────────────────────────────────────────────────────────────────────────────────────────

    def pack(self, sent: Sent, secret: str, now: datetime) -> Packed:
        return pack(sent, secret, now)

    def new_invocation(self) -> str:
        return uuid.uuid4().hex[:26].upper()

    def shown_id(self, vendor_id: str) -> int:
        return int(vendor_id)

    def read_id(self, written: object) -> str:
        return str(int(str(written)))

    def settings(self, base_url: str) -> JSON:
        wanted = self.api.credentials
        oauth = {"client_id": wanted.client_id or "cornerdesk", "client_secret": wanted.client_secret or "secret"}
        return {
            "adapter": "zendesk",
            "subdomain": "acme",
            "base_url": base_url,
            "oauth": oauth,
            "webhook_secret": self.sender.secret,
        }

    @property
    def own_id(self) -> str:
        return str(self.desk.own.id)

    @property
    def agent_id(self) -> str:
        return str(self.desk.agent.id)

    @property
    def teams(self) -> Mapping[str, str]:
        return {str(group): name for group, name in self.desk.groups.items()}

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
    ) -> str:
        company = None
        if organization is not None:
            company = self.desk.organization(organization, domains, external_id=organization_external_id)
        user = self.desk.user(name or _name(requester), requester, phone=phone, organization=company)
        ticket = self.desk.open(
            subject, text, user, channel=channel, tags=sorted(tags), priority=priority, fields=fields
        )
        return str(ticket.id)

    def comment(self, ticket: str, text: str, *, by: str = "customer", public: bool = True) -> str:
        found = self._named(ticket)
        self.desk.update(found, self._who(found, by), comment=text, public=public)
        return str(found.comments[-1]["id"])

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
        """Also `type`, and Zendesk's `assignee_id` and `group_id`."""
        found = self._named(ticket)
        author = self._who(found, by)
        self.desk.update(found, author, changes=self._changes(changes), add_tags=add_tags, remove_tags=remove_tags)
        for title, value in (fields or {}).items():
            self.desk.change_field(found, author, title, value)

    def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
        """`good` or `bad`: there is nothing between."""
        if score not in ("good", "bad"):
            raise self.not_here(f"rate the help as {score}")
        self.desk.rate(self._named(ticket), score, comment)

    def delete(self, ticket: str) -> None:
        self.desk.delete(self._named(ticket), self.desk.agent)

    def merge(self, ticket: str, into: str) -> None:
        self.desk.merge(self._named(ticket), self._named(into), self.desk.agent)

    def _named(self, ticket: str) -> Ticket:
        return self.desk.ticket(int(ticket))

    def _changes(self, changes: Mapping[str, Any]) -> JSON:
        """In Zendesk's words."""
        told = dict(changes)
        if "status" in told:
            told["status"] = _STATUSES.get(told["status"], told["status"])
        if "assignee" in told:
            told["assignee_id"] = self._person(told.pop("assignee"))
        if "team" in told:
            told["group_id"] = self._team(told.pop("team"))
        return told

    def _person(self, named: str | None) -> int | None:
        if named is None or named.isdigit():
            return None if named is None else int(named)
        return self.desk.user(_name(named), named, role="agent").id

    def _team(self, named: str | None) -> int | None:
        if named is None or named.isdigit():
            return None if named is None else int(named)
        return next(group for group, name in self.desk.groups.items() if name == named)

    def _who(self, ticket: Ticket, by: str) -> User:
        if by == "customer":
            return self.desk.users[ticket.requester_id]
        if by in ("agent", "own"):
            return self.desk.agent if by == "agent" else self.desk.own
        return self.desk.user(_name(by), by)

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    def tickets(self) -> list[str]:
        there = [ticket for ticket in self.desk.tickets.values() if ticket.status != "deleted"]
        return [str(ticket.id) for ticket in sorted(there, key=lambda ticket: (ticket.updated_at, ticket.id))]

    def look(self, ticket: str) -> Look:
        found = self.desk.tickets[int(ticket)]
        return Look(
            id=ticket,
            subject=found.subject,
            status=Status({"hold": "on_hold"}.get(found.status, found.status)),
            priority=Priority(found.priority) if found.priority else None,
            tags=tuple(found.tags),
            assignee=None if found.assignee_id is None else str(found.assignee_id),
            team=self.desk.groups.get(found.group_id or 0),
            messages=tuple(self._line(comment) for comment in found.comments),
        )

    def _line(self, comment: JSON) -> Line:
        public = Direction.INBOUND if self.desk.users[comment["author_id"]].role == "end-user" else Direction.OUTBOUND
        return Line(str(comment["id"]), comment["body"], public if comment["public"] else Direction.INTERNAL)

    def show_desk(self) -> JSON:
        return {
            "tickets": [self._show(ticket) for ticket in self.desk.tickets.values()],
            "users": [self.desk.show_user(user) for user in self.desk.users.values()],
            "groups": {str(group): name for group, name in self.desk.groups.items()},
        }

    def _show(self, ticket: Ticket) -> JSON:
        return {**self.desk.show(ticket), "comments": ticket.comments, "audits": ticket.audits}

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, happening: Happening) -> Sent:
        event_id, body = event_body(happening)
        return self.send(body, happening.type, event_id, str(happening.ticket))

    def deliver(self, kind: str, ticket: str, event: JSON | None = None) -> Sent:
        """An event of any type about a ticket: `ticket.sla_policy_changed`."""
        found = self.desk.tickets[int(ticket)]
        detail = self.desk.detail(found, self.desk.agent.id)
        return self._tell(Happening(kind, found.id, event or {}, detail, self.clock.now()))

    def deliver_trigger(self, ticket: str, what: str = "updated") -> Sent:
        """What our own trigger template sends."""
        found = self.desk.tickets[int(ticket)]
        body = trigger_body(found.id, what, self.desk.agent.id, found.updated_at)
        return self.send(body, f"trigger {what}", ticket=ticket)

    def control(self) -> Sequence[Route]:
        async def trigger(request: Request, body: JSON) -> JSON:
            return self.show_sent(self.deliver_trigger(self.read_id(body["ticket"]), body.get("what", "updated")))

        return [control_route("/_standin/trigger", trigger)]


def _name(address: str) -> str:
    return address.partition("@")[0].title()
