"""What a rule made of a snapshot, condition by condition: values, where they came from, what failed first. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import cel

from cornerdesk.model import Snapshot
from cornerdesk.rules.conditions import Condition, Group, ask
from cornerdesk.rules.expressions import UNKNOWN, Expression
from cornerdesk.rules.paths import Path, write_path
from cornerdesk.rules.plan import ConditionResult
from cornerdesk.rules.schema import HERE
from cornerdesk.rules.templates import write_value
from cornerdesk.rules.view import Values, look_up

NOBODY = "nobody knows"
_LONGEST_TEXT, _MOST_ITEMS = 200, 20
_OURS = frozenset({"id", "source", "helpdesk", "received_at", "origin"})
_REASONS: Mapping[type[Exception], str] = {
    ZeroDivisionError: "it divides by zero",
    IndexError: "the list is shorter than that",
    OverflowError: "the number is too large",
    TypeError: "it compares or computes with values of different kinds",
}
_OTHER = "a function cannot work with this value"


def explain_conditions(
    condition: Condition | Group | None, snapshot: Snapshot, values: Values, context: cel.Context
) -> tuple[ConditionResult, ...]:
    """Each condition of a rule's `if`, in its order."""
    if condition is None:
        return ()
    tops: Sequence[Condition | Group] = [condition]
    if isinstance(condition, Group) and condition.word == "all":
        tops = condition.parts
    return tuple(_result(top, snapshot, values, context) for top in tops)


def first_failed(results: Sequence[ConditionResult]) -> str | None:
    """The text of the first condition that was not true."""
    return next((result.text for result in results if result.value is not True), None)


def _result(part: Condition | Group, snapshot: Snapshot, values: Values, context: cel.Context) -> ConditionResult:
    value = ask(part, context)
    if isinstance(part, Group):
        parts = tuple(_result(inner, snapshot, values, context) for inner in part.parts)
        seen = {path: each for result in parts for path, each in result.seen.items()}
        origins = {path: each for result in parts for path, each in result.origins.items()}
        reason = next((result.reason for result in parts if result.reason), None) if value is None else None
        return ConditionResult(text=part.text, value=value, seen=seen, origins=origins, reason=reason, parts=parts)
    paths = part.expression.paths
    return ConditionResult(
        text=part.text,
        value=value,
        seen={write_path(path): _shown(look_up(values, path)) for path in paths},
        origins={write_path(path): _origin(path, snapshot, values) for path in paths},
        reason=_reason(part.expression, values, context) if value is None else None,
    )


def _origin(path: Path, snapshot: Snapshot, values: Values) -> str:
    if path == ("now",):
        return "clock"
    if look_up(values, path) is None:
        return NOBODY
    if path[0] == "signals":
        return _signal_origin(".".join(map(str, path[1:])), snapshot)
    if path == ("account", "status") and snapshot.account is None:
        return "default"
    if path[0] == "event" and path[1:2] and path[1] in _OURS:
        return "cornerdesk"
    return snapshot.provenance.get(".".join(map(str, path)), "vendor")


def _signal_origin(name: str, snapshot: Snapshot) -> str:
    for signal in snapshot.signals:
        if signal.name == name:
            words = ", ".join(f'"{_cut(evidence.text)}"' for evidence in signal.evidence[:3])
            return f"signal: {words}" if words else "signal"
    return "not seen in what the customer wrote"


def _reason(expression: Expression, values: Values, context: cel.Context) -> str:
    unknown = [write_path(path) for path in expression.paths if look_up(values, path) is None]
    try:
        value = expression.evaluate(context)
    except UNKNOWN as error:
        if unknown:
            return f"nobody knows {', '.join(unknown)}"
        return next((words for kind, words in _REASONS.items() if isinstance(error, kind)), _OTHER)
    return f"it gives {_cut(write_value(value))}, which is neither true nor false"


def _shown(value: Any) -> Any:
    """A value as JSON, shortened: explanations are stored and shown."""
    if isinstance(value, datetime | timedelta | bytes):
        return write_value(value)
    if isinstance(value, str):
        return _cut(str(value))
    if isinstance(value, Mapping):
        return {key: _shown(each) for key, each in list(value.items())[:_MOST_ITEMS] if key != HERE}
    if isinstance(value, Sequence):
        return [_shown(each) for each in value[:_MOST_ITEMS]]
    return value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
