"""Echo hints: what a write of ours will look like when the vendor tells us of it.

Before a write goes out the ledger stores its hints for the ticket; intake computes the hints of every fact that comes
in. One in common, and the fact is our own echo (`actor.kind` is `self`). Pure.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping

from cornerdesk.model import Change, Message


def message_hint(message_id: str) -> str:
    """The message with this id of the vendor's is ours."""
    return f"message:{message_id}"


def text_hint(text: str) -> str:
    """A message of this text is ours. White space and Unicode form do not count: vendors reflow text."""
    folded = "".join(unicodedata.normalize("NFKC", text).split())
    return f"text:{hashlib.sha256(folded.encode()).hexdigest()[:32]}"


def tag_hint(tag: str, *, added: bool) -> str:
    """The tag came or went by us."""
    return f"tag:{'+' if added else '-'}{tag.lower()}"


def field_hint(field: str, value: object) -> str:
    """The field (`status`, `priority`, `assignee`, `team`) took this value by us."""
    return f"{field}:{value}".lower()


def hints_of(message: Message | None, changes: Mapping[str, Change]) -> frozenset[str]:
    """Every hint that a fact with this message and these changes could match."""
    hints: set[str] = set()
    if message is not None:
        hints |= {message_hint(message.id), text_hint(message.text)}
    for field, change in changes.items():
        if field == "tags":
            before, after = _tags(change.before), _tags(change.after)
            hints |= {tag_hint(tag, added=True) for tag in after - before}
            hints |= {tag_hint(tag, added=False) for tag in before - after}
        else:
            hints.add(field_hint(field, _identity(change.after)))
    return frozenset(hints)


def _tags(value: object) -> set[str]:
    return {str(tag) for tag in value} if isinstance(value, Iterable) and not isinstance(value, str) else set()


def _identity(value: object) -> object:
    return value.get("id") if isinstance(value, Mapping) else value
