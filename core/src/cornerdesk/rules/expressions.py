"""CEL expressions, compiled once: text in, program out, with everything that is wrong with it. Pure.

Evaluating gives a value or raises one of `UNKNOWN`: a value nobody knows is absent from what the engine sees, so that
using it is an error, which `&&` and `||` absorb as they do in three-valued logic.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cel

from cornerdesk.rules.bounds import check_bounds
from cornerdesk.rules.checking import Checker
from cornerdesk.rules.kinds import Kind, Type
from cornerdesk.rules.parsing import ExpressionError, parse
from cornerdesk.rules.paths import Path
from cornerdesk.rules.schema import Schema
from cornerdesk.rules.syntax import Finding, Logic, Node

# A function that cannot work with a value is a condition that nobody can answer. The engine would log the error's
# words as a warning, and these may be the customer's.
logging.getLogger("cel").setLevel(logging.CRITICAL)

UNKNOWN = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What the engine raises instead of giving a value."""


Needed = tuple[Path, str | bool]
"""A field and the only value of it with which an expression can be true."""


@dataclass(frozen=True)
class Expression:
    """One expression.

    Attributes:
        text: as written.
        code: as the engine gets it.
        type: what it gives, as far as is known.
        paths: the fields it looks at.
        functions: those it calls that are written here and not in the engine.
        needs: what must be so for it to be true: `account.tier == "canary" && signals.churn_risk` needs both.
    """

    text: str
    code: str
    type: Type
    paths: tuple[Path, ...]
    functions: frozenset[str]
    needs: frozenset[Needed] = frozenset()

    @cached_property
    def program(self) -> cel.Program:
        """Compiled by the engine."""
        return cel.compile(self.code)

    def evaluate(self, context: cel.Context) -> Any:
        """Its value.

        Raises:
            one of UNKNOWN: it rests on something nobody knows.
        """
        return self.program.execute(context)


def read_expression(text: str, schema: Schema, *, condition: bool) -> tuple[Expression | None, list[Finding]]:
    """The expression, or None when it cannot be read at all, and what is wrong with it, in the order of the text.

    Args:
        condition: it must give true or false; otherwise anything that can be shown in a text.
    """
    try:
        node = parse(text)
    except ExpressionError as error:
        return None, [error.finding]
    checker = Checker(text, schema)
    checked = checker.visit(node)
    if condition:
        checker.want_bool(node, checked)
    elif checked.type.kind is Kind.OBJECT:
        fields = ", ".join(list(checked.type.fields or {})[:4])
        checker.report(node.start, f"`{checker.shown(node)}` is an object", f"one of its fields, such as {fields}")
    if bound := check_bounds(node):
        checker.findings.append(bound)
    expression = Expression(
        text,
        checked.code,
        checked.type,
        tuple(checker.paths),
        frozenset(checker.functions),
        frozenset(_needs(node, checker)),
    )
    findings = sorted(checker.findings, key=lambda finding: finding.offset)
    return expression, findings or _compiled(expression)


def _needs(node: Node, checker: Checker) -> Iterator[Needed]:
    if isinstance(node, Logic) and node.operator == "&&":
        for part in node.parts:
            yield from _needs(part, checker)
    elif id(node) in checker.equalities:
        yield checker.equalities[id(node)]


def _compiled(expression: Expression) -> list[Finding]:
    """The engine has the last word on what it understands."""
    try:
        _ = expression.program
    except ValueError as error:
        detail = str(error).splitlines()[0].rpartition("ERROR: <input>:")[2]
        return [Finding(0, f"this expression is not understood ({detail})")]
    return []
