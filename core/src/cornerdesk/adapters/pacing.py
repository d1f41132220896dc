"""Who may send when: what a vendor's answers say is left, shared between those who wait for an answer and those who
have time.

Foreground requests (hydration, write-backs) wait only for a pause that the vendor asked for. Background requests
(backfill, reconcile) leave them a reserve, and spread what is above it over the time until the vendor counts anew.
Nothing is known of limits but what the answers' headers tell: other programs use the same account.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from math import isfinite

RESERVE = 1 / 3
"""The part of a limit that background requests leave to the others."""


@dataclass(frozen=True)
class Allowance:
    """What an answer's headers say about a limit of the vendor's.

    Attributes:
        limit: requests that one window allows.
        remaining: how many of them are left.
        resets: seconds until the window begins anew; where the vendor does not tell, the window's whole length.
        name: which limit, where the vendor has several; of each the last one told counts, and background requests keep
            within all of them.
    """

    limit: float
    remaining: float
    resets: float
    name: str = ""


AllowanceOf = Callable[[Mapping[str, str]], Allowance | None]
"""Reads an answer's headers (names in lower case); None where they tell nothing. May raise ValueError or LookupError
where they cannot be read: then they tell nothing, too."""

LONGEST = 900.0
"""Seconds; a reset that is farther away is not believed before it is told again."""


def read_allowance(allowance_of: AllowanceOf, headers: Mapping[str, str]) -> Allowance | None:
    """What the headers tell, if that can be."""
    try:
        told = allowance_of(headers)
    except (ValueError, LookupError, ArithmeticError):
        return None
    if told is None or not all(map(isfinite, (told.limit, told.remaining, told.resets))) or told.limit <= 0:
        return None
    return replace(told, resets=min(max(told.resets, 0.0), LONGEST))


class NotNowError(Exception):
    """The turn comes later than the caller can wait: in `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"not within the next {wait:.0f} s")
        self.wait = wait


class Pace:
    """When the requests of one client may go out.

    Args:
        sleep, monotonic: time.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]], monotonic: Callable[[], float]) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._held_until = float("-inf")
        self._slept_until = float("-inf")
        self._next_background = float("-inf")
        self._told: dict[str, tuple[Allowance, float]] = {}

    async def turn(self, background: bool, end: float) -> None:
        """Wait until a request may go out.

        Args:
            end: the latest time to wait until.

        Raises:
            NotNowError: it may not before `end`. Nothing was sent.
        """
        while (until := self._due(background)) > (now := self._now()):
            if until > end:
                raise NotNowError(until - now)
            await self._sleep(until - now)
            self._slept_until = max(self._slept_until, until)
        if background:
            self._next_background = self._now() + self._interval()

    def hold(self, seconds: float) -> None:
        """The vendor asked for a pause: nothing of this client goes out before it is over."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def told(self, allowance: Allowance) -> None:
        """An answer told what is left."""
        self._told[allowance.name] = (allowance, self._now() + allowance.resets)

    def _now(self) -> float:
        """Sleep may end a moment early; what was slept for is over all the same."""
        return max(self._monotonic(), self._slept_until)

    def _due(self, background: bool) -> float:
        times = [self._held_until]
        if background:
            times += [reset for allowance, reset in self._current() if _spare(allowance) < 1]
            times.append(self._next_background)
        return max(times)

    def _interval(self) -> float:
        """Seconds between two background requests, so that what is above the reserve lasts until the reset."""
        now = self._now()
        return max(((reset - now) / max(1.0, _spare(told)) for told, reset in self._current()), default=0.0)

    def _current(self) -> list[tuple[Allowance, float]]:
        """Once a window is over, what was told of it says nothing any more."""
        now = self._now()
        self._told = {name: (told, reset) for name, (told, reset) in self._told.items() if reset > now}
        return list(self._told.values())


def _spare(allowance: Allowance) -> float:
    return allowance.remaining - allowance.limit * RESERVE


class Places:
    """So many requests at the same time; foreground requests get a free place before background ones that wait."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._order = count()
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []

    async def acquire(self, background: bool) -> None:
        """Wait for a place; give it back with `release`."""
        if self._free > 0:
            self._free -= 1
            return
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (background, next(self._order), given))
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.release()
            raise

    def release(self) -> None:
        while self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(None)  # the place passes on without being free in between
                return
        self._free += 1
