"""What a CEL expression says: its syntax tree, each node with its place in the text. Pure; evaluates nothing.

The tree is for checking and for rewriting; evaluating is the engine's work (`expressions`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in an expression, `offset` characters into its text."""

    offset: int
    message: str
    expected: str | None = None
    nearest: str | None = None


@dataclass(slots=True)
class Node:
    """A part of an expression; `start` and `end` are its offsets, parentheses around it included."""

    start: int
    end: int
    depth: int = field(default=1, kw_only=True)


@dataclass(slots=True)
class Literal(Node):
    """`kind` is text, bytes, int, uint, double, bool or null; `value` what it stands for; `written` its own text."""

    kind: str
    value: object
    written: str


@dataclass(slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(slots=True)
class Select(Node):
    """`of.field`; `at` is the field's offset."""

    of: Node
    field: str
    at: int


@dataclass(slots=True)
class Index(Node):
    """`of[key]`."""

    of: Node
    key: Node


@dataclass(slots=True)
class Call(Node):
    """`name(args)` or, with a receiver, `receiver.name(args)`; `at` is the name's offset."""

    name: str
    at: int
    receiver: Node | None
    args: list[Node]


@dataclass(slots=True)
class Not(Node):
    """`!of`."""

    of: Node


@dataclass(slots=True)
class Negate(Node):
    """`-of`."""

    of: Node


@dataclass(slots=True)
class Arithmetic(Node):
    """`left op right` with `+ - * / %`."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Compare(Node):
    """`left op right` with `== != < <= > >= in`."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Logic(Node):
    """Two or more parts with `&&` or with `||`."""

    operator: str
    parts: list[Node]


@dataclass(slots=True)
class Conditional(Node):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(slots=True)
class ListOf(Node):
    """`[a, b]`."""

    items: list[Node]


@dataclass(slots=True)
class MapOf(Node):
    """`{a: b}`."""

    entries: list[tuple[Node, Node]]


def children(node: Node) -> list[Node]:
    """The parts that a node is made of."""
    match node:
        case Select(of=of) | Not(of=of) | Negate(of=of):
            return [of]
        case Index(of=of, key=key):
            return [of, key]
        case Call(receiver=receiver, args=args):
            return [*([] if receiver is None else [receiver]), *args]
        case Arithmetic(left=left, right=right) | Compare(left=left, right=right):
            return [left, right]
        case Logic(parts=parts):
            return list(parts)
        case Conditional(condition=condition, yes=yes, no=no):
            return [condition, yes, no]
        case ListOf(items=items):
            return list(items)
        case MapOf(entries=entries):
            return [part for entry in entries for part in entry]
        case _:
            return []
