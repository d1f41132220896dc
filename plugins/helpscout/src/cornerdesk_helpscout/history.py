"""Help Scout's past: conversations by the time of their last change, page by page, and what a record of one tells.

The list can be sorted by a time that it does not show (fact sheet helpscout.md 2.4), and its pages shift: whatever
changes meanwhile moves to the end, and what stood behind it moves up. So after a page the one before it is read again,
and further back where need be, until a conversation stands there that stood on it before: whatever moved up past us is
on it. Runs begin where the run before began, and a little earlier.

`status=all` may leave out spam (2.3), so spam is listed once more by itself. Deleted conversations are in no list.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cornerdesk import (
    JSON,
    ApiRejectedError,
    Clock,
    HistoryPage,
    HistoryRecord,
    RejectedError,
    SkippedRecord,
)
from cornerdesk.wire import Loose, Time, Words, parse
from pydantic import ValidationError

from cornerdesk_helpscout.client import HelpScoutClient
from cornerdesk_helpscout.facts import complete
from cornerdesk_helpscout.mapping import as_of
from cornerdesk_helpscout.schemas import Conversation
from cornerdesk_helpscout.threads import is_message

OVERLAP = timedelta(minutes=10)
"""How much earlier than the run before a run begins: clocks differ, and what is being written appears late."""

_MOST_BACK = 20
_EMBEDDED = 25
"""Threads that `embed=threads` brings at most (2.3)."""

_DRIFTING = frozenset({"friendly", "photoUrl", "_links"})
_STATUSES = ("all", "spam")


class Cursor(Loose):
    """Where to go on.

    Attributes:
        since: conversations that changed since, as Help Scout writes times; None: all.
        began: when this run began, by our clock; None: it has not.
        newest: the newest time that this run saw.
        status: which list.
        page: the next one to read, from 1.
        seen: conversations that stood on the page before.
    """

    since: str | None = None
    began: Time = None
    newest: Time = None
    status: str = _STATUSES[0]
    page: int = 1
    seen: Words = []

    def following(self, ids: list[str], more: bool) -> tuple[Cursor, bool]:
        """The cursor after a page with these conversations, and whether that was the end."""
        if more:
            return self.model_copy(update={"page": self.page + 1, "seen": ids or self.seen}), False
        if self.status != _STATUSES[-1]:
            return self.model_copy(update={"status": _STATUSES[-1], "page": 1, "seen": []}), False
        if self.newest is None or self.began is None:  # nothing was there
            return Cursor(since=self.since), True
        return Cursor(since=_seconds(min(self.newest, self.began) - OVERLAP)), True

    def seeing(self, times: Iterable[datetime | None]) -> Cursor:
        """The same place after these times were seen."""
        return self.model_copy(update={"newest": max((time for time in (self.newest, *times) if time), default=None)})

    @property
    def params(self) -> dict[str, str]:
        params = {"status": self.status, "sortField": "modifiedAt", "sortOrder": "asc"}
        return params | ({"modifiedSince": self.since} if self.since else {})


class History:
    """Reads pages of one source's past."""

    def __init__(self, client: HelpScoutClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def fetch(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        """See `Adapter.fetch_history`."""
        place = self._begin(since, cursor)
        answer, _ = await self._client.conversations({**place.params, "embed": "threads", "page": str(place.page)})
        rows = answer.rows("conversations")
        ids = _ids(rows)
        moved = await self._moved(place, set(ids))
        records, skipped = await self._records([*rows, *(moved or [])])
        place = place.seeing(map(_time_of, (*rows, *(moved or []))))
        following, end = place.following(ids, more=answer.links.next is not None)
        if moved is None:  # so much has changed since the page before that nothing tells where we were
            following, end = place.model_copy(update={"page": 1, "seen": []}), False
        return HistoryPage(
            records=tuple(records),
            skipped=tuple(skipped),
            cursor=following.model_dump_json(exclude_defaults=True),
            end=end,
            total=answer.page.totalElements if place.status == _STATUSES[0] else None,
        )

    def _begin(self, since: datetime | None, cursor: str | None) -> Cursor:
        place = _read_cursor(cursor)
        if place is None:
            place = Cursor(since=_seconds(since - OVERLAP) if since is not None else None)
        if place.began is None:
            place = place.model_copy(update={"began": self._clock.now()})
        return place

    async def _moved(self, place: Cursor, here: set[str]) -> list[Any] | None:
        """Conversations that have moved up past us since the page before was read. None: we are lost."""
        moved: list[Any] = []
        if place.page == 1:
            return moved
        known = set(place.seen)
        for page in range(place.page - 1, max(0, place.page - 1 - _MOST_BACK), -1):
            answer, _ = await self._client.conversations({**place.params, "page": str(page)})
            rows = answer.rows("conversations")
            moved += [row for row in rows if not known.union(here).issuperset(_ids([row]))]
            if page == 1 or not known.isdisjoint(_ids(rows)):
                return moved
        return None

    async def _records(self, rows: list[Any]) -> tuple[list[HistoryRecord], list[SkippedRecord]]:
        records, skipped = [], []
        for row in rows:
            try:
                records.append(await self._record(row))
            except RejectedError as error:
                body = json.dumps(row).encode()
                skipped.append(SkippedRecord(key=f"row:{_digest(row)}", body=body, reason=str(error)))
        return records, skipped

    async def _record(self, row: Any) -> HistoryRecord:
        if not isinstance(row, dict):
            raise RejectedError("no object: no conversation")
        conversation = parse(Conversation, row)
        if lacks_threads(conversation):
            row = {**row, "_embedded": {"threads": await self._threads(conversation, row)}}
            conversation = parse(Conversation, row)
        threads = conversation.parts.threads
        said = sum(map(is_message, threads))
        customer = conversation.primaryCustomer
        body = {"conversation": row, **await self.company(customer.id if customer else None, background=True)}
        return HistoryRecord(
            key=f"conversation:{conversation.id}:{_digest(row)}",
            ticket_id=conversation.id,
            body=json.dumps(body, separators=(",", ":")).encode(),
            parts=len(threads) if conversation.threads == len(threads) else said,
            parts_counted=conversation.threads,
        )

    async def _threads(self, conversation: Conversation, row: JSON) -> list[Any]:
        try:
            return list(await self._client.threads(conversation.id, background=True))
        except ApiRejectedError:  # it was merged or deleted just now; what was listed is all there is
            embedded = row.get("_embedded")
            threads = embedded.get("threads") if isinstance(embedded, dict) else None
            return threads if isinstance(threads, list) else []

    async def company(self, customer_id: str | None, *, background: bool = False) -> dict[str, JSON | None]:
        """The customer's own page and their organisation's, as they came: `customer` and `organization`."""
        if customer_id is None or not customer_id.isdigit():
            return {"customer": None, "organization": None}
        customer = await self._client.customer(customer_id, background=background)
        named = customer.get("organizationId") if customer else None
        organization = None
        if type(named) is int or (isinstance(named, str) and named.isdigit()):
            organization = await self._client.organization(str(named), background=background)
        return {"customer": _kept_of(customer), "organization": organization}


def lacks_threads(conversation: Conversation) -> bool:
    """Whether the threads beside a conversation in a list may not be all: 25 are the most, and chats are cut (2.3)."""
    threads = conversation.parts.threads
    chats = conversation.type == "chat" or any(thread.type in ("chat", "beaconchat") for thread in threads)
    return chats or len(threads) >= _EMBEDDED or not complete(conversation)


def _kept_of(customer: JSON | None) -> JSON | None:
    """What we read of a customer, and nothing else of theirs."""
    if customer is None:
        return None
    names = ("id", "firstName", "lastName", "organization", "organizationId")
    embedded = customer.get("_embedded")
    parts = embedded if isinstance(embedded, dict) else {}
    kept = {name: customer[name] for name in names if name in customer}
    return kept | {"_embedded": {name: parts[name] for name in ("emails", "phones") if name in parts}}


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_cursor(cursor: str | None) -> Cursor | None:
    """None for one that nothing can be made of: then the run begins anew, and what it tells again is told once."""
    if cursor is None:
        return None
    try:
        place = Cursor.model_validate_json(cursor)
    except ValidationError:
        return None
    return place if place.page >= 1 and place.status in _STATUSES else None


def _time_of(row: Any) -> datetime | None:
    """A time that the conversation's last change is not older than; None for what cannot be read."""
    try:
        return as_of(Conversation.model_validate(row))
    except ValidationError:
        return None


def _ids(rows: list[Any]) -> list[str]:
    return [str(row.get("id")) for row in rows if isinstance(row, dict)]


def _seconds(time: datetime) -> str:
    """As the list's filter takes times; fractions are refused (2.3)."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(row: Any) -> str:
    """Names this state of a row: there is no time of its last change to name it by (2.4)."""
    return hashlib.sha256(json.dumps(_steady(row), sort_keys=True).encode()).hexdigest()[:32]


def _steady(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _steady(value) for key, value in data.items() if key not in _DRIFTING}
    return [_steady(item) for item in data] if isinstance(data, list) else data
