"""The functions that expressions may call: what each takes and gives, and those the engine lacks, written here. Pure.

Whatever makes more out of a customer's text is bounded: a function that would go beyond raises, and what raises is
unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from cel import stdlib
from pydantic_core import SchemaValidator, core_schema

from cornerdesk.rules import kinds
from cornerdesk.rules.kinds import Kind, Type

LONGEST_LIST = 200
"""Items of a list at most; a longer one counts as unknown, so that evaluating stays bounded."""
LONGEST_TEXT = 1_000_000
"""Characters of a text that a function makes, at most."""
LONGEST_PATTERN = 500
"""Characters of a regular expression at most."""
MATCHES, ZONED, LENGTH_OF = "_matches", "_zoned", "_length"
"""Names that no expression can write. `x.matches("...")` becomes the first, because the engine compiles a pattern anew
each time it is asked; `time.getHours("Europe/Berlin")` the second, because it knows UTC only; `size(text)` the third,
because it counts bytes."""

_TEXT, _NUMBER = frozenset({Kind.TEXT}), kinds.NUMBERS
_SIZED = frozenset({Kind.TEXT, Kind.LIST, Kind.MAP, Kind.BYTES})
_LIST, _INT, _TIME = frozenset({Kind.LIST}), frozenset({Kind.INT}), frozenset({Kind.TIME})
_MOMENT = frozenset({Kind.TIME, Kind.LENGTH})
_ALL = frozenset(Kind)


@dataclass(frozen=True)
class Function:
    """One function.

    Attributes:
        usage: how it is written, for errors and docs.
        about: one line for the docs.
        takes: kinds of each argument, the receiver first.
        gives: the type of the result; None: that of the first argument.
        needed: how many of `takes` must be there.
        method: whether it can be written behind a dot.
        free: whether it can be written without a receiver.
        many: whether the last of `takes` may come again and again.
    """

    usage: str
    about: str
    takes: tuple[frozenset[Kind], ...]
    gives: Type | None
    needed: int
    method: bool = False
    free: bool = False
    many: bool = False


def _method(
    usage: str, about: str, takes: Sequence[frozenset[Kind]], gives: Type, needed: int | None = None
) -> Function:
    return Function(usage, about, tuple(takes), gives, len(takes) if needed is None else needed, method=True)


def _free(usage: str, about: str, takes: Sequence[frozenset[Kind]], gives: Type | None, many: bool = False) -> Function:
    return Function(usage, about, tuple(takes), gives, len(takes), free=True, many=many)


def _calendar(name: str, about: str, of: frozenset[Kind] = _TIME) -> Function:
    usage = f'ticket.created_at.{name}() or, in a time zone, .{name}("Europe/Berlin")'
    return _method(usage, about, (of, _TEXT), kinds.INT, needed=1)


FUNCTIONS: Mapping[str, Function] = {
    "contains": _method('message.text.contains("word")', "the text holds another", (_TEXT, _TEXT), kinds.BOOL),
    "startsWith": _method('ticket.subject.startsWith("Re:")', "it starts so", (_TEXT, _TEXT), kinds.BOOL),
    "endsWith": _method('customer.email.endsWith(".edu")', "it ends so", (_TEXT, _TEXT), kinds.BOOL),
    "matches": _method(
        "message.text.matches(r'(?i)\\brefund')", "a regular expression is found in it", (_TEXT, _TEXT), kinds.BOOL
    ),
    "size": Function(
        "size(ticket.tags)", "items of a list, characters of a text", (_SIZED,), kinds.INT, 1, method=True, free=True
    ),
    "lowerAscii": _method("customer.email.lowerAscii()", "A to Z as small letters", (_TEXT,), kinds.TEXT),
    "upperAscii": _method("account.plan.upperAscii()", "a to z as capitals", (_TEXT,), kinds.TEXT),
    "trim": _method("ticket.subject.trim()", "without spaces around it", (_TEXT,), kinds.TEXT),
    "replace": _method('ticket.subject.replace("Re: ", "")', "with one text for another", (_TEXT,) * 3, kinds.TEXT),
    "split": _method('customer.email.split("@")', "its parts", (_TEXT, _TEXT), kinds.list_of(kinds.TEXT)),
    "join": _method('ticket.tags.join(", ")', "a list as one text", (_LIST, _TEXT), kinds.TEXT, needed=1),
    "substring": _method("ticket.subject.substring(0, 40)", "from, up to", (_TEXT, _INT, _INT), kinds.TEXT, needed=2),
    "indexOf": _method('customer.email.indexOf("@")', "where it is, or -1", (_TEXT, _TEXT), kinds.INT),
    "min": _free("min(a, b)", "the smallest", (_NUMBER,), None, many=True),
    "max": _free("max(a, b)", "the largest", (_NUMBER,), None, many=True),
    "int": _free('int(ticket.fields["Seats"])', "as a whole number", (_TEXT | _NUMBER,), kinds.INT),
    "uint": _free("uint(1)", "as an unsigned number", (_TEXT | _NUMBER,), kinds.UINT),
    "double": _free('double(ticket.fields["Seats"])', "as a number", (_TEXT | _NUMBER,), kinds.DOUBLE),
    "string": _free("string(ticket.message_count)", "as a text", (_TEXT | _NUMBER | _MOMENT,), kinds.TEXT),
    "bytes": _free('bytes("a")', "as bytes", (_TEXT,), kinds.BYTES),
    "duration": _free('duration("4h")', "a length of time: 90s, 30m, 4h, 7d", (_TEXT,), kinds.LENGTH),
    "timestamp": _free('timestamp("2026-01-31T09:00:00Z")', "a time", (_TEXT | _TIME,), kinds.TIME),
    "type": _free('type(ticket.fields["Plan"]) == string', "the kind of a value", (_ALL,), kinds.TYPE),
    "dyn": _free("dyn(x)", "the same value, its kind not checked", (_ALL,), kinds.ANY),
    "getFullYear": _calendar("getFullYear", "2026"),
    "getMonth": _calendar("getMonth", "January is 0"),
    "getDate": _calendar("getDate", "day of the month, from 1"),
    "getDayOfMonth": _calendar("getDayOfMonth", "day of the month, from 0"),
    "getDayOfWeek": _calendar("getDayOfWeek", "Sunday is 0"),
    "getDayOfYear": _calendar("getDayOfYear", "from 0"),
    "getHours": _calendar("getHours", "hour of the day; of a length of time all its hours", _MOMENT),
    "getMinutes": _calendar("getMinutes", "minutes", _MOMENT),
    "getSeconds": _calendar("getSeconds", "seconds", _MOMENT),
    "getMilliseconds": _calendar("getMilliseconds", "milliseconds", _MOMENT),
}
TYPE_NAMES = frozenset({"bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"})
"""What `type(x)` may be compared with."""

MACROS: Mapping[str, str] = {
    "all": 'ticket.tags.all(tag, tag != "spam")',
    "exists": 'ticket.tags.exists(tag, tag.startsWith("vip"))',
    "exists_one": 'ticket.tags.exists_one(tag, tag.startsWith("vip"))',
    "filter": 'ticket.tags.filter(tag, tag.startsWith("vip"))',
    "map": "message.attachments.map(file, file.name)",
}


_LOWER = str.maketrans({letter: letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
_UPPER = str.maketrans({letter: letter.upper() for letter in "abcdefghijklmnopqrstuvwxyz"})


def replace_text(text: str, old: str, new: str) -> str:
    """`text` with `new` for `old`."""
    if len(text) + text.count(old) * len(new) > LONGEST_TEXT:
        raise ValueError("the result would be too long")
    return text.replace(old, new)


def split_text(text: str, separator: str) -> list[str]:
    """The parts between separators."""
    if not separator:
        raise ValueError("an empty separator")
    if text.count(separator) >= LONGEST_LIST:
        raise ValueError("too many parts")
    return text.split(separator)


def join_texts(parts: Sequence[str], separator: str = "") -> str:
    """One text of many."""
    if sum(map(len, parts)) + len(parts) * len(separator) > LONGEST_TEXT:
        raise ValueError("the result would be too long")
    return separator.join(parts)


_CALENDAR: Mapping[str, Callable[[datetime], int]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
    "getMilliseconds": lambda moment: moment.microsecond // 1000,
}


@lru_cache(maxsize=10_000)
def pattern_of(pattern: str) -> SchemaValidator:
    """A compiled regular expression: RE2's syntax, found anywhere in the text in time linear in its length.

    Raises:
        SchemaError: it is none, or one that needs too much memory.
    """
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))


def zoned(name: str, moment: datetime, zone: str) -> int:
    """What the calendar function `name` gives for `moment` in a time zone; the engine knows UTC only."""
    return _CALENDAR[name](moment.astimezone(ZoneInfo(zone)))


WRITTEN_HERE: Mapping[str, Callable[..., Any]] = {
    "lowerAscii": lambda text: text.translate(_LOWER),
    "upperAscii": lambda text: text.translate(_UPPER),
    "trim": stdlib.trim,
    "replace": replace_text,
    "split": split_text,
    "join": join_texts,
    "substring": stdlib.substring,
    "indexOf": stdlib.index_of,
    "min": stdlib.min_,
    "max": stdlib.max_,
    MATCHES: lambda text, pattern: pattern_of(pattern).isinstance_python(text),
    ZONED: zoned,
    LENGTH_OF: len,
}
"""Functions that the engine does not have, by name."""
