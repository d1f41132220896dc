"""What stands under `if`: conditions, and `all`, `any`, `not` around them. Pure.

The whole of it becomes one expression for the engine, so that one evaluation decides. Each condition's own value is
only asked for to explain; both follow the same three-valued logic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cel

from cornerdesk.rules.expressions import UNKNOWN, Expression

Truth = bool | None
"""True, False, or None: it rests on something nobody knows."""


@dataclass(frozen=True)
class Condition:
    """One condition."""

    expression: Expression

    @property
    def text(self) -> str:
        """As written."""
        return self.expression.text.strip()

    @property
    def code(self) -> str:
        """For the engine."""
        return f"({self.expression.code})"


@dataclass(frozen=True)
class Group:
    """`all`, `any` or `not` of its parts; `not` has one."""

    word: str
    parts: tuple[Condition | Group, ...]

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.word}: [{', '.join(part.text for part in self.parts)}]"

    @property
    def code(self) -> str:
        """For the engine."""
        if self.word == "not":
            return f"!{self.parts[0].code}"
        return "(" + {"all": " && ", "any": " || "}[self.word].join(part.code for part in self.parts) + ")"


def expressions_of(part: Condition | Group) -> Iterator[Expression]:
    """Every expression in it, in order."""
    if isinstance(part, Condition):
        yield part.expression
    else:
        for inner in part.parts:
            yield from expressions_of(inner)


def ask(part: Condition | Group, context: cel.Context) -> Truth:
    """The value of a condition or group by itself."""
    if isinstance(part, Condition):
        try:
            value = part.expression.evaluate(context)
        except UNKNOWN:
            return None
        return value if isinstance(value, bool) else None
    return combine(part.word, [ask(inner, context) for inner in part.parts])


def combine(word: str, values: list[Truth]) -> Truth:
    """Three-valued logic, as the engine's own `&&`, `||` and `!` have it."""
    if word == "not":
        return None if values[0] is None else not values[0]
    decisive = word == "any"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def holds(program: cel.Program | None, context: cel.Context) -> bool:
    """Whether a whole `if` is true; no `if` always is."""
    if program is None:
        return True
    try:
        return program.execute(context) is True
    except UNKNOWN:
        return False
