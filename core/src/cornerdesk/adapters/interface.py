"""What an adapter is. This file is the manual: subclass `Adapter`, declare what you can do, implement that.

Pure methods (`verify`, `delivery_key`, `read`, `read_history`) do no I/O and take the clock as an argument; they run
while a vendor waits, again in replay, and in tests. The others talk to the vendor (`cornerdesk.ApiClient`), may raise
any `RetryableError`, `UnknownOutcomeError`, `RejectedError` or `CredentialsError`, and are only called for declared
capabilities.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from cornerdesk.adapters.credentials import CredentialStore
from cornerdesk.adapters.history import HistoryPage, HistoryRecord
from cornerdesk.adapters.subscriptions import Registration, Subscription
from cornerdesk.durations import Duration
from cornerdesk.errors import UnsupportedError
from cornerdesk.model import (
    JSON,
    Actor,
    Change,
    EventKind,
    FrozenModel,
    Message,
    Priority,
    Rating,
    Status,
    Ticket,
    UtcTime,
)


class Capability(StrEnum):
    """What an adapter can do. What is declared is tested; what is not declared raises `UnsupportedError`.

    `about` says it in a table for people.
    """

    about: str

    def __new__(cls, value: str, about: str = "") -> Capability:
        member = str.__new__(cls, value)
        member._value_ = value
        member.about = about
        return member

    SIGNED_WEBHOOKS = "signed_webhooks", "webhooks are signed"
    BEFORE_AND_AFTER = "before_and_after", "webhooks tell a changed field's old value"
    RATINGS = "ratings", "ratings by customers"
    HYDRATION = "hydration", "what a webhook lacks is fetched"
    NOTE = "note", "add an internal note"
    TAG = "tag", "add tags"
    UNTAG = "untag", "remove tags"
    ASSIGN = "assign", "assign to agents and teams"
    PRIORITY = "priority", "set the priority"
    STATUS = "status", "set the status"
    LOOK_UP = "look_up", "find out whether a write without an answer took place"
    HISTORY = "history", "backfill and reconcile"
    WEBHOOK_LISTING = "webhook_listing", "tell which webhook subscriptions there are"
    WEBHOOK_REGISTRATION = "webhook_registration", "make and mend webhook subscriptions"


class SourceSettings(BaseModel):
    """What every source has in cornerdesk.yaml; an adapter subclasses it with its own settings.

    Secrets are `pydantic.SecretStr`. Descriptions of fields appear in the JSON Schema and in error messages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    adapter: str = Field(description="the adapter's name, as in `cornerdesk plugins list`")
    base_url: str | None = Field(None, description="another address of the API: a sandbox, a proxy, a fake")
    reconcile: Duration | None = Field(
        timedelta(minutes=15),
        description="how often the API is asked for what webhooks lost, such as 15m; null switches it off",
    )


class Delivery(FrozenModel):
    """One raw webhook request as it came. Header names are lower case; `body` is the exact bytes that were signed."""

    headers: Mapping[str, str]
    body: bytes
    received_at: UtcTime


class Fact(FrozenModel):
    """One thing a delivery tells about one ticket, in our words, as far as the delivery tells it.

    Attributes:
        kind: what happened, or None when the delivery only says how the ticket looks now (the core then compares with
            the stored ticket and finds out).
        keys: names of this fact within its source, the most telling first, such as `("message:77",)`. A fact any of
            whose keys was seen before is the same fact in another delivery and makes no second event. At least one.
        ticket_id: what the vendor's API calls the ticket.
        occurred_at: when it happened at the vendor.
        as_of: the vendor's `updated_at` of the ticket state told here, or None; older than stored never overwrites.
        ticket: the ticket's fields as far as told, named and typed as in `model.Ticket` (so `Ticket.model_validate`
            of a full one works). Absent keys are not told.
        actor: who did it, as far as told (an id alone will do; hydration completes it).
        message: the message it is about.
        changes: before and after, where the vendor tells.
        rating: for `ticket.rated`.
        first_message: True when the message is known to be the ticket's first.
        needs: parts a rule could want that are not told here, of "ticket", "customer", "account", "fields", "message",
            "actor".
        raw: the delivery's own JSON.
    """

    kind: EventKind | None
    keys: tuple[str, ...] = Field(min_length=1)
    ticket_id: str
    occurred_at: UtcTime
    as_of: UtcTime | None = None
    ticket: dict[str, Any] = Field(default_factory=dict)
    actor: Actor = Actor()
    message: Message | None = None
    changes: dict[str, Change] = Field(default_factory=dict)
    rating: Rating | None = None
    first_message: bool = False
    needs: frozenset[str] = frozenset()
    raw: JSON = Field(default_factory=dict)


class TicketState(FrozenModel):
    """A ticket as the vendor's API shows it now: complete, with customer, account and custom fields by name.

    Attributes:
        ticket: complete.
        as_of: the vendor's `updated_at`.
        first_message: the message that opened it, where the API tells it, else None.
        messages: the latest of its messages, oldest first, as many as the API tells without more effort; so that the
            core can find a message that no delivery told (a trigger only says "look at this ticket").
        people: everybody named in it by id, to complete actors (`kind`, `name`, `email`).
    """

    ticket: Ticket
    as_of: UtcTime
    first_message: Message | None = None
    messages: tuple[Message, ...] = ()
    people: dict[str, Actor] = Field(default_factory=dict)


class Reading(FrozenModel):
    """What `read` makes of a delivery, or `read_history` of a record: facts, or the reason why there are none.

    Attributes:
        facts: in any order.
        ignored: the reason; ignored deliveries are counted by it, so it is one of few.
        states: of tickets that the facts are about, where the delivery tells all that `fetch_ticket` would: then nobody
            asks the vendor. Only `read_history` has them.
    """

    facts: tuple[Fact, ...] = ()
    ignored: str | None = None
    states: tuple[TicketState, ...] = ()


class Receipt(FrozenModel):
    """The vendor's proof of a write: `id` (a comment, an audit, ...), and `echoes`, hints by which the delivery that
    tells us of our own write will be recognised (see `adapters.echo`)."""

    id: str | None = None
    echoes: tuple[str, ...] = ()
    detail: str | None = None


class Adapter(ABC):
    """One connected source of one vendor. Made per source; used from one event loop.

    Args:
        source: the source's name in the configuration.
        settings: an instance of `self.settings_model`.
    """

    helpdesk: ClassVar[str]
    """The adapter's name: `zendesk`."""

    settings_model: ClassVar[type[SourceSettings]] = SourceSettings
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    vendor_chooses_secret: ClassVar[bool] = False
    """True: `register_webhook` brings a secret of the vendor's, which has to be kept; False: it takes ours."""

    def __init__(self, source: str, settings: Any) -> None:
        self.source = source
        self.settings = settings

    @property
    def token_secret(self) -> SecretStr | None:
        """The secret of the settings that stored tokens are encrypted with, such as an OAuth client's: every process
        has it and no table does. None: there are no tokens to store."""
        return None

    def use_credentials(self, store: CredentialStore) -> None:  # noqa: B027 - most have no tokens that change
        """Keep tokens that change in `store`. Called once, before anything else, where there is a `token_secret`;
        without it, in memory will do."""

    async def aclose(self) -> None:  # noqa: B027 - nothing to close unless the adapter opened something
        """Close what was opened. Called once, at shutdown."""

    # ── pure ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def verify(self, delivery: Delivery, now: datetime) -> None:
        """Check the signature over the raw bytes, with every secret that is valid now.

        Raises:
            SignatureError: missing, wrong or too old; the message says which, without the secret.
        """

    @abstractmethod
    def delivery_key(self, delivery: Delivery) -> str:
        """A name for this delivery that survives the vendor's retries, unique within the source. Never raises: where
        the body cannot be read, a hash of it will do."""

    @abstractmethod
    def read(self, delivery: Delivery) -> Reading:
        """What the delivery tells.

        Raises:
            RejectedError: JSON of no known shape; names the field. The delivery becomes a dead letter.
        """

    def read_history(self, record: HistoryRecord) -> Reading:
        """What a record of `fetch_history` tells. Its facts have the keys that `read` gives the same facts, so that
        what a webhook told already, or tells later, is told once. Needs HISTORY.

        Raises:
            RejectedError: JSON of no known shape; names the field. The record becomes a dead letter.
        """
        raise UnsupportedError(f"{self.helpdesk} tells no history")

    # ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def own_user_id(self) -> str | None:
        """The vendor's id of the user we write as, cached; None where the vendor cannot tell. Needs HYDRATION."""
        raise UnsupportedError(f"{self.helpdesk} cannot tell who we are")

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        """The ticket as it stands now. Needs HYDRATION.

        Raises:
            RejectedError: the ticket does not exist any more.
        """
        raise UnsupportedError(f"{self.helpdesk} cannot fetch tickets")

    async def check(self) -> str:
        """Ask the vendor whether our credentials work; returns a line for people. For `check --online` and `doctor`.

        Of credentials that will stop working it says so in these words: `ends on 30 April 2027`.
        """
        raise UnsupportedError(f"{self.helpdesk} cannot check its credentials")

    # ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        """One page of the tickets that changed since `since`, those that changed first first. Needs HISTORY.

        Called page after page, with `cursor` of the page before until `end`, then again when the next reconcile is
        due. A ticket that changes meanwhile comes again on a later page. Whatever a page holds may be told twice and
        may not be left out: where the vendor's pages shift, overlap them, in time or in place.

        Keeps within the vendor's limits as its answers' headers tell them, and leaves room for everybody else
        (`ApiClient.request(..., background=True)`).

        Args:
            since: where to begin; None: at the beginning. The same for every page of one run.
            cursor: of the page before, or None for the first.

        Raises:
            RetryableError: not now; the same page will be asked for again.
        """
        raise UnsupportedError(f"{self.helpdesk} tells no history")

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        """Every subscription of the account, other people's too. Needs WEBHOOK_LISTING."""
        raise UnsupportedError(f"{self.helpdesk} does not tell which subscriptions there are")

    async def register_webhook(self, url: str) -> Registration:
        """Make a subscription that sends everything we can use to `url`. Needs WEBHOOK_REGISTRATION.

        Raises:
            UnsupportedError: only a person can; says where and how.
        """
        raise UnsupportedError(f"in {self.helpdesk} subscriptions are made by hand")

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        """Switch it on, have it send everything we can use, and to `url`. Needs WEBHOOK_REGISTRATION.

        Raises:
            UnsupportedError: only a person can; says where and how.
        """
        raise UnsupportedError(f"in {self.helpdesk} subscriptions are mended by hand")

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────
    # `marker` is unique for the effect: put it where the vendor keeps it and customers do not see it, so that
    # `find_write` finds it after an unknown outcome. Only `add_note` may not be repeated, so only its marker is looked
    # for. Where a note has no other place for it than its text, `read` and `fetch_ticket` take it off again.

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        """Add an internal note; the customer never sees it. Needs NOTE.

        Raises:
            RejectedError: the ticket is closed, deleted or gone.
            UnknownOutcomeError: sent, and no answer came.
        """
        raise UnsupportedError(f"{self.helpdesk} cannot add notes")

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        """Add tags and lose nobody else's. Repeating it is harmless. Needs TAG."""
        raise UnsupportedError(f"{self.helpdesk} cannot add tags")

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        """Remove tags and touch no other. Repeating it is harmless. Needs UNTAG."""
        raise UnsupportedError(f"{self.helpdesk} cannot remove tags")

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        """Assign to an agent (id or e-mail) and/or a team (id or name). Repeating it is harmless. Needs ASSIGN."""
        raise UnsupportedError(f"{self.helpdesk} cannot assign tickets")

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        """Set the priority. Repeating it is harmless. Needs PRIORITY."""
        raise UnsupportedError(f"{self.helpdesk} has no priorities")

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        """Set the status. Repeating it is harmless. Needs STATUS."""
        raise UnsupportedError(f"{self.helpdesk} cannot set the status")

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        """The receipt of the write that carried `marker`, or None when it certainly did not take place. Needs
        LOOK_UP. Asked after an `add_note` of unknown outcome: every other write is simply repeated."""
        raise UnsupportedError(f"{self.helpdesk} cannot look a write up")
