"""History: conversations first, then tickets, each in the order in which they changed, then what was deleted.

A search's pages shift while they are read, whatever they are sorted by, and its rows may be old (fact sheet intercom.md
section 6). So

- a row is believed its id and its time; everything else is asked for by id, and that is what is stored;
- each page is a search of its own, from the second of the last row on, so nothing can slip from a page that is still to
  come to one that was read; only within one second are Intercom's cursors followed;
- where Intercom ignores that we ask for an order (it is documented for contacts alone), its cursors are followed, and
  what changed since that began is asked for again;
- the next run begins a while before the last row of this one.

Deleted conversations are listed newest first: what is deleted while they are read moves the others to later pages, so
they are told twice rather than not at all, and the list is read down to where the run before began.

The cursor is JSON of ours: what is searched, from when, and by which of Intercom's cursors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from cornerdesk import (
    JSON,
    Fact,
    HistoryPage,
    HistoryRecord,
    Reading,
    RejectedError,
    SkippedRecord,
    load_json,
)
from cornerdesk.wire import parse
from pydantic import BaseModel, ConfigDict

from cornerdesk_intercom.client import IntercomClient, Kind
from cornerdesk_intercom.facts import Told, created_fact, deleted_fact, message_fact, rating_facts
from cornerdesk_intercom.hydration import Gathered, gather, read_gathered, told_whole, whole
from cornerdesk_intercom.mapping import first_message
from cornerdesk_intercom.schemas import DeletedRow, Found, Row

PAGE = 50
"""Rows of a search's page: larger ones have run into time-outs (section 6)."""

Step = Literal["conversations", "tickets", "deleted"]

OVERLAP = 300
"""Seconds before the last row at which the next run begins: searches lag behind."""

_AFTER: dict[str, Step] = {"conversations": "tickets", "tickets": "deleted", "deleted": "conversations"}


class Place(BaseModel):
    """Where one of the two searches is.

    Attributes:
        low: seconds since 1970: rows that changed then or later are still to come.
        top: of the last row so far.
        after: Intercom's cursor of the next page, where that is followed.
        begun: since when cursors are followed because rows come in no order; None: they come in order.
        told: rows of the second `low` that were told, as `id:time`.
        again: this is the second time, for what changed while cursors were followed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int
    top: int
    after: str | None = None
    begun: int | None = None
    told: tuple[str, ...] = ()
    again: bool = False


class Deleted(BaseModel):
    """Where the list of deleted conversations is.

    Attributes:
        low: seconds since 1970: what was deleted before was told.
        top: when the last one so far was deleted.
        page: the next page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int
    top: int
    page: int = 1


class Cursor(BaseModel):
    """The whole of it. `done`: tickets told in this run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    now: Step = "conversations"
    conversations: Place
    tickets: Place
    deleted: Deleted
    done: int = 0


def first_cursor(since: datetime | None) -> Cursor:
    low = int(since.timestamp()) if since else 0
    place = Place(low=low, top=low)
    return Cursor(conversations=place, tickets=place, deleted=Deleted(low=low, top=low))


async def fetch_page(client: IntercomClient, since: datetime | None, cursor: str | None) -> HistoryPage:
    """One page of one of the two searches, each row asked for by its id; or of the deleted ones."""
    at = Cursor.model_validate_json(cursor) if cursor else first_cursor(since)
    if at.now == "deleted":
        return await _deleted_page(client, at)
    return await _search_page(client, at, at.now)


async def _search_page(client: IntercomClient, at: Cursor, kind: Kind) -> HistoryPage:
    place: Place = getattr(at, kind)
    found = await client.search(kind, _query(place), PAGE, place.after, background=True)
    rows, unreadable = _rows(found, kind)
    new = [row for row in rows if _name(row) not in place.told]
    records, skipped = await _records(client, new, kind)
    following, ended = _next(place, rows, found, int(client.clock.now().timestamp()))
    moved = {kind: following, "now": _AFTER[kind] if ended else kind, "done": at.done + len(new)}
    return HistoryPage(
        records=records,
        cursor=at.model_copy(update=moved).model_dump_json(),
        total=None if found.total_count is None else at.done + found.total_count,
        skipped=(*unreadable, *skipped),
    )


async def _deleted_page(client: IntercomClient, at: Cursor) -> HistoryPage:
    place = at.deleted
    found = await client.deleted_conversations(place.page)
    times = [int(row.deleted_at.timestamp()) for row in found.conversations if row.deleted_at]
    top = max([place.top, *times])
    end = not found.conversations or not found.pages.more or min(times, default=0) < place.low
    following = place.model_copy(update={"top": top, "page": place.page + 1})
    if end:
        following = Deleted(low=max(0, top - OVERLAP), top=top)
    moved = {"deleted": following, "now": "conversations" if end else "deleted", "done": 0 if end else at.done}
    return HistoryPage(
        records=tuple(deleted_record(row) for row in found.conversations if _since(row, place.low)),
        cursor=at.model_copy(update=moved).model_dump_json(),
        end=end,
    )


def _since(row: DeletedRow, low: int) -> bool:
    return row.deleted_at is None or int(row.deleted_at.timestamp()) >= low


def deleted_record(row: DeletedRow) -> HistoryRecord:
    """What is left of a deleted conversation."""
    at = int(row.deleted_at.timestamp()) if row.deleted_at else None
    body = json.dumps({"deleted": {"id": row.id, "deleted_at": at}}).encode()
    return HistoryRecord(key=f"deleted:{row.id}", ticket_id=row.id, body=body)


def _query(place: Place) -> JSON:
    """`>` means "or equal" by the text and not by all accounts (2.3), hence one second less."""
    return {"field": "updated_at", "operator": ">", "value": place.low - 1 if place.low else 0}


def _rows(found: Found, kind: Kind) -> tuple[list[Row], list[SkippedRecord]]:
    rows, skipped = list[Row](), list[SkippedRecord]()
    for data in getattr(found, kind):
        try:
            rows.append(parse(Row, data))
        except RejectedError as error:
            skipped.append(_skipped(kind, data, str(error)))
    return rows, skipped


def _skipped(what: str, data: object, reason: str) -> SkippedRecord:
    body = json.dumps(data, sort_keys=True).encode("utf-8", "replace")
    named = data.get("id") if isinstance(data, dict) else None
    name = str(named)[:64] if isinstance(named, str | int) and str(named).isalnum() else f"of {len(body)} bytes"
    return SkippedRecord(key=f"{what}:{name}:unreadable", body=body, reason=reason)


def _name(row: Row) -> str:
    return f"{row.id}:{_seconds(row)}"


def _seconds(row: Row) -> int:
    return int(row.updated_at.timestamp()) if row.updated_at else 0


def _next(place: Place, rows: Sequence[Row], found: Found, now: int) -> tuple[Place, bool]:
    """Where the search goes on, and whether this was its last page."""
    times = [_seconds(row) for row in rows]
    top = max([place.top, *times])
    ordered = place.begun is None and times == sorted(times) and (not times or times[0] >= place.low - 1)
    if found.after is None:
        low = max(0, min(top, place.begun or top) - OVERLAP)
        again = place.begun is not None and not place.again
        return Place(low=low, top=top, again=again), not again
    if ordered and times and times[-1] > place.low:
        told = tuple(_name(row) for row in rows if _seconds(row) == times[-1])
        return Place(low=times[-1], top=top, told=told, again=place.again), False
    if ordered:
        told = tuple(dict.fromkeys((*place.told, *map(_name, rows))))
        return place.model_copy(update={"top": top, "after": found.after, "told": told}), False
    # Whatever the first page's cursor belongs to: from the beginning, and by cursors alone.
    after = None if place.begun is None else found.after
    return place.model_copy(update={"top": top, "after": after, "begun": place.begun or now, "told": ()}), False


async def _records(
    client: IntercomClient, rows: Iterable[Row], kind: Kind
) -> tuple[tuple[HistoryRecord, ...], tuple[SkippedRecord, ...]]:
    """What was deleted since it was found has no record: there is nothing to tell of it any more."""
    records, skipped = list[HistoryRecord](), list[SkippedRecord]()
    for row in rows:
        try:
            found = await gather(client, row.id, background=True)
            if found is not None:
                record = record_of(row.id, found)
                records.append(_counted_before(record) if kind == "tickets" and found["conversation"] else record)
        except RejectedError as error:
            skipped.append(_skipped("conversation", {"id": row.id, "updated_at": _seconds(row)}, str(error)))
    return tuple(records), tuple(skipped)


def _counted_before(record: HistoryRecord) -> HistoryRecord:
    """A customer's ticket is found as a conversation, too (2.5): under the same key, and counted there."""
    return record.model_copy(update={"parts": 0, "parts_counted": None})


def record_of(ticket_id: str, found: JSON) -> HistoryRecord:
    """A record of what `gather` found."""
    read = read_gathered(found)
    as_of = int(read.as_of.timestamp()) if read.as_of else 0
    counted, opening = _counted(found, read), int(first_message(read.conversation, read.ticket) is not None)
    return HistoryRecord(
        key=f"conversation:{ticket_id}:{as_of}:{_looks(read)}",  # times are whole seconds
        ticket_id=ticket_id,
        body=json.dumps(found, separators=(",", ":")).encode("utf-8", "replace"),
        parts=len(read.parts) + opening,
        parts_counted=None if counted is None else counted + opening,
    )


def _looks(read: Gathered) -> str:
    """Short for how it looks: everything that may change without its time telling. Of files the addresses change with
    every look, so they are left out."""
    rating = read.conversation.conversation_rating if read.conversation else None
    looks = [told_whole(read, ""), [part.id for part in read.parts], rating and rating.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(looks, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:16]


def _counted(found: JSON, read: Gathered) -> int | None:
    """By the statistics, which not every conversation has; else by the list's own total, of which 500 are shown.
    What began a conversation is none of its parts, for Intercom."""
    statistics = read.conversation.statistics if read.conversation else None
    if statistics is not None and statistics.count_conversation_parts is not None:
        return statistics.count_conversation_parts
    name = "conversation" if read.conversation else "ticket"
    parts = (found.get(name) or {}).get(f"{name}_parts")
    total = parts.get("total_count") if isinstance(parts, dict) else None
    return total if type(total) is int and total >= 0 else None


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_record(record: HistoryRecord, pages: str) -> Reading:
    """That it was created, everything that was said, the rating, and how it looks now: everything else, status and
    tags among it, is found by comparing. Past changes of those are not told: nobody says what they were before.

    Raises:
        RejectedError: a record of an unknown shape; names the field.
    """
    data = load_json(record.body)
    if isinstance(data, dict) and "deleted" in data:
        return Reading(facts=(_deleted_fact(record, parse(DeletedRow, data["deleted"])),))
    found = read_gathered(data)
    if not isinstance(data, dict) or (found.conversation is None and found.ticket is None):
        raise RejectedError("the record holds neither a `conversation` nor a `ticket`")
    all_of_it = whole(found, pages)
    state = all_of_it.state
    told = Told(
        record.ticket_id,
        state.ticket.model_dump(exclude={"id"}) | {"id": record.ticket_id},
        at=state.as_of,
        told_as=record.key,
        raw={},
        item=data,
        as_of=state.as_of,
        first=all_of_it.first,
        rating=found.conversation.conversation_rating if found.conversation else None,
    )
    facts = [
        created_fact(told, told.first),
        *(message_fact(told, part) for part in all_of_it.said),
        *rating_facts(told),
        told.fact(None, f"state:{record.key}"),
    ]
    return Reading(facts=tuple(map(_complete, facts)), states=(state,))


def _deleted_fact(record: HistoryRecord, row: DeletedRow) -> Fact:
    if row.deleted_at is None:
        raise RejectedError("the field `deleted.deleted_at` is missing")
    told = Told(row.id, {"id": row.id}, row.deleted_at, record.key, raw={}, item={}, as_of=row.deleted_at)
    return _complete(deleted_fact(told))


def _complete(fact: Fact) -> Fact:
    """Nothing is lacking: everything was asked for."""
    return fact.model_copy(update={"needs": frozenset()})
