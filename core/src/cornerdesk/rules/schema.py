"""The fields that rules may name, derived from the event model itself. Pure.

A field that the model gains is known here without another word.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from cornerdesk.model import Account, Change, Customer, Event, Message, Rating, Ticket
from cornerdesk.rules import kinds
from cornerdesk.rules.kinds import Kind, Type

HERE = "_here"
"""Marks an object that is there, in the values that rules see: `message == null` asks for it. No field is called so."""

ROOTS: Mapping[str, type[BaseModel]] = {
    "event": Event,
    "ticket": Ticket,
    "message": Message,
    "customer": Customer,
    "account": Account,
    "rating": Rating,
}
"""Objects of the model that rules name directly."""

ALIASES: Mapping[tuple[str, str], str] = {
    ("ticket", "customer"): "customer",
    ("ticket", "account"): "account",
    ("event", "ticket"): "ticket",
    ("event", "message"): "message",
    ("event", "changes"): "changes",
    ("event", "rating"): "rating",
}
"""Fields of the model that are the same object as a root: both ways of writing it mean it. Inner ones first."""

OPTIONAL = frozenset({"message", "customer", "account", "rating"})
"""Roots that may be absent."""

_SCALARS: Mapping[type, Type] = {
    str: kinds.TEXT,
    int: kinds.INT,
    float: kinds.DOUBLE,
    bool: kinds.BOOL,
    datetime: kinds.TIME,
}
_HINTS: Mapping[str, Mapping[str, str]] = {
    "Ticket": {"text": "message.text", "body": "message.text", "email": "customer.email", "state": "ticket.status"},
    "Message": {"body": "message.text", "subject": "ticket.subject", "from": "message.author.email"},
    "Customer": {"tier": "account.tier", "company": "account.name", "plan": "account.plan"},
    "Account": {"mrr": "account.revenue", "arr": "account.revenue", "domain": "account.domains"},
}


@dataclass(frozen=True)
class Schema:
    """Every root that an expression may start from, with its type."""

    roots: Mapping[str, Type]

    def signal_names(self) -> list[str]:
        """Every known signal by its whole name."""
        return list(_leaves(self.roots["signals"]))


def build_schema(signals: Iterable[str] = (), sources: Iterable[str] = ()) -> Schema:
    """What rules may name where these signals (`churn_risk`, `feature.sso`) are looked for.

    Args:
        sources: the configured sources: `event.source` can be nothing else. Empty: not checked.
    """
    roots = {name: replace(_object(model), optional=name in OPTIONAL) for name, model in ROOTS.items()}
    if named := tuple(sources):
        fields = {**(roots["event"].fields or {}), "source": Type(Kind.TEXT, values=named)}
        roots["event"] = replace(roots["event"], fields=fields)
    roots["changes"] = _changes(roots["ticket"].fields or {})
    roots["signals"] = _signals(signals)
    roots["now"] = kinds.TIME
    for (root, name), alias in ALIASES.items():
        fields = {**(roots[root].fields or {}), name: roots[alias]}
        roots[root] = replace(roots[root], fields=fields)
    return Schema(roots)


def split_signal(name: str) -> tuple[str, str | None]:
    """`feature.sso` is `sso` in the group `feature`; a name without a dot stands by itself."""
    group, dot, rest = name.partition(".")
    return (group, rest) if dot and rest else (name, None)


def type_of(annotation: Any) -> Type:
    """The type of a model's field by its annotation; None in it is left out, for any field may be unknown."""
    annotation = plain(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return Type(Kind.TEXT, values=tuple(item.value for item in annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return replace(_object(annotation), optional=True)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (tuple, list):
        return kinds.list_of(type_of(inner[0]))
    if origin is dict:
        return kinds.map_of()
    return kinds.ANY


def plain(annotation: Any) -> Any:
    """The annotation without `Annotated` and without `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            inner = [part for part in get_args(annotation) if part is not type(None)]
            if len(inner) != 1:
                return annotation
            annotation = inner[0]
        else:
            return annotation


def _object(model: type[BaseModel]) -> Type:
    """What is a root of its own is added by `build_schema`, so that it has one type only."""
    aliased = {name for root, name in ALIASES if ROOTS[root] is model}
    fields = {name: type_of(info.annotation) for name, info in model.model_fields.items() if name not in aliased}
    return Type(Kind.OBJECT, fields=fields, hints=_HINTS.get(model.__name__))


def _changes(ticket: Mapping[str, Type]) -> Type:
    """By the ticket's field; a custom field's stands as `changes.fields.NAME`, and a merger's goal as `merged_into`."""
    any_change = _change(kinds.ANY)
    fields = {name: _change(of) for name, of in ticket.items()}
    return kinds.map_of(
        any_change,
        {**fields, "customer": any_change, "merged_into": any_change, "fields": kinds.map_of(any_change)},
    )


def _change(of: Type) -> Type:
    """Before and after of a field. Stored as JSON, so that a time in it may be text: neither is claimed."""
    value = of if of.kind in (Kind.TEXT, Kind.INT, Kind.DOUBLE, Kind.BOOL, Kind.LIST) else kinds.ANY
    return Type(Kind.OBJECT, fields=dict.fromkeys(Change.model_fields, value))


def _signals(names: Iterable[str]) -> Type:
    fields: dict[str, Type] = {}
    groups: dict[str, dict[str, Type]] = {"feature": {}}
    for name in names:
        first, rest = split_signal(name)
        if rest is None:
            fields[first] = kinds.BOOL
        else:
            groups.setdefault(first, {})[rest] = kinds.BOOL
    found = {group: Type(Kind.OBJECT, fields=members) for group, members in groups.items()}
    return Type(Kind.OBJECT, fields={**found, **fields})


def _leaves(found: Type, before: str = "") -> Iterable[str]:
    for name, inner in (found.fields or {}).items():
        if inner.kind is Kind.OBJECT:
            yield from _leaves(inner, f"{before}{name}.")
        else:
            yield f"{before}{name}"
