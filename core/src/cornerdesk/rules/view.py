"""What the engine sees of a snapshot: plain values, without anything that nobody knows. Pure.

A value nobody knows is left out, so that using it is an error and the condition neither true nor false. Objects of the
model are always there, as maps, so that asking whether a field of an absent one is known is no error. Only the fields
that some rule uses are copied: this is made anew for every event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, get_args, get_origin

import cel
from pydantic import BaseModel

from cornerdesk.model import AccountStatus, Event, Snapshot
from cornerdesk.rules.functions import LONGEST_LIST, WRITTEN_HERE
from cornerdesk.rules.paths import Path
from cornerdesk.rules.schema import HERE, OPTIONAL, ROOTS, plain, split_signal

Values = dict[str, Any]
Reader = Callable[[Any], Any]
"""Turns a field's value into what the engine sees; None: leave it out."""

_DEEPEST = 20
"""Levels of a custom field's JSON that rules see."""
_LARGEST_INT = 2**63 - 1
_ALWAYS: Mapping[str, Values] = {"account": {"status": AccountStatus.UNKNOWN.value}}
"""What an absent object has all the same."""


class View:
    """Makes contexts for the engine.

    Args:
        paths: every field that any expression looks at.
        functions: every function written here that any expression calls.
    """

    def __init__(self, paths: Iterable[Path], functions: Iterable[str]) -> None:
        used: dict[str, set[str]] = {}
        for path in paths:
            used.setdefault(str(path[0]), set()).update(str(step) for step in path[1:2])
        self._objects = {name: _Object(ROOTS[name], used[name], _ALWAYS.get(name)) for name in ROOTS if name in used}
        self._changes, self._signals = "changes" in used, "signals" in used
        self._functions = {name: WRITTEN_HERE[name] for name in functions if name in WRITTEN_HERE}

    def values(self, snapshot: Snapshot) -> Values:
        """What expressions see, by root."""
        event = snapshot.event
        found: Values = {"now": snapshot.now}
        for name, reader in self._objects.items():
            found[name] = reader(_root(name, event))
        if self._changes:
            found["changes"] = _changes(event)
        if self._signals:
            found["signals"] = _signals(snapshot)
        return found

    def context(self, values: Values) -> cel.Context:
        """The same for the engine."""
        try:
            return cel.Context(values, self._functions)
        except ValueError:
            # Half of a surrogate pair, say: one value that the engine cannot hold must not blind every rule.
            return cel.Context(clean(values), self._functions)


def look_up(values: Values, path: Path) -> Any:
    """The value at a path, or None when nobody knows it."""
    found: Any = values
    for step in path:
        try:
            found = found[step]
        except (LookupError, TypeError):
            return None
    if len(path) == 1 and path[0] in OPTIONAL and HERE not in found:
        return None  # an empty map for the engine; to people there is nothing
    return found


def _root(name: str, event: Event) -> Any:
    if name in ("event", "ticket"):
        return event if name == "event" else event.ticket
    return getattr(event if name in ("message", "rating") else event.ticket, name)


def _changes(event: Event) -> Values:
    """A custom field's change is told as `fields.NAME` and seen both so and as `changes.fields.NAME`."""
    found: Values = {}
    for field, change in event.changes.items():
        seen = _known({"before": clean(change.before), "after": clean(change.after)})
        found[_text(field)] = seen
        if field.startswith("fields."):
            found.setdefault("fields", {})[_text(field.removeprefix("fields."))] = seen
    return found


def _signals(snapshot: Snapshot) -> Values:
    found: Values = {"feature": {}}
    seen = {signal.name for signal in snapshot.signals}
    for name in snapshot.known_signals | seen:
        first, rest = split_signal(name)
        if rest is None:
            found[first] = name in seen
        else:
            group = found.setdefault(first, {})
            if isinstance(group, dict):
                group[rest] = name in seen
    return found


# ── objects of the model ────────────────────────────────────────────────────────────────────────────────────────────


class _Object:
    """Reads an object of the model; `absent` is what an absent one looks like."""

    def __init__(self, model: type[BaseModel], used: set[str] | None, always: Values | None = None) -> None:
        self.absent: Values = dict(always or {})
        self._fields: list[tuple[str, Reader | None]] = []
        for name, info in model.model_fields.items():
            if used is not None and name not in used:
                continue
            reader = _reader(info.annotation)
            self._fields.append((name, reader))
            if isinstance(reader, _Object):
                self.absent[name] = reader.absent
            elif reader is clean_map:
                self.absent[name] = {}

    def __call__(self, value: Any) -> Values:
        if value is None:
            return self.absent
        found: Values = {HERE: True}
        for name, reader in self._fields:
            inner = getattr(value, name)
            if reader is not None:
                inner = reader(inner)
            if inner is not None:
                found[name] = inner
        return found


def _reader(annotation: Any) -> Reader | None:
    """How values of this type are read; None: as they are."""
    annotation = plain(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _Object(annotation, None)
    if isinstance(annotation, type) and not origin:
        return None
    if origin in (tuple, list):
        return _list_reader(plain(inner[0]))
    return clean_map if origin is dict else clean


def _list_reader(item: Any) -> Reader:
    if isinstance(item, type) and issubclass(item, BaseModel):
        reader = _Object(item, None)
        return lambda items: [reader(each) for each in items] if len(items) <= LONGEST_LIST else None
    return lambda items: items if len(items) <= LONGEST_LIST else None


# ── values that nobody declared: custom fields, changes, the delivery itself ────────────────────────────────────────


def clean_map(value: Mapping[str, Any]) -> Values:
    """A map of custom values, without those that are None."""
    return {_text(str(key)): inner for key, each in value.items() if (inner := clean(each)) is not None}


def clean(value: Any, depth: int = 0) -> Any:
    """A value that the engine can hold, or None when it is nothing, too large or no JSON."""
    if value is None or isinstance(value, bool | float | datetime | timedelta | bytes):
        return value
    if isinstance(value, Enum):
        return clean(value.value, depth)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if -_LARGEST_INT <= value <= _LARGEST_INT else float(min(max(value, -(10**300)), 10**300))
    if isinstance(value, date):
        return value.isoformat()
    return _clean_inner(value, depth + 1) if depth < _DEEPEST else None


def _clean_inner(value: Any, depth: int) -> Any:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return _known({_text(str(key)): clean(each, depth) for key, each in value.items()})
    if isinstance(value, Sequence) and len(value) <= LONGEST_LIST:
        return [clean(each, depth) for each in value]
    return None


def _known(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
