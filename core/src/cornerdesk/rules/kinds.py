"""What kind of value an expression gives, as far as that is known before it runs. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """A kind of value; its text is what people read in errors."""

    TEXT = "text"
    INT = "a whole number"
    UINT = "a whole number (unsigned)"
    DOUBLE = "a number"
    BOOL = "true or false"
    TIME = "a time"
    LENGTH = "a length of time"
    LIST = "a list"
    MAP = "a set of named values"
    OBJECT = "an object with fields"
    NULL = "null"
    BYTES = "bytes"
    TYPE = "a type"
    ANY = "anything"


NUMBERS = frozenset({Kind.INT, Kind.UINT, Kind.DOUBLE})


@dataclass(frozen=True)
class Type:
    """A kind with what is known beyond it.

    Attributes:
        kind: the kind.
        values: the only texts it can be, for an enum.
        fields: an object's fields; for a map, the names that a plain `map.name` may use (None: any).
        element: what a list or map holds.
        optional: an object that may be absent (`message`): comparing it with null makes sense.
        hints: fields that people expect here and that have another name, with that name.
    """

    kind: Kind
    values: tuple[str, ...] | None = None
    fields: Mapping[str, Type] | None = field(default=None, hash=False)
    element: Type | None = None
    optional: bool = False
    hints: Mapping[str, str] | None = field(default=None, hash=False)

    @property
    def number(self) -> bool:
        """Whether it is one of the kinds of numbers."""
        return self.kind in NUMBERS


TEXT, INT, UINT, DOUBLE = Type(Kind.TEXT), Type(Kind.INT), Type(Kind.UINT), Type(Kind.DOUBLE)
BOOL, TIME, LENGTH, NULL = Type(Kind.BOOL), Type(Kind.TIME), Type(Kind.LENGTH), Type(Kind.NULL)
BYTES, TYPE, ANY = Type(Kind.BYTES), Type(Kind.TYPE), Type(Kind.ANY)


def list_of(element: Type) -> Type:
    """The type of a list of these."""
    return Type(Kind.LIST, element=element)


def map_of(element: Type = ANY, fields: Mapping[str, Type] | None = None) -> Type:
    """The type of named values that may each be missing."""
    return Type(Kind.MAP, element=element, fields=fields)


def comparable(left: Type, right: Type) -> bool:
    """Whether a value of one can equal a value of the other, as far as is known."""
    if Kind.ANY in (left.kind, right.kind) or (left.number and right.number):
        return True
    return left.kind is right.kind


def common(types: list[Type]) -> Type:
    """The type that all of these have, else anything."""
    kinds = {found.kind for found in types}
    if len(kinds) != 1:
        return ANY
    return types[0] if all(found == types[0] for found in types) else Type(types[0].kind)


_LITERALS = {"text": TEXT, "bytes": BYTES, "int": INT, "uint": UINT, "double": DOUBLE, "bool": BOOL, "null": NULL}


def literal_type(kind: str) -> Type:
    """The type of a literal of this kind (`syntax.Literal.kind`)."""
    return _LITERALS[kind]
