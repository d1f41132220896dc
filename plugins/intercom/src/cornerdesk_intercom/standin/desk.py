"""What stands in the stand-in's Intercom: people, conversations, tickets; and what its API shows of them.

In memory only. Behaves as the fact sheet intercom.md says where it says something; what nobody wrote down is left out.
A customer's ticket is a conversation with the same id (2.5), so there is one class for both.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from cornerdesk import JSON, Clock
from cornerdesk.testing.desk import RefusedError

STATES = {
    "submitted": "Submitted",
    "in_progress": "In progress",
    "waiting_on_customer": "Waiting on you",
    "resolved": "Resolved",
}
"""Categories of ticket states, each with the workspace's label for its only state."""

TYPE = {"type": "ticket_type", "id": "21", "category": "Customer", "name": "Bug", "icon": "🐞"}


def refused(status: int, code: str, message: str) -> RefusedError:
    """An error in Intercom's form (2.1)."""
    error = {"code": code, "message": message}
    return RefusedError(status, {"type": "error.list", "request_id": secrets.token_hex(8), "errors": [error]})


@dataclass
class Contact:
    id: str
    email: str
    name: str
    phone: str | None = None
    role: str = "user"
    company: str | None = None


@dataclass
class Admin:
    id: str
    name: str
    email: str


@dataclass
class Company:
    id: str
    name: str
    website: str | None = None


@dataclass
class Conversation:
    """`state_of_ticket` is a category of STATES, or None for what is no ticket."""

    id: str
    title: str
    contact: Contact
    created_at: datetime
    updated_at: datetime
    source: JSON
    state: str = "open"
    snoozed_until: datetime | None = None
    waiting_since: datetime | None = None
    priority: str = "none"
    admin: Admin | None = None
    team: str | None = None
    tags: list[str] = field(default_factory=list)
    parts: list[JSON] = field(default_factory=list)
    attributes: JSON = field(default_factory=dict)
    rating: JSON | None = None
    state_of_ticket: str | None = None
    number: str = ""

    @property
    def is_ticket(self) -> bool:
        return self.state_of_ticket is not None


Tell = Callable[[str, Conversation, list[JSON]], None]
"""Called with topic, conversation and the parts that it is about."""


class Desk:
    """The state. Everything that happens is told to `tell`.

    Attributes:
        own: the teammate whom the adapter writes as.
        deleted: deleted conversations: id and time.
    """

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._ids = itertools.count(1)
        self.conversations: dict[str, Conversation] = {}
        self.contacts: dict[str, Contact] = {}
        self.companies: dict[str, Company] = {}
        self.deleted: list[tuple[str, datetime]] = []
        self.tags: dict[str, str] = {}
        self.own = Admin("814", "Cornerdesk", "cornerdesk@desk.example.com")
        self.agent = Admin("815", "Agnes Moss", "agnes@desk.example.com")
        self.admins = {admin.id: admin for admin in (self.own, self.agent)}
        self.teams = {"501": "Support", "502": "Tier 2"}

    def new_id(self, start: int) -> str:
        return str(start + next(self._ids))

    # ── who there is ────────────────────────────────────────────────────────────────────────────────────────────────

    def contact(self, email: str, name: str | None = None, phone: str | None = None) -> Contact:
        """The contact with this address, made when there is none."""
        for known in self.contacts.values():
            if known.email == email:
                return known
        made = Contact(f"66f0{next(self._ids):020x}", email, name or email.partition("@")[0].title(), phone)
        self.contacts[made.id] = made
        return made

    def company(self, name: str, website: str | None = None) -> Company:
        for known in self.companies.values():
            if known.name == name:
                return known
        made = Company(f"67f0{next(self._ids):020x}", name, website)
        self.companies[made.id] = made
        return made

    def tag_id(self, name: str) -> str:
        """Of the tag with this name, whatever its case, made where there is none."""
        for tag_id, known in self.tags.items():
            if known.casefold() == name.casefold():
                return tag_id
        made = self.new_id(7_000_000)
        self.tags[made] = name
        return made

    def find(self, conversation_id: str) -> Conversation:
        if conversation_id not in self.conversations:
            raise refused(404, "not_found", "Conversation not found")
        return self.conversations[conversation_id]

    def find_admin(self, admin_id: object) -> Admin:
        found = self.admins.get(str(admin_id))
        if found is None:
            raise refused(404, "admin_not_found", "Admin not found")
        return found

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, title: str, html: str, contact: Contact, *, channel: str, ticket: bool, **more: Any) -> Conversation:
        """Somebody writes for the first time, or fills in a ticket's form."""
        now = self._clock.now()
        source: JSON = {
            "type": channel,
            "id": self.new_id(40_000_000),
            "delivered_as": "customer_initiated",
            "subject": f"<p>{escape(title)}</p>" if channel == "email" else "",
            "body": html,
            "author": author_of(contact),
            "attachments": [],
            "url": None,
            "redacted": False,
        }
        made = Conversation(
            self.new_id(215_000_000_000_000), title, contact, now, now, source, waiting_since=now, **more
        )
        self.conversations[made.id] = made
        if not ticket:
            self._tell("conversation.user.created", made, [])
            return made
        made.state_of_ticket, made.number = "submitted", self.new_id(0)
        part = self.part(
            made, contact, "ticket_state_updated_by_admin", previous_ticket_state="submitted", **_state("submitted")
        )
        # The state is told before the ticket, as was recorded: order is promised nowhere (1.3).
        self._tell("ticket.state.updated", made, [part])
        self._tell("ticket.created", made, [part])
        return made

    def part(
        self, conversation: Conversation, by: Contact | Admin, kind: str, body: str | None = None, **more: Any
    ) -> JSON:
        """Something happens to a conversation, and is a part of it from now on."""
        now = self._clock.now()
        made = {
            "type": "conversation_part",
            "id": self.new_id(90_000_000),
            "part_type": kind,
            "body": body,
            "created_at": epoch(now),
            "updated_at": epoch(now),
            "notified_at": epoch(now),
            "assigned_to": None,
            "author": author_of(by, part=True),
            "attachments": [],
            "external_id": None,
            "redacted": False,
            "app_package_code": None,
            **more,
        }
        conversation.parts.append(made)
        conversation.updated_at = now
        return made

    def say(
        self, conversation: Conversation, by: Contact | Admin, html: str, *, note: bool = False, **more: Any
    ) -> JSON:
        """Somebody writes. A customer opens a conversation again."""
        inbound = isinstance(by, Contact)
        kind = "note" if note else "open" if inbound and conversation.state != "open" else "comment"
        part = self.part(conversation, by, kind, html, **more)
        if inbound:
            conversation.state, conversation.snoozed_until = "open", None
            conversation.waiting_since = conversation.waiting_since or self._clock.now()
        elif not note:
            conversation.waiting_since = None
        told = "admin.noted" if note else "user.replied" if inbound else "admin.replied"
        self._tell(f"conversation.{told}", conversation, [part])
        if conversation.is_ticket:
            told = "note.created" if note else "contact.replied" if inbound else "admin.replied"
            self._tell(f"ticket.{told}", conversation, [part])
        return part

    def assign(self, conversation: Conversation, by: Admin, kind: str, assignee_id: str | None) -> None:
        """To `admin` or `team`; None: to nobody."""
        if kind == "team":
            if assignee_id is not None and assignee_id not in self.teams:
                raise refused(404, "assignee_not_found", "Assignee not found")
            conversation.team = assignee_id
        else:
            conversation.admin = self.find_admin(assignee_id) if assignee_id is not None else None
        assigned = {"type": kind if assignee_id else "nobody_admin", "id": assignee_id}
        part = self.part(conversation, by, "assignment", assigned_to=assigned)
        self._tell("conversation.admin.assigned", conversation, [part])
        if conversation.state == "open":
            self._tell("conversation.admin.open.assigned", conversation, [part])
        if conversation.is_ticket:
            self._tell("ticket.team.assigned" if kind == "team" else "ticket.admin.assigned", conversation, [part])

    def set_state(self, conversation: Conversation, by: Admin, state: str, until: datetime | None = None) -> None:
        """`open`, `closed` or `snoozed`."""
        was, conversation.state = conversation.state, state
        conversation.snoozed_until = until if state == "snoozed" else None
        if state == "closed":
            conversation.waiting_since = None
        kind = {"open": "open", "closed": "close", "snoozed": "snoozed"}[state]
        part = self.part(conversation, by, kind)
        opened = "unsnoozed" if was == "snoozed" else "opened"
        told = {"open": opened, "closed": "closed", "snoozed": "snoozed"}[state]
        self._tell(f"conversation.admin.{told}", conversation, [part])
        if conversation.is_ticket and state == "closed":
            self._tell("ticket.closed", conversation, [part])

    def set_ticket_state(self, conversation: Conversation, by: Admin, category: str) -> None:
        was, conversation.state_of_ticket = conversation.state_of_ticket, category
        conversation.snoozed_until = None
        part = self.part(
            conversation, by, "ticket_state_updated_by_admin", previous_ticket_state=was, **_state(category)
        )
        self._tell("ticket.state.updated", conversation, [part])
        if category == "resolved":
            self._tell("ticket.resolved", conversation, [part])

    def tag(self, conversation: Conversation, by: Admin, tag_id: str) -> None:
        """Tagging again changes nothing here; what Intercom does then is written nowhere."""
        if tag_id not in self.tags:
            raise refused(404, "tag_not_found", "Tag not found")
        if tag_id not in conversation.tags:
            conversation.tags.append(tag_id)
            conversation.updated_at = self._clock.now()
            self._tell("conversation_part.tag.created", conversation, conversation.parts[-1:])

    def untag(self, conversation: Conversation, tag_id: str) -> None:
        """No webhook tells of it (1.4)."""
        if tag_id not in conversation.tags:
            raise refused(404, "tag_not_found", "Tag not found")
        conversation.tags.remove(tag_id)
        conversation.updated_at = self._clock.now()

    def set_priority(self, conversation: Conversation, by: Admin, priority: str) -> None:
        conversation.priority = priority
        self._tell("conversation.priority.updated", conversation, [self.part(conversation, by, "priority_changed")])

    def set_title(self, conversation: Conversation, by: Admin, title: str) -> None:
        """No webhook tells of it (1.4)."""
        conversation.title = title
        self.part(conversation, by, "title_changed")

    def set_attributes(self, conversation: Conversation, by: Admin, attributes: Mapping[str, Any]) -> None:
        """Of a ticket they are told, of a conversation not (1.4)."""
        conversation.attributes.update(attributes)
        kind = (
            "ticket_attribute_updated_by_admin" if conversation.is_ticket else "conversation_attribute_updated_by_admin"
        )
        part = self.part(conversation, by, kind)
        if conversation.is_ticket:
            self._tell("ticket.attribute.updated", conversation, [part])

    def rate(self, conversation: Conversation, rating: int, remark: str | None) -> None:
        now = epoch(self._clock.now())
        person = {"type": "contact", "id": conversation.contact.id}
        conversation.rating = {
            "rating": rating,
            "remark": remark,
            "created_at": epoch(conversation.updated_at),
            "updated_at": now,
            "contact": person,
            "teammate": {"type": "admin", "id": self.agent.id},
        }
        conversation.updated_at = self._clock.now()
        self._tell("conversation.rating.added", conversation, [])

    def delete(self, conversation: Conversation) -> None:
        del self.conversations[conversation.id]
        self.deleted.append((conversation.id, self._clock.now()))
        self._tell("conversation.deleted", conversation, [])


def _state(category: str) -> JSON:
    return {"ticket_state": category}


def author_of(person: Contact | Admin, *, part: bool = False) -> JSON:
    """Who writes parts is a `user`, a lead, too (3.2)."""
    kind = "admin" if isinstance(person, Admin) else "user" if part else person.role
    return {"type": kind, "id": person.id, "name": person.name, "email": person.email}


def epoch(time: datetime) -> int:
    return int(time.timestamp())
