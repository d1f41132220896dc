"""How many requests an API takes in a while, and the headers that tell of it, under any vendor's names."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RateHeaders:
    """How a vendor calls what it tells about its limit; empty: it does not tell.

    Attributes:
        limit, remaining, reset: names of headers on every answer; several where the vendor has old and new ones.
        reset_at: `reset` holds seconds since 1970 rather than seconds from now.
        wait: on a 429, the header with the seconds to wait, such as `retry-after`.
    """

    limit: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    reset_at: bool = False
    wait: tuple[str, ...] = ("retry-after",)


class RateLimit:
    """Counts requests in windows of `seconds`.

    Args:
        most: requests in one window; None: any number, and no header tells of a limit.
        now: seconds since 1970; for tests.
    """

    def __init__(
        self, most: int | None, headers: RateHeaders, *, seconds: int = 60, now: Callable[[], float] = time.time
    ) -> None:
        self.most = most
        self._names = headers
        self._seconds = seconds
        self.now = now
        self._window = 0
        self._count = 0

    def count(self) -> tuple[dict[str, str], bool]:
        """Count a request. Gives the headers of its answer, and whether it is one too many."""
        if self.most is None:
            return {}, False
        now = self.now()
        window = int(now // self._seconds)
        self._count = self._count + 1 if window == self._window else 1
        self._window = window
        over = self._count > self.most
        return self._headers(self.most, now, over), over

    def _headers(self, most: int, now: float, over: bool) -> dict[str, str]:
        end = (self._window + 1) * self._seconds
        left = max(1, round(end - now))
        told = {
            **dict.fromkeys(self._names.limit, str(most)),
            **dict.fromkeys(self._names.remaining, str(max(0, most - self._count))),
            **dict.fromkeys(self._names.reset, str(end if self._names.reset_at else left)),
        }
        return told | (dict.fromkeys(self._names.wait, str(left)) if over else {})
