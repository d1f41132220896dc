"""A YAML file that was read: its data, and where in the file every part of it stands. Does no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cornerdesk.documents.nodes import Node, Place
from cornerdesk.errors import Problem

Path = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists counted from 0."""

_LONGEST_LINE = 300
_URL_PASSWORD = re.compile(r"(://[^/\s:@\"']{0,200}:)[^\s\"']{1,1000}(?=@)")
_SECRETIVE = re.compile(r"secret|token|passw|credential|api_?key|private", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$\{file:[^{}]*\}")
_MASK = "*"
_AROUND = "\"'[]{} "
_SHORT = 4


@dataclass(frozen=True, repr=False)
class Document:
    """A file's `data` as plain Python, with the place of each part.

    Attributes:
        file: its name as the user wrote it.
        data: mappings, lists, texts, numbers, booleans, None. An empty file is `{}`.
        lines: the file's lines.
        root: the nodes; None when the file is empty.
        written: values that came from a `${}` reference, by path, as they are written in the file.
        unresolved: values whose reference stands for nothing; reported already, so nothing else is said of them.
        secrets: texts that no error may hold: what references stand for, and secrets written in clear.
    """

    file: str
    data: Any
    lines: Sequence[str]
    root: Node | None
    written: Mapping[Path, str] = field(default_factory=dict)
    unresolved: frozenset[Path] = frozenset()
    secrets: set[str] = field(default_factory=set)
    _masks: set[tuple[Place, Place]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in _secretive(self.root):
            self.hide_node(node)

    def __repr__(self) -> str:
        return f"Document({self.file!r})"

    def position(self, path: Path, key: bool = False) -> tuple[int, int]:
        """Line and column of a value (with `key`, of its key), or of the nearest part above it that is there."""
        place = Place(1, 1) if self.root is None else self.root.start
        node = self.root
        for step in path:
            found = _step(node, step)
            if found is None:
                return place.line, place.column
            key_place, node = found
            place = key_place if key or _is_empty(node) else node.start
        return place.line, place.column

    def has(self, path: Path) -> bool:
        """Whether the file itself has something at `path`."""
        return self.node(path) is not None

    def node(self, path: Path) -> Node | None:
        """The node at `path`, or None."""
        node = self.root
        for step in path:
            found = _step(node, step)
            if found is None:
                return None
            node = found[1]
        return node

    def line(self, number: int) -> str:
        """The text of a line, 1-based, fit to be shown: secrets are masked, and `""` stands for one that is not there.

        Masked characters keep their places, so that a caret below still points at what it should.
        """
        if not 0 < number <= len(self.lines):
            return ""
        line = self.lines[number - 1][:_LONGEST_LINE]
        text = list(line)
        for start, end in self._masks:
            if start.line <= number <= end.line:
                first = start.column - 1 if start.line == number else 0
                last = end.column - 1 if end.line == number else len(text)
                text[first:last] = _masked(text[first:last])
        for reference in _REFERENCE.finditer(line):  # its name is no secret, and what one looks for here
            text[reference.start() : reference.end()] = reference[0]
        shown = "".join(letter if letter.isprintable() else " " for letter in text)
        return _URL_PASSWORD.sub(lambda found: found[1] + "***", shown)

    def hide(self, path: Path) -> None:
        """From now on no error shows the value at this path, written in clear as it may be."""
        if (node := self.node(path)) is not None:
            self.hide_node(node)

    def keeps_silent(self, text: str) -> bool:
        """Whether the text holds nothing that no error may hold."""
        folded = text.casefold()
        return not any(_holds(folded, secret.casefold()) for secret in self.secrets)

    def hide_node(self, node: Node) -> None:
        """The same for a node, which need not be one of the document's own."""
        if node.content is not None:
            self._masks.add((node.start, node.end))
            self.secrets.update(_texts(node))

    def shown(self, problems: Iterable[Problem]) -> list[Problem]:
        """The problems with their lines as they may be shown by now: what is secret is often learnt later."""
        return [
            replace(found, source=self.line(found.line) or None)
            if found.file == self.file and found.source is not None and found.line is not None
            else found
            for found in problems
        ]

    def problem(
        self,
        path: Path,
        message: str,
        expected: str | None = None,
        nearest: str | None = None,
        key: bool = False,
    ) -> Problem:
        """A `Problem` with the value at `path`, or with its `key`."""
        return self.problem_at(*self.position(path, key), message, expected, nearest)

    def problem_at(
        self, line: int, column: int, message: str, expected: str | None = None, nearest: str | None = None
    ) -> Problem:
        """A `Problem` at a line and column, both 1-based."""
        source = self.line(line) if column <= _LONGEST_LINE else ""
        return Problem(self.file, line, column, message, expected, nearest, source or None)


def _masked(letters: Sequence[str]) -> list[str]:
    """As many stars, but for white space and the quotes and brackets around."""
    text = "".join(letters)
    first = len(text) - len(text.lstrip(_AROUND))
    last = len(text.rstrip(_AROUND))
    return [letter if letter.isspace() or not first <= index < last else _MASK for index, letter in enumerate(letters)]


def _texts(node: Node) -> Iterator[str]:
    """Every text in it, keys too: `secret: {abc}` is a slip of the pen."""
    if isinstance(node.content, dict):
        yield from node.content
        for _, child in node.content.values():
            yield from _texts(child)
    elif isinstance(node.content, list):
        for child in node.content:
            yield from _texts(child)
    elif isinstance(node.content, str):
        yield node.content


def _secretive(node: Node | None) -> Iterator[Node]:
    """Values under a key that sounds like a secret. No model is needed to know those, nor a key that is spelt right."""
    content = None if node is None else node.content
    if isinstance(content, dict):
        for key, (_, child) in content.items():
            yield from (child,) if _SECRETIVE.search(key) else _secretive(child)
    elif isinstance(content, list):
        for child in content:
            yield from _secretive(child)


def _holds(text: str, secret: str) -> bool:
    """A short secret counts only as a word of its own: `a` is in every sentence."""
    if len(secret) >= _SHORT:
        return secret in text
    return bool(secret) and re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text) is not None


def unread_line(text: str) -> str | None:
    """A line of a file that could not be read, or None where it may hold a secret: nothing is known of its keys."""
    if _SECRETIVE.search(text) or len(text) > _LONGEST_LINE:
        return None
    return _URL_PASSWORD.sub(lambda found: found[1] + "***", text) or None


def _step(node: Node | None, step: str | int) -> tuple[Place, Node] | None:
    content = None if node is None else node.content
    if isinstance(content, dict) and isinstance(step, str):
        return content.get(step)
    if isinstance(content, list) and isinstance(step, int) and 0 <= step < len(content):
        return content[step].start, content[step]
    return None


def _is_empty(node: Node) -> bool:
    """`name:` with nothing behind it: the key is the place to look at."""
    return node.content is None and node.start == node.end
