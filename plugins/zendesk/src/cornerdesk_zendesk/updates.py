"""Updates of tickets, as history records them: what one said and changed. Pure; `records` reads everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cornerdesk import JSON, Actor, Change, EventKind, Fact, RejectedError, Status
from cornerdesk.wire import parse, read_id

from cornerdesk_zendesk import keys
from cornerdesk_zendesk.events import as_person, as_status, as_text, as_word
from cornerdesk_zendesk.facts import ALWAYS, SYSTEM
from cornerdesk_zendesk.mapping import actor_of, map_priority, message_of
from cornerdesk_zendesk.schemas import Child, Comment, EventRecord, User

SAID = frozenset({"comment", "voicecomment"})
GONE = Actor(name="deleted user")
"""Somebody whom Zendesk does not know any more. Without an id: nobody need look for them."""


def person_of(user_id: str | None, users: Mapping[str, User]) -> Actor:
    """Somebody whom a record names by id, as far as it knows them."""
    if user_id is None:
        return Actor()
    if user_id == SYSTEM.id:
        return SYSTEM
    return actor_of(users[user_id]) if user_id in users else GONE


@dataclass(frozen=True)
class _Field:
    """A field of a ticket that updates change: what we call it, and how its values read."""

    name: str
    read: Callable[[Any], Any]


def _priority(value: Any) -> Any:
    return map_priority(as_text(value))


FIELDS: Mapping[str, _Field] = {
    "status": _Field("status", as_status),
    "priority": _Field("priority", _priority),
    "type": _Field("type", as_word),
    "subject": _Field("subject", as_text),
    "assignee_id": _Field("assignee", as_person),
    "group_id": _Field("team", read_id),
    "requester_id": _Field("customer", as_person),
    "submitter_id": _Field("submitter", read_id),
    "brand_id": _Field("brand", read_id),
    "ticket_form_id": _Field("form", read_id),
    "external_id": _Field("external_id", as_text),
    "problem_id": _Field("problem", read_id),
    "due_at": _Field("due_at", as_text),
}
"""By the API's name. Custom fields and tags are read apart; other fields are not part of the model."""


@dataclass(frozen=True)
class Update:
    """One update, with what every fact made of it shares."""

    record: EventRecord
    pages: str
    raw: JSON

    @property
    def at(self) -> datetime:
        event = self.record.event
        time = event.created_at or event.timestamp
        if time is None:
            raise RejectedError("the fields `event.created_at` and `event.timestamp` are missing")
        return time

    def facts(self) -> Iterator[Fact]:
        children = self.record.event.child_events
        opens = any(child.kind == "create" for child in children)
        for child in children:
            if child.kind in SAID:
                yield self._message(child, opens)
            elif child.kind == "change":
                yield from self._changes(child)

    def _fact(self, kind: EventKind, named: tuple[str, ...], **more: Any) -> Fact:
        ticket_id = self.record.event.ticket_id
        return Fact(
            kind=kind,
            keys=named,
            ticket_id=ticket_id,
            occurred_at=self.at,
            as_of=self.at,
            ticket={"id": ticket_id, "number": ticket_id, "url": self.pages + ticket_id},
            needs=ALWAYS - {"actor"},
            raw=self.raw,
            **more,
        )

    def _actor(self, child: Child) -> Actor:
        """What a trigger does within somebody's update is the trigger's doing."""
        if {channel_of(child.via), channel_of(self.record.event.via)} & {"rule"}:
            return SYSTEM
        return person_of(self.record.event.updater_id, self.record.users)

    def _message(self, child: Child, first: bool) -> Fact:
        comment = parse(Comment, child.model_dump())
        people = {user_id: actor_of(user) for user_id, user in self.record.users.items()}
        if comment.author_id is not None:
            people.setdefault(comment.author_id, person_of(comment.author_id, self.record.users))
        message = message_of(comment, people).model_copy(update={"created_at": comment.created_at or self.at})
        return self._fact(
            EventKind.MESSAGE_ADDED,
            (f"message:{comment.id}",),
            message=message,
            first_message=first,
            actor=message.author,
        )

    def _changes(self, child: Child) -> Iterator[Fact]:
        for name, after in _changed(child):
            if name == "tags":
                yield self._tags(child, after)
            elif name in FIELDS:
                told = self._change(child, FIELDS[name], after)
                # That it was deleted, the ticket's own record tells; and a status is never unset.
                if told.changes.get("status", Change(after=Status.OTHER)).after not in (Status.DELETED, None):
                    yield told
            elif name.isascii() and name.isdigit():
                yield self._custom_field(child, name, after)

    def _change(self, child: Child, field: _Field, after: Any) -> Fact:
        try:
            change = Change(before=field.read(child.previous_value), after=field.read(after))
        except (TypeError, ValueError):
            raise RejectedError(f"the field `event.child_events` holds a change that is no {field.name}") from None
        value = change.after["id"] if field.name == "customer" and change.after else change.after
        if field.name == "team":
            change = Change(before=self._group(change.before), after=self._group(change.after))
        return self._told(child, field.name, field.name, value, change)

    def _group(self, group_id: str | None) -> str | None:
        return self.record.groups.get(group_id, group_id) if group_id is not None else None

    def _custom_field(self, child: Child, field_id: str, after: Any) -> Fact:
        title = self.record.titles.get(field_id, field_id)
        change = Change(before=child.previous_value, after=after)
        return self._told(child, f"fields.{title}", f"fields.{field_id}", after, change)

    def _tags(self, child: Child, after: Any) -> Fact:
        now, before = _tags(after), _tags(child.previous_value)
        added, removed = set(child.added_tags) or now - before, set(child.removed_tags) or before - now
        change = Change(before=sorted((now - added) | removed), after=sorted(now))
        return self._told(child, "tags", "tags", [sorted(added), sorted(removed)], change)

    def _told(self, child: Child, name: str, place: str, value: Any, change: Change) -> Fact:
        event = self.record.event
        named = (
            f"change:{event.ticket_id}:{place[:100]}:audit-{event.id}:{child.id or ''}",
            *keys.became_recorded(event.ticket_id, place, value, self.at),
        )
        return self._fact(EventKind.TICKET_CHANGED, named, changes={name: change}, actor=self._actor(child))


def _changed(child: Child) -> Iterator[tuple[str, Any]]:
    """Fields and their new values, in either of the two ways in which a change is written (see `Child`)."""
    if child.field_name is not None:
        yield child.field_name, child.value
        return
    extra = child.model_extra or {}
    for name in (*FIELDS, "tags"):
        if name in extra:
            yield name, extra[name]
    if "type" in child.model_fields_set and child.event_type is not None and child.type != "Change":
        yield "type", child.type
    if "tags" not in extra and (child.added_tags or child.removed_tags):
        yield "tags", sorted((_tags(child.previous_value) | set(child.added_tags)) - set(child.removed_tags))
    custom = extra.get("custom_ticket_fields")
    if isinstance(custom, dict):
        yield from ((str(field_id), value) for field_id, value in custom.items())


def _tags(value: object) -> set[str]:
    if isinstance(value, str):
        return set(value.split())
    return {str(tag) for tag in value} if isinstance(value, list) else set()


def channel_of(via: object) -> str | None:
    """How an update came in: exports write `via` as an object, as its channel's name or title, or as a number."""
    channel = via.get("channel") if isinstance(via, dict) else via
    if channel == 8:
        return "rule"
    return channel.strip().lower().replace(" ", "_") if isinstance(channel, str) else None
