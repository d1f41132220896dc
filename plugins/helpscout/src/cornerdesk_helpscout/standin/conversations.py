"""The stand-in's records: people, organisations, conversations and threads, and how people and times are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from cornerdesk import JSON
from cornerdesk.testing.desk import RefusedError

ADDRESS = "https://api.helpscout.net/v2"
"""What links in bodies begin with, whatever address the stand-in has."""

Kind = Literal["customer", "user", "team", "system_user"]


def refusal(status: int, message: str, *paths: str) -> RefusedError:
    """What Help Scout answers when it will not (2.8)."""
    errors = [{"path": path, "message": f"{path} is not valid", "source": "JSON"} for path in paths]
    body: JSON = {"logRef": "0fc1dd4e-1d53-4c0a-a2f5-1d9ba0a6b6a5", "message": message}
    return RefusedError(status, body | ({"_embedded": {"errors": errors}} if errors else {}))


@dataclass
class Person:
    id: int
    kind: Kind
    first: str
    last: str = ""
    email: str | None = None
    phone: str | None = None
    organization: int | None = None


@dataclass
class Organization:
    id: int
    name: str
    domains: list[str] = field(default_factory=list)


@dataclass
class Thread:
    id: int
    type: str
    text: str
    created_at: datetime
    by: Person
    source: str = "web"
    html: str = ""
    state: str = "published"
    action: JSON = field(default_factory=lambda: {"type": "default", "associatedEntities": {}})
    rating: JSON | None = None
    attachments: list[JSON] = field(default_factory=list)


@dataclass
class Conversation:
    id: int
    number: int
    subject: str
    customer: Person
    created_by: Person
    created_at: datetime
    modified_at: datetime
    type: str = "email"
    source: str = "email"
    status: str = "active"
    state: str = "published"
    assignee: Person | None = None
    closed_at: datetime | None = None
    closed_by: int = 0
    user_updated_at: datetime | None = None
    waiting: datetime | None = None
    tags: list[str] = field(default_factory=list)
    fields: dict[int, Any] = field(default_factory=dict)
    threads: list[Thread] = field(default_factory=list)
    snoozed_until: datetime | None = None
    merged_into: int | None = None


def show_person(person: Person, *, v3: bool = False) -> JSON:
    """v2 shows agents that are no people as users (2.1)."""
    kind = "user" if person.kind == "system_user" and not v3 else person.kind
    shown: JSON = {"id": person.id, "type": kind, "first": person.first, "last": person.last, "photoUrl": ""}
    return shown | ({"email": person.email} if person.email else {})


def seconds(time: datetime) -> str:
    """As Help Scout writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
