"""Plaindesk in memory: its API and its signed webhooks. How to use it stands in `cornerdesk.testing.desk`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Unpack

from cornerdesk import JSON, Direction, Priority
from cornerdesk.testing.desk import Fault, Line, Look, Options, Packed, RateHeaders, RetryRules, Sent, StandIn, Write
from cornerdesk.testing.plaindesk.mapping import STATUSES, VENDOR_STATUSES
from cornerdesk.testing.plaindesk.standin.api import PlainApi
from cornerdesk.testing.plaindesk.standin.desk import Desk, Happening, Ticket
from cornerdesk.testing.plaindesk.testing import TOKEN, signed_headers

__all__ = ["Fault", "PlainStandIn", "Sent", "Write"]

_MOST_FAILED = 10
"""Deliveries in a row that were given up: then Plaindesk switches a subscription off."""


class PlainStandIn(StandIn):
    """One Plaindesk account.

    Args:
        token: what the API lets in.
        options: see `cornerdesk.testing.desk.StandIn`.

    Attributes:
        desk: the state.
    """

    vendor: ClassVar[str] = "Plaindesk"
    retries: ClassVar[RetryRules] = RetryRules(otherwise=3, lost=3, longest_wait=60.0, switches_off=frozenset({410}))
    rate_headers: ClassVar[RateHeaders] = RateHeaders(
        limit=("x-ratelimit-limit",), remaining=("x-ratelimit-remaining",), reset=("x-ratelimit-reset",)
    )
    rate_limit: ClassVar[int | None] = 1000

    def __init__(self, *, token: str = TOKEN, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.desk = Desk(self._tell, self.clock)
        self.api: PlainApi = PlainApi(self.desk, token, self.limit)

    # ── what is Plaindesk's ─────────────────────────────────────────────────────────────────────────────────────────

    def pack(self, sent: Sent, secret: str, now: datetime) -> Packed:
        return sent.body, signed_headers(sent.body, secret, now)

    def settings(self, base_url: str) -> JSON:
        return {
            "adapter": "plaindesk",
            "site": "acme",
            "base_url": base_url,
            "api_token": self.api.token,
            "webhook_secret": self.sender.secret,
        }

    @property
    def own_id(self) -> str:
        return self.desk.own.id

    @property
    def agent_id(self) -> str:
        return self.desk.agent.id

    @property
    def teams(self) -> Mapping[str, str]:
        return {name: name for name in self.desk.teams}

    def _tell(self, happening: Happening) -> None:
        """To the receiver we were started with, and to every subscription that wants it."""
        body = json.dumps(happening.body).encode()
        kind, ticket = happening.body["event"], happening.ticket
        hooks = [hook for hook in self.desk.hooks.values() if hook.state == "enabled" and kind in hook.events]
        if self.sender.receiver is not None or not hooks:
            self.send(body, kind, happening.body["id"], ticket)
        for hook in hooks:
            self.send(body, kind, happening.body["id"], ticket, url=hook.url, secret=hook.secret)

    def finished(self, sent: Sent) -> None:
        for hook in self.desk.hooks.values():
            if hook.url == sent.url:
                hook.failed = 0 if sent.state == "delivered" else hook.failed + 1
                if hook.failed >= _MOST_FAILED or 410 in sent.attempts:
                    hook.state = "disabled"

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
        channel: str = "email",
        tags: Sequence[str] = (),
        priority: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> str:
        customer = self.desk.person(requester, name=name, phone=phone)
        company = self.desk.company(organization, domains) if organization else None
        ticket = self.desk.open(
            subject, text, customer, company=company, channel=channel, tags=tags, priority=priority, fields=fields
        )
        return ticket.id

    def comment(self, ticket: str, text: str, *, by: str = "customer", public: bool = True) -> str:
        found = self.desk.ticket(ticket)
        message_id: str = self.desk.write(found, self.desk.who(found, by), text, internal=not public)["message"]["id"]
        return message_id

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
        found = self.desk.ticket(ticket)
        if "status" in changes:  # the model's word, or Plaindesk's own
            changes["status"] = VENDOR_STATUSES.get(changes["status"], changes["status"])
        changes |= {f"fields.{name}": value for name, value in (fields or {}).items()}
        self.desk.change(found, self.desk.who(found, by), changes, add_tags=add_tags, remove_tags=remove_tags)

    def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
        found = self.desk.ticket(ticket)
        rating = {"score": score, "comment": comment}
        self.desk.happen(found, "ticket.rated", found.customer, rating=rating)

    def delete(self, ticket: str) -> None:
        self.desk.delete(self.desk.ticket(ticket))

    def merge(self, ticket: str, into: str) -> None:
        self.desk.merge(self.desk.ticket(ticket), self.desk.ticket(into))

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    def tickets(self) -> list[str]:
        return [ticket.id for ticket in self.desk.by_version() if ticket.status != "deleted"]

    def look(self, ticket: str) -> Look:
        found = self.desk.tickets[ticket]
        return Look(
            id=ticket,
            subject=found.subject,
            status=STATUSES[found.status],
            priority=Priority(found.priority) if found.priority else None,
            tags=tuple(found.tags),
            assignee=found.assignee.id if found.assignee else None,
            team=found.team,
            messages=tuple(_line(message) for message in found.messages),
        )

    def show_desk(self) -> JSON:
        return {
            "tickets": [self._show(ticket) for ticket in self.desk.tickets.values()],
            "webhooks": [hook.show() for hook in self.desk.hooks.values()],
        }

    def _show(self, ticket: Ticket) -> JSON:
        return {**ticket.show(), "messages": ticket.messages, "events": ticket.events}

    def deliver(self, kind: str, ticket: str, event: JSON | None = None) -> Sent:
        """`event`: fields of the body beside the ticket."""
        found = self.desk.tickets[ticket]
        told = {"id": self.desk.new_id("evt"), "event": kind, "at": self.desk.now(), **(event or {})}
        return self.send(json.dumps({**told, "ticket": found.show()}).encode(), kind, told["id"], ticket)


def _line(message: JSON) -> Line:
    public = Direction.INBOUND if message["author"]["kind"] == "customer" else Direction.OUTBOUND
    return Line(message["id"], message["text"], Direction.INTERNAL if message["internal"] else public)
