"""Working hours: `"Mon-Fri 09:00-18:00"`, `"Mon-Thu 09:00-18:00, Fri 09:00-14:00"`, `"always"`. Pure.

A span that ends at or before its start runs into the next day. Times are the person's own; which moment that is, and
what a clock change does to it, the IANA zone decides.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")
_EXPECTED = 'hours such as "Mon-Fri 09:00-18:00" or "Mon-Thu 09:00-18:00, Fri 09:00-14:00"'


class Hours:
    """A week's working hours."""

    __slots__ = ("spans", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: tuple[tuple[int, time, time], ...] = ()
        if text.strip().lower() != "always":
            self.spans = tuple(span for part in text.split(",") for span in _spans(part))

    def __repr__(self) -> str:
        return f"Hours({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hours) and other.spans == self.spans

    def __hash__(self) -> int:
        return hash(self.spans)

    def open_at(self, moment: datetime, zone: str) -> bool:
        """Whether `moment` (aware) lies within the hours, told in `zone` (IANA name)."""
        if not self.spans:
            return True
        local = moment.astimezone(ZoneInfo(zone))
        return any(start <= local < end for day in (-1, 0) for start, end in self._on(local, day))

    def next_open(self, moment: datetime, zone: str) -> datetime:
        """`moment` itself when open, else the next moment that is."""
        if self.open_at(moment, zone):
            return moment
        local = moment.astimezone(ZoneInfo(zone))
        starts = [start for day in range(9) for start, _ in self._on(local, day) if start > local]
        return min(starts).astimezone(moment.tzinfo)

    def _on(self, local: datetime, offset: int) -> list[tuple[datetime, datetime]]:
        date = local.date() + timedelta(days=offset)
        found = []
        for weekday, start, end in self.spans:
            if weekday == date.weekday():
                until = date if end > start else date + timedelta(days=1)
                found.append((datetime.combine(date, start, local.tzinfo), datetime.combine(until, end, local.tzinfo)))
        return found

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def build(value: Any) -> Hours:
            return value if isinstance(value, Hours) else cls(value)

        return core_schema.no_info_after_validator_function(
            build,
            core_schema.union_schema([core_schema.is_instance_schema(cls), core_schema.str_schema()]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda hours: hours.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "examples": ["Mon-Fri 09:00-18:00"]}


def _spans(part: str) -> list[tuple[int, time, time]]:
    match = _SPAN.match(part.strip().lower())
    if not match:
        raise ValueError(f"{part.strip()!r} is not {_EXPECTED}")
    first, last, *clock = match.groups()
    if first not in DAYS or (last or first) not in DAYS:
        raise ValueError(f"{part.strip()!r} names a day that is none of {', '.join(DAYS)}")
    begin, finish = DAYS.index(first), DAYS.index(last or first)
    days = [(begin + step) % 7 for step in range((finish - begin) % 7 + 1)]
    try:
        start = time(int(clock[0]), int(clock[1]))
        end = time(0, 0) if clock[2:] == ["24", "00"] else time(int(clock[2]), int(clock[3]))
    except ValueError as error:
        raise ValueError(f"{part.strip()!r}: {error}; expected {_EXPECTED}") from None
    return [(day, start, end) for day in days]
