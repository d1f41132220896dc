"""What Zendesk's answers tell of its limits, in the spellings of all its years. Pure (fact sheet zendesk.md 2.4).

Every answer tells of the account's limit; some endpoints tell of one of their own beside it, and `x-rate-limit` does
not know of those. Background requests keep within whichever is nearer its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cornerdesk import Allowance

MINUTE = 60.0
_ACCOUNT = (("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
            ("rate-limit", "rate-limit-remaining", "rate-limit-reset"),
            ("x-rate-limit", "x-rate-limit-remaining", "x-rate-limit-reset"))  # fmt: skip
"""Since February 2024, before it, and at all times; the last tells no reset, and its window is a minute."""

_ENDPOINT = re.compile(r"zendesk-rate-?limit-(.+)")
_WRITES = re.compile(r"update|create|delete")
"""Limits that only writes use up, some of them for one ticket: nothing for those who only read to wait for."""

_PART = re.compile(r"\b(total|remaining|resets)\s*=\s*(\d{1,12})")


def allowance_of(headers: Mapping[str, str]) -> Allowance | None:
    """The limit that is nearest its end; None where the answer tells of none."""
    return min(_allowances(headers), key=lambda told: told.remaining / max(told.limit, 1.0), default=None)


def _allowances(headers: Mapping[str, str]) -> Iterator[Allowance]:
    for limit, remaining, reset in _ACCOUNT:
        total, left = _number(headers.get(limit)), _number(headers.get(remaining))
        if total is not None and left is not None:
            yield Allowance(total, left, _number(headers.get(reset)) or MINUTE, "account")
            break
    for name, value in headers.items():
        found = _ENDPOINT.fullmatch(name.lower())
        parts = dict(_PART.findall(value))
        if found is not None and not _WRITES.search(found[1]) and {"total", "remaining"} <= parts.keys():
            resets = float(parts.get("resets", MINUTE))
            yield Allowance(float(parts["total"]), float(parts["remaining"]), resets, found[1])


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 13 else None
