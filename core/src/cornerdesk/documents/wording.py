"""What a model's complaint means in the words of people who write YAML, not Python. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TEXT, _WHOLE, _NUMBER, _BOOLEAN = "text", "a whole number", "a number", "true or false"
_MAPPING, _LIST = "a mapping (`key: value`)", "a list (`[one, two]`, or a `- ` before each)"
_TIME = "a date and time with its zone, such as 2026-01-31T09:00:00Z"
_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("string_type", "string_sub_type", "bytes_type"), _TEXT),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOLEAN),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"), _MAPPING),
    **dict.fromkeys(
        ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type", "sequence_type"), _LIST
    ),
    **dict.fromkeys(
        (
            "datetime_type",
            "datetime_parsing",
            "datetime_from_date_parsing",
            "timezone_aware",
            "datetime_object_invalid",
        ),
        _TIME,
    ),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date such as 2026-01-31"),
    **dict.fromkeys(("time_type", "time_parsing"), "a time of day such as 09:00"),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "a length of time such as 30m"),
    **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation"), "an address such as https://example.com"),
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "a UUID"),
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "url_scheme": "an address that begins with {expected_schemes}",
    "none_required": "nothing",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "{expected_tags}",
}
_QUOTED = re.compile(r"'([^']*)'")


def expectation(error: Mapping[str, Any]) -> str | None:
    """What would have been right, or None where only the error's own words tell."""
    template = _EXPECTED.get(error["type"])
    if template is None:
        return None
    text = template.format(**error.get("ctx", {}))
    return _one_of(choices(error)) if choices(error) else text


def choices(error: Mapping[str, Any]) -> list[str]:
    """The values that an enumeration allows."""
    if error["type"] not in ("literal_error", "enum", "union_tag_invalid"):
        return []
    context = error.get("ctx", {})
    return _QUOTED.findall(str(context.get("expected_tags") or context.get("expected") or ""))


def is_mismatch(error: Mapping[str, Any]) -> bool:
    """Whether the value is of another kind altogether, rather than the right kind with something wrong in it."""
    kind = str(error["type"])
    return kind.endswith(("_type", "_parsing")) or kind in (
        "is_instance_of",
        "int_from_float",
        "none_required",
        "literal_error",
        "enum",
    )


def own_words(error: Mapping[str, Any]) -> str:
    """What a validator said in its own words."""
    raised = error.get("ctx", {}).get("error")
    text = str(raised) if raised is not None else str(error["msg"])
    return text.removeprefix("Input should be ").removeprefix("Value error, ").strip() or "it is refused"


def kind_of(value: Any) -> str:
    """What stands in the file, without saying it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "a mapping"}
    return kinds.get(type(value), "something else")


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def list_names(names: list[str]) -> str | None:
    """`one of a, b, c`, or None where there are none; a long list is cut."""
    if not names:
        return None
    return _one_of(names) if len(names) <= 15 else f"{_one_of(names[:14])} and {len(names) - 14} more"
