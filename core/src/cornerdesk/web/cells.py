"""Rows of a listing as cells of a table: what links where, and how much of a long value is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from cornerdesk.listings import Listing
from cornerdesk.web.pages import shown

SHORT = 160
ONE_LINE = 24
MOST_LINKS = 20
_TICKETS = {"ticket", "ticket.id", "ticket.number", "number"}


@dataclass(frozen=True)
class Cell:
    """One value in a table; `links` lead to what it names: text and address."""

    column: str
    value: Any
    links: tuple[tuple[str, str], ...] = ()

    @property
    def is_time(self) -> bool:
        return isinstance(self.value, datetime)

    @property
    def is_id(self) -> bool:
        return self.column == "id"

    @property
    def is_state(self) -> bool:
        return self.column == "state" or self.column.endswith(".state")

    @property
    def text(self) -> str:
        return shown(self.value)

    @property
    def is_wordy(self) -> bool:
        """Whether it may be broken into lines."""
        return len(self.text) > ONE_LINE and not (self.is_time or self.is_id or self.is_state)

    @property
    def is_long(self) -> bool:
        return len(self.text) > SHORT

    @property
    def beginning(self) -> str:
        return shown(self.value, SHORT)


@dataclass(frozen=True)
class Table:
    """A listing's rows, each with its id, ready for a template. `cut`: there may be more than are shown."""

    listing: Listing
    columns: tuple[str, ...]
    rows: list[tuple[str, list[Cell]]]
    cut: bool = False


def make_table(
    listing: Listing, rows: Sequence[BaseModel], *, without: frozenset[str] = frozenset(), limit: int | None = None
) -> Table:
    """The table of these rows, which were asked for with `limit`."""
    columns = tuple(column for column in listing.columns if column not in without)
    made = []
    for row in rows:
        data = row.model_dump(mode="python", by_alias=True)
        made.append((str(data.get("id", "")), [_cell(listing, column, data) for column in columns]))
    return Table(listing, columns, made, cut=limit is not None and len(rows) >= limit)


def _cell(listing: Listing, column: str, data: Mapping[str, Any]) -> Cell:
    value: Any = data
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return Cell(column, value, tuple(_links(listing, column, value, data.get("source"))))


def _links(listing: Listing, column: str, value: Any, source: Any) -> list[tuple[str, str]]:
    """Tickets and events lead to their explanation, web addresses to where they say."""
    if column == "tickets" and isinstance(value, list | tuple):
        return [(shown(each, SHORT), _explain(str(each), source)) for each in value[:MOST_LINKS]]
    if not isinstance(value, str) or not value or len(value) > 10 * SHORT:
        return []
    if column == "event" or (listing.name == "events" and column == "id"):
        return [(value, _explain(value, None))]
    if column in _TICKETS:
        return [(shown(value, SHORT), _explain(value, source))]
    return [("open", value)] if column.endswith("url") and value.startswith(("https://", "http://")) else []


def _explain(reference: str, source: Any) -> str:
    query = f"?{urlencode({'source': source})}" if source else ""
    return f"/explain/{quote(reference, safe='')}{query}"
