"""Fields as expressions name them: `account.tier`, `ticket.fields["Plan"]`, `changes.status.before`. Pure.

Finds the type of a field or says which is meant, and writes the test whether anybody knows its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cornerdesk.nearest import nearest
from cornerdesk.rules import kinds
from cornerdesk.rules.kinds import Kind, Type
from cornerdesk.rules.schema import ALIASES, HERE, Schema
from cornerdesk.rules.syntax import Finding

Path = tuple[str | int, ...]
"""A root and the steps from it: `("account", "tier")`."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_KEYWORDS = frozenset({"in", "true", "false", "null"})
_MOST_NAMED = 16
DASHED = "a name with a dash needs brackets"


class Checked(NamedTuple):
    """What is known of a part of an expression.

    Attributes:
        type: what it gives.
        code: the part as the engine gets it.
        path: for a field, the way to it; for anything else None.
        bound: the path starts at a variable of a macro, not at a root.
    """

    type: Type
    code: str
    path: Path | None = None
    bound: bool = False


def write_path(path: Path) -> str:
    """The path as rules write it."""
    text = str(path[0])
    for step in path[1:]:
        text += f".{step}" if isinstance(step, str) and is_identifier(step) else f"[{quote(step)}]"
    return text


def quote(step: str | int) -> str:
    """A CEL literal; JSON's escapes are all CEL's too."""
    return json.dumps(step, ensure_ascii=False)


def is_identifier(text: str) -> bool:
    """Whether it can stand behind a dot."""
    return bool(_IDENTIFIER.match(text)) and text not in _KEYWORDS


def step_into(of: Checked, step: str | int, shown: str, offset: int, *, dotted: bool) -> tuple[Checked, Finding | None]:
    """A field of `of`, with what is wrong about it.

    Args:
        shown: how the expression writes `of`.
        dotted: it is written `of.step` and not `of["step"]`, which names custom fields too.
    """
    if of.path is not None and not of.bound and len(of.path) == 1 and isinstance(step, str):
        alias = ALIASES.get((str(of.path[0]), step))
        if alias is not None:
            return Checked((of.type.fields or {})[step], alias, (alias,)), None
    code = _code(of.code, step)
    path = None if of.path is None else (*of.path, step)
    found, finding = _member(of.type, step, shown, offset, dotted=dotted)
    return Checked(found, code, path, of.bound), finding


def _member(
    of: Type, step: str | int, shown: str = "", offset: int = 0, *, dotted: bool = False
) -> tuple[Type, Finding | None]:
    if of.kind is Kind.ANY:
        return kinds.ANY, None
    if of.kind is Kind.LIST and isinstance(step, int):
        return of.element or kinds.ANY, None
    if of.kind in (Kind.OBJECT, Kind.MAP) and isinstance(step, str):
        if step in (of.fields or {}):
            return (of.fields or {})[step], None
        if of.kind is Kind.MAP and not (dotted and of.fields):
            return of.element or kinds.ANY, None
        return kinds.ANY, unknown_field(of, step, shown, offset)
    if of.kind is Kind.LIST:
        return kinds.ANY, Finding(
            offset, f"`{shown}` is a list", f'`"..." in {shown}`, `size({shown})` or `{shown}.exists(item, ...)`'
        )
    return kinds.ANY, Finding(offset, f"`{shown}` is {of.kind.value} and has no fields")


def unknown_field(of: Type, step: str, shown: str, offset: int) -> Finding:
    """There is no such field: which is meant?"""
    fields = of.fields or {}
    message = f"`{shown}` has no field `{step}`"
    if of.hints and step in of.hints:
        return Finding(offset, message, f"`{of.hints[step]}`")
    if dashed := next((name for name in fields if name.startswith(f"{step}-")), None):
        return Finding(offset, message, f"`{shown}[{quote(dashed)}]`: {DASHED}")
    guess = nearest(step, fields)
    return Finding(offset, message, None if guess else one_of(fields), guess)


def unknown_signal(schema: Schema, name: str, offset: int) -> Finding:
    """There is no such signal: which is meant? `name` is the whole one, such as `feature.ssso`."""
    known = schema.signal_names()
    group, dot, rest = name.partition(".")
    if dot and (members := [other[len(group) + 1 :] for other in known if other.startswith(f"{group}.")]):
        what = "feature" if group == "feature" else f"signal in `{group}`"
        finding = unknown_field(
            Type(Kind.OBJECT, fields=dict.fromkeys(members, kinds.BOOL)), rest, f"signals.{group}", offset
        )
        return Finding(offset, f"there is no {what} `{rest}`", finding.expected, finding.nearest)
    within = next((other for other in known if other.endswith(f".{name}")), None)
    guess = within or nearest(name, known)
    expected = None if guess or not known else one_of(known)
    return Finding(offset, f"there is no signal `{name}`", expected, guess)


def unknown_root(roots: Mapping[str, Type], name: str, offset: int) -> Finding:
    """Nothing has this name: is it misspelt, a field without its root, or a text without its quotes?"""
    holders = [
        root for root in ("ticket", "account", "message", "customer", "event", "rating", "signals") if root in roots
    ]
    for root in holders:
        if name in (roots[root].fields or {}):
            return Finding(offset, f"there is no `{name}` by itself", None, f"{root}.{name}")
    guess = nearest(name, roots)
    expected = None if guess else f'"{name}" in quotes if it is a text; fields start with {", ".join(sorted(roots))}'
    return Finding(offset, f"there is no `{name}`", expected, guess)


def one_of(names: Iterable[str]) -> str:
    """`one of a, b, c`, shortened when there are many."""
    found = list(names)
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"one of {', '.join(found[:_MOST_NAMED])}{more}" if found else "nothing: there is none"


def presence(path: Path, root: Type) -> str:
    """CEL that is true when somebody knows the value at `path`, false when nobody does, and never an error.

    Objects of the model are always there as maps, so only what may be missing in them is asked for.
    """
    tests: list[str] = []
    code, found = str(path[0]), root
    for step in path[1:]:
        inner, _ = _member(found, step)
        here = _code(code, step)
        if not (found.kind is Kind.OBJECT and inner.kind in (Kind.OBJECT, Kind.MAP)):
            tests.append(_has(code, step, here))
        code, found = here, inner
    if found.kind is Kind.OBJECT and found.optional:
        tests.append(f"has({code}.{HERE})")
    return f"({' && '.join(tests)})" if tests else "true"


def _code(of: str, step: str | int) -> str:
    return f"{of}.{step}" if isinstance(step, str) and is_identifier(step) else f"{of}[{quote(step)}]"


def _has(code: str, step: str | int, here: str) -> str:
    if isinstance(step, int):
        return f"size({code}) > {step}"
    return f"has({here})" if here == f"{code}.{step}" else f"{quote(step)} in {code}"
