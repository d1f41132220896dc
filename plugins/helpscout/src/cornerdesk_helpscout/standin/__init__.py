"""A local stand-in of Help Scout: its API over conversations in memory, and its signed webhooks. For demos and tests.

How to use one stands in `cornerdesk.testing.desk`. Its webhooks go to the subscriptions that its API was asked to make,
and, while there is none, to `receiver`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, Unpack

from cornerdesk import JSON, Direction, Status, sign
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
)

from cornerdesk_helpscout.standin.api import RATE_HEADERS, HelpScoutApi, Hook
from cornerdesk_helpscout.standin.conversations import Conversation, Person, Thread
from cornerdesk_helpscout.standin.desk import Desk
from cornerdesk_helpscout.webhooks import EVENT, SIGNATURE

__all__ = ["Fault", "HelpScoutStandIn", "Hook", "Sent", "Write"]

_STATUSES = {"new": "active", "open": "active", "solved": "closed"}
"""The model's words that are not Help Scout's."""

_SHOWN = {"active": Status.OPEN, "closed": Status.SOLVED}
_SCORES = {"good": "great", "okay": "okay", "bad": "not_good"}
_SNOOZE = timedelta(days=3)
_DISCARDED = 10
"""Deliveries given up after which a subscription is switched off (1.7)."""

_LINES = {"customer": Direction.INBOUND, "message": Direction.OUTBOUND, "note": Direction.INTERNAL}


class HelpScoutStandIn(StandIn):
    """One Help Scout account.

    Args:
        app_id, app_secret: the only app let in; None: any.
        token_lifetime: seconds that a token lasts.
        options: see `cornerdesk.testing.desk.StandIn`.

    Attributes:
        desk: the state.
        api: what was asked of the API.
    """

    vendor: ClassVar[str] = "Help Scout"
    retries: ClassVar[RetryRules] = RetryRules(
        otherwise=9, lost=9, first_wait=1.0, growth=2.0, switches_off=frozenset({410})
    )
    rate_headers: ClassVar[RateHeaders] = RATE_HEADERS
    rate_limit: ClassVar[int | None] = 400

    def __init__(
        self,
        *,
        app_id: str | None = None,
        app_secret: str | None = None,
        token_lifetime: float | None = 172_800,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.desk = Desk(self._tell, self.clock)
        self.api: HelpScoutApi = HelpScoutApi(
            self.desk, self.limit, app_id=app_id, app_secret=app_secret, token_lifetime=token_lifetime
        )

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--app-id", help="the only app let in; default: any")
        parser.add_argument("--app-secret")

    @classmethod
    def of_options(cls, options: argparse.Namespace, **common: Unpack[Options]) -> Self:
        return cls(app_id=options.app_id, app_secret=options.app_secret, **common)

    # ── what is Help Scout's ────────────────────────────────────────────────────────────────────────────────────────

    def pack(self, sent: Sent, secret: str, now: datetime) -> Packed:
        """Signed over the body alone; the event's name stands in a header and nowhere else (1.1, 1.2)."""
        event = {} if sent.type == "raw" else {EVENT: sent.type}
        signature = sign(secret, sent.body, algorithm="sha1")
        return sent.body, {
            "content-type": "application/json; charset=UTF-8",
            "user-agent": "Help Scout/Origin 3.0 (stand-in)",
            SIGNATURE: signature,
            **event,
        }

    def shown_id(self, vendor_id: str) -> int:
        return int(vendor_id)

    def read_id(self, written: object) -> str:
        return str(int(str(written)))

    def settings(self, base_url: str) -> JSON:
        return {
            "adapter": "helpscout",
            "app_id": self.api.tokens.client_id or "cornerdesk",
            "app_secret": self.api.tokens.client_secret or "secret",
            "webhook_secret": self.sender.secret,
            "base_url": base_url,
        }

    @property
    def own_id(self) -> str:
        return str(self.desk.own.id)

    @property
    def agent_id(self) -> str:
        return str(self.desk.agent.id)

    @property
    def teams(self) -> Mapping[str, str]:
        return {str(team): name for team, name in self.desk.teams().items()}

    def finished(self, sent: Sent) -> None:
        """410 switches a subscription off at once, others when ten were given up (1.7)."""
        hook = next((hook for hook in self.api.hooks.values() if hook.url == sent.url), None)
        if hook is None or sent.state == "delivered":
            return
        hook.discarded += 1
        if hook.discarded >= _DISCARDED or (sent.attempts and sent.attempts[-1] == 410):
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
        """There are no priorities; what is asked for there is left out."""
        company = self.desk.organization(organization, domains).id if organization is not None else None
        customer = self.desk.person(requester, name or _name(requester), phone=phone, organization=company)
        made = self.desk.open(subject, text, customer, channel=channel, tags=sorted(tags), fields=fields)
        return str(made.id)

    def comment(self, ticket: str, text: str, *, by: str = "customer", public: bool = True) -> str:
        found = self._named(ticket)
        return str(self.desk.write(found, self._who(found, by), text, public=public).id)

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
        """`on_hold` snoozes."""
        found = self._named(ticket)
        author = self._who(found, by)
        for name, value in changes.items():
            self._change(found, author, name, value)
        if add_tags or remove_tags:
            kept = [tag for tag in found.tags if tag not in {tag.lower() for tag in remove_tags}]
            self.desk.set_tags(found, [*kept, *add_tags], author)
        if fields:
            self.desk.set_fields(found, fields, author)

    def _change(self, found: Conversation, author: Person, name: str, value: Any) -> None:
        if name == "status" and value == "on_hold":
            self.desk.snooze(found, self.clock.now() + _SNOOZE, author)
        elif name == "status":
            self.desk.set_status(found, _STATUSES.get(value, value), author)
        elif name == "subject":
            self.desk.set_subject(found, value, author)
        elif name == "assignee":
            self.desk.assign(found, self._person(value), author)
        elif name == "team":
            self.desk.assign(found, self._team(value), author)
        else:
            raise self.not_here(f"set the {name}")

    def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
        """Of the newest answer; where there is none yet, an agent gives one before."""
        found = self._named(ticket)
        if not any(thread.type == "message" for thread in found.threads):
            self.desk.write(found, self.desk.agent, "We are on it.")
        self.desk.rate(found, _SCORES.get(score, score), comment)

    def delete(self, ticket: str) -> None:
        self.desk.delete(self._named(ticket))

    def merge(self, ticket: str, into: str) -> None:
        self.desk.merge(self._named(ticket), self._named(into))

    def _named(self, ticket: str) -> Conversation:
        return self.desk.named(int(ticket))

    def _person(self, named: str | None) -> Person | None:
        if named is None:
            return None
        return self.desk.people[int(named)] if named.isdigit() else self.desk.person(named, _name(named), "user")

    def _team(self, named: str | None) -> Person | None:
        if named is None:
            return None
        return next(
            one
            for one in self.desk.people.values()
            if one.kind == "team" and named.casefold() in (str(one.id), one.first.casefold())
        )

    def _who(self, conversation: Conversation, by: str) -> Person:
        if by == "customer":
            return conversation.customer
        if by in ("agent", "own"):
            return self.desk.agent if by == "agent" else self.desk.own
        known = next((one for one in self.desk.people.values() if one.email == by), None)
        return known or self.desk.person(by, _name(by))

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    def tickets(self) -> list[str]:
        return [str(conversation.id) for conversation in self.desk.in_order()]

    def look(self, ticket: str) -> Look:
        found = self.desk.conversations[int(ticket)]
        team = found.assignee if found.assignee and found.assignee.kind == "team" else None
        agent = found.assignee if found.assignee and found.assignee.kind == "user" else None
        return Look(
            id=ticket,
            subject=found.subject,
            status=_status(found),
            priority=None,
            tags=tuple(found.tags),
            assignee=str(agent.id) if agent else None,
            team=team.first if team else None,
            messages=tuple(_line(thread) for thread in found.threads if thread.type in _LINES),
        )

    def show_desk(self) -> JSON:
        return {
            "tickets": [self.desk.show(one) | {"all": [self.desk.show_thread(each) for each in one.threads]}
                        for one in self.desk.conversations.values()],
            "teams": {str(team): name for team, name in self.desk.teams().items()},
            "webhooks": [hook.show() for hook in self.api.hooks.values()],
        }  # fmt: skip

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, event: str, conversation: int, body: JSON) -> Sent:
        """To every subscription that wants it, and, while there is none, to the receiver."""
        raw = _written(body)
        hooks = list(self.api.hooks.values())
        sent = [
            self.send(_thin(body) if hook.notification else raw, event, None, str(conversation), url=hook.url,
                      secret=hook.secret)
            for hook in hooks
            if hook.state == "enabled" and event in hook.events
        ]  # fmt: skip
        if hooks and sent:
            return sent[-1]
        if hooks:
            return Sent("", None, event, str(conversation), raw, state="terminated")
        return self.send(raw, event, None, str(conversation))

    def deliver(self, kind: str, ticket: str, event: JSON | None = None) -> Sent:
        """An event of any kind about a conversation; `event` is laid over its body."""
        found = self.desk.conversations[int(ticket)]
        return self._tell(kind, found.id, self.desk.body(found) | (event or {}))


def _written(body: JSON) -> bytes:
    """With slashes and all but ASCII escaped, as recorded (1.2): whoever writes it anew breaks the signature."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def _thin(body: JSON) -> bytes:
    """A guess: that it is an address is documented, its field's name is not (1.5)."""
    number = body.get("conversationId", body["id"])
    return _written({"resourceUri": f"https://api.helpscout.net/v2/conversations/{number}"})


def _status(conversation: Conversation) -> Status:
    if conversation.state == "deleted":
        return Status.DELETED
    if conversation.snoozed_until is not None and conversation.status == "active":
        return Status.ON_HOLD
    return _SHOWN.get(conversation.status) or Status(conversation.status)


def _line(thread: Thread) -> Line:
    return Line(str(thread.id), thread.text, _LINES[thread.type])


def _name(address: str) -> str:
    return address.partition("@")[0].title()
