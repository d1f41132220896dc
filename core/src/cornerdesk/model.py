"""The event model: what every help desk's tickets become. Imports nothing of ours, does no I/O.

Names are lower case with underscores, times are aware UTC, ids are strings and unique together with the source's
name. Unknown enum values never fail an event: they map to `other` (or None) and the vendor's own value stays in the
`*_label` field beside it. Every model here is frozen; `model_copy(update=...)` makes a changed one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import uuid_utils
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

JSON = dict[str, Any]
"""A JSON object at the edge; turned into a model at once."""


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_aware_utc)]
"""An aware time, kept in UTC."""


def new_id() -> str:
    """A UUIDv7: ours, unique, sortable by the time it was made."""
    return str(uuid_utils.uuid7())


class FrozenModel(BaseModel):
    """A model that cannot change and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="float")


class EventKind(StrEnum):
    """What happened."""

    TICKET_CREATED = "ticket.created"
    MESSAGE_ADDED = "message.added"
    TICKET_CHANGED = "ticket.changed"
    TICKET_RATED = "ticket.rated"
    TICKET_MERGED = "ticket.merged"
    TICKET_DELETED = "ticket.deleted"


class ActorKind(StrEnum):
    """Who did it; `self` is our own echo."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    AUTOMATION = "automation"
    SELF = "self"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """How we came to know of it. Only `webhook` is fresh; the others wake nobody unless a rule asks for them."""

    WEBHOOK = "webhook"
    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    REPLAY = "replay"


class Status(StrEnum):
    """`pending` waits for the customer, `on_hold` for us or a third party."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"
    SPAM = "spam"
    DELETED = "deleted"
    OTHER = "other"


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Channel(StrEnum):
    """How the customer reached us."""

    EMAIL = "email"
    CHAT = "chat"
    PHONE = "phone"
    WEB = "web"
    API = "api"
    SOCIAL = "social"
    MESSAGING = "messaging"
    OTHER = "other"


class Direction(StrEnum):
    """`inbound` from the customer, `outbound` to the customer, `internal` a note."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class CustomerKind(StrEnum):
    USER = "user"
    LEAD = "lead"
    UNKNOWN = "unknown"


class AccountStatus(StrEnum):
    PROSPECT = "prospect"
    TRIAL = "trial"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Score(StrEnum):
    GOOD = "good"
    OKAY = "okay"
    BAD = "bad"


class Actor(FrozenModel):
    """Who did something."""

    kind: ActorKind = ActorKind.UNKNOWN
    id: str | None = None
    name: str | None = None
    email: str | None = None


class Agent(FrozenModel):
    """Somebody of the company's who works tickets."""

    id: str
    name: str | None = None
    email: str | None = None


class Attachment(FrozenModel):
    """What came with a message; never downloaded unasked. `size` in bytes."""

    name: str | None = None
    type: str | None = None
    size: int | None = None
    url: str | None = None


class Message(FrozenModel):
    """One thing said on a ticket.

    `text` is plain, without quoted history and signatures, which stand in `quoted`. `html` is as it was sent: clean it
    before showing it.
    """

    id: str
    direction: Direction
    author: Actor = Actor()
    text: str = ""
    quoted: str | None = None
    html: str | None = None
    created_at: UtcTime | None = None
    attachments: tuple[Attachment, ...] = ()


class Customer(FrozenModel):
    """Who asks."""

    id: str
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    kind: CustomerKind = CustomerKind.UNKNOWN
    external_id: str | None = None


class Account(FrozenModel):
    """The customer's company, from the vendor and from the account directory. `revenue` is yearly, in `currency`."""

    id: str
    name: str | None = None
    domains: tuple[str, ...] = ()
    status: AccountStatus = AccountStatus.UNKNOWN
    tier: str | None = None
    plan: str | None = None
    revenue: float | None = None
    currency: str | None = None
    since: UtcTime | None = None
    cancelled_at: UtcTime | None = None
    owner: str | None = None
    external_id: str | None = None
    opted_out: bool = False
    fields: dict[str, Any] = Field(default_factory=dict)


class Ticket(FrozenModel):
    """A ticket after an event. `waiting_since`: the customer waits for us since then, else None."""

    id: str
    number: str | None = None
    url: str | None = None
    subject: str | None = None
    status: Status = Status.OTHER
    status_label: str | None = None
    priority: Priority | None = None
    priority_label: str | None = None
    channel: Channel = Channel.OTHER
    channel_label: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    customer: Customer | None = None
    account: Account | None = None
    assignee: Agent | None = None
    team: str | None = None
    created_at: UtcTime | None = None
    updated_at: UtcTime | None = None
    waiting_since: UtcTime | None = None
    message_count: int | None = None
    fields: dict[str, Any] = Field(default_factory=dict)


class Change(FrozenModel):
    """One field's value before and after. Either side may be None: unset, or not known."""

    before: Any = None
    after: Any = None


class Rating(FrozenModel):
    """What the customer thought of the help; `label` is the vendor's own value."""

    score: Score | None = None
    comment: str | None = None
    label: str | None = None


class Evidence(FrozenModel):
    """The words a signal rests on: `text` as written, `start` and `end` offsets in `where`."""

    text: str
    start: int
    end: int
    where: str = "message.text"


class Signal(FrozenModel):
    """A named observation a detector made, with the words it rests on."""

    name: str
    evidence: tuple[Evidence, ...] = ()


class Event(FrozenModel):
    """One thing that happened to one ticket."""

    id: str
    source: str
    helpdesk: str
    kind: EventKind
    occurred_at: UtcTime
    received_at: UtcTime
    actor: Actor = Actor()
    ticket: Ticket
    message: Message | None = None
    changes: dict[str, Change] = Field(default_factory=dict)
    rating: Rating | None = None
    origin: Origin = Origin.WEBHOOK
    raw: JSON = Field(default_factory=dict)
    """What the model has no field for: the delivery's own JSON, or {}."""


class Snapshot(FrozenModel):
    """The event with ticket, message, customer, account and signals as they stood: all that a rule can see.

    `signals` holds only those seen; `known_signals` names all that were looked for, so that an unseen one is false and
    a misspelt one an error.
    """

    event: Event
    signals: tuple[Signal, ...] = ()
    known_signals: frozenset[str] = frozenset()
    now: UtcTime
    provenance: dict[str, str] = Field(default_factory=dict)
    """Where a value came from, by its path (`account.tier`: `directory accounts.csv:4`); absent paths: the vendor."""

    @property
    def ticket(self) -> Ticket:
        return self.event.ticket

    @property
    def customer(self) -> Customer | None:
        return self.event.ticket.customer

    @property
    def account(self) -> Account | None:
        return self.event.ticket.account

    @property
    def message(self) -> Message | None:
        return self.event.message
