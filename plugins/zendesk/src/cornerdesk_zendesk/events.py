"""Events that Zendesk tells of: the table of every known type, and the fact that each one is. Pure.

What all facts have in common is in `facts`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from cornerdesk import (
    JSON,
    Actor,
    ActorKind,
    Change,
    Delivery,
    Direction,
    EventKind,
    Fact,
    Reading,
    RejectedError,
    Status,
)
from cornerdesk.wire import parse, read_id

from cornerdesk_zendesk import keys
from cornerdesk_zendesk.facts import ALWAYS, EVERYTHING, Told
from cornerdesk_zendesk.mapping import direction_of, map_priority, map_score, map_status, told_message
from cornerdesk_zendesk.schemas import Envelope

PREFIX = "zen:event-type"
_Handler = Callable[[Told], Fact]


def read_event(data: JSON, delivery: Delivery, pages: str) -> Reading:
    """A delivery of an event subscription; `data["type"]` is text.

    Raises:
        RejectedError: no event, or one of an unknown shape; names the field.
    """
    kind = data["type"].removeprefix(PREFIX).lstrip(":/")  # both forms are in use (1.2)
    domain, _, name = kind.partition(".")
    if not data["type"].startswith(PREFIX) or not name:
        raise RejectedError("the field `type` does not name an event such as zen:event-type:ticket.created")
    handler = EVENTS.get(kind) or DOMAINS.get(domain, UNKNOWN)
    if isinstance(handler, str):
        return Reading(ignored=handler)
    envelope = parse(Envelope, data)
    ticket_id = envelope.detail.id or _subject_id(envelope.subject)
    if ticket_id is None:
        raise RejectedError("the field `detail.id` is missing and `subject` names no ticket")
    digest = hashlib.sha256(delivery.body).hexdigest()
    told = Told(envelope, ticket_id, delivery.received_at, digest, pages, data)
    return Reading(facts=(handler(told),))


def _subject_id(subject: str | None) -> str | None:
    with suppress(ValueError):
        return read_id((subject or "").removeprefix("zen:ticket:"))
    return None


def _created(told: Told) -> Fact:
    detail = told.detail
    asks = detail.submitter_id is None or detail.submitter_id == detail.requester_id
    author = Actor(
        kind=ActorKind.CUSTOMER if asks else ActorKind.UNKNOWN, id=detail.submitter_id or detail.requester_id
    )
    message = told_message(
        f"first:{told.ticket_id}",
        detail.description,
        direction_of(detail.is_public, not asks),
        author,
        detail.created_at or told.occurred_at,
    )
    return told.fact(
        EventKind.TICKET_CREATED,
        f"created:{told.ticket_id}",
        message=message,
        first_message=True,
        needs=EVERYTHING,
    )


def _comment_added(told: Told) -> Fact:
    comment = told.envelope.event.comment
    if comment is None or (comment.id is None and not comment.body):
        raise RejectedError("the field `event.comment` is missing or holds neither `id` nor `body`")
    given, detail = comment.author, told.detail
    author_id = (given.id if given else None) or detail.actor_id
    staff = given.is_staff if given else None
    if staff is None:  # without the mark, whoever asks is no staff, and whoever works on it is
        staff = author_id is not None and author_id != detail.requester_id and author_id == detail.assignee_id
    author = Actor(
        kind=ActorKind.AGENT if staff else ActorKind.CUSTOMER, id=author_id, name=given.name if given else None
    )
    message_id = comment.id or f"event:{told.event_id}"
    message = told_message(message_id, comment.body, direction_of(comment.is_public, staff), author, told.occurred_at)
    actor = author if detail.actor_id in (None, author_id) else told.actor
    return told.fact(EventKind.MESSAGE_ADDED, f"message:{message_id}", message=message, actor=actor)


def _chat_message_added(told: Told) -> Fact:
    """A chat's deliveries hold only the ticket's id, so everything else is looked up."""
    event = told.envelope.event
    if event.message is None or event.message.id is None:
        raise RejectedError("the field `event.message.id` is missing")
    kinds = {"end_user": ActorKind.CUSTOMER, "agent": ActorKind.AGENT, "system": ActorKind.BOT}
    kind = kinds.get((event.actor.type if event.actor else None) or "", ActorKind.UNKNOWN)
    author = Actor(kind=kind, id=event.actor.id, name=event.actor.name) if event.actor else Actor()
    direction = Direction.OUTBOUND if kind in (ActorKind.AGENT, ActorKind.BOT) else Direction.INBOUND
    message = told_message(event.message.id, event.message.body, direction, author, told.occurred_at)
    return told.fact(
        EventKind.MESSAGE_ADDED, f"message:{message.id}", message=message, actor=author, needs=ALWAYS | {"ticket"}
    )


def _tags_changed(told: Told) -> Fact:
    added, removed = set(told.envelope.event.tags_added), set(told.envelope.event.tags_removed)
    after = set(told.detail.tags) if told.detail.tags is not None else added
    change = Change(before=sorted((after - added) | removed), after=sorted(after))
    return _change(told, "tags", change, became=told.became("tags", [sorted(added), sorted(removed)]))


def _custom_field_changed(told: Told) -> Fact:
    event = told.envelope.event
    field = event.custom_field or event.field
    name = (field.title or field.id) if field else None
    if not name:
        raise RejectedError("the field `event.custom_field` (or `event.field`) with `id` or `title` is missing")
    change = Change(before=event.previous, after=event.current)
    place = f"fields.{(field and field.id) or name[:100]}"
    became = told.became(place, event.current)
    return _change(told, f"fields.{name}", change, place=place, became=became, ticket={"fields": {name: event.current}})


def _rated(told: Told) -> Fact:
    given = told.envelope.event.satisfaction_score
    if given is None:
        raise RejectedError("the field `event.satisfaction_score` is missing")
    rating = map_score(given)
    named = f"rating:{told.ticket_id}:{told.event_id}", keys.rated(told.ticket_id, rating)
    return told.fact(EventKind.TICKET_RATED, *named, rating=rating)


def _merged(told: Told) -> Fact:
    change = Change(after=told.envelope.event.target_ticket_id)
    return told.fact(EventKind.TICKET_MERGED, f"merged:{told.ticket_id}", changes={"merged_into": change})


def _deleted(told: Told) -> Fact:
    ticket = {"status": Status.DELETED}
    named = f"deleted:{told.ticket_id}:{told.place}", told.deletion
    return told.fact(EventKind.TICKET_DELETED, *named, ticket=ticket)


def _marked_as_spam(told: Told) -> Fact:
    """Zendesk deletes what is spam, and history shows no more than that: it is told once, and as spam."""
    spam = Status.SPAM
    return _change(told, "status", Change(after=spam), became=(told.deletion,), ticket={"status": spam})


def _undeleted(told: Told) -> Fact:
    status = map_status(told.detail.status)
    if status in (Status.DELETED, Status.OTHER):
        return _compare(told)
    return _change(told, "status", Change(before=Status.DELETED, after=status))


def _change(
    told: Told, field: str, change: Change, *, place: str | None = None, became: tuple[str, ...] = (), **more: Any
) -> Fact:
    key = f"change:{told.ticket_id}:{place or field}:{told.place}"
    return told.fact(
        EventKind.TICKET_CHANGED, key, *(became or told.became(field, change.after)), changes={field: change}, **more
    )


def _changed(field: str, convert: Callable[[Any], Any], *needs: str) -> _Handler:
    """Reads `current` and `previous` of a field; a delivery that holds neither is compared with the ticket instead."""

    def handle(told: Told) -> Fact:
        event = told.envelope.event
        if not event.model_fields_set & {"current", "previous"}:
            return _compare(told)
        try:
            change = Change(before=convert(event.previous), after=convert(event.current))
        except (TypeError, ValueError):
            raise RejectedError(f"the fields `event.current` and `event.previous` are no {field}") from None
        if field == "status" and change.after is None:  # a status is never unset
            return _compare(told)
        return _change(told, field, change, otherwise=_told_value(field, change.after), needs=frozenset(needs))

    return handle


def _told_value(field: str, value: Any) -> dict[str, Any]:
    """The change also says how the ticket looks now, where the model has the field."""
    if field == "priority":
        return {"priority": value, "priority_label": value}
    return {field: value} if field in ("status", "subject", "type", "assignee") else {}


def _compare(told: Told, *became: str) -> Fact:
    """What a delivery tells by id alone (a group, a company, a status of one's own) is found by comparing names."""
    return told.fact(None, f"change:{told.ticket_id}:{told.place}", *became, needs=EVERYTHING)


def _compared(field: str) -> _Handler:
    """A field that holds an id; the id tells whether history told of it already."""

    def handle(told: Told) -> Fact:
        event = told.envelope.event
        return _compare(told, *(told.became(field, event.current) if "current" in event.model_fields_set else ()))

    return handle


def as_status(value: object) -> Status | None:
    return map_status(as_text(value)) if value is not None else None


def as_text(value: object) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError
    return str(value) if value not in (None, "") else None


def as_word(value: object) -> str | None:
    text = as_text(value)
    return text.lower() if text else None


def as_person(value: object) -> dict[str, str] | None:
    found = read_id(value)
    return {"id": found} if found else None


_BESIDE = "told by other events of the same action"
_NOT_MODELLED = "not part of the model"
UNKNOWN = "unknown event type"

DOMAINS: Mapping[str, str] = {
    "user": "about a user, not a ticket",
    "organization": "about an organisation, not a ticket",
    "agent": "about an agent's state, not a ticket",
}
"""Why events of these domains are ignored; an unknown event of any other domain is `UNKNOWN`."""

_TICKET: Mapping[str, _Handler | str] = {
    "created": _created,
    "comment_added": _comment_added,
    "comment_made_private": _NOT_MODELLED,
    "comment_redacted": _NOT_MODELLED,
    "attachment_linked_to_comment": _BESIDE,
    "attachment_redacted_from_comment": _NOT_MODELLED,
    "status_changed": _changed("status", as_status, "ticket"),  # the label of a status of one's own is not told
    "custom_status_changed": _compare,
    "priority_changed": _changed("priority", lambda value: map_priority(as_text(value))),
    "type_changed": _changed("type", as_word),
    "subject_changed": _changed("subject", as_text),
    "description_changed": _NOT_MODELLED,
    "agent_assignment_changed": _changed("assignee", as_person, "ticket"),
    "group_assignment_changed": _compared("team"),
    "requester_changed": _compared("customer"),
    "organization_changed": _compare,
    "submitter_changed": _changed("submitter", read_id),
    "brand_changed": _changed("brand", read_id),
    "form_changed": _changed("form", read_id),
    "external_id_changed": _changed("external_id", as_text),
    "problem_link_changed": _changed("problem", read_id),
    "task_due_at_changed": _changed("due_at", as_text),
    "tags_changed": _tags_changed,
    "custom_field_changed": _custom_field_changed,
    "email_ccs_changed": _NOT_MODELLED,
    "followers_changed": _NOT_MODELLED,
    "merged": _merged,
    "marked_as_spam": _marked_as_spam,
    "soft_deleted": _deleted,
    "undeleted": _undeleted,
    "permanently_deleted": "the ticket was deleted before",  # every deletion ends so, 30 days later
    "csat_requested": _NOT_MODELLED,
    "csat_received": _rated,
    "sla_policy_changed": _NOT_MODELLED,
    "ola_policy_changed": _NOT_MODELLED,
    "schedule_changed": _NOT_MODELLED,
    "next_sla_breach_changed": _NOT_MODELLED,
}
EVENTS: Mapping[str, _Handler | str] = {
    **{f"ticket.{name}": handler for name, handler in _TICKET.items()},
    "messaging_ticket.message_added": _chat_message_added,
}
"""Every event type that Zendesk is known to send about tickets (1.3): what reads it, or why it is ignored."""

SUBSCRIBED: tuple[str, ...] = tuple(
    f"{PREFIX}:{kind}" for kind, handler in EVENTS.items() if not isinstance(handler, str)
)
"""What we ask for: every event that becomes something, in the spelling with a colon."""
