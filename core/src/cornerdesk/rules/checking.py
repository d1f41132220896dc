"""Checks an expression against the fields, signals and functions that exist, before it ever runs. Pure.

Every mistake is found at once and at its place. What passes is written anew for the engine: comparisons with null ask
for presence, numbers of two kinds are made one, and both ways of naming one object become one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cornerdesk.rules import kinds
from cornerdesk.rules.calling import check_call
from cornerdesk.rules.comparing import check_compare, some_field
from cornerdesk.rules.functions import TYPE_NAMES
from cornerdesk.rules.kinds import Kind, Type
from cornerdesk.rules.paths import DASHED, Checked, Path, step_into, unknown_root, unknown_signal
from cornerdesk.rules.schema import Schema
from cornerdesk.rules.syntax import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Finding,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Name,
    Negate,
    Node,
    Not,
    Select,
)

_LONGEST_SHOWN = 60
_ADDED = {Kind.TEXT, Kind.LIST, Kind.BYTES, Kind.LENGTH}


class Checker:
    """Checks one expression.

    Attributes:
        findings: what is wrong.
        paths: the fields it looks at, without those of a macro's variable.
        functions: what it calls beyond the engine's own.
        variables: what macros bind, while their bodies are looked at.
        equalities: by the node's identity, the field that must have a value for it to be true, and that value.
    """

    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.schema = schema
        self.findings: list[Finding] = []
        self.paths: dict[Path, None] = {}
        self.functions: set[str] = set()
        self.variables: dict[str, Type] = {}
        self.equalities: dict[int, tuple[Path, str | bool]] = {}

    def report(self, offset: int, message: str, expected: str | None = None, nearest: str | None = None) -> None:
        """Something is wrong there."""
        self.findings.append(Finding(offset, message, expected, nearest))

    def shown(self, node: Node) -> str:
        """The part as it is written, shortened."""
        text = " ".join(self.text[node.start : node.end].split())
        return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."

    def root_type(self, checked: Checked) -> Type:
        """The type of what a field's path starts from."""
        root = str((checked.path or ("",))[0])
        return (self.variables if checked.bound else self.schema.roots).get(root, kinds.ANY)

    @contextmanager
    def bound(self, name: str, found: Type) -> Iterator[None]:
        """`name` is a macro's variable here."""
        self.variables[name] = found
        try:
            yield
        finally:
            del self.variables[name]

    def visit(self, node: Node) -> Checked:
        """Check a part whose value is used."""
        checked = self._check(node)
        if checked.path is not None and not checked.bound:
            self.paths[checked.path] = None
            if checked.type.kind is Kind.BOOL:
                self.equalities[id(node)] = (checked.path, True)
        return checked

    def want_bool(self, node: Node, checked: Checked) -> None:
        """Only true or false makes sense here."""
        if checked.type.kind in (Kind.BOOL, Kind.ANY):
            return
        shown = self.shown(node)
        expected: str | None = f"a comparison, such as `{shown} != null`" if checked.path else "a comparison"
        if checked.type.kind is Kind.TEXT and checked.path:
            expected = f'a comparison, such as `{shown} == "..."`'
        elif checked.type.kind is Kind.OBJECT:
            expected = some_field(shown, checked.type)
        self.report(node.start, f"`{shown}` is {checked.type.kind.value} and not true or false", expected)

    def _check(self, node: Node) -> Checked:
        match node:
            case Literal():
                return Checked(kinds.literal_type(node.kind), node.written)
            case Name():
                return self._name(node)
            case Select():
                return self._step(node.of, node.field, node.at, dotted=True)
            case Index():
                return self._index(node)
            case Call():
                return check_call(self, node)
            case Compare():
                return check_compare(self, node)
            case Logic():
                return self._logic(node)
            case Not():
                of = self.visit(node.of)
                self.want_bool(node.of, of)
                return Checked(kinds.BOOL, f"!({of.code})")
            case Negate():
                return self._negate(node)
            case Arithmetic():
                return self._arithmetic(node)
            case Conditional():
                return self._conditional(node)
            case ListOf():
                items = [self.visit(item) for item in node.items]
                return Checked(
                    kinds.list_of(kinds.common([i.type for i in items])), f"[{', '.join(i.code for i in items)}]"
                )
            case MapOf():
                entries = [(self.visit(key).code, self.visit(value).code) for key, value in node.entries]
                return Checked(kinds.map_of(), "{" + ", ".join(f"{key}: {value}" for key, value in entries) + "}")
            case _:
                raise TypeError(f"{type(node).__name__} is no part of an expression")

    def _name(self, node: Name) -> Checked:
        if node.name in self.variables:
            return Checked(self.variables[node.name], node.name, (node.name,), bound=True)
        if node.name in self.schema.roots:
            return Checked(self.schema.roots[node.name], node.name, (node.name,))
        if node.name in TYPE_NAMES:
            return Checked(kinds.TYPE, node.name)
        known = {**self.variables, **self.schema.roots}
        self.findings.append(unknown_root(known, node.name, node.start))
        return Checked(kinds.ANY, "null")

    def _step(self, of: Node, step: str | int, offset: int, *, dotted: bool) -> Checked:
        holder = self._check(of)
        found, finding = step_into(holder, step, self.shown(of), offset, dotted=dotted)
        if finding is not None:
            if not holder.bound and holder.path is not None and holder.path[0] == "signals" and isinstance(step, str):
                finding = unknown_signal(self.schema, ".".join(map(str, (*holder.path[1:], step))), offset)
            self.findings.append(finding)
            return Checked(kinds.ANY, "null")
        return found

    def _index(self, node: Index) -> Checked:
        key = node.key
        if isinstance(key, Literal) and isinstance(key.value, str | int) and not isinstance(key.value, bool):
            return self._step(node.of, key.value, key.start, dotted=False)
        holder, found = self.visit(node.of), self.visit(key)
        if holder.type.kind is Kind.OBJECT:
            self.report(key.start, f"which field of `{self.shown(node.of)}` is meant has to be written out")
        elif holder.type.kind not in (Kind.LIST, Kind.MAP, Kind.ANY):
            self.report(key.start, f"`{self.shown(node.of)}` is {holder.type.kind.value} and holds no items")
        return Checked(holder.type.element or kinds.ANY, f"{holder.code}[{found.code}]")

    def _logic(self, node: Logic) -> Checked:
        parts = [self.visit(part) for part in node.parts]
        for part, checked in zip(node.parts, parts, strict=True):
            self.want_bool(part, checked)
        return Checked(kinds.BOOL, f"({f' {node.operator} '.join(part.code for part in parts)})")

    def _negate(self, node: Negate) -> Checked:
        of = self.visit(node.of)
        if not of.type.number and of.type.kind is not Kind.ANY:
            self.report(node.start, f"`{self.shown(node.of)}` is {of.type.kind.value} and no number")
        return Checked(of.type, f"-({of.code})")

    def _conditional(self, node: Conditional) -> Checked:
        condition, yes, no = self.visit(node.condition), self.visit(node.yes), self.visit(node.no)
        self.want_bool(node.condition, condition)
        return Checked(kinds.common([yes.type, no.type]), f"({condition.code} ? {yes.code} : {no.code})")

    def _arithmetic(self, node: Arithmetic) -> Checked:
        left = self.visit(node.left)
        if self.findings and DASHED in (self.findings[-1].expected or ""):
            return left  # `signals.feature.single-sign-on`: what follows is the rest of that name
        right = self.visit(node.right)
        found = _result(node.operator, left.type, right.type)
        if found is None:
            what = f"`{node.operator}` does not go with {left.type.kind.value} and {right.type.kind.value}"
            self.report(node.start, what, _cure(node.operator, left.type, right.type))
            return Checked(kinds.ANY, "null")
        codes = (left.code, right.code)
        if left.type.number and right.type.number and left.type.kind is not right.type.kind:
            codes = (_as_double(left), _as_double(right))
        return Checked(found, f"({codes[0]} {node.operator} {codes[1]})")


def _as_double(checked: Checked) -> str:
    """CEL does not mix kinds of numbers: `account.revenue / 12` would be unknown for ever."""
    return checked.code if checked.type.kind is Kind.DOUBLE else f"double({checked.code})"


def _result(operator: str, left: Type, right: Type) -> Type | None:
    pair = (left.kind, right.kind)
    if Kind.ANY in pair:
        return kinds.ANY
    if left.number and right.number:
        mixed = left.kind is not right.kind or left.kind is Kind.DOUBLE
        return None if operator == "%" and mixed else (kinds.DOUBLE if mixed else left)
    if operator == "+" and left.kind is right.kind and left.kind in _ADDED:
        return kinds.common([left, right]) if left.kind is Kind.LIST else Type(left.kind)
    if pair in ((Kind.TIME, Kind.LENGTH), (Kind.LENGTH, Kind.TIME)) and (operator == "+" or pair[0] is Kind.TIME):
        return kinds.TIME if operator in "+-" else None
    if operator == "-" and pair in ((Kind.TIME, Kind.TIME), (Kind.LENGTH, Kind.LENGTH)):
        return kinds.LENGTH
    return None


def _cure(operator: str, left: Type, right: Type) -> str | None:
    found = {left.kind, right.kind}
    if operator == "+" and Kind.TEXT in found and found & kinds.NUMBERS:
        return "`string(...)` around the number"
    if found & {Kind.TIME, Kind.LENGTH}:
        return '`now - ticket.created_at > duration("4h")`'
    if operator == "-" and Kind.BOOL in found:
        return 'a name with a dash in brackets, such as `signals.feature["single-sign-on"]`'
    return None
