"""What CEL's literals stand for: strings with their escapes, numbers, constants. Pure."""

from __future__ import annotations

import re

_CONSTANTS = {"true": True, "false": False, "null": None}
_KINDS = {
    "STRING": "text",
    "BYTES": "bytes",
    "FLOAT": "double",
    "INT": "int",
    "UINT": "uint",
    "TRUE": "bool",
    "FALSE": "bool",
    "NULL": "null",
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[\s\S])")
_SIMPLE = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
LARGEST_INT = 2**63 - 1
LARGEST_UINT = 2**64 - 1


class LiteralError(ValueError):
    """A literal that stands for nothing; `offset` is counted from its first character."""

    def __init__(self, offset: int, message: str, expected: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.expected = expected


def read_literal(terminal: str, written: str) -> tuple[str, object]:
    """Kind and value of a literal, by the grammar's name of its token.

    Raises:
        LiteralError: an escape that does not exist, or a number that is too large.
    """
    kind = _KINDS[terminal]
    if kind in ("bool", "null"):
        return kind, _CONSTANTS[written]
    if kind == "double":
        return kind, float(written)
    if kind in ("int", "uint"):
        return kind, _read_integer(kind, written)
    return kind, _read_string(written)


def _read_integer(kind: str, written: str) -> int:
    digits = written.rstrip("uU")
    value = int(digits, 16) if digits.startswith("0x") else int(digits)
    if value > (LARGEST_UINT if kind == "uint" else LARGEST_INT):
        raise LiteralError(0, "this number is too large", "a number of at most 18 digits")
    return value


def _read_string(written: str) -> str:
    prefix = re.match("[rRbB]*", written)
    skipped = prefix.end() if prefix else 0
    quotes = 3 if written[skipped : skipped + 3] in ('"""', "'''") and len(written) >= skipped + 6 else 1
    body = written[skipped + quotes : -quotes]
    return body if "r" in written[:skipped].lower() else _unescape(body, skipped + quotes)


def _unescape(body: str, before: int) -> str:
    parts, position = [], 0
    for found in _ESCAPE.finditer(body):
        parts += [body[position : found.start()], _escaped(found[1], before + found.start())]
        position = found.end()
    return "".join([*parts, body[position:]])


def _escaped(code: str, offset: int) -> str:
    if len(code) == 3 and code.isdigit():
        return chr(int(code, 8))
    if code in _SIMPLE:
        return _SIMPLE[code]
    if len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise LiteralError(offset, f"\\{code} is no character")
        return chr(number)
    raise LiteralError(
        offset, f"there is no escape \\{code} in a text", r"\\ for a backslash, or a raw text such as r'\d+'"
    )
