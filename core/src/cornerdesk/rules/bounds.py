"""How long evaluating an expression can take at most, estimated before it ever runs. Pure.

Figures are microseconds, measured on the engine: `map` and `filter` copy their list for every item, so that they cost
the square of its length; everything else is linear.
"""

from __future__ import annotations

from cornerdesk.rules.functions import LONGEST_LIST, MACROS
from cornerdesk.rules.syntax import Arithmetic, Call, Finding, ListOf, Node, children

LONGEST_RUN = 50_000.0
"""Microseconds that one expression may take in the worst case."""
MOST_NESTED = 2
"""Macros within each other at most."""

_NODE, _ITEM, _COPY, _FUNCTION = 0.1, 0.3, 0.1, 20.0


def check_bounds(node: Node) -> Finding | None:
    """What is wrong if a customer with many tags or attachments could make this expression run for long."""
    found = _too_nested(node, 0)
    if found is not None:
        return Finding(found.at, "lists are searched within lists within lists here", f"at most {MOST_NESTED} levels")
    if _cost(node) > LONGEST_RUN:
        return Finding(node.start, "this expression could take too long on a long list", "one list searched once")
    return None


def _is_macro(node: Node) -> bool:
    return isinstance(node, Call) and node.receiver is not None and node.name in MACROS


def _too_nested(node: Node, level: int) -> Call | None:
    if isinstance(node, Call) and _is_macro(node) and node.receiver is not None:
        if level == MOST_NESTED:
            return node
        inner = [(node.receiver, level), *((arg, level + 1) for arg in node.args)]
    else:
        inner = [(part, level) for part in children(node)]
    return next((found for part, depth in inner if (found := _too_nested(part, depth)) is not None), None)


def _cost(node: Node) -> float:
    if isinstance(node, Call) and _is_macro(node) and node.receiver is not None:
        items = _length(node.receiver)
        body = sum(map(_cost, node.args))
        copies = _COPY * items * items if node.name in ("map", "filter") else 0.0
        return _cost(node.receiver) + items * (body + _ITEM) + copies
    own = _FUNCTION if isinstance(node, Call) and node.name != "has" else _NODE
    return own + sum(map(_cost, children(node)))


def _length(node: Node) -> float:
    """Items of a list at most; whatever is no list that is written out counts as the longest there is."""
    if isinstance(node, ListOf):
        return len(node.items)
    if isinstance(node, Arithmetic):
        return _length(node.left) + _length(node.right)
    if isinstance(node, Call) and node.receiver is not None and node.name in ("map", "filter"):
        return _length(node.receiver)
    return LONGEST_LIST
