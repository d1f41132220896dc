"""Questions and requests to listings, as a web page or the API puts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from cornerdesk.durations import parse_duration
from cornerdesk.errors import RejectedError
from cornerdesk.listings import Filter, Listing, Question, Request

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

TIMES = {"since", "until"}


async def ask_rows(
    runtime: Runtime, listing: Listing, given: Mapping[str, str], *, limit_at_most: int
) -> Sequence[BaseModel]:
    """The rows that match the filters given as text; unknown filters are an error.

    Raises:
        RejectedError: a filter or its value is not known.
    """
    store = runtime.store
    asked = dict(given)
    limit = _limit(asked.pop("limit", "50"), limit_at_most)
    filters = read_filters(listing.filters, asked, store.clock.now())
    async with store.storage.reading() as tx:
        return await listing.rows(Question(tx, store.configuration, store.clock.now(), filters, limit))


async def ask_verb(
    runtime: Runtime, listing: Listing, verb: str, id: str, options: Mapping[str, Any], *, by: str
) -> str:
    """Do a verb to a row; the sentence that says what was done.

    Raises:
        RejectedError: it cannot be done.
    """
    store = runtime.store
    found = next(each for each in listing.verbs if each.name == verb)
    known = {option.name for option in found.options}
    if unknown := set(options) - known:
        raise RejectedError(
            f"{verb} has no option {', '.join(sorted(unknown))}; it has {', '.join(sorted(known)) or 'none'}"
        )
    async with store.storage.transaction() as tx:
        return await found.run(
            Request(tx, store.configuration, store.clock.now(), id, options, by, store.ledger.plan_intents)
        )


def read_filters(filters: Sequence[Filter], given: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Filters from text: flags as booleans, times as times, empty ones left out."""
    known = {each.name: each for each in filters}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise RejectedError(f"there is no filter {name!r}; there are {', '.join(known) or 'none'}")
        if value:
            found[name] = _value(known[name], value, now)
    return found


def _value(wanted: Filter, value: str, now: datetime) -> Any:
    if wanted.flag:
        return value.lower() not in {"0", "false", "no"}
    if wanted.choices and value not in wanted.choices:
        raise RejectedError(f"{wanted.name} is one of {', '.join(wanted.choices)}")
    return _moment(value, now) if wanted.name in TIMES else value


def _moment(value: str, now: datetime) -> datetime:
    try:
        return now - parse_duration(value)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise RejectedError("a time is written as 2026-11-22T09:00, or as a length of time such as 24h") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(value: str, at_most: int) -> int:
    if not value.isdigit() or not 0 < int(value) <= at_most:
        raise RejectedError(f"limit is a number from 1 to {at_most}")
    return int(value)
