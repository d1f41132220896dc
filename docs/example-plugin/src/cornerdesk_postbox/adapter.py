"""The help desk `postbox`, which exists nowhere: it sends letters as signed JSON and takes notes through its API.

{"letter": "L-1", "about": "12", "sent": "2026-03-04T12:00:00Z", "first": true,
 "from": {"id": "7", "name": "Hank", "email": "hank@globex.example"}, "subject": "Hello", "text": "Thank you!"}
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar

import httpx
from cornerdesk import (
    Actor,
    ActorKind,
    Adapter,
    ApiClient,
    Capability,
    Channel,
    Customer,
    Delivery,
    Direction,
    EventKind,
    Fact,
    Message,
    Reading,
    Receipt,
    RejectedError,
    SourceSettings,
    Status,
    check_signature,
    load_json,
    text_hint,
)
from pydantic import AwareDatetime, BaseModel, Field, SecretStr, ValidationError

SIGNATURE = "x-postbox-signature"


class PostboxSourceSettings(SourceSettings):
    """What stands under a source with `adapter: postbox`."""

    webhook_secret: SecretStr = Field(description="what letters are signed with")
    api_token: SecretStr = Field(SecretStr(""), description="for notes")


class Sender(BaseModel):
    """Who wrote."""

    id: str
    name: str | None = None
    email: str | None = None


class Letter(BaseModel):
    """One letter as it is delivered. What is not named here is left alone: vendors add fields."""

    letter: str
    about: str
    sent: AwareDatetime
    first: bool = False
    sender: Sender = Field(alias="from")
    subject: str | None = None
    text: str


class PostboxAdapter(Adapter):
    """One postbox. `transport` stands in for the network in tests."""

    helpdesk: ClassVar[str] = "postbox"
    settings_model: ClassVar[type[SourceSettings]] = PostboxSourceSettings
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.SIGNED_WEBHOOKS, Capability.NOTE})

    def __init__(
        self, source: str, settings: PostboxSourceSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(source, settings)
        self._secret = settings.webhook_secret
        self._api = ApiClient(
            settings.base_url or "https://api.postbox.example",
            name="Postbox",
            headers={"authorization": f"Bearer {settings.api_token.get_secret_value()}"},
            transport=transport,
        )

    async def aclose(self) -> None:
        """Close connections."""
        await self._api.aclose()

    # Pure: these run while the vendor waits, again in replay, and in tests.

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """HMAC-SHA256 of the body, in hex."""
        check_signature(
            delivery.headers.get(SIGNATURE), [self._secret], delivery.body, encoding="hex", header=SIGNATURE
        )

    def delivery_key(self, delivery: Delivery) -> str:
        """Postbox gives deliveries no id, so the same body is the same delivery."""
        return hashlib.sha256(delivery.body).hexdigest()

    def read(self, delivery: Delivery) -> Reading:
        """A letter is one new message; the first of a matter makes the ticket."""
        data = load_json(delivery.body)
        if isinstance(data, dict) and "letter" not in data:
            return Reading(ignored="not a letter")
        try:
            letter = Letter.model_validate(data)
        except ValidationError as error:
            # Only where, never what: the value may be a customer's words.
            fields = ", ".join(".".join(map(str, each["loc"])) or "the body" for each in error.errors())
            raise RejectedError(f"no letter that can be read: {fields}") from None
        return Reading(facts=(_fact(letter, data),))

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        """Postbox takes a note with one key once, so it may be repeated."""
        answer = await self._api.request(
            "POST", f"/matters/{ticket_id}/notes", json={"text": text, "key": marker}, repeatable=True
        )
        return Receipt(id=str(answer.json()["id"]), echoes=(text_hint(text),))


def _fact(letter: Letter, raw: object) -> Fact:
    sender = letter.sender
    return Fact(
        kind=EventKind.TICKET_CREATED if letter.first else EventKind.MESSAGE_ADDED,
        keys=(f"message:{letter.letter}",),
        ticket_id=letter.about,
        occurred_at=letter.sent,
        as_of=letter.sent,
        ticket={
            "number": letter.about,
            "status": Status.OPEN,
            "channel": Channel.WEB,
            "customer": Customer(id=sender.id, name=sender.name, email=sender.email),
            **({"subject": letter.subject} if letter.subject else {}),
        },
        actor=Actor(kind=ActorKind.CUSTOMER, id=sender.id, name=sender.name, email=sender.email),
        message=Message(
            id=letter.letter, direction=Direction.INBOUND, text=letter.text, created_at=letter.sent,
            author=Actor(kind=ActorKind.CUSTOMER, id=sender.id, name=sender.name, email=sender.email),
        ),
        first_message=letter.first,
        raw=raw if isinstance(raw, dict) else {},
    )  # fmt: skip
