"""Lengths of time as people write them in YAML: `30m`, `24h`, `7d`, `2w`, `90s`, `1h30m`. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"(\d+)([smhdw])")
EXPECTED = "a length of time such as 90s, 30m, 24h, 7d or 1h30m"


def parse_duration(value: Any) -> timedelta:
    """`"1h30m"` as a timedelta, always longer than nothing.

    Raises:
        ValueError: anything else, a bare number included: nobody should guess its unit.
    """
    if isinstance(value, timedelta):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is not {EXPECTED}")
    try:
        total = sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError(f"{value!r} is longer than can be counted") from None
    if total <= timedelta():
        raise ValueError(f"{value!r} is no time at all; expected {EXPECTED}")
    return total


def write_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads back: `1d12h`."""
    seconds = int(length.total_seconds())
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+[smhdw])+$", "examples": ["30m", "24h", "7d"]}),
]
"""A setting that is a length of time."""
