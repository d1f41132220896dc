"""Events that Help Scout tells of: the table of every known one, and the facts that each one is. Pure.

How facts are named is told in `facts`.

Which thread caused a delivery is not told, and how many threads a body brings, and in which order, is not documented
(1.4). So of the threads of the kind that the event is about, the newest counts, with all that were written shortly
before it: two quick replies make two deliveries, and both bodies may hold both. Where a body brings no such thread, or
only old ones, the fact says "look at this ticket".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cornerdesk import (
    JSON,
    Actor,
    ActorKind,
    Delivery,
    Direction,
    EventKind,
    Fact,
    Reading,
    RejectedError,
)
from cornerdesk.wire import parse

from cornerdesk_helpscout.facts import (
    complete,
    created_keys,
    deleted_fact,
    merged_facts,
    message_keys,
    rating_key,
)
from cornerdesk_helpscout.mapping import DRAFT, PAGES, as_of, map_rating, told_ticket
from cornerdesk_helpscout.people import actor_of
from cornerdesk_helpscout.schemas import ApiRating, Conversation, OnlyId, Thread, id_in_address
from cornerdesk_helpscout.threads import author_of, direction_of, in_order, is_message, message_of, opening_of

ACCOUNT = frozenset({"account"})
"""What no body tells: the customer's company."""

EVERYTHING = frozenset({"ticket", "customer", "account", "fields", "message", "actor"})

TOGETHER = timedelta(minutes=5)
"""Threads of one kind this close to the newest may have come with it."""

LONGEST_DELAY = timedelta(hours=1)
"""A delivery is given up sooner: ten attempts, each after twice the wait of the one before (1.7)."""


@dataclass(frozen=True)
class _Told:
    """One conversation, parsed, with what every fact made of it shares."""

    conversation: Conversation
    received_at: datetime
    delivery: str
    raw: JSON

    @property
    def id(self) -> str:
        return self.conversation.id

    @property
    def complete(self) -> bool:
        """Whether the body brings every thread that was ever written."""
        return complete(self.conversation)

    @property
    def opening(self) -> Thread | None:
        """What it began with; None where the body does not bring every thread."""
        return opening_of(self.conversation, self.conversation.parts.threads) if self.complete else None

    def fact(self, kind: EventKind | None, keys: tuple[str, ...], **more: Any) -> Fact:
        told = told_ticket(self.conversation)
        whole = {"status", "subject", "customer"} <= told.keys()
        needs = (ACCOUNT if whole else EVERYTHING - {"message"}) | more.pop("needs", frozenset())
        more.setdefault("occurred_at", self.received_at)
        return Fact(
            kind=kind,
            keys=keys,
            ticket_id=self.id,
            as_of=as_of(self.conversation),
            ticket=told,
            needs=needs,
            raw=self.raw,
            **more,
        )

    def look(self) -> Fact:
        """What changed, or was said, is to be found there: not before the state that is told, and not longer ago than a
        delivery can take.

        Also where the body brings a whole state: one action makes several deliveries, which come in any order, and
        states of one second cannot be told apart (2.4). What the API shows afterwards is later than all of them.
        """
        since = max(as_of(self.conversation) or self.received_at, self.received_at - LONGEST_DELAY)
        key = f"change:{self.id}:{self.delivery}"
        return self.fact(None, (key,), needs=frozenset({"message"}), occurred_at=min(since, self.received_at))

    def is_recent(self, thread: Thread) -> bool:
        return thread.createdAt is not None and thread.createdAt > self.received_at - LONGEST_DELAY


_Handler = Callable[[_Told], Sequence[Fact]]


def read_event(name: str, data: object, delivery: Delivery, key: str) -> Reading:
    """A delivery whose event is called `name`, in lower case; `key` is the delivery's.

    Raises:
        RejectedError: a body of an unknown shape; names the field.
    """
    handler = EVENTS.get(name, UNKNOWN)
    if isinstance(handler, str):
        return Reading(ignored=handler)
    told_by = key.removeprefix("state:")[:32]
    if name == "satisfaction.ratings":
        return Reading(facts=(_rated(data, delivery),))
    if name == "convo.deleted":
        return Reading(facts=(_deleted(data, delivery),))
    if not is_whole(data):
        return Reading(facts=(_thin(name, data, delivery, told_by),))
    assert isinstance(data, dict)
    _refuse_v1(data)
    conversation = parse(Conversation, data)
    if conversation.state == DRAFT:
        return Reading(ignored=UNSENT)
    facts = handler(_Told(conversation, delivery.received_at, told_by, data))
    return Reading(facts=tuple(facts))


# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


def _created(told: _Told) -> Sequence[Fact]:
    opening = told.opening
    message = message_of(opening) if opening is not None else None
    creator = actor_of(told.conversation.createdBy)
    fact = told.fact(
        EventKind.TICKET_CREATED,
        created_keys(told.id, opening),
        occurred_at=told.conversation.createdAt or told.received_at,
        actor=message.author if message is not None and creator.id is None else creator,
        message=message,
        first_message=message is not None,
        needs=frozenset() if message is not None else frozenset({"message"}),
    )
    return (fact,)


def _said(direction: Direction) -> _Handler:
    def handle(told: _Told) -> Sequence[Fact]:
        threads = [thread for thread in in_order(told.conversation.parts.threads) if is_message(thread)]
        opening = told.opening
        fitting = [thread for thread in threads if direction_of(thread) is direction and thread.createdAt is not None]
        newest = max(enumerate(fitting), key=lambda each: (_time(each[1]), each[0]), default=(0, None))[1]
        if newest is None or not told.is_recent(newest):
            return (told.look(),)
        together = [
            thread
            for thread in fitting
            # The opening message comes with the conversation.
            if thread is newest or (thread is not opening and _time(newest) - _time(thread) <= TOGETHER)
        ]
        return [_message(told, thread, first=thread is opening) for thread in together]

    return handle


def _time(thread: Thread) -> datetime:
    assert thread.createdAt is not None
    return thread.createdAt


def _message(told: _Told, thread: Thread, *, first: bool) -> Fact:
    return told.fact(
        EventKind.MESSAGE_ADDED,
        message_keys(told.conversation, thread, known=first or told.complete),
        occurred_at=_time(thread),
        actor=author_of(thread),
        message=message_of(thread),
        first_message=first,
    )


def _look(told: _Told) -> Sequence[Fact]:
    return (told.look(),)


def _merged(told: _Told) -> Sequence[Fact]:
    """The body is the one that stays; which one it took in, only a line item may tell (3.4)."""
    recent = [thread for thread in told.conversation.parts.threads if told.is_recent(thread)]
    gone = merged_facts(told.conversation, recent, told.raw)
    return (*gone, told.look())


# ── bodies that are no conversation ─────────────────────────────────────────────────────────────────────────────────


def _deleted(data: object, delivery: Delivery) -> Fact:
    ticket_id = _named_id(data)
    if ticket_id is None:
        raise RejectedError("the field `id` is missing: the body names no conversation")
    return deleted_fact(ticket_id, delivery.received_at, data if isinstance(data, dict) else {})


def _rated(data: object, delivery: Delivery) -> Fact:
    if not isinstance(data, dict):
        raise RejectedError("the body is JSON, but no object: no rating")
    if "conversationId" not in data:
        if "ticketId" in data:
            raise RejectedError(_V1)
        raise RejectedError(
            "the field `conversationId` is missing: a subscription with `notification` on tells ratings by their"
            " address only; switch that off (`cornerdesk webhooks register` does)"
        )
    rating = parse(ApiRating, data)
    told: dict[str, Any] = {"id": rating.conversationId}
    if rating.conversationNumber is not None:
        number = rating.conversationNumber
        told |= {"number": number, "url": f"{PAGES}{rating.conversationId}/{number}"}
    actor = actor_of(rating.customer)
    return Fact(
        kind=EventKind.TICKET_RATED,
        keys=(rating_key(rating.conversationId, rating.threadId, rating.rating, rating.comments),),
        ticket_id=rating.conversationId,
        occurred_at=rating.modifiedAt or rating.createdAt or delivery.received_at,
        ticket=told,
        actor=actor.model_copy(update={"kind": ActorKind.CUSTOMER}) if actor.id else Actor(),
        rating=map_rating(rating.rating, rating.comments),
        needs=EVERYTHING - {"message"},
        raw=data,
    )


def is_whole(data: object) -> bool:
    """Whether this is a conversation, rather than its address or its id (1.5)."""
    return isinstance(data, dict) and "id" in data and not data.keys().isdisjoint(("status", "number", "subject"))


def _thin(name: str, data: object, delivery: Delivery, told_by: str) -> Fact:
    ticket_id = _named_id(data)
    if ticket_id is None:
        raise RejectedError("the body is neither a conversation nor the id or address of one")
    created = name in _CREATIONS
    return Fact(
        kind=EventKind.TICKET_CREATED if created else None,
        keys=(f"created:{ticket_id}" if created else f"change:{ticket_id}:{told_by}",),
        ticket_id=ticket_id,
        occurred_at=delivery.received_at,
        ticket={"id": ticket_id},
        needs=EVERYTHING,
        raw=data if isinstance(data, dict) else {},
    )


def _named_id(data: object) -> str | None:
    if isinstance(data, dict) and data.get("id") is not None:
        return parse(OnlyId, data).id
    return next(_addressed(data, 4), None)


def _addressed(data: object, depth: int) -> Iterator[str]:
    """Ids of conversations that addresses in the body name. Which field holds the address is not documented (1.5)."""
    if isinstance(data, str):
        if (found := id_in_address(data)) is not None:
            yield found
    elif depth and isinstance(data, dict | list):
        for item in data.values() if isinstance(data, dict) else data:
            yield from _addressed(item, depth - 1)


_V1 = (
    "a body of payload version V1, which Help Scout retired; make the subscription anew with payloadVersion V2"
    " (`cornerdesk webhooks register` does)"
)


def _refuse_v1(data: JSON) -> None:
    if isinstance(data.get("threads"), list) or "threadCount" in data or "owner" in data:
        raise RejectedError(_V1)


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _elsewhere(told: _Told) -> Sequence[Fact]:
    raise AssertionError("read before the body is taken for a conversation")


UNKNOWN = "unknown event"
UNSENT = "a draft that nobody has sent yet"
_TEST = "a test delivery"
_OF_CUSTOMER = "about a customer, not a conversation"
_OF_ORGANIZATION = "about an organisation, not a conversation"
_OF_TAG = "about a tag, not a conversation"
_OF_USER = "about a user's state, not a conversation"
_SURVEY = "the answer to a Beacon message, not part of the model"
_CHAT = "a live chat, which becomes a conversation when it ends"

SAYS_LITTLE = frozenset({"convo.deleted"})
"""Events whose whole body is an id (1.3)."""

_CREATIONS = frozenset({"convo.created", "convo.ai-answers.created"})

EVENTS: Mapping[str, _Handler | str] = {
    "convo.created": _created,
    "convo.ai-answers.created": _created,
    "convo.assigned": _look,
    "convo.status": _look,
    "convo.tags": _look,
    "convo.custom-fields": _look,
    "convo.moved": _look,
    "convo.merged": _merged,
    "convo.deleted": _elsewhere,
    "convo.customer.reply.created": _said(Direction.INBOUND),
    "convo.agent.reply.created": _said(Direction.OUTBOUND),
    "convo.note.created": _said(Direction.INTERNAL),
    "convo.ai-answers-email.reply.created": _look,  # known by name only
    "convo.ai-answers-email.resolution": _look,  # the same
    "satisfaction.ratings": _elsewhere,
    "customer.created": _OF_CUSTOMER,
    "customer.updated": _OF_CUSTOMER,
    "customer.deleted": _OF_CUSTOMER,
    "organization.created": _OF_ORGANIZATION,
    "organization.updated": _OF_ORGANIZATION,
    "organization.deleted": _OF_ORGANIZATION,
    "tag.created": _OF_TAG,
    "tag.updated": _OF_TAG,
    "tag.deleted": _OF_TAG,
    "user.status.changed": _OF_USER,
    "message.survey.response.received": _SURVEY,
    "beacon.chat.created": _CHAT,
    "beacon.chat.customer.replied": _CHAT,
    "beacon.chat.agent.replied": _CHAT,
    "beacon.chat.assigned": _CHAT,
    "helpscout.test": _TEST,
}
"""Every event that Help Scout is known to send (1.3): what reads it, or why it is ignored."""

SUBSCRIBED = (
    "convo.created",
    "convo.assigned",
    "convo.status",
    "convo.tags",
    "convo.custom-fields",
    "convo.moved",
    "convo.merged",
    "convo.deleted",
    "convo.customer.reply.created",
    "convo.agent.reply.created",
    "convo.note.created",
    "satisfaction.ratings",
)
"""What a subscription of ours sends: of the events that we read, those that the API's list of events has (1.3)."""
