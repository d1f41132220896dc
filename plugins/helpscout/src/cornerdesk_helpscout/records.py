"""What a record of history tells: one conversation with its threads, its customer and their company. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cornerdesk import JSON, Actor, ActorKind, EventKind, Fact, HistoryRecord, Reading, RejectedError, load_json
from cornerdesk.wire import Loose, parse

from cornerdesk_helpscout.events import UNSENT
from cornerdesk_helpscout.facts import created_keys, deleted_fact, merged_facts, message_keys, rating_key
from cornerdesk_helpscout.mapping import DRAFT, map_rating, state_of, told_ticket
from cornerdesk_helpscout.people import actor_of
from cornerdesk_helpscout.schemas import ApiCustomer, Conversation, Organization, Thread
from cornerdesk_helpscout.threads import author_of, in_order, is_message, message_of, opening_of


class _Stored(Loose):
    conversation: Conversation
    customer: ApiCustomer | None = None
    organization: Organization | None = None


def read_record(record: HistoryRecord) -> Reading:
    """What a record tells. Pure.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    data = load_json(record.body)
    if not isinstance(data, dict) or not isinstance(data.get("conversation"), dict):
        raise RejectedError("the field `conversation` is missing: no record of a conversation")
    stored = parse(_Stored, data)
    conversation, threads = stored.conversation, stored.conversation.parts.threads
    if conversation.state == DRAFT:
        return Reading(ignored=UNSENT)
    state = state_of(conversation, threads, stored.customer, stored.organization)
    raw = {key: value for key, value in data["conversation"].items() if key != "_embedded"}
    if conversation.state == "deleted":
        return Reading(facts=(deleted_fact(conversation.id, state.as_of, raw),), states=(state,))
    facts = [
        *_said(conversation, threads, raw),
        *_ratings(conversation, threads, raw),
        *merged_facts(conversation, threads, raw),
        _looks_so(conversation, state.as_of, record.key, raw),
    ]
    return Reading(facts=tuple(facts), states=(state,))


def _said(conversation: Conversation, threads: list[Thread], raw: JSON) -> Iterator[Fact]:
    said = list({thread.id: thread for thread in in_order(threads) if is_message(thread)}.values())
    opening = opening_of(conversation, threads)
    began = conversation.createdAt or (opening.createdAt if opening else None)
    if began is None:
        return
    yield Fact(
        kind=EventKind.TICKET_CREATED,
        keys=created_keys(conversation.id, opening),
        ticket_id=conversation.id,
        occurred_at=began,
        ticket={"id": conversation.id, "created_at": began},
        actor=author_of(opening) if opening is not None else actor_of(conversation.createdBy),
        message=message_of(opening) if opening is not None else None,
        first_message=opening is not None,
        raw=raw,
    )
    for thread in said:
        if opening is None or thread.id != opening.id:
            yield _message(conversation, thread, thread.createdAt or began, raw)


def _message(conversation: Conversation, thread: Thread, at: datetime, raw: JSON) -> Fact:
    return Fact(
        kind=EventKind.MESSAGE_ADDED,
        keys=message_keys(conversation, thread, known=True),
        ticket_id=conversation.id,
        occurred_at=at,
        actor=author_of(thread),
        message=message_of(thread),
        raw=raw,
    )


def _ratings(conversation: Conversation, threads: list[Thread], raw: JSON) -> Iterator[Fact]:
    """A thread tells its rating without the time of it: later than the thread is all that is known (3.2)."""
    for thread in threads:
        given = thread.rating
        if given is None or thread.createdAt is None or (given.rating or "").lower() in ("", "unknown"):
            continue
        yield Fact(
            kind=EventKind.TICKET_RATED,
            keys=(rating_key(conversation.id, thread.id, given.rating, given.comments),),
            ticket_id=conversation.id,
            occurred_at=thread.createdAt,
            actor=_customer(conversation),
            rating=map_rating(given.rating, given.comments),
            raw=raw,
        )


def _customer(conversation: Conversation) -> Actor:
    return actor_of(conversation.primaryCustomer).model_copy(update={"kind": ActorKind.CUSTOMER})


def _looks_so(conversation: Conversation, at: datetime, key: str, raw: JSON) -> Fact:
    """How the ticket looks: what changed without a delivery having told it is found by comparing."""
    return Fact(
        kind=None,
        keys=(f"change:{key}",),
        ticket_id=conversation.id,
        occurred_at=at,
        as_of=at,
        ticket=told_ticket(conversation),
        raw=raw,
    )
