"""What is new, and what was done before: keys and windows."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cornerdesk import EffectState
from cornerdesk.ledger.keys import effect_key, marker_of, once_words, window_key

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World

DAY = timedelta(hours=24)
SCOPE = 'ticket:["support","12"]'


def test_a_key_is_an_array_whose_parts_cannot_run_into_each_other() -> None:
    assert effect_key("rule", "a,b", 'c"', "") == '["rule","a,b","c\\"",""]'
    assert effect_key("a", "b,c", "d") != effect_key("a,b", "c", "d")
    assert window_key("rule", 'scope"]', "ceo") == json.dumps(["rule", 'scope"]', "ceo"], separators=(",", ":"))


def test_a_key_fits_an_index_however_long_its_parts_are() -> None:
    long, longer = "x" * 5000, "x" * 5001
    assert len(effect_key(long, long, long)) < 500
    assert effect_key("r", "s", long) != effect_key("r", "s", longer)


def test_a_marker_is_short_and_stays_the_same() -> None:
    assert marker_of("an-id") == marker_of("an-id") != marker_of("another")
    assert len(marker_of("an-id")) == 23


def test_a_reason_names_the_scope_and_nothing_personal() -> None:
    assert once_words('ticket:["support","12"]', DAY) == "once per ticket every 1d"
    assert once_words("someone@example.com", None) == "once"


async def test_what_a_plan_asks_for_is_written_down_and_set_off_in_one_job(world: World) -> None:
    new = await world.record(world.planned(target="ceo"), world.planned(target="coo", payload={"step": 1}))
    assert [(e.target, e.state, e.rule_version, e.ticket) for e in new] == [
        ("ceo", EffectState.PLANNED, "v1", "12"),
        ("coo", EffectState.PLANNED, "v1", "12"),
    ]
    assert await world.effects() == new
    assert await world.waiting() == [([new[0].id, new[1].id], None)]


async def test_what_is_due_later_has_a_job_for_each_moment(world: World) -> None:
    soon, later = world.clock.now() + timedelta(minutes=5), world.clock.now() + timedelta(minutes=30)
    past = world.clock.now() - timedelta(minutes=5)
    moments = {"a": soon, "b": later, "c": soon, "d": None, "e": past}
    new = await world.record(*(world.planned(target=target, not_before=at) for target, at in moments.items()))
    ids = {effect.target: effect.id for effect in new}
    waiting = {at: set(each) for each, at in await world.waiting()}
    assert waiting == {soon: {ids["a"], ids["c"]}, later: {ids["b"]}, None: {ids["d"], ids["e"]}}


async def test_the_same_event_asks_twice_and_nothing_more_happens(world: World) -> None:
    event, planned = world.event(), [world.planned(scope=SCOPE), world.planned(scope=SCOPE, target="coo", every=DAY)]
    assert len(await world.record(*planned, event=event)) == 2
    assert await world.record(*planned, event=event) == []
    assert len(await world.effects()) == 2
    assert len(await world.waiting()) == 1


async def test_another_event_in_the_same_scope_is_suppressed_with_the_reason(world: World) -> None:
    await world.record(world.planned(scope=SCOPE))
    world.clock.advance(timedelta(hours=1))
    event = world.event()
    (held,) = await world.record(world.planned(scope=SCOPE), event=event)
    assert held.state is EffectState.SUPPRESSED
    assert held.reason == "once per ticket: done for an earlier event at 2026-11-22T09:00:00Z"
    assert json.loads(held.key)[-1] == event.id
    assert await world.record(world.planned(scope=SCOPE), event=event) == []
    assert len(await world.waiting()) == 1


async def test_a_fact_that_comes_back_under_another_event_is_not_even_suppressed(world: World) -> None:
    scope = 'event:["support","message:77"]'
    await world.record(world.planned(scope=scope))
    assert await world.record(world.planned(scope=scope)) == []


async def test_two_things_done_to_one_target_are_two(world: World) -> None:
    both = [world.planned("page", "ceo", scope=SCOPE), world.planned("count", "ceo", scope=SCOPE)]
    notes = [world.planned("shout", "all", scope=SCOPE, payload={"text": text}) for text in ("one", "two", "one")]
    new = await world.record(*both, *notes)
    assert [(e.action, e.payload.get("text")) for e in new] == [
        ("page", None),
        ("count", None),
        ("shout", "one"),
        ("shout", "two"),
    ]


async def test_what_two_rules_ask_for_in_a_shared_scope_is_done_once_and_both_are_told(world: World) -> None:
    shared = {"owner": "page", "scope": "vote:sso"}
    new = await world.record(world.planned(**shared), world.planned(**shared, rule="other"))
    assert [(e.rule, e.state) for e in new] == [
        ("canary", EffectState.PLANNED),
        ("other", EffectState.SUPPRESSED),
    ]
    assert new[1].reason == "once per vote: rule canary asked for it already"


@pytest.mark.parametrize(
    ("later", "state"),
    [
        (DAY - timedelta(microseconds=1), EffectState.SUPPRESSED),
        (DAY, EffectState.PLANNED),
        (DAY + timedelta(hours=1), EffectState.PLANNED),
        (timedelta(), EffectState.SUPPRESSED),
        (-timedelta(hours=3), EffectState.SUPPRESSED),
        (-3 * DAY, EffectState.SUPPRESSED),
    ],
)
async def test_a_window_lasts_from_its_first_event_and_holds_what_is_older(
    world: World, later: timedelta, state: EffectState
) -> None:
    start = world.clock.now()
    await world.record(world.planned(scope=SCOPE, every=DAY), event=world.event(at=start))
    (second,) = await world.record(world.planned(scope=SCOPE, every=DAY), event=world.event(at=start + later))
    assert second.state is state
    if state is EffectState.SUPPRESSED:
        assert second.reason == "once per ticket every 1d: done for an earlier event at 2026-11-22T09:00:00Z"


async def test_windows_follow_each_other_from_the_events_that_opened_them(world: World) -> None:
    start = world.clock.now()
    states = []
    for hours in (0, 23, 25, 47, 49, 50):
        event = world.event(at=start + timedelta(hours=hours))
        (effect,) = await world.record(world.planned(scope=SCOPE, every=DAY), event=event)
        states.append((hours, effect.state is EffectState.PLANNED))
    assert states == [(0, True), (23, False), (25, True), (47, False), (49, True), (50, False)]


async def test_each_target_has_a_window_of_its_own(world: World) -> None:
    planned = [world.planned(scope=SCOPE, every=DAY, target=target) for target in ("ceo", "coo")]
    assert {effect.state for effect in await world.record(*planned)} == {EffectState.PLANNED}


async def test_of_two_transactions_at_once_one_opens_the_window(world: World) -> None:
    events = [world.event(at=world.clock.now() + timedelta(minutes=minute)) for minute in range(8)]
    found = await asyncio.gather(
        *(world.record(world.planned(scope=SCOPE, every=DAY), event=event) for event in events)
    )
    states = [effect.state for (effect,) in found]
    assert sorted(states) == [EffectState.PLANNED] + 7 * [EffectState.SUPPRESSED]
    assert len(await world.waiting()) == 1


async def test_of_two_transactions_at_once_one_has_the_key(world: World) -> None:
    found = await asyncio.gather(*(world.record(world.planned(scope=SCOPE)) for _ in range(8)))
    states = [effect.state for (effect,) in found]
    assert sorted(states) == [EffectState.PLANNED] + 7 * [EffectState.SUPPRESSED]


async def test_what_is_rolled_back_was_never_asked_for(world: World) -> None:
    planned = world.planned(scope=SCOPE, every=DAY)
    with pytest.raises(RuntimeError, match="undone"):
        async with world.storage.transaction() as tx:
            from cornerdesk.rules.plan import Plan

            await world.ledger.record(tx, Plan(effects=(planned,)), world.event(), "v1")
            raise RuntimeError("undone")
    assert await world.effects() == []
    assert await world.waiting() == []
    assert [e.state for e in await world.record(planned)] == [EffectState.PLANNED]
