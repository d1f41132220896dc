"""A Zendesk account's past: two exports read in turn, page by page, into records that `records` reads.

What each tells, and what it costs for 100,000 tickets with six updates each, at ten requests of exports a minute:

    export of tickets (cursor), 500 a page        200 requests     20 minutes     how every ticket looks now
    export of ticket events, 1,000 a page         600 requests     60 minutes     everything said and changed
    instead of it, the audits of every ticket  100,000 requests    8 hours at half of an account's 400 a minute

So the events are exported, too, and a reconcile of a quiet quarter of an hour costs two requests. First come the
tickets, then the events: a ticket is known before what happened to it is told, so nobody need look it up.

The cursor export never stalls or repeats. The export of events goes by time, to the second: a page's last second comes
again on the next page (its records have their keys), and a second that holds more than a page can never be left behind
by Zendesk's own `end_time`. Then we leave it behind, and say so in a dead letter.

Facts: fact sheet zendesk.md 2.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from cornerdesk import JSON, Clock, FrozenModel, HistoryPage, HistoryRecord, RetryableError, SkippedRecord
from cornerdesk.wire import parse
from pydantic import ValidationError

from cornerdesk_zendesk.client import ZendeskClient
from cornerdesk_zendesk.exports import Exports
from cornerdesk_zendesk.recording import (
    Names,
    by_id,
    event_record,
    fields_changed,
    people_by_id,
    people_of,
    read_rows,
    ticket_record,
    unreadable,
    without_noise,
)
from cornerdesk_zendesk.schemas import EventsExport, ExportedTicket, TicketEvent, TicketsExport, User

WITHHELD = timedelta(seconds=61)
"""The last minute is not exported, and 60 seconds to the second are refused."""

RECENT = timedelta(days=7)
"""A run that begins this lately looks tickets up whose customer may be waiting, where our copy is older: webhooks were
lost, and since when they wait is not in the export. In a longer run that would be two requests for each of them, and
what was said tells it as well."""

_log = structlog.get_logger()


class Place(FrozenModel):
    """Where both exports stand; our cursor, as JSON.

    Attributes:
        telling: which of the two is read now.
        since: where the tickets begin while they have no cursor, in seconds since 1970.
        tickets: Zendesk's own cursor. No address out of an answer: only what we put into one.
        events: the second that the events go on with.
        recent: see RECENT.
    """

    telling: Literal["tickets", "events"] = "tickets"
    since: int
    tickets: str | None = None
    events: int
    recent: bool = False


class History:
    """Reads the exports of one account.

    Args:
        client: for names and people.
        clock: what time it is.
    """

    def __init__(self, client: ZendeskClient, clock: Clock) -> None:
        self._client = client
        self._exports = Exports(client)
        self._clock = clock

    async def fetch(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        """See `Adapter.fetch_history`."""
        place = self._place(since, cursor)
        return await (self._tickets(place) if place.telling == "tickets" else self._events(place))

    def _place(self, since: datetime | None, cursor: str | None) -> Place:
        latest = self._latest()
        if cursor is not None:
            try:
                place = Place.model_validate_json(cursor)
            except ValidationError:
                _log.warning("zendesk_cursor_unreadable", instead="from the beginning of this run")
            else:
                return place.model_copy(
                    update={name: min(getattr(place, name), latest) for name in ("since", "events")}
                )
        start = min(max(int(since.timestamp()), 1), latest) if since is not None else 1
        recent = since is not None and self._clock.now() - since < RECENT
        return Place(since=start, events=start, recent=recent)

    def _latest(self) -> int:
        return int((self._clock.now() - WITHHELD).timestamp())

    # ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tickets(self, place: Place) -> HistoryPage:
        page = await self._exports.tickets(cursor=place.tickets, since=place.since)
        after = page.after_cursor or place.tickets
        if not page.end_of_stream and after == place.tickets:
            raise RetryableError("Zendesk's export of tickets tells neither where to go on nor that it has ended")
        changes: JSON = {"tickets": after} | ({"telling": "events"} if page.end_of_stream else {})
        records, skipped = await self._ticket_records(page, look=place.recent)
        return _page(records, skipped, place.model_copy(update=changes))

    async def _ticket_records(
        self, page: TicketsExport, *, look: bool
    ) -> tuple[list[HistoryRecord], list[SkippedRecord]]:
        rows, skipped = read_rows(page.tickets, lambda row: parse(ExportedTicket, row), "ticket")
        tickets = [ticket for _, ticket in rows]
        names_of = partial(self._client.names_of, background=True)
        users, groups = people_by_id(page.users), {group.id: group.name or group.id for group in page.groups}
        people = {user for ticket in tickets for user in people_of(ticket)}
        names = Names(
            users={**users, **await self._people(people - users.keys())},
            organizations=by_id(page.organizations),
            groups={**await names_of("groups", {t.group_id for t in tickets} - groups.keys()), **groups},
            statuses=await names_of("custom_statuses", (ticket.custom_status_id for ticket in tickets)),
            titles=await names_of("ticket_fields", (value.id for t in tickets for value in t.custom_fields)),
        )
        return [ticket_record(row, ticket, names, look=look) for row, ticket in rows], skipped

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _events(self, place: Place) -> HistoryPage:
        page = await self._exports.events(since=place.events)
        end = page.end_time if page.end_time is not None else place.events
        records, skipped = await self._event_records(page)
        if not page.end_of_stream and end <= place.events:
            if not page.ticket_events or page.end_time is None:
                raise RetryableError("Zendesk's export of ticket events neither goes on nor says that it has ended")
            skipped.append(_stuck(place.events, page))
            end = place.events + 1
        # What is too new to be asked for is left to the next run, also where Zendesk's clock is ahead of ours.
        latest = self._latest()
        ended = page.end_of_stream or end > latest
        after = place.model_copy(update={"events": min(max(end, place.events), latest)})
        if ended:
            after = after.model_copy(update={"telling": "tickets", "recent": True})
        return _page(records, skipped, after, end=ended)

    async def _event_records(self, page: EventsExport) -> tuple[list[HistoryRecord], list[SkippedRecord]]:
        worth = (kept for row in page.ticket_events if (kept := without_noise(row)) is not None)
        rows, skipped = read_rows(worth, lambda row: parse(TicketEvent, row), "event")
        changed = {name for _, event in rows for name in fields_changed(event)}
        names = Names(
            users=await self._people({user for _, event in rows for user in people_of(event)}),
            groups=await self._client.names("groups", background=True) if "group_id" in changed else {},
            titles=await self._client.names_of(
                "ticket_fields", (name for name in changed if name.isdigit()), background=True
            ),
        )
        return [event_record(row, event, names) for row, event in rows], skipped

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _people(self, ids: Iterable[str]) -> dict[str, JSON]:
        found = await self._client.people(user_id for user_id in ids if user_id.isdigit())
        return {user_id: user.model_dump(include=set(User.model_fields)) for user_id, user in found.items()}


def _page(
    records: Iterable[HistoryRecord], skipped: Iterable[SkippedRecord], after: Place, *, end: bool = False
) -> HistoryPage:
    return HistoryPage(records=tuple(records), skipped=tuple(skipped), cursor=after.model_dump_json(), end=end)


def _stuck(second: int, page: EventsExport) -> SkippedRecord:
    """More happened within one second than a page holds, and the export goes by seconds."""
    seen = {"start_time": second, "ticket_events": len(page.ticket_events)}
    reason = (
        f"Zendesk's export of events does not get past {datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC:"
        f" more than {len(page.ticket_events)} updates in that second. Those that it told are stored; the tickets"
        " themselves are as they are now; a message of that second may be missing"
    )
    return unreadable("second", seen, reason)
