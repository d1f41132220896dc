"""Checks calls of functions and macros, and writes them as the engine wants them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cel import evaluate
from pydantic_core import SchemaError

from cornerdesk import durations
from cornerdesk.nearest import nearest
from cornerdesk.rules import kinds
from cornerdesk.rules.comparing import presence_of
from cornerdesk.rules.functions import (
    FUNCTIONS,
    LENGTH_OF,
    LONGEST_PATTERN,
    MACROS,
    MATCHES,
    ZONED,
    Function,
    pattern_of,
)
from cornerdesk.rules.kinds import Kind, Type
from cornerdesk.rules.paths import Checked, quote
from cornerdesk.rules.syntax import Call, Literal, Name, Node

if TYPE_CHECKING:
    from cornerdesk.rules.checking import Checker

_LONGEST_DURATION = 290 * 365 * 86_400
_OTHER_LANGUAGES = {
    "lower": "lowerAscii",
    "toLowerCase": "lowerAscii",
    "upper": "upperAscii",
    "len": "size",
    "length": "size",
    "count": "size",
    "includes": "contains",
    "any": "exists",
    "some": "exists",
    "every": "all",
    "regex": "matches",
    "days": "duration",
    "hours": "duration",
    "exist": "exists",
    "isEmpty": "size",
}


def check_call(checker: Checker, node: Call) -> Checked:
    """`name(args)` or `receiver.name(args)`."""
    if node.receiver is None and node.name == "has":
        return _check_has(checker, node)
    if node.name in MACROS:
        return _check_macro(checker, node)
    function = FUNCTIONS.get(node.name)
    if function is None:
        return _unknown(checker, node)
    if not (function.free if node.receiver is None else function.method):
        checker.report(node.at, f"`{node.name}` is not written like this", f"`{function.usage}`")
        return _give_up(checker, node)
    return _check_function(checker, node, function)


def _give_up(checker: Checker, node: Call, result: Type = kinds.ANY) -> Checked:
    """The parts are still looked at: their mistakes are reported with this one."""
    for part in _parts(node):
        checker.visit(part)
    return Checked(result, "null")


def _parts(node: Call) -> list[Node]:
    return node.args if node.receiver is None else [node.receiver, *node.args]


def _unknown(checker: Checker, node: Call) -> Checked:
    known = [*FUNCTIONS, *MACROS, "has"]
    if node.receiver is None and node.name in checker.schema.roots:
        checker.report(node.at, f"`{node.name}` is a value and no function", f"`{node.name}`")
    else:
        guess = _OTHER_LANGUAGES.get(node.name) or nearest(node.name, known)
        expected = f"`{FUNCTIONS[guess].usage}`" if guess is not None and guess in FUNCTIONS else None
        checker.report(node.at, f"there is no function `{node.name}`", expected, guess)
    return _give_up(checker, node)


def _check_has(checker: Checker, node: Call) -> Checked:
    if len(node.args) != 1:
        checker.report(node.at, "`has` takes one field", "`has(account.revenue)`")
        return _give_up(checker, node, kinds.BOOL)
    return Checked(kinds.BOOL, presence_of(checker, node.args[0]))


# ── macros ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_macro(checker: Checker, node: Call) -> Checked:
    counts = (2, 3) if node.name == "map" else (2,)
    if node.receiver is None or len(node.args) not in counts or not isinstance(node.args[0], Name):
        checker.report(node.at, f"`{node.name}` is not written like this", f"`{MACROS[node.name]}`")
        return Checked(kinds.ANY, "null")
    holder, variable = checker.visit(node.receiver), node.args[0]
    if holder.type.kind not in (Kind.LIST, Kind.MAP, Kind.ANY):
        what = f"`{checker.shown(node.receiver)}` is {holder.type.kind.value} and no list"
        checker.report(node.receiver.start, what, f"`{MACROS[node.name]}`")
    if variable.name in checker.schema.roots or variable.name.startswith("_") or variable.name in checker.variables:
        checker.report(variable.start, f"`{variable.name}` cannot name the item", "another name, such as `item`")
        return Checked(kinds.ANY, "null")
    with checker.bound(variable.name, _item_type(holder.type)):
        bodies = [checker.visit(body) for body in node.args[1:]]
    for body, written in zip(bodies, node.args[1:], strict=True):
        if node.name != "map" or (len(bodies) == 2 and body is bodies[0]):
            checker.want_bool(written, body)
    code = f"{holder.code}.{node.name}({variable.name}, {', '.join(body.code for body in bodies)})"
    return Checked(_macro_type(node.name, holder.type, bodies[-1].type), code)


def _item_type(holder: Type) -> Type:
    if holder.kind is Kind.MAP:
        return kinds.TEXT
    return (holder.element if holder.kind is Kind.LIST else None) or kinds.ANY


def _macro_type(name: str, holder: Type, body: Type) -> Type:
    if name == "map":
        return kinds.list_of(body)
    if name == "filter":
        return holder if holder.kind is Kind.LIST else kinds.list_of(_item_type(holder))
    return kinds.BOOL


# ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _check_function(checker: Checker, node: Call, function: Function) -> Checked:
    parts = _parts(node)
    checked = [checker.visit(part) for part in parts]
    most = len(parts) if function.many else len(function.takes)
    if not function.needed <= len(parts) <= most:
        checker.report(node.at, f"`{node.name}` does not take that many values", f"`{function.usage}`")
        return Checked(function.gives or kinds.ANY, "null")
    for position, (part, found) in enumerate(zip(parts, checked, strict=True)):
        taken = function.takes[min(position, len(function.takes) - 1)]
        if found.type.kind is not Kind.ANY and found.type.kind not in taken:
            what = f"`{checker.shown(part)}` is {found.type.kind.value}, which `{node.name}` does not take"
            checker.report(part.start, what, _instead(checker, node, found) or f"`{function.usage}`")
            return Checked(function.gives or kinds.ANY, "null")
    code = _write(checker, node, checked)
    return Checked(function.gives or kinds.common([found.type for found in checked]), code)


def _instead(checker: Checker, node: Call, found: Checked) -> str | None:
    if node.name == "contains" and found.type.kind is Kind.LIST and node.receiver is not None and node.args:
        return f"`{checker.shown(node.args[0])} in {checker.shown(node.receiver)}`"
    return None


def _write(checker: Checker, node: Call, checked: list[Checked]) -> str:
    special = _SPECIAL.get(node.name)
    if special is not None and (written := special(checker, node, checked)) is not None:
        return written
    checker.functions.add(node.name)
    codes = [found.code for found in checked]
    if node.receiver is None:
        return f"{node.name}({', '.join(codes)})"
    return f"{codes[0]}.{node.name}({', '.join(codes[1:])})"


def _write_size(checker: Checker, node: Call, checked: list[Checked]) -> str | None:
    if checked[0].type.kind is not Kind.TEXT:
        return None
    checker.functions.add(LENGTH_OF)
    return f"{LENGTH_OF}({checked[0].code})"


def _write_matches(checker: Checker, node: Call, checked: list[Checked]) -> str:
    pattern = node.args[0]
    checker.functions.add(MATCHES)
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        checker.report(pattern.start, "a pattern has to be written out here", f"`{FUNCTIONS['matches'].usage}`")
    elif problem := _pattern_problem(pattern.value):
        checker.report(
            pattern.start, f"this is no regular expression: {problem}", "RE2 syntax, such as r'(?i)\\brefund'"
        )
    return f"{MATCHES}({checked[0].code}, {checked[1].code})"


def _pattern_problem(pattern: str) -> str | None:
    if len(pattern) > LONGEST_PATTERN:
        return f"it has more than {LONGEST_PATTERN} characters"
    try:
        pattern_of(pattern)
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "it is too large")
    return None


def _write_duration(checker: Checker, node: Call, checked: list[Checked]) -> str | None:
    written = node.args[0]
    if not isinstance(written, Literal) or not isinstance(written.value, str):
        return None
    try:
        seconds = int(durations.parse_duration(written.value).total_seconds())
    except ValueError:
        return _tried(checker, written, f"duration({checked[0].code})", durations.EXPECTED)
    # The engine knows no days and no weeks, and quietly stops counting at 292 years.
    if seconds > _LONGEST_DURATION:
        checker.report(written.start, "this is longer than 290 years", "a shorter time")
    return f'duration("{seconds}s")'


def _write_timestamp(checker: Checker, node: Call, checked: list[Checked]) -> str | None:
    written = node.args[0]
    if not isinstance(written, Literal) or not isinstance(written.value, str):
        return None
    text = f"{written.value}T00:00:00Z" if len(written.value) == 10 else written.value
    return _tried(
        checker, written, f"timestamp({quote(text)})", 'a time such as "2026-01-31T09:00:00Z" or "2026-01-31"'
    )


def _tried(checker: Checker, written: Literal, code: str, expected: str) -> str:
    try:
        evaluate(code)
    except (RuntimeError, ValueError, OverflowError, TypeError):
        checker.report(written.start, f"{written.written} is not {expected}")
    return code


def _write_calendar(checker: Checker, node: Call, checked: list[Checked]) -> str | None:
    if not node.args:
        return None
    zone = node.args[0]
    checker.functions.add(ZONED)
    if checked[0].type.kind is Kind.LENGTH:
        checker.report(zone.start, "a length of time has no time zone")
    if not isinstance(zone, Literal) or not isinstance(zone.value, str) or not _is_zone(zone.value):
        checker.report(zone.start, "this is no time zone", 'an IANA name such as "Europe/Berlin"')
    return f"{ZONED}({quote(node.name)}, {checked[0].code}, {checked[1].code})"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


_SPECIAL: Mapping[str, Callable[[Checker, Call, list[Checked]], str | None]] = {
    "size": _write_size,
    "matches": _write_matches,
    "duration": _write_duration,
    "timestamp": _write_timestamp,
    **{name: _write_calendar for name in FUNCTIONS if name.startswith("get")},
}
