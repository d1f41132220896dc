"""What Zendesk's answers tell of its limits, in the spellings of all its years (fact sheet zendesk.md 2.4).

Every answer tells of the account's limit; some endpoints tell of one of their own beside it, and `x-rate-limit` does
not know of those. Background requests keep within whichever is nearer its end.

One ticket takes thirty updates in ten minutes. Who asks for more gets a 429, for which everything else would pause,
too; so the last update of a ticket is remembered, and the next one waits by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from cornerdesk import Allowance, RetryableError

MINUTE = 60.0
_ACCOUNT = (("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
            ("rate-limit", "rate-limit-remaining", "rate-limit-reset"),
            ("x-rate-limit", "x-rate-limit-remaining", "x-rate-limit-reset"))  # fmt: skip
"""Since February 2024, before it, and at all times; the last tells no reset, and its window is a minute."""

_ENDPOINT = re.compile(r"zendesk-rate-?limit-(.+)")
_WRITES = re.compile(r"update|create|delete")
"""Limits that only writes use up, some of them for one ticket: nothing for those who only read to wait for."""

_PER_TICKET = re.compile(r"zendesk-rate-?limit-per-ticket-updates")
TICKETS_KEPT = 1_000

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


class TicketUpdates:
    """How many updates each ticket still takes.

    Args:
        monotonic: time, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._over: dict[str, float] = {}

    def check(self, ticket_id: str) -> None:
        """
        Raises:
            RetryableError: the ticket takes none for now; nothing was sent.
        """
        wait = self._over.get(ticket_id, float("-inf")) - self._monotonic()
        if wait > 0:
            raise RetryableError(
                f"ticket {ticket_id} was updated as often as Zendesk allows in ten minutes; {wait:.0f} s to wait",
                retry_after=wait,
            )
        self._over.pop(ticket_id, None)

    def told(self, ticket_id: str, headers: Mapping[str, str]) -> None:
        """What the answer to an update says is left."""
        for name, value in headers.items():
            parts = dict(_PART.findall(value)) if _PER_TICKET.fullmatch(name.lower()) else {}
            if parts.get("remaining") == "0":
                self._over[ticket_id] = self._monotonic() + float(parts.get("resets", 10 * MINUTE))
        while len(self._over) > TICKETS_KEPT:
            self._over.pop(next(iter(self._over)))


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 13 else None
