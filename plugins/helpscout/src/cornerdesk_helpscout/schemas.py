"""What we read of Help Scout's JSON, as models. Unknown keys are allowed and left alone; nothing is mapped here.

A webhook's body is the REST object of the same name (fact sheet helpscout.md 1.4), so one set of models reads both.
Unset things are simply missing; names are `first` and `last` within conversations, `firstName` and `lastName` on the
resources themselves (3.1); v3 routes keep the person type `system_user`, which v2 turns into `user` (2.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from cornerdesk.wire import Id, Listed, Loose, OptionalId, Text, Time, Word
from pydantic import AliasChoices, BeforeValidator, Field


def _object_or(default: object) -> Callable[[object], object]:
    return lambda value: default if value is None else value


def read_number(value: object) -> str | None:
    """A conversation's number; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return None
    return str(value)[:30]


def read_count(value: object) -> int | None:
    """A count; in a V1 body a list stands there, which `webhooks` refuses beforehand."""
    return value if type(value) is int and value >= 0 else None


def read_tag(value: object) -> object:
    """A tag is an object in conversations and a word elsewhere (3.1)."""
    return {"tag": value} if isinstance(value, str) else value


def _text_or_none(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Name = Annotated[str | None, BeforeValidator(_text_or_none)]


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Person(Loose):
    """Anybody named in a conversation or thread. `type`: customer, user, team, and system_user on v3 routes."""

    id: OptionalId = None
    type: Word = None
    first: Name = Field(None, validation_alias=AliasChoices("first", "firstName"))
    last: Name = Field(None, validation_alias=AliasChoices("last", "lastName"))
    email: Name = None


class Valued(Loose):
    """One e-mail address or telephone number of a customer."""

    value: Name = None
    type: Word = None


class Property(Loose):
    """A property of an organisation."""

    slug: Name = None
    name: Name = None
    value: Any = None


class CustomerParts(Loose):
    emails: Annotated[list[Valued], Listed] = []
    phones: Annotated[list[Valued], Listed] = []


class ApiCustomer(Loose):
    """A customer as GET /v2/customers/{id} shows it. `organization` is free text."""

    id: Id
    firstName: Name = None
    lastName: Name = None
    organization: Name = None
    organizationId: OptionalId = None
    parts: Annotated[CustomerParts, BeforeValidator(_object_or({}))] = Field(
        CustomerParts(), validation_alias="_embedded"
    )


class Organization(Loose):
    id: Id
    name: Name = None
    domains: Annotated[list[str], Listed] = []
    properties: Annotated[list[Property], Listed] = []


class ApiUser(Loose):
    """A user, as /v2/users lists them; teams may stand among them (2.6)."""

    id: Id
    firstName: Name = Field(None, validation_alias=AliasChoices("firstName", "first", "name"))
    lastName: Name = Field(None, validation_alias=AliasChoices("lastName", "last"))
    email: Name = None
    role: Word = None
    type: Word = None


class Team(Loose):
    id: Id
    name: Name = None


# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


class Source(Loose):
    """How it came in: `type` is an open list, `via` is user or customer (3.1)."""

    type: Word = None
    via: Word = None


class Waiting(Loose):
    """`friendly`, beside it, is relative text that changes by itself (1.8)."""

    time: Time = None


class Tag(Loose):
    id: OptionalId = None
    tag: str | None = Field(None, validation_alias=AliasChoices("tag", "name", "slug"))


class CustomField(Loose):
    """`value` is text; of a dropdown it is the option's id, and `text` its label."""

    id: OptionalId = None
    name: Name = None
    value: Any = None
    text: Any = None


class Snooze(Loose):
    snoozedUntil: Time = None


class Action(Loose):
    """What a thread of type `lineitem` tells; `type` is an open list (3.2)."""

    type: str | None = None
    text: Text = ""
    associatedEntities: Any = None


class File(Loose):
    id: OptionalId = None
    filename: Name = None
    mimeType: Name = None
    size: int | None = None
    links: Any = Field(None, validation_alias="_links")


class ThreadParts(Loose):
    attachments: Annotated[list[File], Listed] = []


class ThreadRating(Loose):
    """What a customer thought of an answer, on the thread it is about."""

    rating: Name = None
    comments: Name = None


class Thread(Loose):
    """One thread. Whoever wrote it is `createdBy`; `customer` stands on agents' notes, too (3.2)."""

    id: Id
    type: Word = None
    state: Word = None
    action: Action | None = None
    body: Text = ""
    source: Source | None = None
    createdBy: Person | None = None
    assignedTo: Person | None = None
    createdAt: Time = None
    rating: ThreadRating | None = None
    parts: Annotated[ThreadParts, BeforeValidator(_object_or({}))] = Field(ThreadParts(), validation_alias="_embedded")


class ConversationParts(Loose):
    threads: Annotated[list[Thread], Listed] = []


class Conversation(Loose):
    """A conversation, as webhooks and the API show it. There is no `modifiedAt` (2.4)."""

    id: Id
    number: Annotated[str | None, BeforeValidator(read_number)] = None
    threads: Annotated[int | None, BeforeValidator(read_count)] = None
    type: Word = None
    status: Word = None
    state: Word = None
    subject: str | None = None
    assignee: Person | None = None
    createdBy: Person | None = None
    createdAt: Time = None
    closedAt: Time = None
    userUpdatedAt: Time = None
    customerWaitingSince: Waiting | None = None
    source: Source | None = None
    tags: Annotated[list[Annotated[Tag, BeforeValidator(read_tag)]] | None, Field()] = None
    primaryCustomer: Person | None = Field(None, validation_alias=AliasChoices("primaryCustomer", "customer"))
    customFields: list[CustomField] | None = None
    snooze: Snooze | None = None
    parts: Annotated[ConversationParts, BeforeValidator(_object_or({}))] = Field(
        ConversationParts(), validation_alias="_embedded"
    )


class ApiRating(Loose):
    """A rating, as webhooks and GET /v2/ratings/{id} show it. Its times may lack a zone (3.3)."""

    id: OptionalId = None
    threadId: OptionalId = None
    conversationId: Id
    conversationNumber: Annotated[str | None, BeforeValidator(read_number)] = None
    rating: Name = None
    comments: Name = None
    createdAt: Time = None
    modifiedAt: Time = None
    customer: Person | None = None


class OnlyId(Loose):
    """All that the body of `convo.deleted` holds."""

    id: Id


# ── the API's lists and answers ─────────────────────────────────────────────────────────────────────────────────────


class Link(Loose):
    href: str | None = None


class Links(Loose):
    next: Link | None = None


class PageNumbers(Loose):
    number: int | None = None
    totalElements: int | None = None
    totalPages: int | None = None


class Listing(Loose):
    """A page of anything. `_embedded` is absent on an empty one (2.7)."""

    embedded: Annotated[dict[str, Any], BeforeValidator(_object_or({}))] = Field({}, validation_alias="_embedded")
    links: Annotated[Links, BeforeValidator(_object_or({}))] = Field(Links(), validation_alias="_links")
    page: Annotated[PageNumbers, BeforeValidator(_object_or({}))] = PageNumbers()

    def rows(self, name: str) -> list[Any]:
        """What the page lists."""
        rows = self.embedded.get(name)
        return rows if isinstance(rows, list) else []


class Webhook(Loose):
    """A subscription as GET /v2/webhooks shows it; never its secret (1.6)."""

    id: Id
    url: str = ""
    state: Word = None
    events: Annotated[list[str], Listed] = []
    notification: bool | None = None
    payloadVersion: str | None = None
    label: str | None = None
    mailboxIds: Annotated[list[Any], Listed] = []


_CONVERSATION_ADDRESS = re.compile(r"/conversations?/(\d{1,19})(?:[/?#]|$)", re.ASCII)


def id_in_address(address: object) -> str | None:
    """The id of the conversation that an address names: of `Location` when it was merged, of a thin notification. The
    address itself is never asked."""
    found = _CONVERSATION_ADDRESS.search(address) if isinstance(address, str) and len(address) < 500 else None
    return found[1] if found else None
