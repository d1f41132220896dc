"""Intercom in memory: its API and its signed webhooks. How to use it stands in `cornerdesk.testing.desk`.

Beside what every stand-in has: `IntercomStandIn(tickets=True)` opens customer tickets rather than conversations, and so
does `--tickets` of `python -m cornerdesk_intercom.standin`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from html import escape
from typing import Any, ClassVar, Self, Unpack
from uuid import uuid4

from cornerdesk import JSON, Direction, Status, html_to_text, sign
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

from cornerdesk_intercom.mapping import PRIORITIES, STATES, VENDOR_CATEGORIES
from cornerdesk_intercom.notes import without_marker
from cornerdesk_intercom.standin.api import IntercomApi
from cornerdesk_intercom.standin.desk import Admin, Contact, Conversation, Desk, epoch
from cornerdesk_intercom.standin.showing import show_conversation, show_ticket, told_item
from cornerdesk_intercom.webhooks import SIGNATURE

__all__ = ["Fault", "IntercomStandIn", "Sent", "Write"]

CHANNELS = {"chat": "conversation", "web": "conversation", "phone": "phone_call", "social": "facebook"}
"""Intercom's words for the model's, where they differ."""

_SNOOZE = timedelta(days=1)
_SCORES = {"good": 5, "okay": 3, "bad": 1}


class IntercomStandIn(StandIn):
    """One Intercom workspace.

    Args:
        tickets: customers fill in tickets' forms rather than chat.
        token: what the API lets in; None: any.
        app_id: the workspace's.
        options: see `cornerdesk.testing.desk.StandIn`.

    Attributes:
        desk: the state.
    """

    vendor: ClassVar[str] = "Intercom"
    retries: ClassVar[RetryRules] = RetryRules(
        otherwise=1, lost=1, first_wait=0.5, timeout=5.0, switches_off=frozenset({410})
    )
    rate_headers: ClassVar[RateHeaders] = RateHeaders(
        limit=("x-ratelimit-limit",),
        remaining=("x-ratelimit-remaining",),
        reset=("x-ratelimit-reset",),
        reset_at=True,
        wait=(),
    )
    rate_limit: ClassVar[int | None] = 1666
    rate_window: ClassVar[int] = 10

    def __init__(
        self, *, tickets: bool = False, token: str | None = None, app_id: str = "wxyz", **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self.opens_tickets = tickets
        self.desk = Desk(self._tell, self.clock)
        self.api: IntercomApi = IntercomApi(self.desk, self.limit, token=token, app_id=app_id)

    # ── what is Intercom's ──────────────────────────────────────────────────────────────────────────────────────────

    def pack(self, sent: Sent, secret: str, now: datetime) -> Packed:
        """The second attempt says so in the body, which is signed anew (1.3)."""
        body = _attempt(sent.body, len(sent.attempts) + 1, now)
        headers = {
            "content-type": "application/json",
            "user-agent": "intercom-parrot-service-client/1.0",
            SIGNATURE: "sha1=" + sign(secret, body, algorithm="sha1", encoding="hex"),
        }
        return body, headers

    def settings(self, base_url: str) -> JSON:
        return {
            "adapter": "intercom",
            "base_url": base_url,
            "app_id": self.api.app_id,
            "access_token": self.api.token or "any-token",
            "client_secret": self.sender.secret,
            "admin_id": self.own_id,
        }

    @property
    def own_id(self) -> str:
        return self.desk.own.id

    @property
    def agent_id(self) -> str:
        return self.desk.agent.id

    @property
    def teams(self) -> Mapping[str, str]:
        return self.desk.teams

    def _tell(self, topic: str, conversation: Conversation, parts: Sequence[JSON]) -> None:
        self._notify(topic, conversation.id, told_item(self.desk, topic, conversation, parts))

    def _notify(self, topic: str, ticket: str, item: JSON) -> Sent:
        now = self.clock.now()
        notification: JSON = {
            "type": "notification_event",
            "app_id": self.api.app_id,
            "data": {"type": "notification_event_data", "item": item},
            "links": {},
            "id": f"notif_{uuid4()}",
            "topic": topic,
            "delivery_status": "pending",
            "delivery_attempts": 1,
            "delivered_at": 0,
            "first_sent_at": epoch(now),
            "created_at": epoch(now),
            "self": None,
        }
        return self.send(json.dumps(notification).encode(), topic, notification["id"], ticket)

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
        contact = self.desk.contact(requester, name, phone)
        if organization is not None:
            website = f"https://{domains[0]}" if domains else None
            contact.company = self.desk.company(organization, website).id
        opened = self.desk.open(
            subject,
            html_of(text),
            contact,
            channel=CHANNELS.get(channel, channel),
            ticket=self.opens_tickets,
            tags=[self.desk.tag_id(tag) for tag in tags],
            priority=_priority(priority),
            attributes=dict(fields or {}),
        )
        return opened.id

    def comment(self, ticket: str, text: str, *, by: str = "customer", public: bool = True) -> str:
        conversation = self.desk.find(ticket)
        part = self.desk.say(conversation, self._who(conversation, by), html_of(text), note=not public)
        return str(part["id"])

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
        conversation, who = self.desk.find(ticket), self._admin(by)
        setters: dict[str, Callable[[Conversation, Admin, Any], None]] = {
            "status": self._set_status,
            "priority": lambda found, admin, word: self.desk.set_priority(found, admin, _priority(word)),
            "subject": self.desk.set_title,
            "assignee": self._assign,
            "team": self._assign_team,
        }
        for name in changes:
            if name not in setters:
                raise self.not_here(f"set a conversation's {name}")
        for name, value in changes.items():
            setters[name](conversation, who, value)
        for tag in add_tags:
            self.desk.tag(conversation, who, self.desk.tag_id(tag))
        for tag in remove_tags:
            self.desk.untag(conversation, self.desk.tag_id(tag))
        if fields:
            self.desk.set_attributes(conversation, who, fields)

    def _set_status(self, conversation: Conversation, by: Admin, word: str) -> None:
        """A ticket's states, or whether a conversation is open, snoozed or closed."""
        status = Status(word) if word in list(Status) else None
        if conversation.is_ticket and status in VENDOR_CATEGORIES:
            self.desk.set_ticket_state(conversation, by, VENDOR_CATEGORIES[status])
            return
        words = {"solved": "closed", "pending": "snoozed", "on_hold": "snoozed", "new": "open"}
        state = words.get(word, word)
        if state not in ("open", "closed", "snoozed"):
            raise self.not_here(f"set a conversation to {word}")
        self.desk.set_state(conversation, by, state, self.clock.now() + _SNOOZE)

    def _assign(self, conversation: Conversation, by: Admin, assignee: str | None) -> None:
        found = [admin.id for admin in self.desk.admins.values() if assignee in (admin.id, admin.email)]
        if assignee is not None and not found:
            raise self.not_here(f"assign to {assignee}")
        self.desk.assign(conversation, by, "admin", found[0] if assignee is not None else None)

    def _assign_team(self, conversation: Conversation, by: Admin, team: str | None) -> None:
        found = [team_id for team_id, name in self.teams.items() if team in (team_id, name)]
        if team is not None and not found:
            raise self.not_here(f"assign to the team {team}")
        self.desk.assign(conversation, by, "team", found[0] if team is not None else None)

    def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
        self.desk.rate(self.desk.find(ticket), _SCORES[score], comment)

    def delete(self, ticket: str) -> None:
        self.desk.delete(self.desk.find(ticket))

    def _who(self, conversation: Conversation, by: str) -> Contact | Admin:
        if by == "customer":
            return conversation.contact
        return self.desk.contact(by) if "@" in by else self._admin(by)

    def _admin(self, by: str) -> Admin:
        return self.desk.own if by == "own" else self.desk.agent

    # ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────

    def tickets(self) -> list[str]:
        return [row.id for row in sorted(self.desk.conversations.values(), key=lambda row: row.updated_at)]

    def look(self, ticket: str) -> Look:
        found = self.desk.conversations[ticket]
        said = [part for part in found.parts if part["body"]]
        return Look(
            id=ticket,
            subject=found.title,
            status=_status(found),
            priority=PRIORITIES.get(found.priority),
            tags=tuple(self.desk.tags[tag] for tag in found.tags),
            assignee=found.admin.id if found.admin else None,
            team=self.teams[found.team] if found.team else None,
            messages=(_line(found.source), *map(_line, said)),
        )

    def show_desk(self) -> JSON:
        return {
            "tickets": [self._show(found) for found in self.desk.conversations.values()],
            "teams": dict(self.teams),
            "deleted": [deleted for deleted, _ in self.desk.deleted],
        }

    def _show(self, found: Conversation) -> JSON:
        """With its messages as they read, and as a ticket where it is one."""
        shown = show_conversation(self.desk, found, found.parts)
        lines = [
            {"id": line.id, "text": line.text, "direction": line.direction} for line in self.look(found.id).messages
        ]
        return {**shown, "messages": lines, **({"ticket": show_ticket(self.desk, found)} if found.is_ticket else {})}

    def deliver(self, kind: str, ticket: str, event: JSON | None = None) -> Sent:
        """`event`: keys of the item that differ."""
        found = self.desk.conversations[ticket]
        return self._notify(kind, ticket, {**told_item(self.desk, kind, found, found.parts[-1:]), **(event or {})})

    def ping(self) -> Sent:
        """Intercom's own test, without an id (1.5)."""
        now = epoch(self.clock.now())
        body = {
            "type": "notification_event",
            "app_id": self.api.app_id,
            "data": {"type": "notification_event_data", "item": {"type": "ping", "message": "something something"}},
            "links": {},
            "id": None,
            "topic": "ping",
            "delivery_status": None,
            "delivery_attempts": 1,
            "delivered_at": 0,
            "first_sent_at": now,
            "created_at": now,
            "self": None,
        }
        return self.send(json.dumps(body).encode(), "ping")

    # ── serving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tickets", action="store_true", help="customers fill in tickets' forms rather than chat")
        parser.add_argument("--token", help="the only access token let in; default: any")
        parser.add_argument("--app-id", default="wxyz", help="the workspace's id")

    @classmethod
    def of_options(cls, options: argparse.Namespace, **common: Unpack[Options]) -> Self:
        return cls(tickets=options.tickets, token=options.token, app_id=options.app_id, **common)


def html_of(text: str) -> str:
    """What somebody typed, as Intercom keeps it."""
    return f"<p>{escape(text, quote=False)}</p>".replace("\n", "<br>")


def _attempt(body: bytes, attempt: int, now: datetime) -> bytes:
    """The envelope as this attempt has it; what is no envelope stays as it is."""
    with suppress(ValueError):
        data = json.loads(body)
        if attempt > 1 and isinstance(data, dict) and data.get("type") == "notification_event":
            told = {"delivery_attempts": attempt, "delivery_status": "retry", "first_sent_at": epoch(now)}
            return json.dumps({**data, **told}).encode()
    return body


def _priority(word: str | None) -> str:
    """`normal` is Intercom's `medium`; its own words stay."""
    ours = {str(priority): vendors for vendors, priority in PRIORITIES.items() if vendors != "priority"}
    return ours.get(word or "", word or "none")


def _status(found: Conversation) -> Status:
    if found.state == "closed" or found.state_of_ticket is None:
        return STATES[found.state]
    categories = {category: status for status, category in VENDOR_CATEGORIES.items()}
    status = categories[found.state_of_ticket]
    return Status.PENDING if found.state == "snoozed" and status is not Status.SOLVED else status


def _line(said: JSON) -> Line:
    note = said.get("part_type") == "note"
    public = Direction.OUTBOUND if said["author"]["type"] == "admin" else Direction.INBOUND
    text = without_marker(said["body"]) if note else html_to_text(said["body"])
    return Line(str(said["id"]), text, Direction.INTERNAL if note else public)
