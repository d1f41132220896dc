"""Names of facts that webhooks and history share, so that whatever tells a thing second tells it in vain. Pure.

Webhooks number an action's events (`meta.sequence`) and history numbers its audits, and neither knows the other's
numbers. What both know of a change is the ticket, the field, the new value, and about when: that is its name here.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from cornerdesk import Rating

SPAN = 2
"""Seconds within which the same field of the same ticket is not expected to take the same value twice. If it does, the
second is not told; if history's clock is further off, it tells late what was told already, which wakes nobody. The
first is worse, so this is short."""


def became_told(ticket: str, field: str, after: Any, *times: datetime | None) -> tuple[str, ...]:
    """What a delivery calls a change: by each of the times that it carries."""
    return _became(ticket, field, after, *(int(time.timestamp()) for time in times if time is not None))


def became_recorded(ticket: str, field: str, after: Any, time: datetime) -> tuple[str, ...]:
    """What history calls a change. An update's audit and the ticket's `updated_at` may fall on either side of a full
    second, so a delivery that says one more or less is met, too."""
    second = int(time.timestamp())
    return _became(ticket, field, after, second - 1, second + 1)


def _became(ticket: str, field: str, after: Any, *seconds: int) -> tuple[str, ...]:
    name = f"became:{ticket}:{field[:100]}:{_digest(_plain(after))}"
    return tuple(f"{name}:{span}" for span in dict.fromkeys(second // SPAN for second in seconds))


def rated(ticket: str, rating: Rating) -> str:
    """A rating is known by what it says, for history tells neither its time nor its event. So whoever goes from one
    rating to another and back is heard twice, not three times."""
    said = rating.score.value if rating.score is not None else (rating.label or "").lower()
    return f"rated:{ticket}:{_digest([said, rating.comment or ''])}"


def deleted(ticket: str, as_of: datetime) -> str:
    """A ticket may be deleted, brought back and deleted again; each time its `updated_at` is another one."""
    return f"deleted:{ticket}:{int(as_of.timestamp())}"


def _plain(value: Any) -> Any:
    """Values as text: deliveries write `true` and 5 where audits write "true" and "5", and unset is null or ""."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, dict) else str(value)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
