"""Checks comparisons: null, enums with values that do not exist, values that can never be equal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cornerdesk.nearest import nearest
from cornerdesk.rules import kinds
from cornerdesk.rules.kinds import Kind, Type
from cornerdesk.rules.paths import Checked, one_of, presence
from cornerdesk.rules.syntax import Compare, ListOf, Literal, Node

if TYPE_CHECKING:
    from cornerdesk.rules.checking import Checker

_ORDERED = kinds.NUMBERS | {Kind.TEXT, Kind.TIME, Kind.LENGTH, Kind.ANY}


def check_compare(checker: Checker, node: Compare) -> Checked:
    """`left op right`."""
    if _is_null(node.left) or _is_null(node.right):
        return _compare_null(checker, node)
    left, right = checker.visit(node.left), checker.visit(node.right)
    code = f"({left.code} {node.operator} {right.code})"
    if node.operator == "in":
        _check_in(checker, node, left, right)
    elif _comparable(checker, node, left, right):
        _check_value(checker, left.type, node.right)
        _check_value(checker, right.type, node.left)
        _remember(checker, node, left, node.right)
        _remember(checker, node, right, node.left)
        if node.operator not in ("==", "!="):
            _check_order(checker, node, left.type, right.type)
    return Checked(kinds.BOOL, code)


def _remember(checker: Checker, node: Compare, field: Checked, other: Node) -> None:
    if node.operator == "==" and field.path and not field.bound and isinstance(other, Literal) and other.kind == "text":
        checker.equalities[id(node)] = (field.path, str(other.value))


def _is_null(node: Node) -> bool:
    return isinstance(node, Literal) and node.kind == "null"


def _compare_null(checker: Checker, node: Compare) -> Checked:
    """Unknown values are absent from what the engine sees: null is asked for by presence."""
    subject = node.left if _is_null(node.right) else node.right
    known = presence_of(checker, subject)
    if node.operator not in ("==", "!="):
        checker.report(node.start, f"null cannot be compared with `{node.operator}`", "`== null` or `!= null`")
    return Checked(kinds.BOOL, f"!{known}" if node.operator == "==" else known)


def presence_of(checker: Checker, node: Node) -> str:
    """CEL for whether the value of a field is known."""
    checked = checker.visit(node)
    if checked.path is None:
        checker.report(node.start, "only a field can be known or unknown", "a field such as `account.revenue`")
        return "true"
    if checked.bound and len(checked.path) == 1:
        return f"({checked.code} != null)"
    return presence(checked.path, checker.root_type(checked))


def _comparable(checker: Checker, node: Compare, left: Checked, right: Checked) -> bool:
    for side, checked in ((node.left, left), (node.right, right)):
        if checked.type.kind is Kind.OBJECT:
            shown = checker.shown(side)
            checker.report(side.start, f"`{shown}` is an object", some_field(shown, checked.type))
            return False
    if kinds.comparable(left.type, right.type):
        return True
    what = f"`{checker.shown(node.left)}` is {left.type.kind.value} and `{checker.shown(node.right)}` is "
    literal = node.left if isinstance(node.left, Literal) else node.right
    checker.report(literal.start, f"{what}{right.type.kind.value}: they cannot be compared", _instead(left, right))
    return False


def some_field(shown: str, found: Type) -> str:
    """What may be asked of an object instead of the object itself."""
    fields = [name for name, inner in (found.fields or {}).items() if inner.kind is not Kind.OBJECT]
    start = f"`{shown}.{fields[0]}`" if fields else "one of its fields"
    return f"one of its fields, such as {start}, or `{shown} != null`" if found.optional else start


def _instead(left: Checked, right: Checked) -> str | None:
    found = {left.type.kind, right.type.kind}
    if Kind.TIME in found and Kind.LENGTH in found:
        return '`now - ticket.created_at > duration("4h")`'
    if Kind.TIME in found:
        return 'a time such as `timestamp("2026-01-31T09:00:00Z")`'
    if Kind.LENGTH in found:
        return '`duration("4h")`'
    if Kind.LIST in found and Kind.TEXT in found:
        text, many = (left, right) if left.type.kind is Kind.TEXT else (right, left)
        return f"`{text.code} in {many.code}`"
    if Kind.TEXT in found and found & kinds.NUMBERS:
        return "a number without quotes"
    if Kind.BOOL in found:
        return "`true` or `false` without quotes, or no comparison at all"
    return None


def _check_value(checker: Checker, found: Type, other: Node) -> None:
    """`ticket.status == "opne"` is never true."""
    if found.values is None or not isinstance(other, Literal) or not isinstance(other.value, str):
        return
    if other.value not in found.values:
        guess = nearest(other.value, found.values)
        checker.report(
            other.start, f'"{other.value}" is none of its values', None if guess else one_of(found.values), guess
        )


def _check_order(checker: Checker, node: Compare, left: Type, right: Type) -> None:
    for side, found in ((node.left, left), (node.right, right)):
        if found.values is not None:
            some = ", ".join(f'"{value}"' for value in found.values[-2:])
            checker.report(
                node.start,
                f"`{checker.shown(side)}` has no order: texts compare by the alphabet",
                f"`{checker.shown(side)} in [{some}]`",
            )
            return
    if left.kind not in _ORDERED or right.kind not in _ORDERED:
        kind = left.kind if left.kind not in _ORDERED else right.kind
        checker.report(node.start, f"`{node.operator}` does not order {kind.value}", "`==` or `!=`")


def _check_in(checker: Checker, node: Compare, left: Checked, right: Checked) -> None:
    holder = right.type
    if holder.kind is Kind.TEXT:
        checker.report(
            node.right.start,
            f"`{checker.shown(node.right)}` is text and no list",
            f"`{checker.shown(node.right)}.contains({checker.shown(node.left)})`",
        )
    elif holder.kind not in (Kind.LIST, Kind.MAP, Kind.ANY):
        checker.report(node.right.start, f"`{checker.shown(node.right)}` is {holder.kind.value} and no list", "a list")
    elif isinstance(node.right, ListOf):
        _check_items(checker, left, node.right)
    elif holder.kind is Kind.LIST and not kinds.comparable(left.type, holder.element or kinds.ANY):
        element = (holder.element or kinds.ANY).kind.value
        checker.report(node.left.start, f"`{checker.shown(node.right)}` is a list of {element}, never of this")
    elif holder.kind is Kind.LIST and holder.element is not None:
        _check_value(checker, holder.element, node.left)


def _check_items(checker: Checker, left: Checked, items: ListOf) -> None:
    for item in items.items:
        if isinstance(item, Literal) and not kinds.comparable(left.type, kinds.literal_type(item.kind)):
            checker.report(item.start, f"this is never equal to {left.type.kind.value}")
        else:
            _check_value(checker, left.type, item)
