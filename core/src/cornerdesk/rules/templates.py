"""Texts with `{{ CEL }}` in them, filled in once. Pure.

What is filled in is never looked at again: a customer who writes `{{ }}` is quoted, not evaluated.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cel

from cornerdesk.durations import write_duration
from cornerdesk.rules.expressions import UNKNOWN, Expression, read_expression
from cornerdesk.rules.schema import HERE, Schema
from cornerdesk.rules.syntax import Finding

OPENS, CLOSES = "{{", "}}"
LONGEST_VALUE = 2_000
"""Characters of one value that is filled in, at most."""
LONGEST_FILLED = 20_000
"""Characters of a filled text at most."""
NOBODY_KNOWS = "unknown"

_TOKEN = re.compile(r"""[rR](?:"[^"\r\n]*"|'[^'\r\n]*')|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*'|[{}]""")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Template:
    """A text with its expressions."""

    text: str
    parts: tuple[str | Expression, ...]

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in it, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def fill(self, context: cel.Context) -> str:
        """The text with a value for every expression; `unknown` for what nobody knows."""
        filled = "".join(part if isinstance(part, str) else _value(part, context) for part in self.parts)
        return _shortened(filled, LONGEST_FILLED)


def read_template(text: str, schema: Schema) -> tuple[Template, list[Finding]]:
    """The template and what is wrong with it, with offsets into the text."""
    parts: list[str | Expression] = []
    findings: list[Finding] = []
    position = 0
    for start, end in _spans(text, findings):
        parts.append(text[position:start])
        inner, offset = text[start + 2 : end - 2], start + 2
        expression, wrong = read_expression(inner, schema, condition=False)
        findings += [replace(finding, offset=finding.offset + offset) for finding in wrong]
        parts += [] if expression is None else [expression]
        position = end
    return Template(text, tuple(part for part in (*parts, text[position:]) if part != "")), findings


def _spans(text: str, findings: list[Finding]) -> Iterator[tuple[int, int]]:
    """Where each `{{ ... }}` starts and ends. Braces and quotes of the expression itself do not end it."""
    position = text.find(OPENS)
    while position >= 0:
        end = _closed(text, position + 2)
        if end is None:
            findings.append(Finding(position, "the `{{` that opens here is never closed", "`}}` behind the expression"))
            return
        yield position, end
        position = text.find(OPENS, end)


def _closed(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}" and depth:
            depth -= 1
        elif token[0] == "}":
            return token.start() + 2 if text.startswith(CLOSES, token.start()) else None
    # An expression whose own quotes are not closed: let it end at the next braces and say what is wrong with it.
    end = text.find(CLOSES, start)
    return end + 2 if end >= 0 else None


def _value(expression: Expression, context: cel.Context) -> str:
    try:
        return write_value(expression.evaluate(context))
    except UNKNOWN:
        return NOBODY_KNOWS


def write_value(value: Any) -> str:
    """A value as people read it."""
    return _shortened(_CONTROL.sub("", _write(value)), LONGEST_VALUE)


def _write(value: Any) -> str:
    match value:
        case None:
            return NOBODY_KNOWS
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case float():
            return _number(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case timedelta():
            return f"-{write_duration(-value)}" if value < timedelta() else write_duration(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case Mapping():
            return json.dumps(
                {key: each for key, each in value.items() if key != HERE}, default=str, ensure_ascii=False
            )
        case Sequence():
            return ", ".join(_write(each) for each in value)
        case _:
            return str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return NOBODY_KNOWS
    if abs(value) >= 1e15:
        return f"{value:.6g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
