"""What stands in the stand-in's Plaindesk: people, tickets, messages, events, subscriptions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cornerdesk import JSON, Clock
from cornerdesk.testing.desk import RefusedError

CHANGEABLE = ("status", "priority", "subject", "assignee", "team")


@dataclass(frozen=True)
class Person:
    id: str
    kind: str
    email: str
    name: str
    phone: str | None = None


@dataclass
class Ticket:
    """`version` grows over the whole desk: of two tickets, the one with the higher version changed later."""

    id: str
    number: int
    subject: str
    customer: Person
    created_at: str
    updated_at: str
    version: int = 0
    status: str = "new"
    priority: str | None = None
    channel: str = "email"
    tags: list[str] = field(default_factory=list)
    company: JSON | None = None
    assignee: Person | None = None
    team: str | None = None
    fields: JSON = field(default_factory=dict)
    messages: list[JSON] = field(default_factory=list)
    events: list[JSON] = field(default_factory=list)

    def show(self) -> JSON:
        """As API and webhooks show it."""
        shown = asdict(self)
        del shown["messages"], shown["events"]
        return {**shown, "message_count": len(self.messages)}


@dataclass
class Hook:
    """A subscription; `failed` counts deliveries given up in a row."""

    id: str
    url: str
    name: str
    events: list[str]
    secret: str
    state: str = "enabled"
    failed: int = 0

    def show(self) -> JSON:
        return {name: getattr(self, name) for name in ("id", "url", "name", "events", "state")}


@dataclass(frozen=True)
class Happening:
    """An event, and the body that tells of it."""

    ticket: str
    body: JSON


def refusal(status: int, error: str) -> RefusedError:
    """What Plaindesk answers when it will not."""
    return RefusedError(status, {"error": error})


class Desk:
    """The state. Everything that happens is told to `tell`."""

    def __init__(self, tell: Callable[[Happening], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._version = 0
        self._count = 0
        self.tickets: dict[str, Ticket] = {}
        self.people: dict[str, Person] = {}
        self.hooks: dict[str, Hook] = {}
        self.teams = ("Support", "Billing")
        self.own = self.person("cornerdesk@desk.example.com", name="Cornerdesk", kind="agent")
        self.agent = self.person("agnes@desk.example.com", name="Agnes Moss", kind="agent")

    def new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")

    # ── who and what there is ───────────────────────────────────────────────────────────────────────────────────────

    def person(
        self, email: str, *, name: str | None = None, kind: str = "customer", phone: str | None = None
    ) -> Person:
        """The person with this address, made when there is none."""
        if email not in self.people:
            self.people[email] = Person(self.new_id("usr"), kind, email, name or email.partition("@")[0].title(), phone)
        return self.people[email]

    def who(self, ticket: Ticket, by: str) -> Person:
        """`customer`, `agent`, `own`, or somebody's address."""
        named = {"customer": ticket.customer, "agent": self.agent, "own": self.own}
        return named.get(by) or self.person(by)

    def company(self, name: str, domains: Iterable[str]) -> JSON:
        return {"id": f"com_{name.lower().replace(' ', '_')}", "name": name, "domains": list(domains)}

    def ticket(self, ticket_id: str) -> Ticket:
        """A ticket that the API shows; deleted ones stand only in lists."""
        ticket = self.tickets.get(ticket_id)
        if ticket is None or ticket.status == "deleted":
            raise refusal(404, "not_found")
        return ticket

    def by_version(self) -> list[Ticket]:
        return sorted(self.tickets.values(), key=lambda ticket: ticket.version)

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def open(
        self, subject: str, text: str, customer: Person, *, fields: Mapping[str, Any] | None, tags: Iterable[str],
        **more: Any,
    ) -> Ticket:  # fmt: skip
        """A new ticket with its first message: one event."""
        now = self.now()
        ticket = Ticket(self.new_id("tic"), len(self.tickets) + 1, subject, customer, now, now, **more)
        ticket.fields, ticket.tags = dict(fields or {}), sorted(tags)
        self.tickets[ticket.id] = ticket
        message = self._message(ticket, customer, text, internal=False)
        self.happen(ticket, "ticket.created", customer, message=message)
        return ticket

    def write(self, ticket: Ticket, author: Person, text: str, *, internal: bool, key: str | None = None) -> JSON:
        """A message or a note. Whoever the desk waits for, having answered, opens the ticket again."""
        _keep_closed(ticket)
        message = self._message(ticket, author, text, internal=internal)
        event = self.happen(ticket, "message.added", author, message=message, key=key)
        if author.kind == "customer" and ticket.status in ("waiting", "solved"):
            self.change(ticket, author, {"status": "open"})
        return event

    def change(
        self,
        ticket: Ticket,
        author: Person,
        changes: Mapping[str, Any],
        *,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        key: str | None = None,
    ) -> JSON | None:
        """Whatever becomes different is told in one event; None: nothing did."""
        _keep_closed(ticket)
        wanted = {name: self._value(name, value) for name, value in changes.items()}
        wanted["tags"] = sorted((set(ticket.tags) | set(add_tags)) - set(remove_tags))
        told = {name: change for name, value in wanted.items() if (change := _set(ticket, name, value))}
        return self.happen(ticket, "ticket.changed", author, changes=told, key=key) if told else None

    def delete(self, ticket: Ticket) -> None:
        ticket.status = "deleted"
        self.happen(ticket, "ticket.deleted", self.agent)

    def merge(self, ticket: Ticket, into: Ticket) -> None:
        ticket.status = "closed"
        self.happen(ticket, "ticket.merged", self.agent, into=into.id)

    def happen(self, ticket: Ticket, kind: str, actor: Person, **more: Any) -> JSON:
        """Keep an event with the ticket, and tell of it."""
        self._version += 1
        ticket.version, ticket.updated_at = self._version, self.now()
        event = {"id": self.new_id("evt"), "event": kind, "at": ticket.updated_at, "actor": asdict(actor), **more}
        ticket.events.append(event)
        self._tell(Happening(ticket.id, {**event, "ticket": ticket.show()}))
        return event

    def subscribe(self, url: str, name: str, events: Iterable[str]) -> Hook:
        hook = Hook(self.new_id("hook"), url, name, list(events), secrets.token_urlsafe(16))
        self.hooks[hook.id] = hook
        return hook

    def _message(self, ticket: Ticket, author: Person, text: str, *, internal: bool) -> JSON:
        message = {"id": self.new_id("msg"), "author": asdict(author), "text": text, "internal": internal}
        ticket.messages.append({**message, "at": self.now()})
        return ticket.messages[-1]

    def _value(self, name: str, value: Any) -> Any:
        if name not in CHANGEABLE and not name.startswith("fields."):
            raise refusal(422, f"unknown_field_{name}")
        if name == "assignee" and value is not None:
            agents = [person for person in self.people.values() if person.kind == "agent"]
            found = [person for person in agents if value in (person.id, person.email)]
            if not found:
                raise refusal(422, "unknown_agent")
            return found[0]
        if name == "team" and value is not None and value not in self.teams:
            raise refusal(422, "unknown_team")
        return value


def _keep_closed(ticket: Ticket) -> None:
    if ticket.status == "closed":
        raise refusal(422, "ticket_closed")


def _set(ticket: Ticket, name: str, value: Any) -> JSON | None:
    """Set a field. The change as events tell it; None where there is none."""
    field_name = name.removeprefix("fields.")
    before = ticket.fields.get(field_name) if name != field_name else getattr(ticket, name)
    if before == value:
        return None
    if name != field_name:
        ticket.fields[field_name] = value
    else:
        setattr(ticket, name, value)
    return {"before": _shown(before), "after": _shown(value)}


def _shown(value: Any) -> Any:
    return asdict(value) if isinstance(value, Person) else value
