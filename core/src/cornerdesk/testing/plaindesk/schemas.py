"""Plaindesk's JSON, as far as it is read. `cornerdesk.wire` says how loosely."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from cornerdesk.wire import Id, Listed, Loose, OptionalId, Text, Time, Word, Words


class Person(Loose):
    """A customer, an agent or a bot, by `kind`."""

    id: Id
    kind: Word = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Company(Loose):
    id: Id
    name: str | None = None
    domains: Words = []


class Message(Loose):
    """`internal` ones are notes."""

    id: Id
    author: Person
    text: Text = ""
    internal: bool = False
    at: Time = None


class Ticket(Loose):
    id: Id
    number: OptionalId = None
    subject: str | None = None
    status: Word = None
    priority: Word = None
    channel: Word = None
    tags: Words = []
    customer: Person | None = None
    company: Company | None = None
    assignee: Person | None = None
    team: str | None = None
    fields: dict[str, Any] | None = None
    message_count: int | None = None
    created_at: Time = None
    updated_at: Time = None
    version: int = 0


class Changed(Loose):
    before: Any = None
    after: Any = None


class Rated(Loose):
    score: Word = None
    comment: str | None = None


class Event(Loose):
    """Something that happened to a ticket: `key` is what the API call that did it carried."""

    id: Id
    event: str
    at: Time = None
    actor: Person | None = None
    message: Message | None = None
    changes: dict[str, Changed] = Field(default_factory=dict)
    rating: Rated | None = None
    into: OptionalId = None
    key: str | None = None


class Delivered(Event):
    """A webhook: an event, and the ticket after it."""

    ticket: Ticket


class Record(Loose):
    """A ticket with its messages and everything that happened to it, oldest first."""

    ticket: Ticket
    messages: Annotated[list[Message], Listed] = []
    events: Annotated[list[Event], Listed] = []


class Listing(Loose):
    """A page of tickets, as they come: a record of an unknown shape must not hide the others."""

    tickets: Annotated[list[Any], Listed] = []
    cursor: str
    more: bool
    total: int | None = None


class Written(Loose):
    """The answer to a write: the ticket after it; `event` is null where nothing changed."""

    ticket: Ticket
    event: Event | None = None


class Hook(Loose):
    """A subscription; its `secret` is only told when it is made."""

    id: Id
    url: str
    state: Word = None
    name: Text = ""
    events: Words = []
    secret: str | None = None


class Hooks(Loose):
    webhooks: Annotated[list[Hook], Listed] = []
