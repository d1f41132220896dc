"""Reading vendors' JSON: loose models, and types for the several ways in which vendors write the same thing. Pure.

An adapter's `schemas` are subclasses of `Loose` with these types: unknown keys are left alone, ids come as numbers or
as text, unset things as null, "", 0 or not at all, times as text with none to nine digits of fraction or as seconds
since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from cornerdesk.adapters.http import ApiAnswer
from cornerdesk.errors import RejectedError, RetryableError, UnknownOutcomeError

M = TypeVar("M", bound=BaseModel)

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))? ?(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII
)
_ID = re.compile(r"-?[0-9A-Za-z_-]{1,64}", re.ASCII)


def read_time(value: object) -> datetime | None:
    """A time in any of the vendors' spellings; without a zone it is UTC. None for None, "" and 0.

    Raises:
        ValueError: anything else.
    """
    if value is None or value == "" or (type(value) is int and value == 0):
        return None
    if type(value) in (int, float):
        return _of_epoch(float(value))  # type: ignore[arg-type]
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 50 else None
    if found is None:
        raise ValueError("not a time such as 2026-10-05T12:00:00Z")
    day, clock, fraction, zone = found.groups()
    zone = "+00:00" if not zone or zone.upper() in ("Z", "UTC") else zone
    text = f"{day}T{clock}{':00' if len(clock) == 5 else ''}.{(fraction or '0')[:6].ljust(6, '0')}{zone}"
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


def _of_epoch(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise ValueError("a time beyond the calendar") from None


def read_id(value: object) -> str | None:
    """An id as text; None for the ways to write unset: null, "", "0" and 0.

    Raises:
        ValueError: neither a whole number nor a word.
    """
    if value is None or value in ("", "0") or (type(value) is int and value == 0):
        return None
    if type(value) is int and abs(value) < 10**30:
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise ValueError("not an id")


def _needed_id(value: object) -> str:
    found = read_id(value)
    if found is None:
        raise ValueError("an id is needed here")
    return found


def _word(value: object) -> object:
    if type(value) is int and abs(value) < 10**30:
        return str(value)
    return value.strip().lower() or None if isinstance(value, str) else value


def _list(value: object) -> object:
    return [] if value is None else value


def _text(value: object) -> object:
    return "" if value is None else value


Id = Annotated[str, BeforeValidator(_needed_id)]
OptionalId = Annotated[str | None, BeforeValidator(read_id)]
Time = Annotated[datetime | None, BeforeValidator(read_time)]
Word = Annotated[str | None, BeforeValidator(_word)]
"""An enum's value in lower case, one that is a number as its digits; None when unset."""
Text = Annotated[str, BeforeValidator(_text)]
Ids = Annotated[list[Id], BeforeValidator(_list)]
Words = Annotated[list[str], BeforeValidator(_list)]
Listed = BeforeValidator(_list)
"""Null for an empty list: `Annotated[list[Thread], Listed]`."""


class Loose(BaseModel):
    """Reads what it knows and leaves the rest."""

    model_config = ConfigDict(extra="allow", frozen=True)


def parse(model: type[M], data: object) -> M:
    """`data` of a delivery as a model.

    Raises:
        RejectedError: fields are of an unknown shape; names them, and none of their values.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RejectedError(f"fields of an unknown shape: {_places(error)}") from None


def parse_answer(model: type[M], answer: ApiAnswer) -> M:
    """A vendor's answer as a model.

    Raises:
        RetryableError: it is no JSON, or its fields are of an unknown shape; names them, and none of their values.
            UnknownOutcomeError where the request may not be repeated, for then it may have taken place.
    """
    return parse_part(model, answer.json(), answer)


def parse_part(model: type[M], data: object, answer: ApiAnswer) -> M:
    """A part of a vendor's answer as a model; raises as `parse_answer` does."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        kind = RetryableError if answer.repeatable else UnknownOutcomeError
        raise kind(f"{answer.what}: {answer.status} of an unknown shape: {_places(error)}") from None


def _places(error: ValidationError) -> str:
    places = sorted({".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)})
    return ", ".join(places[:10])
