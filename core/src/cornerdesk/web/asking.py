"""Questions and requests to listings, as a web page or the API puts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from cornerdesk.durations import parse_duration
from cornerdesk.errors import RejectedError
from cornerdesk.listings import Filter, Listing, Question, Request

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

TIMES = {"since", "until"}
NO = {"0", "false", "no"}
LONGEST = 10_000


async def ask_rows(
    runtime: Runtime, listing: Listing, given: Iterable[tuple[str, str]], *, limit: int = 50, limit_at_most: int = 1000
) -> Sequence[BaseModel]:
    """The rows that match the filters given as text; `limit` may be among them.

    Args:
        given: name and value, as they stand in an address.
        limit: how many rows when none is given.

    Raises:
        RejectedError: a filter is not known, is given twice, or its value is none.
    """
    store = runtime.store
    asked = _once(given)
    if wanted := asked.pop("limit", ""):
        limit = _limit(wanted, limit_at_most)
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
    asked = read_options(verb, found.options, options)
    id = writable(id, "the id")
    async with store.storage.transaction() as tx:
        return await found.run(
            Request(tx, store.configuration, store.clock.now(), id, asked, by, store.ledger.plan_intents)
        )


def read_filters(filters: Sequence[Filter], given: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Filters from text: flags as booleans, times as times, empty ones left out."""
    known = {each.name: each for each in filters}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise RejectedError(f"there is no filter {name!r}; there are {', '.join(known) or 'none'}")
        if value:
            found[name] = _value(known[name], writable(value, name), now)
    return found


def read_options(verb: str, options: Sequence[Filter], given: Mapping[str, Any]) -> dict[str, Any]:
    """A verb's options: text as text, flags as booleans, empty ones left out."""
    known = {each.name: each for each in options}
    if unknown := set(given) - set(known):
        named = ", ".join(sorted(unknown))
        raise RejectedError(f"{verb} has no option {named}; it has {', '.join(known) or 'none'}")
    return {name: _option(known[name], value) for name, value in given.items() if value not in (None, "")}


def writable(text: str, what: str) -> str:
    """`text`, when a database can hold it.

    Raises:
        RejectedError: it cannot: a NUL, half a character, or far too much.
    """
    if len(text) > LONGEST:
        raise RejectedError(f"{what} is longer than {LONGEST} characters")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise RejectedError(f"{what} holds a character that is no text")
    return text


def _once(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in given:
        if name in found:
            raise RejectedError(f"the filter {name!r} is given twice")
        found[name] = value
    return found


def _value(wanted: Filter, value: str, now: datetime) -> Any:
    if wanted.flag:
        return value.lower() not in NO
    if wanted.choices and value not in wanted.choices:
        raise RejectedError(f"{wanted.name} is one of {', '.join(wanted.choices)}")
    return _moment(value, now) if wanted.name in TIMES else value


def _option(wanted: Filter, value: Any) -> Any:
    if wanted.flag and isinstance(value, bool):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RejectedError(f"{wanted.name} is {'true or false' if wanted.flag else 'a text'}")
    text = writable(str(value), wanted.name)
    if wanted.flag:
        return text.lower() not in NO
    if wanted.choices and text not in wanted.choices:
        raise RejectedError(f"{wanted.name} is one of {', '.join(wanted.choices)}")
    return text


def _moment(value: str, now: datetime) -> datetime:
    try:
        return now - parse_duration(value)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RejectedError("a time is written as 2026-11-22T09:00, or as a length of time such as 24h") from None


def _limit(value: str, at_most: int) -> int:
    # Few digits: Python refuses to read thousands of them.
    if not (value.isascii() and value.isdigit() and len(value) < 10) or not 0 < int(value) <= at_most:
        raise RejectedError(f"limit is a number from 1 to {at_most}")
    return int(value)
