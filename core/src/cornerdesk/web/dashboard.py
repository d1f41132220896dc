"""The dashboard: an overview, a page for every listing, and why a rule fired or did not."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cornerdesk.errors import RejectedError
from cornerdesk.explaining import EventExplanation, explain
from cornerdesk.rules import Catalogue
from cornerdesk.runtime import make_catalogue
from cornerdesk.web.asking import ask_rows, ask_verb, writable
from cornerdesk.web.cells import Table, make_table
from cornerdesk.web.overview import look_over
from cornerdesk.web.pages import Pages

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

OVERVIEW = ("escalations", "effects", "events")
ROWS = 100
MOST_EVENTS = 30
"""Events explained on one page, the newest: a ticket may have thousands."""

SAID = "cornerdesk_said"
"""The cookie that carries what a button did to the next page: a link cannot put words there, and no log keeps them."""


class Dashboard:
    """The pages of one runtime."""

    def __init__(self, runtime: Runtime, pages: Pages) -> None:
        self.runtime = runtime
        self.pages = pages
        self.listings = runtime.store.listings

    def routes(self) -> list[Route]:
        """All of them; the listings' come last, for their path matches any word."""
        return [
            Route("/", self.overview),
            Route("/explain/{reference:path}", self.explanation),
            Route("/{listing}", self.listing),
            Route("/{listing}/{id:path}/{verb}", self.verb, methods=["POST"]),
        ]

    async def overview(self, request: Request) -> Response:
        """Is it alive, is anything stuck, what happened last."""
        seen = await look_over(self.runtime)
        return self._page(
            request, "overview.html", seen=seen, tables=[await self._newest(name) for name in self._first]
        )

    async def listing(self, request: Request) -> Response:
        """One listing, with its filters and verbs."""
        listing = self.listings.get(request.path_params["listing"])
        if listing is None:
            return self._message(request, 404, "There is no such page.")
        try:
            rows = await ask_rows(self.runtime, listing, request.query_params.multi_items(), limit=ROWS)
        except RejectedError as error:
            return self._message(request, 400, str(error), back=f"/{listing.name}")
        given = {name: value for name, value in request.query_params.items() if value}
        limit = int(given.pop("limit", ROWS))
        said = unquote(request.cookies.get(SAID, ""))
        page = self._page(
            request, "listing.html", shown=make_table(listing, rows, limit=limit), given=given, said=said,
            query=request.url.query, limit=limit,
        )  # fmt: skip
        if said:
            page.delete_cookie(SAID, path=f"/{listing.name}")
        return page

    async def verb(self, request: Request) -> Response:
        """A button was pressed. Leads back to the list as it was filtered."""
        name, id, verb = (request.path_params[part] for part in ("listing", "id", "verb"))
        listing = self.listings.get(name)
        if listing is None or verb not in {each.name for each in listing.verbs}:
            return self._message(request, 404, "There is no such button.")
        back = f"/{name}?{request.url.query}".rstrip("?")
        async with request.form(max_files=0, max_fields=50) as form:
            options = {key: str(value) for key, value in form.items()}
        try:
            said = await ask_verb(self.runtime, listing, verb, id, options, by="dashboard")
        except RejectedError as error:
            return self._message(request, 422, str(error), back=back)
        answer = RedirectResponse(back, 303)
        answer.set_cookie(SAID, quote(said[:500]), max_age=60, path=f"/{name}", httponly=True, samesite="strict")
        return answer

    async def explanation(self, request: Request) -> Response:
        """What every rule made of a ticket or event; `?source=` picks one of several tickets of the same id."""
        reference, source = request.path_params["reference"], request.query_params.get("source")
        try:
            writable(reference, "the ticket or event")
            async with self.runtime.store.storage.reading() as tx:
                found = await explain(tx, reference, self._catalogue, self.runtime.book, echoes=True)
        except RejectedError as error:
            return self._message(request, 404, str(error))
        tickets = sorted({(each.source, each.ticket) for each in found})
        if source:
            found = [each for each in found if each.source == source]
        if not found:
            return self._message(request, 404, f"There is no ticket {reference} in this source.")
        events = _by_event(found)
        shown = events[-MOST_EVENTS:]
        return self._page(
            request,
            "explain.html",
            reference=reference,
            tickets=tickets,
            source=source,
            events=shown,
            total=len(events),
        )

    @cached_property
    def _catalogue(self) -> Catalogue:
        # Made once: detectors compile their phrases, which takes the better part of a second.
        return make_catalogue(self.runtime.store.configuration, self.runtime.store.plugins)

    @property
    def _first(self) -> list[str]:
        return [name for name in OVERVIEW if name in self.listings]

    async def _newest(self, name: str) -> Table:
        rows = await ask_rows(self.runtime, self.listings[name], (), limit=10)
        return make_table(self.listings[name], rows, without=frozenset({"id"}))

    def _message(self, request: Request, status: int, message: str, *, back: str | None = None) -> Response:
        return self._page(request, "message.html", status=status, message=message, back=back)

    def _page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        return self.pages.page(
            template, status=status, path=request.url.path, menu=list(self.listings.values()), **values
        )


def _by_event(found: list[EventExplanation]) -> list[list[EventExplanation]]:
    """Oldest first; of each event what fired first."""
    events: dict[str, list[EventExplanation]] = {}
    for each in found:
        events.setdefault(each.event, []).append(each)
    ordered = sorted(events.values(), key=lambda rules: (rules[0].occurred_at, rules[0].event))
    return [sorted(rules, key=lambda rule: not rule.fired) for rules in ordered]
