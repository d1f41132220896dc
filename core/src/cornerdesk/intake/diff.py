"""What changed, for vendors that only say how a ticket looks now. Pure.

Compared are the fields that people decide on; times, counts and labels move along with them and would be noise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

DIFFED = frozenset({"status", "priority", "subject", "type", "tags", "assignee", "team", "customer"})
"""Besides custom fields (`fields.NAME`)."""


def is_compared(path: str) -> bool:
    return path in DIFFED or path.startswith("fields.")


def flattened(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A ticket's fields, custom ones each under a name of its own."""
    for field, value in fields.items():
        if field == "fields":
            for name, item in (value or {}).items():
                yield f"fields.{name}", item
        elif field != "id":
            yield field, value


def canonical(field: str, value: Any) -> Any:
    """What counts of a value: of a person the id, of tags the set."""
    if isinstance(value, dict) and "id" in value and not field.startswith("fields."):
        return value["id"]
    if field == "tags":
        return sorted(str(tag) for tag in value or ())
    return value


def same_value(field: str, one: Any, other: Any) -> bool:
    return bool(canonical(field, one) == canonical(field, other))


def change_key(ticket: str, field: str, after: Any, as_of: str) -> str:
    """A name for "this field became this in that state": the same change told by another delivery has it too."""
    value = json.dumps(canonical(field, after), sort_keys=True, default=str)
    return f"~change:{ticket}:{field}:{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:24]}:{as_of}"
