"""Reads what stands under `if`: one condition, a list, or `all`, `any` and `not`, nested. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cornerdesk.documents import DataPath, Document
from cornerdesk.nearest import nearest
from cornerdesk.rules.conditions import Condition, Group
from cornerdesk.rules.reader import Reader

WORDS = ("all", "any", "not")
MOST_CONDITIONS = 100
"""Conditions of a rule at most."""
DEEPEST = 10
"""Levels of `all`, `any` and `not` at most."""

_EXAMPLE = 'a condition such as `account.tier == "canary"`'


def read_conditions(reader: Reader, document: Document, path: DataPath, data: Any) -> Condition | Group | None:
    """The conditions at `path`, or None when they cannot be read; what is wrong becomes problems."""
    if isinstance(data, list) and not data:
        reader.report(document, path, "there is no condition in this list", "conditions, or no `if` at all", key=True)
        return None
    if _count(data, 0) > MOST_CONDITIONS:
        reader.report(document, path, "there are too many conditions", f"at most {MOST_CONDITIONS}", key=True)
        return None
    return _read(reader, document, path, data)


def _count(data: Any, level: int = 0) -> int:
    """How many conditions; what is nested too deeply counts as too many."""
    if level > DEEPEST:
        return MOST_CONDITIONS + 1
    if isinstance(data, list | dict):
        inner = data if isinstance(data, list) else data.values()
        return sum(_count(each, level + 1) for each in inner)
    return 1


def _read(reader: Reader, document: Document, path: DataPath, data: Any) -> Condition | Group | None:
    if isinstance(data, str) and data.strip():
        expression = reader.condition(document, path, data)
        return None if expression is None else Condition(expression)
    if isinstance(data, list):
        return _group(reader, document, path, "all", data)
    if isinstance(data, Mapping):
        return _mapping(reader, document, path, data)
    _refuse(reader, document, path, data)
    return None


def _refuse(reader: Reader, document: Document, path: DataPath, data: Any) -> None:
    line, column = document.position(path)
    if document.line(line)[column - 1 : column] == "!":
        # YAML has read it as a tag and said so at this very place; this says what to do about it.
        same = [p for p in reader.problems if (p.file, p.line, p.column) == (document.file, line, column)]
        for problem in same:
            reader.problems.remove(problem)
        reader.report(
            document, path, "YAML reads a text that begins with `!` as a tag", "quotes around the condition, or `not:`"
        )
    elif data is None or data == "":
        reader.report(document, path, "there is no condition here", _EXAMPLE)
    elif isinstance(data, bool):
        what = "true" if data else "false"
        reader.report(document, path, f"this is always {what}", f"{_EXAMPLE}, or `enabled: false` for the rule")
    else:
        reader.report(document, path, f"{data!r} is no condition", _EXAMPLE)


def _mapping(reader: Reader, document: Document, path: DataPath, data: Mapping[str, Any]) -> Condition | Group | None:
    if len(data) != 1:
        keys = ", ".join(f"`{key}`" for key in data)
        reader.report(document, path, f"{keys} stand beside each other", "each as an item of a list of its own")
        return None
    word, inner = next(iter(data.items()))
    if word not in WORDS:
        expected = "`all`, `any` or `not`; a condition that holds `: ` needs quotes around it"
        guess = nearest(word, WORDS) if len(word) < 8 else None
        reader.report(document, (*path, word), f"`{word}` groups no conditions", expected, guess, key=True)
        return None
    here = (*path, word)
    if word != "not":
        return _many(reader, document, here, word, inner)
    if isinstance(inner, list):
        if len(inner) == 1:
            here, inner = (*here, 0), inner[0]
        else:
            expected = "`not: {any: [...]}` for none of them, `not: {all: [...]}` for not all of them"
            reader.report(document, here, "`not` takes one condition", expected, key=True)
            return None
    part = _read(reader, document, here, inner)
    return None if part is None else Group("not", (part,))


def _many(reader: Reader, document: Document, path: DataPath, word: str, data: Any) -> Condition | Group | None:
    if not isinstance(data, list) or not data:
        reader.report(
            document, path, f"`{word}` takes a list of conditions", f"`{word}: [condition, condition]`", key=True
        )
        return None
    return _group(reader, document, path, word, data)


def _group(reader: Reader, document: Document, path: DataPath, word: str, data: list[Any]) -> Condition | Group | None:
    parts = [_read(reader, document, (*path, index), each) for index, each in enumerate(data)]
    found = tuple(part for part in parts if part is not None)
    if len(found) != len(parts):
        return None
    return found[0] if len(found) == 1 else Group(word, found)
