"""Whether a source fell silent: the time since its last delivery against what is usual at these hours. Pure.

Counted are hours in which anything came, not deliveries: one import of a thousand tickets, or a conversation of twenty
messages, is one or two of them. The silent time is laid over the same hours of each of the last four weeks before it.
Had these `n` such hours in `w` weeks, and did everything go on as before, then each of them could as well fall into any
of the `w + 1` weeks, and the chance that none fell into the silent one is (w / (w + 1)) ** n. That is the exact
conditional test of two Poisson rates, so it knows how little a few hours prove; no rate is taken for certain.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WEEKS = 4
LIMIT = 0.001
"""Below this chance of nothing the source counts as silent."""
WEEKEND = timedelta(hours=72)
"""Who has been known for less than a week is given this long: nobody knows its nights and weekends yet."""
MISSED = 3
"""So many messages of customers that the API told and no webhook did leave no doubt."""

_HOUR = 3600
_WEEK = 168
_LOOKED_AT = timedelta(weeks=8)
"""Of a longer silence more hours would prove nothing."""


@dataclass(frozen=True)
class Rhythm:
    """When a source sent.

    Attributes:
        first, last: its first and its last delivery; None: there was none.
        hours: the hours (since 1970) in which any came, of the four weeks that end with `last`.
        missed: messages of customers that the API has told since `last` and no webhook.
    """

    first: datetime | None = None
    last: datetime | None = None
    hours: frozenset[int] = frozenset()
    missed: int = 0


@dataclass(frozen=True)
class Silence:
    """What is to be thought of it.

    Attributes:
        silent: None: nothing ever came, so nobody can tell.
        length: since the last delivery.
        chance: of hearing nothing for so long if all were well.
        expected: hours in which something would have been usual.
        weeks: how many weeks that rests on; 0: on the overall rate of a shorter time.
        missed: as in `Rhythm`.
    """

    silent: bool | None
    length: timedelta = timedelta()
    chance: float = 1.0
    expected: float = 0.0
    weeks: int = 0
    missed: int = 0


def hour_of(moment: datetime) -> int:
    """Its hour, counted since 1970."""
    return int(moment.timestamp()) // _HOUR


def start_of(hour: int) -> datetime:
    """When an hour begins."""
    return datetime.fromtimestamp(hour * _HOUR, UTC)


def judge_silence(rhythm: Rhythm, now: datetime) -> Silence:
    """Whether the source fell silent."""
    if rhythm.first is None or rhythm.last is None:
        return Silence(None)
    length = max(now - rhythm.last, timedelta())
    weeks = min(WEEKS, (rhythm.last - rhythm.first) // timedelta(weeks=1))
    if weeks:
        expected = _expected(rhythm, min(length, _LOOKED_AT), weeks)
        chance = (weeks / (weeks + 1)) ** (weeks * expected)
        silent = chance < LIMIT
    else:
        expected, chance = _overall(rhythm, length)
        silent = chance < LIMIT and length > WEEKEND
    return Silence(silent or rhythm.missed >= MISSED, length, chance, expected, weeks, rhythm.missed)


def _expected(rhythm: Rhythm, length: timedelta, weeks: int) -> float:
    """Hours in which something would have come, by the same hours of these weeks. (By UTC: when clocks are put back or
    forward, a morning comes an hour late, which is far from enough to prove anything.)"""
    assert rhythm.last is not None
    end = hour_of(rhythm.last)
    usual = Counter(hour % _WEEK for hour in rhythm.hours if end - weeks * _WEEK < hour <= end)
    parts = _hours_between(rhythm.last.timestamp(), rhythm.last.timestamp() + length.total_seconds())
    return sum(part * usual[hour % _WEEK] for hour, part in parts) / weeks


def _hours_between(begin: float, end: float) -> list[tuple[int, float]]:
    """Each hour, and what part of it lies between."""
    return [
        (hour, (min(end, (hour + 1) * _HOUR) - max(begin, hour * _HOUR)) / _HOUR)
        for hour in range(int(begin) // _HOUR, int(end) // _HOUR + 1)
    ]


def _overall(rhythm: Rhythm, length: timedelta) -> tuple[float, float]:
    """The same by the overall rate since the first delivery, with which the time only begins: hours that would have
    been usual, and the chance."""
    assert rhythm.first is not None
    assert rhythm.last is not None
    known = max(rhythm.last - rhythm.first, timedelta(days=1))
    count = max(len(rhythm.hours) - 1, 0)
    return count * (length / known), (known / (known + length)) ** count
