"""When a source counts as silent: by what is usual at these hours, and never by too little."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from cornerdesk.subscriptions.silence import Rhythm, hour_of, judge_silence
from hypothesis import given
from hypothesis import strategies as st

FRIDAY = datetime(2026, 11, 20, 17, 40, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def rhythm(times: Iterable[datetime], *, missed: int = 0) -> Rhythm:
    """Of a source that sent at these times."""
    known = sorted(times)
    recent = [time for time in known if time > known[-1] - 4 * WEEK]
    return Rhythm(known[0], known[-1], frozenset(map(hour_of, recent)), missed)


def office_hours(until: datetime = FRIDAY, weeks: int = 6, per_hour: int = 3) -> list[datetime]:
    """Monday to Friday from 8 to 18, several an hour."""
    begin = (until - weeks * WEEK).replace(hour=0, minute=0)
    hours = (begin + number * HOUR for number in range(int((until - begin) / HOUR) + 1))
    working = (hour for hour in hours if hour.weekday() < 5 and 8 <= hour.hour < 18)
    times = (hour + number * HOUR / per_hour + timedelta(seconds=20) for hour in working for number in range(per_hour))
    return [time for time in times if time <= until]


def silent_after(heard: Rhythm, length: timedelta) -> bool | None:
    assert heard.last is not None
    return judge_silence(heard, heard.last + length).silent


def test_of_a_source_that_was_never_heard_nobody_can_tell() -> None:
    assert judge_silence(Rhythm(), FRIDAY).silent is None


def test_a_quiet_weekend_is_usual_to_an_office() -> None:
    heard = rhythm(office_hours())
    monday = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    assert judge_silence(heard, monday).silent is False


def test_a_quiet_monday_is_not() -> None:
    heard = rhythm(office_hours())
    said = judge_silence(heard, datetime(2026, 11, 23, 18, 0, tzinfo=UTC))
    assert said.silent is True
    assert said.weeks == 4
    assert 8 < said.expected < 11
    assert said.chance < 0.001


def test_one_that_never_sleeps_is_missed_the_same_day() -> None:
    heard = rhythm(FRIDAY - number * timedelta(minutes=20) for number in range(3 * 24 * 35))
    assert silent_after(heard, 6 * HOUR) is False
    assert silent_after(heard, 9 * HOUR) is True


def test_a_thousand_at_once_are_one_hour() -> None:
    """An import must not make a quiet source look like a busy one."""
    quiet = [FRIDAY - number * DAY for number in range(28)]
    bursts = [time - timedelta(seconds=second) for time in quiet for second in range(0, 1000, 10)]
    assert silent_after(rhythm(bursts), 2 * DAY) is False
    assert silent_after(rhythm(bursts), 12 * DAY) is True


def test_clocks_that_are_put_back_are_no_silence() -> None:
    """Everything comes an hour later by UTC, and there is more of it than in any minute of the silence."""
    heard = rhythm(office_hours(per_hour=60))
    assert judge_silence(heard, datetime(2026, 11, 23, 9, 5, tzinfo=UTC)).silent is False


@pytest.mark.parametrize("days", [1, 3, 6])
def test_with_less_than_a_week_behind_it_a_weekend_is_allowed_for(days: int) -> None:
    heard = rhythm(FRIDAY - number * timedelta(minutes=30) for number in range(days * 48))
    assert silent_after(heard, 64 * HOUR) is False


def test_with_less_than_a_week_behind_it_four_quiet_days_are_silence() -> None:
    said = judge_silence(rhythm(FRIDAY - number * HOUR for number in range(5 * 24)), FRIDAY + 4 * DAY)
    assert said.silent is True
    assert said.weeks == 0


def test_a_single_delivery_proves_nothing_for_ever() -> None:
    assert silent_after(rhythm([FRIDAY]), 200 * DAY) is False


def test_messages_that_only_the_api_told_leave_no_doubt() -> None:
    heard = rhythm([FRIDAY - WEEK, FRIDAY], missed=3)
    assert silent_after(heard, HOUR) is True
    assert silent_after(rhythm([FRIDAY - WEEK, FRIDAY], missed=2), HOUR) is False


TIMES = st.lists(st.integers(0, 5 * 7 * 24 * 60), min_size=1, max_size=400).map(
    lambda minutes: rhythm(FRIDAY - timedelta(minutes=each) for each in minutes)
)
LENGTHS = st.timedeltas(min_value=timedelta(), max_value=100 * DAY)


@given(TIMES, st.timedeltas(min_value=-HOUR, max_value=HOUR))
def test_never_silent_when_a_delivery_came_just_now(heard: Rhythm, length: timedelta) -> None:
    assert silent_after(heard, length) is False


@given(TIMES, LENGTHS, LENGTHS)
def test_silence_only_becomes_surer_with_time(heard: Rhythm, one: timedelta, other: timedelta) -> None:
    assert heard.last is not None
    earlier, later = sorted((one, other))
    before, after = judge_silence(heard, heard.last + earlier), judge_silence(heard, heard.last + later)
    assert after.chance <= before.chance + 1e-12
    assert after.expected >= before.expected - 1e-9
    assert bool(before.silent) <= bool(after.silent)


@given(st.lists(st.integers(-36 * 60, 36 * 60), min_size=2, max_size=8))
def test_who_sends_once_a_week_is_not_silent_after_three_days(jitter: list[int]) -> None:
    times = [FRIDAY - number * WEEK + timedelta(minutes=minutes) for number, minutes in enumerate(jitter)]
    assert silent_after(rhythm(times), 3 * DAY) is False


@given(TIMES, LENGTHS)
def test_a_verdict_rests_on_a_chance_that_is_one(heard: Rhythm, length: timedelta) -> None:
    assert heard.last is not None
    said = judge_silence(heard, heard.last + length)
    assert 0.0 <= said.chance <= 1.0
    assert said.silent is False or said.chance < 0.001
