"""What we read of Zendesk's JSON, as models. Unknown keys are allowed and left alone; nothing is mapped here.

Zendesk writes the same thing in several ways: ids are strings in deliveries and integers in the API, `"0"` and `""`
mean unset, enums come in upper case, times have none to nine digits of fraction. The types below take all of them
(fact sheet zendesk.md 1.2, 3.1).
"""

from __future__ import annotations

from typing import Annotated, Any

from cornerdesk.wire import Id, Listed, Loose, OptionalId, Text, Time, Word, Words
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr


def read_event_id(value: object) -> str | None:
    """An event's id is opaque: a UUID, a ULID, one day something else. None when there is none."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= 200 and text.isprintable() else None


def _object(value: object) -> object:
    return {} if value is None else value


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Via(Loose):
    """How it came in; `channel` may be a name or an integer."""

    channel: str | int | None = None


class Detail(Loose):
    """The ticket as a delivery shows it. Absent and unset look alike; `model_fields_set` tells them apart."""

    id: OptionalId = None
    actor_id: OptionalId = None
    assignee_id: OptionalId = None
    group_id: OptionalId = None
    organization_id: OptionalId = None
    requester_id: OptionalId = None
    submitter_id: OptionalId = None
    created_at: Time = None
    updated_at: Time = None
    custom_status: OptionalId = None
    description: Text = ""
    is_public: bool | None = None
    priority: Word = None
    status: Word = None
    subject: str | None = None
    tags: list[str] | None = None
    type: Word = None
    via: Via | None = None


class Sequence(Loose):
    """Groups the events of one action; `position` tells them apart."""

    id: OptionalId = None
    position: int | None = None


class Meta(Loose):
    sequence: Sequence | None = None


class Author(Loose):
    id: OptionalId = None
    is_staff: bool | None = None
    name: str | None = None


class EventComment(Loose):
    id: OptionalId = None
    body: Text = ""
    is_public: bool | None = None
    author: Author | None = None


class CustomField(Loose):
    """A custom field, as `custom_field_changed` names it."""

    id: OptionalId = None
    title: str | None = Field(None, validation_alias=AliasChoices("title", "name", "raw_title"))


class ScoreGiven(Loose):
    score: str | int | float | None = None
    comment: str | None = None


class ChatActor(Loose):
    id: OptionalId = None
    name: str | None = None
    type: Word = None


class ChatMessage(Loose):
    id: OptionalId = None
    body: Text = ""


class Happening(Loose):
    """The `event` of a delivery: every part any type of event has."""

    meta: Meta | None = None
    current: Any = None
    previous: Any = None
    comment: EventComment | None = None
    tags_added: Words = []
    tags_removed: Words = []
    custom_field: CustomField | None = None
    field: CustomField | None = None
    target_ticket_id: OptionalId = None
    satisfaction_score: ScoreGiven | str | int | float | None = Field(
        None, validation_alias=AliasChoices("satisfaction_score", "satisfaction_rating", "score")
    )
    actor: ChatActor | None = None
    message: ChatMessage | None = None


class Envelope(Loose):
    """A delivery of an event subscription."""

    id: Annotated[str | None, BeforeValidator(read_event_id)] = None
    type: str
    subject: str | None = None
    time: Time = None
    detail: Annotated[Detail, BeforeValidator(_object)] = Detail()
    event: Annotated[Happening, BeforeValidator(_object)] = Happening()


class Trigger(Loose):
    """A delivery of our own trigger template (README.md). Nothing a person could type is in it."""

    cornerdesk: str | int
    ticket: Id
    updated_at: Time = None
    actor: OptionalId = None
    what: Word = None


# ── the API ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class CustomValue(Loose):
    id: Id
    value: Any = None


class ApiTicket(Loose):
    """A ticket as GET /api/v2/tickets/{id} shows it."""

    id: Id
    created_at: Time = None
    updated_at: Time = None
    subject: str | None = None
    status: Word = None
    custom_status_id: OptionalId = None
    priority: Word = None
    type: Word = None
    tags: Words = []
    requester_id: OptionalId = None
    submitter_id: OptionalId = None
    assignee_id: OptionalId = None
    group_id: OptionalId = None
    organization_id: OptionalId = None
    via: Via | None = None
    custom_fields: Annotated[list[CustomValue], Listed] = []


class ExportedTicket(ApiTicket):
    """A row of the export of tickets. `generated_timestamp` moves with every change, the system's own, too, and
    `updated_at` only with those that made an event (fact sheet zendesk.md 2.1)."""

    description: Text = ""
    generated_timestamp: int | None = None
    is_public: bool | None = None
    satisfaction_rating: ScoreGiven | None = None
    comment_count: int | None = None


class User(Loose):
    """`role`: end-user, agent or admin; anything but end-user is staff."""

    id: OptionalId = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: Word = None
    organization_id: OptionalId = None
    external_id: str | None = None


class Organization(Loose):
    id: Id
    name: str | None = None
    domain_names: Words = []
    external_id: str | None = None
    organization_fields: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = {}


class File(Loose):
    file_name: str | None = None
    content_type: str | None = None
    size: int | None = None
    content_url: str | None = None


class Comment(Loose):
    id: Id
    type: str | None = None
    author_id: OptionalId = None
    body: Text = ""
    html_body: str | None = None
    plain_body: str | None = None
    public: bool | None = Field(True, validation_alias=AliasChoices("public", "comment_public"))
    created_at: Time = None
    attachments: Annotated[list[File], Listed] = []


class AuditEvent(Loose):
    """One line of an audit: a `Comment`, a `Change` of `field_name` to `value`, and others that we leave alone."""

    id: OptionalId = None
    type: str | None = None
    field_name: str | None = None
    value: Any = None
    previous_value: Any = None


class AuditMetadata(Loose):
    custom: Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})] = {}


class Audit(Loose):
    id: Id
    metadata: Annotated[AuditMetadata, BeforeValidator(_object)] = AuditMetadata()
    events: Annotated[list[AuditEvent], Listed] = []


class Named(Loose):
    """A group, by its name; a custom field, by its title; a custom status, by the agents' label."""

    id: Id
    name: str | None = Field(None, validation_alias=AliasChoices("agent_label", "title", "name"))


class Page(Loose):
    has_more: bool = False
    after_cursor: str | None = None


OptionalPage = Annotated[Page, BeforeValidator(_object)]


class TicketAnswer(Loose):
    ticket: ApiTicket
    users: list[User] | None = None
    organizations: list[Organization] | None = None


class UpdateAnswer(Loose):
    ticket: ApiTicket
    audit: Audit | None = None


class CommentsAnswer(Loose):
    comments: list[Comment]
    users: list[User] | None = None
    meta: OptionalPage = Page()


class AuditsAnswer(Loose):
    audits: list[Audit]
    meta: OptionalPage = Page()


class UsersAnswer(Loose):
    users: list[User]


class UserAnswer(Loose):
    user: User


class TicketsExport(Loose):
    """A page of the cursor export. Rows are read one by one: one that cannot be read keeps back no other."""

    tickets: list[dict[str, Any]]
    users: Annotated[list[dict[str, Any]], Listed] = []
    organizations: Annotated[list[dict[str, Any]], Listed] = []
    groups: Annotated[list[Named], Listed] = []
    after_cursor: str | None = None
    end_of_stream: bool = False


class EventsExport(Loose):
    """A page of the time-based export of ticket events."""

    ticket_events: list[dict[str, Any]]
    end_time: int | None = None
    end_of_stream: bool = False


class Child(Loose):
    """What one update did, one thing at a time. A change's field is either named (`field_name` and `value`, as audits
    have it) or is itself the key that holds the new value; a comment stands there whole."""

    id: OptionalId = None
    event_type: Word = None
    type: Any = None
    via: Any = None
    field_name: str | None = None
    value: Any = None
    previous_value: Any = None
    added_tags: Words = []
    removed_tags: Words = []

    @property
    def kind(self) -> str | None:
        return self.event_type or (self.type.strip().lower() if isinstance(self.type, str) else None)


class TicketEvent(Loose):
    """A row of the export of ticket events: one update, which audits call an audit."""

    id: Id
    ticket_id: Id
    updater_id: OptionalId = None
    timestamp: Time = None
    created_at: Time = None
    via: Any = None
    child_events: Annotated[list[Child], Listed] = []


class TicketRecord(Loose):
    """What we keep of a row of the export of tickets: the row, and what it only points at."""

    ticket: ExportedTicket
    users: dict[str, User] = {}
    organization: Organization | None = None
    group: str | None = None
    status_label: str | None = None
    titles: dict[str, str] = {}
    look: bool = False


class EventRecord(Loose):
    """The same of a row of the export of ticket events."""

    event: TicketEvent
    users: dict[str, User] = {}
    groups: dict[str, str] = {}
    titles: dict[str, str] = {}


class OrganizationAnswer(Loose):
    organization: Organization


class CountAnswer(Loose):
    """`GET .../comments/count`."""

    class Count(Loose):
        value: int

    count: Count


class Webhook(Loose):
    """A webhook as `GET /api/v2/webhooks` shows it; its id is a ULID."""

    id: Id
    name: str | None = None
    endpoint: Text = ""
    status: Word = None
    subscriptions: Words = []


class WebhooksAnswer(Loose):
    webhooks: list[Webhook]
    meta: OptionalPage = Page()


class WebhookAnswer(Loose):
    webhook: Webhook


class SigningSecret(Loose, hide_input_in_errors=True):
    secret: SecretStr = Field(min_length=1)


class SecretAnswer(Loose, hide_input_in_errors=True):
    signing_secret: SigningSecret


class TriggerAction(Loose):
    """`value` of a `notification_webhook` is the webhook's id and the body."""

    field: str | None = None
    value: Any = None


class TriggerRow(Loose):
    id: Id
    title: str | None = None
    active: bool = True
    conditions: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = {}
    actions: Annotated[list[TriggerAction], Listed] = []


class TriggersAnswer(Loose):
    triggers: list[TriggerRow]
    meta: OptionalPage = Page()
