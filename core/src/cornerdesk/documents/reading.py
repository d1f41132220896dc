"""Reads YAML 1.2 files into documents. Raises nothing but `ConfigurationError`, and always ends: size, depth and
aliases are bounded. Knows no model."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cornerdesk.documents.document import Document, unread_line
from cornerdesk.documents.nodes import Builder, Fault, Node, Place, StructureError
from cornerdesk.documents.syntax import Complaint, explain
from cornerdesk.errors import ConfigurationError, Problem

LARGEST = 1_000_000
"""Bytes of a file at most."""
LONGEST_LINE = 20_000
"""Characters of a line at most: the parser takes time by the square of some words' length."""

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# What the parser itself, a Python program, raises on some malformed input instead of an error of its own.
_PARSER_FAULTS = (
    YAMLError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_yaml(path: Path, *, name: str | None = None, problems: list[Problem] | None = None) -> Document:
    """The YAML file at `path`.

    Args:
        path: the file.
        name: what errors call it; the path by default.
        problems: where to put what is wrong but leaves the rest readable, such as duplicate keys (the first counts),
            so that a caller can report it together with its own findings. Without it, that is an error too.

    Raises:
        ConfigurationError: with every `Problem` found in it as YAML.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigurationError([Problem(shown, None, None, "there is no such file")]) from None
    except IsADirectoryError:
        raise ConfigurationError([Problem(shown, None, None, "this is a folder", "a YAML file")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not one that a file can have"
        raise ConfigurationError([Problem(shown, None, None, f"it cannot be read: {reason}")]) from None
    return read_bytes(content, shown, problems=problems)


def read_bytes(content: bytes, name: str, *, problems: list[Problem] | None = None) -> Document:
    """YAML from a file's bytes; otherwise as `read_yaml`."""
    if len(content) > LARGEST:
        raise ConfigurationError([Problem(name, None, None, "the file is too large", f"at most {LARGEST} bytes")])
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError([Problem(name, 1, 1, "the file is UTF-16", "a file saved as UTF-8")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _BREAK.split(content[: error.start].decode("utf-8-sig", "replace"))
        problem = Problem(name, len(before), len(before[-1]) + 1, "this is not UTF-8", "a file saved as UTF-8")
        raise ConfigurationError([problem]) from None
    return read_text(text, name, problems=problems)


def read_text(text: str, name: str, *, problems: list[Problem] | None = None) -> Document:
    """YAML from a text; otherwise as `read_yaml`."""
    if len(text) > LARGEST:
        raise ConfigurationError([Problem(name, None, None, "the file is too large", f"at most {LARGEST} characters")])
    text = text.removeprefix("\ufeff")
    lines = _BREAK.split(text)
    _refuse_control_characters(text, name)
    if long := next((number for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE), None):
        message, expected = (
            "the line is too long",
            f"at most {LONGEST_LINE} characters; | or > begins a text of many lines",
        )
        raise ConfigurationError([Problem(name, long, 1, message, expected)])
    builder = Builder()
    try:
        root = builder.build(YAML(typ="safe", pure=True).parse(text))
    except StructureError as error:
        raise _refusal(name, lines, [*builder.faults, error.fault]) from None
    except _PARSER_FAULTS as error:
        raise _refusal(name, lines, builder.faults, explain(error, builder.last)) from None
    document = Document(name, _data(root), lines, root)
    for node in builder.dropped:
        document.hide_node(node)
    found = [document.problem_at(f.place.line, f.place.column, f.message, f.expected) for f in builder.faults]
    if problems is None and found:
        raise ConfigurationError(found)
    if problems is not None:
        problems += found
    return document


def _data(root: Node | None) -> object:
    data = None if root is None else root.data()
    return {} if data is None else data


def _refuse_control_characters(text: str, name: str) -> None:
    if found := _UNPRINTABLE.search(text):
        before = _BREAK.split(text[: found.start()])
        message = f"there is a character here that no text holds (U+{ord(found[0]):04X})"
        raise ConfigurationError([Problem(name, len(before), len(before[-1]) + 1, message, "a plain text file")])


def _refusal(
    name: str, lines: list[str], faults: list[Fault], complaint: Complaint | None = None
) -> ConfigurationError:
    problems = [_problem(name, lines, fault.place, fault.message, fault.expected) for fault in faults]
    if complaint is not None:
        problems.append(_problem(name, lines, complaint.place, complaint.message, complaint.expected))
    return ConfigurationError(problems)


def _problem(name: str, lines: list[str], place: Place | None, message: str, expected: str | None) -> Problem:
    if place is None:
        return Problem(name, None, None, message, expected)
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    return Problem(name, place.line, place.column, message, expected, source=unread_line(line))
