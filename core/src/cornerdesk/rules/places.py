"""Where in a YAML file a character of a text stands, whatever way the text is written: plain, in quotes, as a block.
Pure; only used to tell of a mistake."""

from __future__ import annotations

import re

from cornerdesk.documents import DataPath, Document

_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_ESCAPED = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\n[ \t]*|[\s\S])")

Place = tuple[int, int]
"""Line and column, both from 1."""


def place_of(document: Document, path: DataPath, offset: int) -> Place:
    """The place of the character at `offset` of the text at `path`; where that cannot be told, the text's own."""
    start = document.position(path)
    node = document.node(path)
    if node is None or not isinstance(node.content, str):
        return start
    written, places = _written(document, (node.start.line, node.start.column), (node.end.line, node.end.column))
    found = _align(written, node.content)
    if found is None or offset > len(node.content):
        return start
    index = found[offset] if offset < len(found) else (found[-1] + 1 if found else 0)
    return places[min(index, len(places) - 1)] if places else start


def _written(document: Document, start: Place, end: Place) -> tuple[str, list[Place]]:
    """The text between two places as the file has it, and the place of each of its characters."""
    letters: list[str] = []
    places: list[Place] = []
    for number in range(start[0], min(end[0], len(document.lines)) + 1):
        line = document.lines[number - 1]
        first = start[1] - 1 if number == start[0] else 0
        last = end[1] - 1 if number == end[0] else len(line)
        letters += line[first:last]
        places += [(number, column + 1) for column in range(first, last)]
        if number < end[0]:
            letters.append("\n")
            places.append((number, len(line) + 1))
    return "".join(letters), places


def _align(written: str, value: str) -> list[int] | None:
    """For every character of the value its index in what is written; None when the two do not go together."""
    found = _PROPERTIES.match(written)
    start = found.end() if found else 0
    mark = written[start : start + 1]
    if mark in ("|", ">"):
        return _align_block(written, value, start)
    quote = mark if mark in ("'", '"') else ""
    return _align_flow(written, value, start + len(quote), quote)


def _align_flow(written: str, value: str, index: int, quote: str) -> list[int] | None:
    found: list[int] = []
    while len(found) < len(value):
        if index >= len(written):
            return None
        if breaks := _fold(written, index):
            run = len(value[len(found) :]) - len(value[len(found) :].lstrip(" \n"))
            found += [index] * run
            index = breaks
        elif quote == '"' and (escape := _ESCAPED.match(written, index)):
            found += [] if escape[0][1] == "\n" else [index]
            index = escape.end()
        else:
            if written[index] != value[len(found)]:
                return None
            found.append(index)
            index += 2 if quote == "'" and written.startswith("''", index) else 1
    return found


def _fold(written: str, index: int) -> int | None:
    """The end of a line break with the spaces around it, which folds into one space, if one starts here."""
    end = index
    while end < len(written) and written[end] in " \t\n":
        end += 1
    return end if "\n" in written[index:end] else None


def _align_block(written: str, value: str, start: int) -> list[int] | None:
    """Line by line: a folded block has its lines in the same order, with spaces for breaks."""
    found: list[int] = []
    index = written.find("\n", start) + 1
    while len(found) < len(value):
        while written[index : index + 1] in (" ", "\n") and written[index] != value[len(found)]:
            index += 1
        if index >= len(written):
            return found + [len(written)] * (len(value) - len(found)) if not value[len(found) :].strip() else None
        index = _skip_indent(written, index, value, len(found))
        if written[index] != value[len(found)] and not (written[index] == "\n" and value[len(found)] == " "):
            return None
        found.append(index)
        index += 1
    return found


def _skip_indent(written: str, index: int, value: str, at: int) -> int:
    """At the start of a line, what is before the text is indentation, which the value has not."""
    if index and written[index - 1] == "\n":
        text = value[at:].split("\n", 1)[0]
        kept = len(text) - len(text.lstrip(" "))
        spaces = len(written[index:]) - len(written[index:].lstrip(" "))
        return index + max(spaces - kept, 0)
    return index
