"""`${NAME}` and `${file:/run/secrets/x}`: filled in after the file was read, so that places stay known.

What a reference stands for is a secret: the document remembers where it stands, and no error shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cornerdesk.documents import DataPath, Document, Place
from cornerdesk.errors import Problem
from cornerdesk.nearest import nearest

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FORMS = "${NAME}, ${file:/path} or, for a plain ${, $${"
_LARGEST = 65_536


class _UnresolvedError(Exception):
    """A reference that stands for nothing."""

    def __init__(self, message: str, expected: str | None = None, guess: str | None = None) -> None:
        super().__init__(message)
        self.expected, self.guess = expected, guess


def resolve(document: Document, environ: Mapping[str, str], directory: Path) -> tuple[Document, list[Problem]]:
    """The document with every reference filled in, and a problem for each that stands for nothing.

    Args:
        document: as it was read.
        environ: the environment.
        directory: what relative paths of `${file:}` start from.
    """
    filling = _Filling(document, environ, directory)
    data = filling.fill(document.data, ())
    document.secrets.update(filling.secrets)
    filled = replace(
        document, data=data, written=filling.written, unresolved=frozenset(filling.unresolved), secrets=document.secrets
    )
    return filled, filling.problems


@dataclass
class _Filling:
    document: Document
    environ: Mapping[str, str]
    directory: Path
    problems: list[Problem] = field(default_factory=list)
    written: dict[DataPath, str] = field(default_factory=dict)
    unresolved: set[DataPath] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)

    def fill(self, data: Any, path: DataPath) -> Any:
        if isinstance(data, dict):
            return {key: self.fill(value, (*path, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.fill(value, (*path, index)) for index, value in enumerate(data)]
        if isinstance(data, str) and "${" in data:
            return self._text(data, path)
        return data

    def _text(self, text: str, path: DataPath) -> str:
        found = list(_REFERENCE.finditer(text))
        if any(match[0] != "$${" for match in found):
            self.written[path] = " and ".join(match[0] for match in found if match[0] != "$${")
        parts, behind, resolved = [], 0, True
        for number, match in enumerate(found):
            value = self._stands_for(match, path, number)
            resolved = resolved and value is not None
            parts += [text[behind : match.start()], value or ""]
            behind = match.end()
        if not resolved:
            self.unresolved.add(path)
            return text
        whole = "".join([*parts, text[behind:]])
        if path in self.written:
            self.secrets.add(whole)
        return whole

    def _stands_for(self, match: re.Match[str], path: DataPath, number: int) -> str | None:
        if match[0] == "$${":
            return "${"
        try:
            value = self._look_up(match[1])
        except _UnresolvedError as error:
            line, column = self._place(path, number)
            self.problems.append(self.document.problem_at(line, column, str(error), error.expected, error.guess))
            return None
        self.secrets.add(value)
        return value

    def _look_up(self, name: str | None) -> str:
        if name is not None and name.startswith("file:"):
            return self._file(name.removeprefix("file:"))
        if name is None or not _NAME.match(name):
            raise _UnresolvedError("this is no reference", _FORMS)
        value = self.environ.get(name)
        if value is None:
            raise _UnresolvedError(
                f"the environment variable {name} is not set", None, nearest(name, _alike(self.environ, name))
            )
        if not value.strip():
            raise _UnresolvedError(f"the environment variable {name} is empty", "a value; nothing is no secret")
        return _checked(value, f"the environment variable {name}")

    def _file(self, name: str) -> str:
        path = self.directory / name
        if not name or "\0" in name:
            raise _UnresolvedError("this names no file", "${file:/path}")
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            reason = (error.strerror or "it cannot be opened").lower()
            raise _UnresolvedError(f"the file {name} cannot be read: {reason}", "a file with the value in it") from None
        if len(content) > _LARGEST:
            raise _UnresolvedError(f"the file {name} is too large for one value", f"at most {_LARGEST} bytes")
        try:
            value = content.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise _UnresolvedError(f"the file {name} is not UTF-8", "text") from None
        if not value.strip():
            raise _UnresolvedError(f"the file {name} is empty", "a value; nothing is no secret")
        return _checked(value, f"the file {name}")

    def _place(self, path: DataPath, number: int) -> tuple[int, int]:
        """Where the reference itself stands: the so-manieth in the value's own lines."""
        node = self.document.node(path)
        places = [] if node is None else list(_places(self.document.lines, node.start, node.end))
        return places[number] if number < len(places) else self.document.position(path)


def _checked(value: str, what: str) -> str:
    if "\0" in value or not _encodes(value):
        raise _UnresolvedError(f"{what} does not hold text", "UTF-8 text")
    return value


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _alike(environ: Mapping[str, str], name: str) -> list[str]:
    """Variables that may have been meant: same capitals or same beginning, so that no stranger's name is told."""
    start = name.partition("_")[0].lower()
    return [known for known in environ if known.lower().startswith(start)]


def _places(lines: Sequence[str], start: Place, end: Place) -> Iterator[tuple[int, int]]:
    for number in range(start.line, min(end.line, len(lines)) + 1):
        line = lines[number - 1]
        first = start.column - 1 if number == start.line else 0
        last = end.column - 1 if number == end.line else len(line)
        for match in _REFERENCE.finditer(line, first, last):
            yield number, match.start() + 1
