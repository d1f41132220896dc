"""A chain of people, deadlines, and what ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cornerdesk import EffectState, RejectedError, Request, RetryableError
from cornerdesk_escalation.course import Scene, acknowledge
from cornerdesk_escalation.listing import escalation_listing

Stage = Any
HALF_AN_HOUR = timedelta(minutes=30)


async def ack(stage: Stage, person: str, answer: str | None = None, row: int = 0) -> bool:
    """`person` presses the button."""
    id = (await stage.rows())[row].id
    async with stage.transaction() as tx:
        given = await acknowledge(Scene(tx, stage.now, stage.configuration), id, person, answer)
        await stage.plan(tx, given.intents, rule="r", action=None, source="support", ticket="1234")
    await stage.run()
    return given.new


async def verb(stage: Stage, name: str, id: str | None = None, **options: str) -> str:
    """A verb of the list, as the command line asks for it."""
    wanted = next(each for each in escalation_listing().verbs if each.name == name)
    id = id or (await stage.row()).id
    async with stage.transaction() as tx:
        said = await wanted.run(Request(tx, stage.configuration, stage.now, id, options, "cli", stage.plan))
    await stage.run()
    return said


def what(row: Any) -> list[tuple[str, str | None]]:
    return [(line.what, line.person) for line in row.history]


async def test_the_first_of_the_chain_is_told_at_once(stage: Stage) -> None:
    effect = await stage.escalate(to=["ceo", "coo"], reason="Globex talks of leaving")
    assert effect.state is EffectState.CONFIRMED
    assert effect.target == "ceo+coo"
    assert stage.told == ["ceo"]
    row = await stage.row()
    assert (row.to, row.step, row.state, row.due_at) == ("ceo", 1, "waiting", stage.now + HALF_AN_HOUR)
    assert row.ack_url is not None
    assert row.ack_url.startswith("https://desk.example.com/ack/")
    assert what(row) == [("opened", None), ("telling", "ceo"), ("told", "ceo")]


async def test_each_has_their_time_and_then_the_next_is_told(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"], acknowledge_within="20m")
    await stage.wait(timedelta(minutes=19))
    assert stage.told == ["ceo"]
    await stage.wait(timedelta(minutes=1))
    assert stage.told == ["ceo", "coo"]
    row = await stage.row()
    assert (row.to, row.step, row.due_at) == ("coo", 2, stage.now + timedelta(minutes=20))


async def test_an_answer_in_time_stops_the_chain_and_stands_on_the_ticket(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"], reason="Globex talks of leaving")
    await stage.wait(timedelta(minutes=5))
    assert await ack(stage, "ceo", "I will call them today")
    await stage.wait(timedelta(hours=5))
    assert stage.told == ["ceo"]
    row = await stage.row()
    assert (row.state, row.acknowledged_by, row.answer, row.due_at) == (
        "acknowledged",
        "ceo",
        "I will call them today",
        None,
    )
    assert stage.notes == [
        "Acknowledged by Ada Park (ceo) at 2026-03-03 09:05 UTC: Globex talks of leaving\n\nI will call them today"
    ]
    timer = next(each for each in stage.effects if each.action == "escalation.step")
    assert (timer.state, timer.reason) == (EffectState.SUPPRESSED, "nothing to do: acknowledged by Ada Park (ceo)")


async def test_a_second_answer_changes_nothing_and_tells_who_was_first(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"])
    await stage.wait(HALF_AN_HOUR)
    assert await ack(stage, "ceo")
    assert not await ack(stage, "coo")
    assert (await stage.row()).acknowledged_by == "ceo"
    assert len(stage.notes) == 1
    with pytest.raises(RejectedError, match=r"acknowledged by Ada Park \(ceo\) already"):
        await verb(stage, "ack", by="coo")


async def test_the_end_of_the_chain_is_said_on_the_ticket(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"], reason="Globex talks of leaving")
    await stage.wait(timedelta(hours=1))
    row = await stage.row()
    assert (row.state, row.due_at) == ("exhausted", None)
    assert stage.notes == [
        "Nobody has acknowledged this escalation: Globex talks of leaving\n\n"
        "Told: Ada Park (ceo) at 2026-03-03 09:00 UTC, Ben Ode (coo) at 2026-03-03 09:30 UTC."
        " There is nobody left to tell."
    ]


async def test_an_answer_after_the_end_still_counts(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    await stage.wait(timedelta(hours=1))
    assert await ack(stage, "ceo")
    assert (await stage.row()).state == "acknowledged"
    assert stage.notes[-1].startswith("Acknowledged by Ada Park")


async def test_a_rule_may_keep_notes_off_the_ticket(stage: Stage) -> None:
    await stage.escalate(to="ceo", note=False)
    await stage.wait(timedelta(hours=1))
    await ack(stage, "ceo")
    assert stage.notes == []


async def test_somebody_named_twice_is_reminded(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "ceo"], reason="Globex talks of leaving")
    await stage.wait(HALF_AN_HOUR)
    assert stage.told == ["ceo", "ceo"]
    assert stage.last.subject.startswith("[Cornerdesk] Reminder: Globex")


async def test_a_timer_that_runs_twice_tells_nobody_twice(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo", "cto"])
    timer = next(each for each in stage.effects if each.action == "escalation.step")
    await stage.wait(HALF_AN_HOUR)
    again = await stage.do(timer.id)
    await stage.run()
    assert (again.state, stage.told) == (EffectState.SUPPRESSED, ["ceo", "coo"])


async def test_an_effect_recorded_twice_opens_one_escalation(stage: Stage) -> None:
    effect = await stage.escalate(to="ceo")
    await stage.wait(timedelta(hours=1))
    again = await stage.do(effect.id)
    assert again.state is EffectState.SUPPRESSED
    assert len(await stage.rows()) == 1


async def test_two_rules_that_name_one_person_tell_them_once(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"], rule="canary-in-distress")
    second = await stage.escalate(to="ceo", rule="talks-of-lawyers", reason="a lawyer")
    row = await stage.row()
    assert stage.told == ["ceo"]
    assert (second.state, second.reason) == (
        EffectState.SUPPRESSED,
        f"ceo has been told of this ticket by escalation {row.id}, which waits for the answer",
    )
    assert row.history[-1].text == "rule talks-of-lawyers asks for the same: a lawyer"


async def test_a_second_rule_that_names_others_too_waits_for_the_first_person_in_silence(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    await stage.escalate(to=["ceo", "coo"], rule="talks-of-lawyers")
    assert stage.told == ["ceo"]
    await stage.wait(HALF_AN_HOUR)
    assert stage.told == ["ceo", "coo"]


async def test_one_answer_counts_for_every_escalation_of_the_ticket_that_names_the_person(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    await stage.escalate(to=["ceo", "coo"], rule="talks-of-lawyers")
    await stage.escalate(to="cto", rule="security")
    await ack(stage, "ceo", row=2)
    states = {row.rule: row.state for row in await stage.rows()}
    assert states == {"canary-in-distress": "acknowledged", "talks-of-lawyers": "acknowledged", "security": "waiting"}
    assert len(stage.notes) == 1


async def test_another_ticket_is_another_matter(stage: Stage, snapshots: Any) -> None:
    await stage.escalate(to="ceo")
    await stage.escalate(snapshots(ticket="77"), to="ceo")
    assert stage.told == ["ceo", "ceo"]


async def test_who_answered_is_told_again_when_it_begins_anew(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    await ack(stage, "ceo")
    await stage.escalate(to="ceo")
    assert stage.told == ["ceo", "ceo"]


async def test_who_cannot_be_reached_does_not_hold_up_the_others(stage: Stage) -> None:
    stage.person("ceo", notify=("fax",))
    await stage.escalate(to=["ceo", "coo"])
    assert stage.told == ["coo"]
    row = await stage.row()
    assert ("unreachable", "ceo") in what(row)
    assert (row.to, row.step) == ("coo", 2)
    dead = next(each for each in stage.effects if each.state is EffectState.DEAD)
    assert dead.reason == "ceo cannot be told: there is no channel 'fax'; installed: email, slack"


async def test_a_mail_server_that_is_away_does_not_stop_the_clock(stage: Stage) -> None:
    stage.email.trouble["ceo"] = RetryableError("away")
    await stage.escalate(to=["ceo", "coo"])
    await stage.wait(HALF_AN_HOUR)
    assert stage.told == ["coo"]
    stage.email.trouble.clear()
    late = next(each for each in stage.effects if each.state is EffectState.FAILED)
    await stage.do(late.id)
    assert stage.told == ["coo", "ceo"]
    assert "Told as well, without an answer so far: Ben Ode." in stage.last.text
    assert "Please answer by" not in stage.last.text


async def test_nobody_is_told_of_what_is_answered_already(stage: Stage) -> None:
    stage.email.trouble["ceo"] = RetryableError("away")
    await stage.escalate(to="ceo")
    await verb(stage, "ack")
    stage.email.trouble.clear()
    late = next(each for each in stage.effects if each.state is EffectState.FAILED)
    done = await stage.do(late.id)
    assert (done.state, done.reason, stage.told) == (
        EffectState.SUPPRESSED,
        "not told any more: acknowledged by Ada Park (ceo)",
        [],
    )


async def test_what_is_withdrawn_goes_on_to_nobody(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"], reason="Globex talks of leaving")
    assert await verb(stage, "withdraw", reason="a test") == "Withdrawn: Globex talks of leaving"
    await stage.wait(timedelta(hours=2))
    assert stage.told == ["ceo"]
    assert not await ack(stage, "ceo")
    row = await stage.row()
    assert (row.state, row.history[-1].text) == ("withdrawn", "a test")
    with pytest.raises(RejectedError, match="is withdrawn and cannot be withdrawn"):
        await verb(stage, "withdraw")


async def test_what_is_acknowledged_can_be_resolved(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    assert await verb(stage, "ack") == "Acknowledged by Ada Park (ceo): Globex: canary-in-distress"
    await verb(stage, "resolve")
    row = await stage.row()
    assert (row.state, row.acknowledged_by) == ("resolved", "ceo")


async def test_verbs_say_what_they_do_not_know(stage: Stage) -> None:
    await stage.escalate(to="ceo")
    with pytest.raises(RejectedError, match=r"there is no person 'cfo'; cornerdesk\.yaml knows ceo, coo, cto"):
        await verb(stage, "ack", by="cfo")
    with pytest.raises(RejectedError, match="there is no escalation nonsense"):
        await verb(stage, "ack", id="nonsense")


async def test_the_list_answers_by_state_person_and_time(stage: Stage, snapshots: Any) -> None:
    await stage.escalate(to=["ceo", "coo"])
    start = stage.now
    await ack(stage, "ceo")
    await stage.wait(timedelta(hours=1))
    await stage.escalate(snapshots(ticket="77"), to="coo")
    assert [row.ticket for row in await stage.rows()] == ["77", "1234"]
    assert [row.ticket for row in await stage.rows(state="waiting")] == ["77"]
    assert [row.ticket for row in await stage.rows(to="ceo")] == ["1234"]
    assert [row.ticket for row in await stage.rows(since=start + timedelta(minutes=1))] == ["77"]
    assert [row.ticket for row in await stage.rows(ticket="1234", source="support")] == ["1234"]
