"""What we read of Intercom's JSON, as models. Unknown keys are allowed and left alone; nothing is mapped here.

Deliveries and the API show the same objects with other types: ids are numbers or text, `0` and `"0"` mean nobody,
times are seconds or ISO text, even within one delivery, and lists stand under a key of their own, or of another name
than documented (fact sheet intercom.md 1.5, 3.1). The types below take all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from cornerdesk.wire import Id, Listed, Loose, OptionalId, Text, Time, Word
from pydantic import AliasChoices, BeforeValidator, Field


def _under(*keys: str) -> BeforeValidator:
    """A list that stands under one of these keys of an object, or alone; empty when there is none."""

    def unwrap(value: object) -> object:
        if isinstance(value, dict):
            value = next((value[key] for key in keys if value.get(key) is not None), None)
        return [] if value is None else value

    return BeforeValidator(unwrap)


def _or(default: Callable[[], object]) -> BeforeValidator:
    """Null for a default, for objects that Intercom leaves out by null."""
    return BeforeValidator(lambda value: default() if value is None else value)


Attributes = Annotated[dict[str, Any], _or(dict)]
"""Custom attributes: values by the names that people gave them."""


def read_notification_id(value: object) -> str | None:
    """A notification's id is opaque; None where Intercom gives none (`ping`, `conversation.read`)."""
    text = value if isinstance(value, str) else ""
    return text if 0 < len(text) <= 150 and text.isascii() and text.isprintable() else None


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────


class NotificationData(Loose):
    item: Annotated[dict[str, Any], _or(dict)] = {}


class Notification(Loose):
    """The envelope of a delivery (1.3)."""

    app_id: str
    topic: str
    id: Annotated[str | None, BeforeValidator(read_notification_id)] = None
    created_at: Time = None
    first_sent_at: Time = None
    data: Annotated[NotificationData, _or(dict)] = NotificationData()


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Author(Loose):
    """Who wrote a part, or began a conversation: `user`, `lead`, `admin`, `bot`, `team`, one day others."""

    type: Word = None
    id: OptionalId = None
    name: str | None = None
    email: str | None = None
    from_ai_agent: bool | None = None


class ContactReference(Loose):
    """A contact beside a conversation: mostly an id alone. 1.x tells name and address as well."""

    id: OptionalId = Field(None, validation_alias=AliasChoices("id", "contact_id"))
    type: Word = None
    external_id: str | None = Field(None, validation_alias=AliasChoices("external_id", "user_id"))
    name: str | None = None
    email: str | None = None


class CompanyReference(Loose):
    id: Id
    name: str | None = None


class Contact(Loose):
    """A contact as `GET /contacts/{id}` shows it. `role` is `user` or `lead`."""

    id: Id
    role: Word = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    external_id: str | None = None
    companies: Annotated[list[CompanyReference], _under("data", "companies")] = []


class Plan(Loose):
    name: str | None = None


class Company(Loose):
    """`id` is Intercom's, `company_id` yours, or one that Intercom made up (3.4)."""

    id: Id
    company_id: str | None = None
    name: str | None = None
    plan: Plan | None = None
    monthly_spend: float | None = None
    website: str | None = None
    industry: str | None = None
    size: int | None = None
    custom_attributes: Attributes = {}


class Person(Loose):
    """A teammate (`GET /admins`) or a team (`GET /teams`)."""

    id: Id
    type: Word = None
    name: str | None = None
    email: str | None = None


class App(Loose):
    id_code: str | None = None
    name: str | None = None
    region: str | None = None


class Me(Loose):
    """`GET /me`: whom the token belongs to, and which workspace."""

    id: Id
    name: str | None = None
    email: str | None = None
    app: App | None = None


# ── conversations and tickets ───────────────────────────────────────────────────────────────────────────────────────


class Tag(Loose):
    id: OptionalId = None
    name: Text = ""


Tags = Annotated[list[Tag], _under("tags", "data")]


class File(Loose):
    name: str | None = None
    content_type: str | None = None
    filesize: int | None = None
    url: str | None = None


Files = Annotated[list[File], Listed]


class Assignee(Loose):
    """Whom a part assigned to: `admin`, `team` or `nobody_admin`, whose id is null."""

    type: Word = None
    id: OptionalId = None


class Source(Loose):
    """How a conversation began. It is its first message, and no part (3.1)."""

    type: Word = None
    id: OptionalId = None
    delivered_as: Word = None
    subject: str | None = None
    body: Text = ""
    author: Author | None = None
    attachments: Files = []


class Part(Loose):
    """A message, a note or something that happened, of a conversation or a ticket (3.2)."""

    id: Id
    part_type: Word = None
    body: Text = ""
    created_at: Time = None
    updated_at: Time = None
    author: Author | None = None
    assigned_to: Assignee | None = None
    attachments: Files = []
    app_package_code: str | None = None
    redacted: bool | None = None
    previous_ticket_state: Word = None
    ticket_state: Word = None
    tags: Tags = []


Parts = Annotated[list[Part], _under("conversation_parts", "ticket_parts", "data")]


class Channels(Loose):
    initial: Word = None
    current: Word = None


class Rating(Loose):
    """`created_at` is when it was asked for, not when it was given (3.1)."""

    rating: int | None = None
    remark: str | None = None
    created_at: Time = None
    updated_at: Time = None


class Statistics(Loose):
    count_conversation_parts: int | None = None


class Conversation(Loose):
    """A conversation, in a delivery or as `GET /conversations/{id}` shows it. Absent and unset look alike;
    `model_fields_set` tells them apart."""

    id: Id
    created_at: Time = None
    updated_at: Time = None
    waiting_since: Time = None
    title: str | None = None
    state: Word = None
    open: bool | None = None
    priority: Word = None
    source: Source | None = None
    contacts: Annotated[list[ContactReference], _under("contacts", "data")] = []
    admin_assignee_id: OptionalId = None
    team_assignee_id: OptionalId = None
    tags: Tags = []
    conversation_rating: Rating | None = None
    statistics: Statistics | None = None
    custom_attributes: Attributes = {}
    company: CompanyReference | None = None
    channel: Channels | str | None = None
    ticket: dict[str, Any] | None = None
    conversation_parts: Parts = []


class TicketState(Loose):
    """`category` is Intercom's; the labels are the workspace's own."""

    id: OptionalId = None
    category: Word = None
    internal_label: str | None = None
    archived: bool | None = None
    ticket_types: Annotated[list[Tag], _under("data")] = []


def _state(value: object) -> object:
    """Before API version 2.12 the state was a word (2.6)."""
    return {"category": value} if isinstance(value, str) else value


class TicketType(Loose):
    id: OptionalId = None
    name: str | None = None
    ticket_states: Annotated[list[TicketState], _under("data")] = []


class VendorTicket(Loose):
    """A ticket, in a delivery or as `GET /tickets/{id}` shows it. `ticket_id` is the number that people see (3.3)."""

    id: Id
    ticket_id: OptionalId = None
    created_at: Time = None
    updated_at: Time = None
    snoozed_until: Time = None
    category: str | None = None
    open: bool | None = None
    ticket_type: TicketType | None = None
    ticket_state: Annotated[TicketState | None, BeforeValidator(_state)] = None
    ticket_state_internal_label: str | None = None
    ticket_attributes: Attributes = {}
    contacts: Annotated[list[ContactReference], _under("contacts", "data")] = []
    admin_assignee_id: OptionalId = None
    team_assignee_id: OptionalId = None
    company_id: OptionalId = None
    channel: Channels | str | None = None
    ticket_parts: Parts = []


# ── answers of the API ──────────────────────────────────────────────────────────────────────────────────────────────


class Next(Loose):
    """Where the next page of a search begins; sent back only when it is there (a 500 otherwise; section 6)."""

    starting_after: str | None = None


class Pages(Loose):
    next: Next | str | None = None


class Found(Loose):
    """A page of a search. What stands in it is read row by row, so that one odd row hides no other."""

    conversations: Annotated[list[Any], Listed] = []
    tickets: Annotated[list[Any], Listed] = []
    total_count: int | None = None
    pages: Pages | None = None

    @property
    def after(self) -> str | None:
        """The cursor of the next page."""
        following = self.pages.next if self.pages else None
        return (following.starting_after or None) if isinstance(following, Next) else None


class Row(Loose):
    """What of a search's row is believed: the rest is asked for by id (section 6)."""

    id: Id
    updated_at: Time = None


class DeletedRow(Loose):
    id: Id
    deleted_at: Time = None


class DeletedPages(Loose):
    """`next` is an address, which we do not follow: pages have numbers."""

    page: int = 1
    total_pages: int = 1

    @property
    def more(self) -> bool:
        return self.page < self.total_pages


class DeletedAnswer(Loose):
    """`GET /conversations/deleted`, since API version 2.16."""

    conversations: Annotated[list[DeletedRow], Listed] = []
    pages: Annotated[DeletedPages, _or(dict)] = DeletedPages()


class PeopleAnswer(Loose):
    """`GET /admins`, `GET /teams`; some of Intercom's lists hold nulls."""

    people: Annotated[list[Person | None], Listed] = Field([], validation_alias=AliasChoices("admins", "teams"))


class TagsAnswer(Loose):
    data: Annotated[list[Tag], Listed] = []


class StatesAnswer(Loose):
    data: Annotated[list[TicketState], Listed] = []
