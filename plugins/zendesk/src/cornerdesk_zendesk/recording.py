"""Rows of Zendesk's exports as records: the row as it came, and beside it what it only points at. Pure.

What nobody needs is left out: mail that Zendesk sent because of an update, and from where people wrote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from cornerdesk import JSON, FrozenModel, HistoryRecord, RejectedError, SkippedRecord, Status
from cornerdesk.wire import read_id

from cornerdesk_zendesk.facts import SYSTEM
from cornerdesk_zendesk.mapping import map_status
from cornerdesk_zendesk.schemas import ExportedTicket, TicketEvent, User
from cornerdesk_zendesk.updates import SAID

NOISE = frozenset({"notification", "notificationwithccs", "externalnotification", "messagingnotification", "cc"})
"""Mail that Zendesk sent because of an update, with the whole text again: nothing that anybody said or changed."""

R = TypeVar("R")
_USER = frozenset(User.model_fields)


class Names(FrozenModel):
    """What the rows of a page point at, by id."""

    users: Mapping[str, JSON] = {}
    organizations: Mapping[str, JSON] = {}
    groups: Mapping[str, str] = {}
    statuses: Mapping[str, str] = {}
    titles: Mapping[str, str] = {}


def read_rows(
    rows: Iterable[JSON], read: Callable[[JSON], R], what: str
) -> tuple[list[tuple[JSON, R]], list[SkippedRecord]]:
    """Rows that can be read, and those that cannot, each with the reason."""
    told: list[tuple[JSON, R]] = []
    skipped: list[SkippedRecord] = []
    for row in rows:
        try:
            told.append((row, read(row)))
        except RejectedError as error:
            skipped.append(unreadable(what, row, str(error)))
    return told, skipped


def unreadable(what: str, row: JSON, reason: str) -> SkippedRecord:
    body = _json(row)
    return SkippedRecord(key=f"{what}:{hashlib.sha256(body).hexdigest()[:32]}", body=body, reason=reason)


def by_id(rows: Iterable[JSON]) -> dict[str, JSON]:
    """Side-loaded rows by id."""
    return {row_id: row for row in rows if (row_id := _id(row.get("id"))) is not None}


def people_by_id(rows: Iterable[JSON]) -> dict[str, JSON]:
    """The same of people: only what we read of them."""
    return by_id({name: value for name, value in row.items() if name in _USER} for row in rows)


def ticket_record(row: JSON, ticket: ExportedTicket, names: Names, *, look: bool) -> HistoryRecord:
    """A ticket as it is now. Its version is `generated_timestamp`, which moves with whatever changes."""
    at = ticket.updated_at or ticket.created_at
    version = ticket.generated_timestamp or (int(at.timestamp()) if at is not None else 0)
    organization = ticket.organization_id
    body = {
        "ticket": {name: value for name, value in row.items() if name != "fields"},  # `custom_fields` once more
        "users": _of(names.users, people_of(ticket)),
        "organization": names.organizations.get(organization, {"id": organization}) if organization else None,
        "group": names.groups.get(ticket.group_id, ticket.group_id) if ticket.group_id else None,
        "status_label": names.statuses.get(ticket.custom_status_id or ""),
        "titles": _of(names.titles, (value.id for value in ticket.custom_fields)),
        "look": look,
    }
    gone = map_status(ticket.status) is Status.DELETED  # what was said there may be scrubbed
    counted = None if gone else ticket.comment_count
    return HistoryRecord(
        key=f"ticket:{ticket.id}:{version}", ticket_id=ticket.id, body=_json(body), parts_counted=counted
    )


def event_record(row: JSON, event: TicketEvent, names: Names) -> HistoryRecord:
    """One update. Its parts are its comments, which is what Zendesk counts with the ticket."""
    changed = set(fields_changed(event))
    body = {
        "event": row,
        "users": _of(names.users, people_of(event)),
        "groups": _of(names.groups, _groups_of(event)) if "group_id" in changed else {},
        "titles": _of(names.titles, changed),
    }
    said = sum(child.kind in SAID for child in event.child_events)
    return HistoryRecord(key=f"audit:{event.id}", ticket_id=event.ticket_id, body=_json(body), parts=said)


def people_of(row: ExportedTicket | TicketEvent) -> set[str]:
    """Whom a row names, by id."""
    if isinstance(row, ExportedTicket):
        named: set[str | None] = {row.requester_id, row.submitter_id, row.assignee_id}
    else:
        authors = (child for child in row.child_events if child.kind in SAID)
        named = {row.updater_id, *(_id((child.model_extra or {}).get("author_id")) for child in authors)}
    return {user for user in named if user is not None and user != SYSTEM.id}


def fields_changed(event: TicketEvent) -> Iterator[str]:
    """Names of fields that an update may have changed; custom ones by id."""
    for child in event.child_events:
        if child.kind != "change":
            continue
        extra = child.model_extra or {}
        yield from extra
        if child.field_name is not None:
            yield child.field_name
        custom = extra.get("custom_ticket_fields")
        if isinstance(custom, dict):
            yield from map(str, custom)


def _groups_of(event: TicketEvent) -> Iterator[str]:
    for child in event.child_events:
        after = child.value if child.field_name is not None else (child.model_extra or {}).get("group_id")
        yield from (group for each in (after, child.previous_value) if (group := _id(each)) is not None)


def without_noise(row: JSON) -> JSON | None:
    """A row without mail and without places; None when nothing else is in it."""
    children = row.get("child_events")
    if not isinstance(children, list):
        return row
    kept = [_without_place(child) for child in children if _kind(child) not in NOISE]
    if children and not kept:
        return None
    return {name: value for name, value in row.items() if name != "system"} | {"child_events": kept}


def _without_place(child: Any) -> Any:
    """`metadata.system` has an address and a place; we have no use for them (fact sheet zendesk.md 3.2)."""
    return {key: value for key, value in child.items() if key != "metadata"} if isinstance(child, dict) else child


def _kind(child: Any) -> str:
    kind = (child.get("event_type") or child.get("type")) if isinstance(child, dict) else None
    return kind.strip().lower() if isinstance(kind, str) else ""


def _of(known: Mapping[str, R], ids: Iterable[str]) -> dict[str, R]:
    return {each: known[each] for each in ids if each in known}


def _id(value: object) -> str | None:
    try:
        return read_id(value)
    except ValueError:
        return None


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
