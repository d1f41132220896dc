"""The nodes of a YAML file with their places, built from parser events. Pure; knows no file and no model.

The parser's own composer stops at the first duplicate key, recurses as deep as the file says and lets a few lines of
aliases stand for billions of values. Building from events reports every duplicate and bounds all three.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cornerdesk.documents.scalars import Scalar, read_plain, read_tagged

DEEPEST = 50
"""Levels of nesting at most."""
MOST_VALUES = 100_000
"""Values at most, each alias counted with all that it stands for."""
_COLLECTION_TAGS = {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the file that does not keep us from reading the rest."""

    place: Place
    message: str
    expected: str | None = None


class StructureError(Exception):
    """The file cannot be read on from here."""

    def __init__(self, place: Place, message: str, expected: str | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(place, message, expected)


@dataclass(slots=True)
class Node:
    """One value. `content`: a scalar, a list of nodes, or a mapping from key to the key's place and the node.

    `weight` counts the values it stands for, `height` its levels; both with aliases followed. `end` is just behind it.
    """

    start: Place
    end: Place
    content: Scalar | list[Node] | dict[str, tuple[Place, Node]] = None
    weight: int = 1
    height: int = 1
    closed: bool = True

    def data(self) -> Any:
        """Plain Python data, with nothing shared between two aliases."""
        if isinstance(self.content, list):
            return [node.data() for node in self.content]
        if isinstance(self.content, dict):
            return {key: node.data() for key, (_, node) in self.content.items()}
        return self.content


@dataclass(slots=True)
class _Open:
    """A collection that is being read: `key` waits for its value, `merged` for the end of its mapping."""

    node: Node
    key: tuple[str, Place] | None = None
    merged: list[Node] = field(default_factory=list)


@dataclass
class Builder:
    """Builds the one document's root from events; faults that leave it readable are gathered in `faults`.

    `last` is where the last event ended: what the parser broke down over stands behind it. `dropped` holds values whose
    key was there already.
    """

    faults: list[Fault] = field(default_factory=list)
    root: Node | None = None
    last: Place | None = None
    dropped: list[Node] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)
    _documents: int = 0
    _values: int = 0

    def build(self, events: Iterable[Any]) -> Node | None:
        """The root, or None when the file holds nothing.

        Raises:
            StructureError: nesting, size or aliases beyond all bounds, a second document.
        """
        for event in events:
            self.last = _end(event)
            self._take(event)
        return self.root

    def _take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._finish(event)
        elif isinstance(event, DocumentStartEvent):
            self._document(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise StructureError(_start(event), "a second document begins here", "one document in a file, so no `---`")
        if event.version is not None and tuple(event.version) != (1, 2):
            self.faults.append(Fault(_start(event), "files are read as YAML 1.2", "no %YAML line, or %YAML 1.2"))

    def _scalar(self, event: Any) -> None:
        if self._expects_key():
            self._key(event)
            return
        node = self._node(event)
        try:
            node.content = _value(event)
        except ValueError as error:
            self.faults.append(Fault(node.start, str(error)))
            node.content = event.value
        self._add(node)

    def _key(self, event: Any) -> None:
        """Keys are names and stay as they are written: `on`, `404` and `null` are text here."""
        parent = self._open[-1]
        place = _start(event)
        parent.key = (event.value, place)
        if event.style is None and event.value == "<<":
            return
        members = parent.node.content
        if isinstance(members, dict) and event.value in members:
            first = members[event.value][0].line
            self.faults.append(
                Fault(place, f'the key "{shown(event.value)}" is here twice; first on line {first}', "every key once")
            )

    def _alias(self, event: Any) -> None:
        place = _start(event)
        node = self._anchors.get(event.anchor)
        if self._expects_key():
            raise StructureError(place, "a key cannot be an alias", "a name as the key")
        if node is None:
            raise StructureError(
                place,
                f"there is no anchor &{shown(event.anchor)} before this alias",
                "an anchor, or quotes around a text that starts with *",
            )
        if not node.closed:
            raise StructureError(place, f"*{shown(event.anchor)} stands within itself")
        if len(self._open) + node.height > DEEPEST:
            raise StructureError(place, "the file is nested too deeply here", f"at most {DEEPEST} levels")
        self._count(node.weight, place)
        self._add(node)

    def _begin(self, event: Any) -> None:
        if self._expects_key():
            raise StructureError(
                _start(event),
                "a key cannot be a list or a mapping",
                "a name as the key; a text that starts with { or [ needs quotes around it",
            )
        if len(self._open) >= DEEPEST:
            raise StructureError(_start(event), "the file is nested too deeply here", f"at most {DEEPEST} levels")
        node = self._node(event)
        node.content, node.closed = ({} if isinstance(event, MappingStartEvent) else []), False
        if event.tag is not None and str(event.tag) not in _COLLECTION_TAGS:
            self.faults.append(Fault(node.start, f"the tag {shown(str(event.tag))} means nothing here"))
        self._open.append(_Open(node))

    def _finish(self, event: Any) -> None:
        done = self._open.pop()
        node = done.node
        self._merge(done)
        nodes = node.content if isinstance(node.content, list) else [n for _, n in _members(node).values()]
        node.weight = 1 + sum(child.weight for child in nodes)
        node.height = 1 + max((child.height for child in nodes), default=0)
        node.end, node.closed = _end(event), True
        self._add(node)

    def _merge(self, done: _Open) -> None:
        """`<<: *base`: what the mapping does not say itself, it takes from there."""
        own = _members(done.node)
        for base in done.merged:
            for key, member in _members(base).items():
                own.setdefault(key, member)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent.node.content, list):
            parent.node.content.append(node)
        elif isinstance(parent.node.content, dict) and parent.key is not None:
            (key, place), parent.key = parent.key, None
            if key == "<<" and self._takes_over(parent, node):
                return
            if parent.node.content.setdefault(key, (place, node))[1] is not node:
                self.dropped.append(node)

    def _takes_over(self, parent: _Open, node: Node) -> bool:
        bases = node.content if isinstance(node.content, list) else [node]
        if not bases or not all(isinstance(base.content, dict) for base in bases):
            return False
        parent.merged += bases
        return True

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.content, dict) and self._open[-1].key is None

    def _count(self, values: int, place: Place) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            message = f"up to here the file stands for more than {MOST_VALUES} values"
            raise StructureError(place, message, "a smaller file, or fewer aliases")

    def _node(self, event: Any) -> Node:
        self._count(1, _start(event))
        node = Node(_start(event), _end(event))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node


def shown(text: str) -> str:
    """A name from the file as an error shows it: one line, not too long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= 60 else clean[:57] + "..."


def _members(node: Node) -> dict[str, tuple[Place, Node]]:
    return node.content if isinstance(node.content, dict) else {}


def _value(event: Any) -> Scalar:
    if event.tag is not None:
        return read_tagged(event.value, str(event.tag))
    return read_plain(event.value) if event.style is None else str(event.value)


def _start(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _end(event: Any) -> Place:
    return Place(event.end_mark.line + 1, event.end_mark.column + 1)
