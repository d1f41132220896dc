"""What a YAML parser's complaint means to somebody who does not write parsers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.error import MarkedYAMLError

from cornerdesk.documents.nodes import Place


@dataclass(frozen=True)
class Complaint:
    """A syntax error in plain words. `place` is None where the parser could not tell it."""

    place: Place | None
    message: str
    expected: str | None = None


_QUOTES = "quotes around a text that holds ': ', ' #' or starts with one of @ ` % & * ! | > { [ \" '"
_ANY = "`key: value`, `- item`, and text in quotes"
_MEANINGS: tuple[tuple[str, str, str | None], ...] = (
    ("'\\t' that cannot start", "a tab stands where the line is indented", "spaces: YAML allows no tabs there"),
    (
        "mapping values are not allowed",
        "no ': ' can stand here: a text with one needs quotes, or a line above lacks its own",
        _QUOTES,
    ),
    ("that cannot start any token", "a text cannot start with this character", _QUOTES),
    ("could not find expected ':'", "the line before looks like a key without its ':'", "`key: value`"),
    ("unexpected end of stream", "the quote that opens here is never closed", "a closing quote"),
    ("unexpected document separator", "the quote that opens here is never closed", "a closing quote"),
    ("unknown escape character", "there is no such escape after \\ in double quotes", "single quotes, or \\\\"),
    ("expected escape sequence of", "the escape after \\ in double quotes is not complete", "single quotes, or \\\\"),
    ("expected ',' or ']'", "this list is not closed with ']', or a ',' is missing", "`[one, two]`"),
    ("expected ',' or '}'", "this mapping is not closed with '}', or a ',' is missing", "`{one: 1, two: 2}`"),
    ("<stream end>", "the file ends in the middle of what begins here", "the rest of it"),
    ("but found '<scalar>'", "text follows where the value has ended already", "quotes around the whole text"),
    ("but found '<anchor>'", "text follows where the value has ended already", _QUOTES),
    (
        "expected <block end>",
        "this line is not indented like those it belongs to",
        "the same number of spaces as its neighbours",
    ),
    ("expected the node content", "a value is missing before this character", "a value, or quotes around the text"),
    ("sequence entries are not allowed", "a list item '- ' cannot stand here", "the list on lines of its own"),
    ("mapping keys are not allowed", "a key cannot stand here", "the mapping on lines of its own"),
    ("chomping or indentation", "nothing may follow | or > in this line", "the text on the lines below"),
    ("expected alphabetic or numeric", "& and * start an anchor or an alias here, and its name is missing", _QUOTES),
    ("duplicate anchor", "two anchors have this name", "another name"),
    ("found undefined tag handle", "a text that starts with ! is read as a tag", _QUOTES),
)


def explain(error: Exception, last: Place | None) -> Complaint:
    """The error in plain words, at the place to look at. `last`: up to where all was well."""
    if not isinstance(error, MarkedYAMLError):
        return Complaint(last, "this, or what follows it, is not YAML that can be read", _ANY)
    problem = str(error.problem or "")
    mark = error.problem_mark or error.context_mark
    if any(part in problem for part in ("unexpected end of stream", "<stream end>", "but got ':'")):
        mark = error.context_mark or mark  # the place where it opens tells more than where it cannot go on
    place = None if mark is None else Place(mark.line + 1, mark.column + 1)
    for part, message, expected in _MEANINGS:
        if part in problem:
            return Complaint(place, message, expected)
    return Complaint(place, "this is not YAML that can be read", _ANY)
