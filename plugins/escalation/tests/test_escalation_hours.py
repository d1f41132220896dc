"""Hours in each person's own time zone, budgets by their own day, and nobody forgotten for either."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cornerdesk import Budget, Hours, Person
from cornerdesk_escalation.chain import Choice, can_be_told, choose, day_of
from hypothesis import given
from hypothesis import strategies as st

Stage = Any
OFFICE = "Mon-Fri 09:00-18:00"
TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def what(row: Any) -> list[tuple[str, str | None]]:
    return [(line.what, line.person) for line in row.history]


async def test_who_is_outside_their_hours_is_passed_over(stage: Stage) -> None:
    stage.person("ceo", hours=OFFICE, time_zone="America/New_York")  # 04:00 there
    await stage.escalate(to=["ceo", "coo"])
    assert stage.told == ["coo"]
    passed = next(line for line in (await stage.row()).history if line.what == "passed_over")
    assert passed.text == "is outside their hours (Mon-Fri 09:00-18:00, America/New_York)"


async def test_who_was_passed_over_is_told_when_nobody_else_answered_and_they_are_there_again(stage: Stage) -> None:
    stage.person("ceo", hours=OFFICE, time_zone="Europe/Berlin")
    stage.now = datetime(2026, 3, 3, 7, 45, tzinfo=UTC)  # 08:45 in Berlin
    await stage.escalate(to=["ceo", "coo"])
    await stage.wait(timedelta(minutes=30))
    assert stage.told == ["coo", "ceo"]


async def test_when_nobody_is_there_it_waits_for_the_first_who_is(stage: Stage) -> None:
    stage.person("ceo", hours=OFFICE, time_zone="America/New_York")
    stage.person("coo", hours=OFFICE, time_zone="Europe/London")
    stage.now = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)  # Saturday
    await stage.escalate(to=["ceo", "coo"])
    row = await stage.row()
    assert (stage.told, row.state, row.to, row.step, row.ack_url) == ([], "waiting", "coo", 0, None)
    assert row.due_at == datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
    assert row.history[-1].text == "nobody can be told now; Ben Ode (coo) is the first who can"
    await stage.wait(timedelta(days=1))
    assert stage.told == []
    await stage.wait(timedelta(days=1))
    assert stage.told == ["coo"]


async def test_the_night_in_which_the_clock_changes_moves_the_opening_with_it(stage: Stage) -> None:
    stage.person("ceo", hours=OFFICE, time_zone="Europe/Berlin")
    stage.now = datetime(2026, 3, 27, 20, 0, tzinfo=UTC)  # Friday; summer time begins on Sunday
    await stage.escalate(to="ceo")
    assert (await stage.row()).due_at == datetime(2026, 3, 30, 7, 0, tzinfo=UTC)
    await stage.wait(timedelta(days=3))
    assert stage.told == ["ceo"]


async def test_who_has_had_enough_for_today_is_passed_over(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", per_day=2)
    for number in range(3):
        await stage.escalate(snapshots(ticket=str(number)), to=["ceo", "coo"])
    assert stage.told == ["ceo", "ceo", "coo"]
    newest = (await stage.rows())[0]
    assert [line.text for line in newest.history if line.what == "passed_over"] == ["has been told 2 times today, of 2"]


async def test_a_budget_begins_anew_at_the_persons_own_midnight(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", per_day=1, time_zone="Asia/Tokyo")
    stage.now = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)  # 23:00 in Tokyo
    await stage.escalate(snapshots(ticket="1"), to="ceo")
    await stage.escalate(snapshots(ticket="2"), to="ceo")
    assert stage.told == ["ceo"]
    assert (await stage.rows())[0].due_at == datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
    await stage.wait(timedelta(hours=1))
    assert stage.told == ["ceo", "ceo"]


async def test_a_budget_that_is_spent_waits_for_the_next_day_on_which_they_work(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", per_day=1, hours=OFFICE, time_zone="Europe/Berlin")
    stage.now = datetime(2026, 3, 6, 9, 0, tzinfo=UTC)  # Friday
    await stage.escalate(snapshots(ticket="1"), to="ceo")
    await stage.escalate(snapshots(ticket="2"), to="ceo")
    assert (await stage.rows())[0].due_at == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


async def test_somebody_told_already_of_this_ticket_is_not_passed_over_for_their_budget(stage: Stage) -> None:
    stage.person("ceo", per_day=1)
    await stage.escalate(to="ceo")
    await stage.escalate(to=["ceo", "coo"], rule="another")
    assert stage.told == ["ceo"]


async def test_who_could_not_be_told_keeps_their_budget(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", per_day=1, notify=("fax",))
    await stage.escalate(snapshots(ticket="1"), to="ceo")
    stage.person("ceo", per_day=1)
    await stage.escalate(snapshots(ticket="2"), to="ceo")
    assert stage.told == ["ceo"]


async def test_where_nobody_ever_can_be_told_the_ticket_says_so_at_once(stage: Stage) -> None:
    stage.person("ceo", per_day=0)
    await stage.escalate(to="ceo", reason="Globex talks of leaving")
    row = await stage.row()
    assert (row.state, row.to) == ("exhausted", None)
    assert what(row) == [("opened", None), ("passed_over", "ceo"), ("exhausted", None)]
    assert stage.notes[0].endswith("Nobody of its chain could be told. There is nobody left to tell.")


async def test_somebody_who_is_gone_from_the_configuration_is_passed_over(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo", "cto"])
    del stage.people["coo"]
    await stage.wait(timedelta(minutes=30))
    assert stage.told == ["ceo", "cto"]


def test_the_day_on_which_the_clock_changes_has_23_hours() -> None:
    start, end = day_of(Person(name="Ada", time_zone="Europe/Berlin"), datetime(2026, 3, 29, 12, 0, tzinfo=UTC))
    assert end - start == timedelta(hours=23)


@pytest.mark.parametrize("minutes", [0, 59])
def test_hours_that_begin_in_the_hour_that_does_not_exist_begin_after_it(minutes: int) -> None:
    ada = Person(name="Ada", time_zone="Europe/Berlin", hours=Hours("Sun 02:30-10:00"))
    now = datetime(2026, 3, 28, 12, minutes, tzinfo=UTC)
    assert can_be_told(ada, 0, now) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


PEOPLE = st.builds(
    Person,
    name=st.just("x"),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]),
    hours=st.sampled_from([None, Hours(OFFICE), Hours("Sat 22:00-02:00"), Hours("Sun 02:30-09:00")]),
    budget=st.builds(Budget, per_day=st.sampled_from([None, 0, 1, 3])),
)


@given(
    people=st.lists(PEOPLE, min_size=1, max_size=4),
    counts=st.lists(st.integers(0, 4), min_size=4, max_size=4),
    told=st.sets(st.integers(0, 3)),
    minutes=st.integers(0, 60 * 24 * 400),
)
def test_somebody_is_chosen_unless_nobody_ever_can_be(
    people: list[Person], counts: list[int], told: set[int], minutes: int
) -> None:
    now = TUESDAY + timedelta(minutes=minutes)
    chain = [str(number) for number in range(len(people))]
    named = dict(zip(chain, people, strict=True))
    untold = [step for step in range(len(chain)) if step not in told]
    choice: Choice = choose(chain, untold, named, dict(zip(chain, counts, strict=False)), now)
    reachable = [step for step in untold if people[step].budget.per_day != 0]
    assert (choice.step is None) == (not reachable)
    if choice.step is not None:
        assert choice.step in reachable
        assert now <= choice.at <= now + timedelta(days=9)
        assert can_be_told(people[choice.step], 0, choice.at) == choice.at
        assert not any(can_be_told(people[s], counts[s], now) == now for s in untold if s < choice.step)
