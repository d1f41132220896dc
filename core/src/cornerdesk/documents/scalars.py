"""What a plain scalar means in YAML 1.2's core schema, which is all that Cornerdesk reads. Pure.

Written here because a general loader also knows YAML 1.1: there `no` is false, `010` is eight, `12:30` a number and
`2026-01-31` a date. In YAML 1.2 they are text, ten, text and text.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT = re.compile(r"([-+]?)\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_LONGEST_NUMBER = 300

_TAGS = "tag:yaml.org,2002:"


def read_plain(text: str) -> Scalar:
    """The value of a scalar written without quotes.

    Raises:
        ValueError: a number of more digits than anybody means.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    return _read_number(text)


def _read_number(text: str) -> Scalar:
    integer, based = _INTEGER.match(text), _OCTAL_OR_HEX.match(text)
    if (integer or based) and len(text) > _LONGEST_NUMBER:
        raise ValueError("the number has too many digits; if it is a text, put it in quotes")
    if integer:
        return int(text)
    if based:
        return int(text[2:], 8 if text[1] == "o" else 16)
    if special := _SPECIAL_FLOAT.match(text):
        return float("nan") if special[1] is None else float(f"{special[1]}inf")
    return float(text) if _FLOAT.match(text) else text


def read_tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar with an explicit tag such as `!!str`.

    Raises:
        ValueError: the tag is none of YAML's own scalar tags, or the text does not fit it.
    """
    name = tag.removeprefix(_TAGS)
    if tag == "!" or name == "str":
        return text
    wanted: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
    if not tag.startswith(_TAGS) or name not in wanted:
        raise ValueError(f"the tag {tag.replace(_TAGS, '!!')} means nothing here")
    value = read_plain(text)
    if not isinstance(value, wanted[name]) or (isinstance(value, bool) and name != "bool"):
        raise ValueError(f"this is no {name}, as its tag !!{name} says")
    return float(value) if name == "float" and isinstance(value, int) else value
