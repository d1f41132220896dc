"""Whose turn it is. Pure: no clock, no tables, no people but those it is given.

The first in the chain who has not been told yet and can be told now is told. Who is outside their hours or has had
enough for today is passed over, and comes into question again each time somebody new must be told: nobody is lost by
being passed over, and nobody is told twice for one place in the chain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from cornerdesk import Person


@dataclass(frozen=True)
class PassedOver:
    """Somebody whose turn it would have been, and why they were not told."""

    person: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """What comes next.

    Attributes:
        step: the place in the chain (from 0) of the one to be told; None: nobody is left whom this may reach.
        at: when: the `now` of the question, or the moment at which they can be told.
        passed: who was passed over on the way, in the chain's order.
    """

    step: int | None
    at: datetime
    passed: tuple[PassedOver, ...] = ()


def choose(
    chain: Sequence[str],
    untold: Collection[int],
    people: Mapping[str, Person],
    told_today: Mapping[str, int],
    now: datetime,
    *,
    waited_on: Collection[str] = (),
) -> Choice:
    """Whose turn it is.

    Args:
        untold: places in the chain that were not told yet.
        told_today: how often each was told on the day that it is for them.
        waited_on: people told of the same ticket by another escalation that is still open; neither hours nor budget
            pass them over, because they need no second message.
    """
    passed: list[PassedOver] = []
    later: list[tuple[datetime, int]] = []
    for step in sorted(untold):
        name = chain[step]
        free_at = now if name in waited_on else can_be_told(people.get(name), told_today.get(name, 0), now)
        if free_at == now:
            return Choice(step, now, tuple(passed))
        passed.append(PassedOver(name, _reason(people.get(name), told_today.get(name, 0), now)))
        if free_at is not None:
            later.append((free_at, step))
    if not later:
        return Choice(None, now, tuple(passed))
    at, step = min(later)
    return Choice(step, at, tuple(passed))


def can_be_told(person: Person | None, told_today: int, now: datetime) -> datetime | None:
    """The first moment from `now` on at which hours and budget allow it; None: never."""
    if person is None or person.budget.per_day == 0:
        return None
    start = next_day(person, now) if _spent(person, told_today) else now
    return person.hours.next_open(start, person.time_zone) if person.hours else start


def day_of(person: Person, now: datetime) -> tuple[datetime, datetime]:
    """The day that it is for this person, as two moments: its first, and the first of the next."""
    zone = ZoneInfo(person.time_zone)
    date = now.astimezone(zone).date()
    start = datetime.combine(date, time.min, zone)
    end = datetime.combine(date + timedelta(days=1), time.min, zone)
    return start.astimezone(now.tzinfo), end.astimezone(now.tzinfo)


def next_day(person: Person, now: datetime) -> datetime:
    """Midnight, where the person is."""
    return day_of(person, now)[1]


def _spent(person: Person, told_today: int) -> bool:
    return person.budget.per_day is not None and told_today >= person.budget.per_day


def _reason(person: Person | None, told_today: int, now: datetime) -> str:
    if person is None:
        return "is not among the people of cornerdesk.yaml any more"
    if person.budget.per_day == 0:
        return "takes no escalations (budget: 0 a day)"
    if person.hours and not person.hours.open_at(now, person.time_zone):
        return f"is outside their hours ({person.hours.text}, {person.time_zone})"
    return f"has been told {told_today} times today, of {person.budget.per_day}"
