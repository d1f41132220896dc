"""Calls of Zendesk's incremental exports: how large a page may be, and what is done about pages that do not come.

Both exports are for admins, and share ten requests a minute, perhaps each has its own ten (fact sheet zendesk.md 2.1,
7.6): the answers' headers decide, in the shared HTTP client. A page of up to 1,000 tickets with all their custom fields
can be too much for Zendesk (504, or no answer in time) and for us, so a page that fails is asked for again by halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from cornerdesk import ApiAnswer, ApiRejectedError, CredentialsError, RejectedError, RetryableError
from pydantic import BaseModel

from cornerdesk_zendesk.schemas import EventsExport, TicketsExport

TICKETS = "/api/v2/incremental/tickets/cursor"
EVENTS = "/api/v2/incremental/ticket_events"
SIDE_LOADS = "users,organizations,groups,comment_count"

LARGEST, SMALLEST = 500, 15
"""Rows of a page. Zendesk would give 1,000; half of it keeps a page's memory within bounds and costs one request in
five hundred tickets more."""

M = TypeVar("M", bound=BaseModel)


class Asking(Protocol):
    """The one thing that is needed of `ZendeskClient`."""

    async def ask_export(self, path: str, params: Mapping[str, str]) -> ApiAnswer: ...
    def parse(self, model: type[M], answer: ApiAnswer) -> M: ...


class Exports:
    """The two exports of one account."""

    def __init__(self, client: Asking) -> None:
        self._client = client
        self._rows = LARGEST

    async def tickets(self, *, cursor: str | None, since: int) -> TicketsExport:
        """A page of tickets, those that changed first first. `since` counts only where there is no cursor yet."""
        place = {"cursor": cursor} if cursor is not None else {"start_time": str(since)}
        return self._client.parse(TicketsExport, await self._page(TICKETS, {**place, "include": SIDE_LOADS}))

    async def events(self, *, since: int) -> EventsExport:
        """A page of ticket events with the comments in them. How many rows come is for Zendesk to say: `per_page` is
        only a hint to this export, and given when pages are too much."""
        params = {"start_time": str(since), "include": "comment_events"}
        return self._client.parse(EventsExport, await self._page(EVENTS, params))

    async def _page(self, path: str, params: Mapping[str, str]) -> ApiAnswer:
        while True:
            size = {"per_page": str(self._rows)} if path == TICKETS or self._rows < LARGEST else {}
            answer = await self._attempt(path, {**params, **size})
            if answer is not None:
                self._rows = min(LARGEST, self._rows * 2)
                return answer

    async def _attempt(self, path: str, params: Mapping[str, str]) -> ApiAnswer | None:
        """None: a smaller page may come through; `_rows` is smaller by now.

        Raises:
            RetryableError: not even the smallest does, or something else is in the way.
        """
        try:
            answer = await self._client.ask_export(path, params)
        except ApiRejectedError:
            raise
        except RejectedError:  # more bytes than are read
            self._halve(path)
            return None
        except RetryableError as error:
            if error.retry_after is None:  # no answer in time: it may have been too much
                self._rows = max(SMALLEST, self._rows // 2)
            raise
        if answer.status == 403:
            raise CredentialsError(
                f"{answer.what}: 403; Zendesk's exports are for admins only: make the user that Cornerdesk signs in as"
                " an admin, or give the OAuth client the scope `read`"
            )
        if answer.status == 200:
            return answer
        self._halve(path)
        return None

    def _halve(self, path: str) -> None:
        if self._rows <= SMALLEST:
            raise RetryableError(f"{path}: no page comes through, not even one of {SMALLEST} rows")
        self._rows = max(SMALLEST, self._rows // 2)
