"""The dashboard: an overview, a page for every listing, and why a rule fired or did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import BaseModel
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cornerdesk.errors import RejectedError, RetryableError
from cornerdesk.explaining import explain
from cornerdesk.listings import Listing
from cornerdesk.runtime import make_catalogue
from cornerdesk.storage import tables
from cornerdesk.web.asking import ask_rows, ask_verb
from cornerdesk.web.pages import Pages

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

OVERVIEW = ("escalations", "events", "effects")
ROWS = 100


@dataclass(frozen=True)
class Cell:
    """One value in a table; `link` leads to what it names."""

    column: str
    value: Any
    link: str | None

    @property
    def is_time(self) -> bool:
        return isinstance(self.value, datetime)

    @property
    def is_id(self) -> bool:
        return self.column == "id"

    @property
    def is_state(self) -> bool:
        return self.column == "state" or self.column.endswith(".state")


@dataclass(frozen=True)
class Shown:
    """A listing's rows, ready for a template."""

    listing: Listing
    rows: list[tuple[str, list[Cell]]]


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
            Route("/{listing}/{id}/{verb}", self.verb, methods=["POST"]),
        ]

    async def overview(self, request: Request) -> Response:
        """What came in and what was done, at a glance."""
        shown = [
            self._shown(self.listings[name], await self._first(name, 10)) for name in OVERVIEW if name in self.listings
        ]
        return self._page(request, "overview.html", counts=await self._counts(), tables=shown)

    async def listing(self, request: Request) -> Response:
        """One listing, with its filters and verbs."""
        listing = self.listings.get(request.path_params["listing"])
        if listing is None:
            return self._page(request, "message.html", status=404, message="There is no such page.")
        given = {name: value for name, value in request.query_params.items() if name not in {"said", "limit"}}
        try:
            rows = await ask_rows(self.runtime, listing, given, limit_at_most=ROWS)
        except RejectedError as error:
            return self._page(request, "message.html", status=400, message=str(error))
        said = request.query_params.get("said")
        return self._page(request, "listing.html", shown=self._shown(listing, rows), given=given, said=said)

    async def verb(self, request: Request) -> Response:
        """A button was pressed."""
        name, id, verb = (request.path_params[part] for part in ("listing", "id", "verb"))
        listing = self.listings.get(name)
        if listing is None or verb not in {each.name for each in listing.verbs}:
            return self._page(request, "message.html", status=404, message="There is no such button.")
        form = {key: str(value) for key, value in (await request.form()).items() if value}
        try:
            said = await ask_verb(self.runtime, listing, verb, id, form, by="dashboard")
        except (RejectedError, RetryableError) as error:
            return self._page(request, "message.html", status=422, message=str(error))
        return RedirectResponse(f"/{name}?said={quote(said)}", 303)

    async def explanation(self, request: Request) -> Response:
        """What every rule made of a ticket or event."""
        store, runtime = self.runtime.store, self.runtime
        reference = request.path_params["reference"]
        catalogue = make_catalogue(store.configuration, store.plugins)
        try:
            async with store.storage.reading() as tx:
                found = await explain(tx, reference, catalogue, runtime.book, echoes=True)
        except RejectedError as error:
            return self._page(request, "message.html", status=404, message=str(error))
        return self._page(request, "explain.html", reference=reference, found=found)

    async def _first(self, name: str, limit: int) -> Sequence[BaseModel]:
        return await ask_rows(self.runtime, self.listings[name], {"limit": str(limit)}, limit_at_most=limit)

    async def _counts(self) -> Mapping[str, Mapping[str, int]]:
        effects, deliveries = tables.effects, tables.deliveries
        async with self.runtime.store.storage.reading() as tx:
            events = await tx.value(select(func.count()).select_from(tables.events))
            by_state = await tx.rows(
                select(effects.c.state, func.count().label("n")).where(~effects.c.internal).group_by(effects.c.state)
            )
            received = await tx.rows(select(deliveries.c.state, func.count().label("n")).group_by(deliveries.c.state))
        return {
            "deliveries": {row["state"]: row["n"] for row in received},
            "events": {"all": events},
            "effects": {row["state"]: row["n"] for row in by_state},
        }

    def _shown(self, listing: Listing, rows: Sequence[BaseModel]) -> Shown:
        shown = []
        for row in rows:
            data = row.model_dump(mode="python", by_alias=True)
            cells = [Cell(column, value := _reach(data, column), _link(column, value)) for column in listing.columns]
            shown.append((str(data.get("id", "")), cells))
        return Shown(listing, shown)

    def _page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        return self.pages.page(
            template, status=status, path=request.url.path, menu=list(self.listings.values()), **values
        )


def _reach(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _link(column: str, value: Any) -> str | None:
    """Tickets and events lead to their explanation, web addresses to where they say."""
    if not isinstance(value, str) or not value:
        return None
    if column in {"ticket", "ticket.id", "ticket.number", "number", "event"}:
        return f"/explain/{quote(value, safe='')}"
    return value if column.endswith("url") and value.startswith(("https://", "http://")) else None
