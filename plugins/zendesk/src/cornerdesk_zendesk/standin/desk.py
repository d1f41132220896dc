"""What stands in the stand-in's Zendesk: people, tickets, comments, audits; and what its API shows of them.

In memory only. Behaves as the fact sheet zendesk.md says where it says something; what nobody wrote down is left out.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any

from cornerdesk import JSON, Clock, SystemClock
from cornerdesk.testing.desk import RefusedError

VIA_TYPES = {"web": "web_form", "email": "mail", "api": "web_service"}
"""What deliveries call the channels that the API calls `web`, `email` and `api` (3.3)."""

CHANGES = {  # a ticket's field: the event that tells of its change (1.3)
    "status": "status_changed",
    "priority": "priority_changed",
    "type": "type_changed",
    "subject": "subject_changed",
    "assignee_id": "agent_assignment_changed",
    "group_id": "group_assignment_changed",
    "organization_id": "organization_changed",
    "requester_id": "requester_changed",
}


def refusal(status: int, error: str, description: str, details: JSON | None = None) -> RefusedError:
    """What Zendesk answers when it will not."""
    return RefusedError(
        status, {"error": error, "description": description} | ({"details": details} if details else {})
    )


@dataclass
class User:
    id: int
    name: str
    email: str | None = None
    role: str = "end-user"
    phone: str | None = None
    organization_id: int | None = None


@dataclass
class Organization:
    id: int
    name: str
    domain_names: list[str] = field(default_factory=list)
    external_id: str | None = None
    organization_fields: JSON = field(default_factory=dict)


@dataclass
class Ticket:
    id: int
    subject: str
    requester_id: int
    submitter_id: int
    created_at: datetime
    updated_at: datetime
    description: str = ""
    status: str = "new"
    custom_status_id: int | None = None
    priority: str | None = None
    type: str | None = None
    tags: list[str] = field(default_factory=list)
    assignee_id: int | None = None
    group_id: int | None = None
    organization_id: int | None = None
    channel: str = "email"
    is_public: bool = True
    custom: dict[int, Any] = field(default_factory=dict)
    satisfaction: JSON | None = None
    comments: list[JSON] = field(default_factory=list)
    audits: list[JSON] = field(default_factory=list)


@dataclass(frozen=True)
class Happening:
    """Something a webhook would tell: `type` without its prefix, `event`, and the ticket as it was then."""

    type: str
    ticket: int
    event: JSON
    detail: JSON
    at: datetime


class Desk:
    """The state. Everything that happens is told to `tell`.

    Args:
        tell: called with each happening, in order.
        clock: the time.
    """

    def __init__(self, tell: Callable[[Happening], object], clock: Clock | None = None) -> None:
        self._tell = tell
        self._clock = clock or SystemClock()
        self._ids = itertools.count(1)
        self.tickets: dict[int, Ticket] = {}
        self.users: dict[int, User] = {}
        self.organizations: dict[int, Organization] = {}
        self.groups: dict[int, str] = {}
        self.fields: dict[int, str] = {}
        self.own = self.user("Cornerdesk", "cornerdesk@desk.example.com", role="admin")
        self.agent = self.user("Agnes Moss", "agnes@desk.example.com", role="agent")
        self.support = self.group("Support")
        self.second = self.group("Tier 2")

    def _id(self, start: int) -> int:
        return start + next(self._ids)

    # ── who and what there is ───────────────────────────────────────────────────────────────────────────────────────

    def user(self, name: str, email: str | None, *, role: str = "end-user", phone: str | None = None,
             organization: Organization | None = None) -> User:  # fmt: skip
        """The user with this address, made when there is none."""
        for known in self.users.values():
            if email is not None and known.email == email:
                known.organization_id = organization.id if organization else known.organization_id
                return known
        user = User(self._id(9_000_000_000), name, email, role, phone, organization.id if organization else None)
        self.users[user.id] = user
        return user

    def organization(self, name: str, domains: Iterable[str] = (), *, external_id: str | None = None,
                     fields: Mapping[str, Any] | None = None) -> Organization:  # fmt: skip
        """The organisation of this name, made when there is none."""
        for known in self.organizations.values():
            if known.name == name:
                return known
        made = Organization(self._id(7_000_000_000), name, list(domains), external_id, dict(fields or {}))
        self.organizations[made.id] = made
        return made

    def group(self, name: str) -> int:
        group_id = self._id(3_000_000_000)
        self.groups[group_id] = name
        return group_id

    def custom_field(self, title: str) -> int:
        """The custom field of this title, made when there is none."""
        for field_id, known in self.fields.items():
            if known == title:
                return field_id
        field_id = self._id(5_000_000_000)
        self.fields[field_id] = title
        return field_id

    def ticket(self, ticket_id: int) -> Ticket:
        """A ticket that the API shows; deleted ones it does not."""
        ticket = self.tickets.get(ticket_id)
        if ticket is None or ticket.status == "deleted":
            raise refusal(404, "RecordNotFound", "Not found")
        return ticket

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, subject: str, text: str, requester: User, *, channel: str = "email", public: bool = True,
             fields: Mapping[str, Any] | None = None, **more: Any) -> Ticket:  # fmt: skip
        """A new ticket with its first comment: one `ticket.created` and one `comment_added`."""
        now = self.now()
        ticket = Ticket(
            id=5000 + len(self.tickets) + 1,
            subject=subject,
            description=text,
            requester_id=requester.id,
            submitter_id=requester.id,
            created_at=now,
            updated_at=now,
            channel=channel,
            is_public=public,
            organization_id=requester.organization_id,
            group_id=self.support,
            custom={self.custom_field(title): value for title, value in (fields or {}).items()},
            **more,
        )
        self.tickets[ticket.id] = ticket
        audit = self._audit(ticket, requester.id, {})
        self._comment(ticket, audit, requester.id, text, public)
        audit["events"].append({"id": self._id(0), "type": "Create", "field_name": "subject", "value": subject})
        self._happen(ticket, requester.id, [("created", {}), ("comment_added", self._told_comment(ticket))])
        return ticket

    def update(
        self,
        ticket: Ticket,
        author: User,
        *,
        comment: str | None = None,
        public: bool | None = None,
        changes: Mapping[str, Any] | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        custom: JSON | None = None,
    ) -> JSON:
        """One action of one person: one audit, one sequence of events. Returns the audit.

        Raises:
            RefusedError: the ticket is closed.
        """
        if ticket.status == "closed":
            told = [{"description": "Status: closed prevents ticket update"}]
            raise refusal(422, "RecordInvalid", "Record validation errors", {"status": told})
        audit = self._audit(ticket, author.id, custom or {})
        events: list[tuple[str, JSON]] = []
        if comment is not None:
            self._comment(ticket, audit, author.id, comment, ticket.is_public if public is None else public)
            events.append(("comment_added", self._told_comment(ticket)))
        events += self._change_fields(ticket, audit, self._with_consequences(ticket, author, comment, changes or {}))
        events += self._change_tags(ticket, audit, add_tags, remove_tags)
        if not audit["events"]:
            ticket.audits.remove(audit)
        else:
            ticket.updated_at = self.now()
        self._happen(ticket, author.id, events)
        return audit

    def _with_consequences(
        self, ticket: Ticket, author: User, comment: str | None, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        wanted = dict(changes)
        if comment is not None and author.role == "end-user" and ticket.status in ("pending", "hold", "solved"):
            wanted.setdefault("status", "open")
        if wanted.get("assignee_id") and ticket.status == "new":
            wanted.setdefault("status", "open")
        return wanted

    def _change_fields(self, ticket: Ticket, audit: JSON, wanted: Mapping[str, Any]) -> list[tuple[str, JSON]]:
        events: list[tuple[str, JSON]] = []
        for name, value in wanted.items():
            before = getattr(ticket, name)
            if before == value:
                continue
            setattr(ticket, name, value)
            self._note_change(audit, name, before, value)
            upper = name in ("status", "priority", "type")
            told = {"current": _told_value(value, upper), "previous": _told_value(before, upper)}
            if name in CHANGES:
                events.append((CHANGES[name], told))
        return events

    def change_field(self, ticket: Ticket, author: User, title: str, value: Any) -> None:
        """A custom field took a value."""
        field_id = self.custom_field(title)
        before, ticket.custom[field_id] = ticket.custom.get(field_id), value
        self._note_change(self._audit(ticket, author.id, {}), str(field_id), before, value)
        ticket.updated_at = self.now()
        told = {"custom_field": {"id": str(field_id), "title": title, "type": "text"}}
        self._happen(ticket, author.id, [("custom_field_changed", told | {"current": value, "previous": before})])

    def _change_tags(
        self, ticket: Ticket, audit: JSON, add: Iterable[str], remove: Iterable[str]
    ) -> list[tuple[str, JSON]]:
        before = list(ticket.tags)
        gone = {tag for tag in remove if tag in before}
        new = [tag for tag in dict.fromkeys(add) if tag not in before]
        if not gone and not new:
            return []
        ticket.tags = sorted({*before, *new} - gone)
        self._note_change(audit, "tags", before, list(ticket.tags))
        return [("tags_changed", {"tags_added": new, "tags_removed": sorted(gone)})]

    def rate(self, ticket: Ticket, score: str, comment: str | None = None) -> None:
        """The requester rates the help."""
        ticket.satisfaction = {"id": self._id(0), "score": score, "comment": comment}
        ticket.updated_at = self.now()
        told = {"satisfaction_score": {"score": score.upper(), "comment": comment}}
        self._happen(ticket, ticket.requester_id, [("csat_received", told)])

    def delete(self, ticket: Ticket, author: User) -> None:
        ticket.status, ticket.updated_at = "deleted", self.now()
        self._happen(ticket, author.id, [("soft_deleted", {})])

    def merge(self, ticket: Ticket, into: Ticket, author: User) -> None:
        ticket.status, ticket.updated_at = "closed", self.now()
        ticket.tags = sorted({*ticket.tags, "closed_by_merge"})
        self._happen(ticket, author.id, [("merged", {"target_ticket_id": str(into.id)})])

    # ── bookkeeping ─────────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> datetime:
        """What time it is there."""
        return self._clock.now()

    def _audit(self, ticket: Ticket, author_id: int, custom: JSON) -> JSON:
        audit = {
            "id": self._id(20_000_000_000),
            "ticket_id": ticket.id,
            "created_at": seconds(self.now()),
            "author_id": author_id,
            "metadata": {"system": {"client": "stand-in"}, "custom": custom},
            "events": [],
            "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        }
        ticket.audits.append(audit)
        return audit

    def _note_change(self, audit: JSON, name: str, before: Any, after: Any) -> None:
        def text(value: Any) -> Any:
            return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

        audit["events"].append(
            {
                "id": self._id(0),
                "type": "Change",
                "field_name": name,
                "value": text(after),
                "previous_value": text(before),
            }
        )

    def _comment(self, ticket: Ticket, audit: JSON, author_id: int, text: str, public: bool) -> None:
        comment = {
            "id": self._id(40_000_000_000),
            "type": "Comment",
            "author_id": author_id,
            "body": text,
            "html_body": f'<div class="zd-comment" dir="auto"><p>{escape(text)}</p></div>',
            "plain_body": text,
            "public": public,
            "attachments": [],
            "audit_id": audit["id"],
            "via": audit["via"],
            "created_at": seconds(self.now()),
            "metadata": {"system": {"client": "stand-in"}, "custom": {}},
        }
        ticket.comments.append(comment)
        audit["events"].append({key: comment[key] for key in ("id", "type", "author_id", "body", "public")})

    def _told_comment(self, ticket: Ticket) -> JSON:
        comment = ticket.comments[-1]
        author = self.users[comment["author_id"]]
        return {
            "comment": {
                "id": str(comment["id"]),
                "body": comment["body"],
                "is_public": comment["public"],
                "author": {"id": str(author.id), "is_staff": author.role != "end-user", "name": author.name},
            }
        }

    def _happen(self, ticket: Ticket, actor_id: int, events: Iterable[tuple[str, JSON]]) -> None:
        sequence = str(uuid.uuid4())
        for position, (name, event) in enumerate(events, start=1):
            meta = {"meta": {"sequence": {"id": sequence, "position": position}}}
            told = self.detail(ticket, actor_id)
            self._tell(Happening(f"ticket.{name}", ticket.id, event | meta, told, self.now()))

    # ── how it looks ────────────────────────────────────────────────────────────────────────────────────────────────

    def detail(self, ticket: Ticket, actor_id: int) -> JSON:
        """The ticket as deliveries show it: ids as text, enums in upper case (1.2)."""
        return {
            "actor_id": str(actor_id),
            "assignee_id": _told_value(ticket.assignee_id),
            "brand_id": "360001",
            "created_at": seconds(ticket.created_at),
            "custom_status": _told_value(ticket.custom_status_id),
            "description": ticket.description,
            "external_id": None,
            "form_id": None,
            "group_id": _told_value(ticket.group_id),
            "id": str(ticket.id),
            "is_public": ticket.is_public,
            "organization_id": _told_value(ticket.organization_id),
            "priority": _told_value(ticket.priority, True),
            "requester_id": str(ticket.requester_id),
            "status": ticket.status.upper(),
            "subject": ticket.subject,
            "submitter_id": str(ticket.submitter_id),
            "tags": list(ticket.tags) or None,
            "type": _told_value(ticket.type, True),
            "updated_at": seconds(ticket.updated_at),
            "via": {"channel": VIA_TYPES.get(ticket.channel, ticket.channel)},
        }

    def show(self, ticket: Ticket) -> JSON:
        """The ticket as the API shows it (3.1)."""
        custom = [{"id": field_id, "value": ticket.custom.get(field_id)} for field_id in self.fields]
        return {
            "url": f"https://acme.zendesk.com/api/v2/tickets/{ticket.id}.json",
            "id": ticket.id,
            "external_id": None,
            "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": seconds(ticket.created_at),
            "updated_at": seconds(ticket.updated_at),
            "type": ticket.type,
            "subject": ticket.subject,
            "raw_subject": ticket.subject,
            "description": ticket.description,
            "priority": ticket.priority,
            "status": ticket.status,
            "custom_status_id": ticket.custom_status_id,
            "requester_id": ticket.requester_id,
            "submitter_id": ticket.submitter_id,
            "assignee_id": ticket.assignee_id,
            "organization_id": ticket.organization_id,
            "group_id": ticket.group_id,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "has_incidents": False,
            "is_public": ticket.is_public,
            "due_at": None,
            "tags": list(ticket.tags),
            "custom_fields": custom,
            "fields": custom,
            "satisfaction_rating": ticket.satisfaction,
            "brand_id": 360001,
        }

    def show_user(self, user: User) -> JSON:
        return {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "phone": user.phone,
            "role": user.role,
            "active": True,
            "suspended": False,
            "organization_id": user.organization_id,
            "external_id": None,
            "tags": [],
            "user_fields": {},
        }

    def show_organization(self, organization: Organization) -> JSON:
        return {
            "id": organization.id,
            "name": organization.name,
            "domain_names": organization.domain_names,
            "external_id": organization.external_id,
            "tags": [],
            "organization_fields": organization.organization_fields,
        }


def seconds(time: datetime) -> str:
    """As the API writes times: to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _told_value(value: Any, upper: bool = False) -> str | None:
    if value is None:
        return None
    return str(value).upper() if upper else str(value)
