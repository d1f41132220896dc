"""What happens to an effect that changes the world: sent once, retried, looked up, given up."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import (
    CredentialsError,
    EffectState,
    Intent,
    PluginError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from cornerdesk.engine.jobs import RetryJob
from cornerdesk.ledger import Patience
from cornerdesk.storage import StorageUnavailable, tables
from sqlalchemy import select
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World


async def planned(world: World, action: str = "page", **values: Any) -> str:
    return (await world.record(world.planned(action, **values)))[0].id


async def echoes(world: World) -> set[tuple[str, str, str, str]]:
    async with world.storage.reading() as tx:
        rows = await tx.rows(select(tables.echoes))
    return {(row["source"], row["ticket"], row["hint"], row["effect"]) for row in rows}


async def test_an_effect_is_sent_and_its_receipt_kept(world: World) -> None:
    effect = await planned(world)
    await world.run_all()
    done = await world.effect(effect)
    assert (done.state, done.attempts, done.reason, done.not_before) == (EffectState.CONFIRMED, 1, None, None)
    assert done.receipt is not None
    assert done.receipt["id"] == "receipt-ceo"
    assert done.done_at == world.clock.now()
    assert await echoes(world) == {
        ("support", "12", "text:abc", effect),
        ("support", "12", "message:77", effect),
    }


async def test_the_attempt_and_its_echo_hints_are_committed_before_anything_goes_out(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    running = asyncio.create_task(world.executor.handle(world.job(effect)))
    while not world.outside.sent:
        await asyncio.sleep(0)
    begun = await world.effect(effect)
    assert (begun.state, begun.attempts) == (EffectState.SENT, 1)
    assert begun.reason == "sent at 2026-11-22T09:00:00Z, no answer yet"
    assert await echoes(world) == {("support", "12", "text:abc", effect)}
    world.outside.gate.set()
    await running
    assert (await world.effect(effect)).state is EffectState.CONFIRMED


async def test_a_job_that_runs_again_finds_everything_done(world: World) -> None:
    effect = await planned(world)
    await world.run_all()
    await world.executor.handle(world.job(effect, effect, "no such effect"))
    assert world.outside.sent == [effect]


async def test_what_is_not_due_yet_waits_for_its_time(world: World) -> None:
    later = world.clock.now() + timedelta(minutes=30)
    effect = await planned(world, not_before=later)
    await world.executor.handle(world.job(effect))
    assert world.outside.sent == []
    assert [at for _, at in await world.waiting()] == [later, later]
    await world.run_all()
    assert world.outside.sent == [effect]
    assert world.clock.now() == later
    assert (await world.effect(effect)).not_before == later


async def test_a_passing_failure_is_tried_again_after_a_growing_delay(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [RetryableError("overloaded")] * 3
    moments = [world.clock.now()]
    await world.run_due()
    while (failed := await world.effect(effect)).state is EffectState.FAILED:
        assert failed.reason == "overloaded"
        assert failed.not_before is not None
        moments.append(failed.not_before)
        world.clock.time = failed.not_before
        await world.run_due()
    delays = [(after - before).total_seconds() for before, after in itertools.pairwise(moments)]
    assert delays == [3.75, 7.5, 15.0]
    assert failed.state is EffectState.CONFIRMED
    assert failed.attempts == 4


async def test_a_failure_is_told_so_that_one_can_act_on_it_and_loudly_from_the_third_on(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [RetryableError("overloaded")] * 3
    with capture_logs() as logs:
        await world.run_all()
    told = [line for line in logs if line["event"] == "effect_failed"]
    assert [(line["attempts"], line["log_level"]) for line in told] == [(1, "info"), (2, "info"), (3, "warning")]
    assert told[0] == {
        "event": "effect_failed",
        "log_level": "info",
        "effect": effect,
        "rule": "canary",
        "action": "page",
        "source": "support",
        "ticket": "12",
        "attempts": 1,
        "reason": "overloaded",
        "error": "RetryableError",
    }


async def test_a_strangers_error_is_told_by_its_type_and_place_alone(world: World) -> None:
    await planned(world)
    world.outside.script = [ValueError("Kim Miller, kim@example.com")]
    with capture_logs() as logs:
        await world.run_due()
    [told] = (line for line in logs if line.get("error") == "ValueError")
    assert told["reason"] == "ValueError in action page"
    assert "conftest.py:" in told["at"]
    assert "Kim" not in str(logs)


async def test_a_vendor_who_names_a_time_is_not_asked_before(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [RetryableError("429", retry_after=90)]
    await world.run_due()
    failed = await world.effect(effect)
    assert failed.not_before is not None
    assert timedelta(seconds=90) <= failed.not_before - world.clock.now() <= timedelta(seconds=99)
    world.clock.advance(timedelta(seconds=89))
    assert await world.run_due() == 0
    await world.run_all()
    assert len(world.outside.sent) == 2


async def test_after_the_last_attempt_it_is_dead(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [RetryableError("overloaded") for _ in range(99)]
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.attempts) == (EffectState.DEAD, 12)
    assert dead.reason == "given up after 12 attempts: overloaded"
    assert len(world.outside.sent) == 12


async def test_what_has_failed_for_a_day_is_dead(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [RetryableError("429", retry_after=20 * 3600) for _ in range(9)]
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.attempts) == (EffectState.DEAD, 3)
    assert dead.reason is not None
    assert dead.reason.startswith("given up after 42 hours: 429")


@pytest.mark.parametrize("error", [RejectedError("the ticket is closed"), UnsupportedError("it has no such field")])
async def test_what_cannot_be_done_is_dead_at_once(world: World, error: Exception) -> None:
    effect = await planned(world)
    world.outside.script = [error]
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.attempts, dead.reason) == (EffectState.DEAD, 1, str(error))
    assert dead.done_at == world.clock.now()


async def test_refused_credentials_are_tried_seldom_and_then_given_up(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [CredentialsError("support: renew the token") for _ in range(9)]
    start = world.clock.now()
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.attempts, dead.reason) == (EffectState.DEAD, 4, "support: renew the token")
    assert world.clock.now() - start == timedelta(minutes=45)


async def test_a_broken_action_is_dead_and_its_words_stay_out_of_sight(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [ValueError("words of ada@example.com")]
    await world.run_all()
    dead = await world.effect(effect)
    assert dead.state is EffectState.DEAD
    assert dead.reason == "sent at 2026-11-22T09:00:00Z, outcome not known: ValueError in action page"


async def test_an_action_that_is_not_installed_is_told(world: World) -> None:
    effect = await planned(world, action="fly")
    await world.run_all()
    dead = await world.effect(effect)
    assert dead.state is EffectState.DEAD
    assert dead.reason is not None
    assert dead.reason.startswith("no action 'fly' is installed")


async def test_hints_that_cannot_be_made_stop_it_before_it_goes_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.actions["page"]), "echoes", lambda self, effect: [1 / 0])
    effect = await planned(world)
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.reason) == (EffectState.DEAD, "ZeroDivisionError in action page")
    assert world.outside.sent == []


async def test_an_unknown_outcome_that_took_place_is_found_and_not_repeated(world: World) -> None:
    world.outside.follow_ups = (Intent(target="log", scope="log:1", action="count"),)
    effect = await planned(world)
    world.outside.script = ["lost"]
    await world.run_due()
    unknown = await world.effect(effect)
    assert unknown.state is EffectState.UNKNOWN
    assert unknown.not_before is not None
    assert unknown.not_before - world.clock.now() >= timedelta(seconds=10)
    await world.run_all()
    done = await world.effect(effect)
    assert done.state is EffectState.CONFIRMED
    assert done.receipt is not None
    assert world.outside.sent == world.outside.took_place == [effect]
    assert [(e.action, e.state, e.parent) for e in await world.effects(parent=effect)] == [
        ("count", EffectState.CONFIRMED, effect)
    ]


async def test_an_unknown_outcome_that_did_not_take_place_is_sent_again(world: World) -> None:
    effect = await planned(world)
    world.outside.script = [UnknownOutcomeError("the connection broke")]
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert world.outside.looked_up == [effect]
    assert world.outside.sent == [effect, effect]
    assert world.outside.took_place == [effect]


async def test_what_cannot_be_looked_up_is_left_to_a_person_with_its_evidence(world: World) -> None:
    effect = await planned(world, action="shout")
    world.outside.script = ["lost"]
    await world.run_all()
    dead = await world.effect(effect)
    assert dead.state is EffectState.DEAD
    assert dead.reason is not None
    assert dead.reason.startswith("sent at 2026-11-22T09:00:00Z, no answer, cannot be looked up: ")
    assert f"deadletters retry {effect}" in dead.reason
    assert world.outside.sent == [effect]


async def test_a_look_up_that_fails_is_tried_again_and_nothing_is_sent_meanwhile(world: World) -> None:
    effect = await planned(world)
    world.outside.script = ["lost"]
    world.outside.look_up_script = [RetryableError("overloaded"), RetryableError("overloaded")]
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert len(world.outside.looked_up) == 3
    assert world.outside.sent == [effect]


async def test_a_call_that_takes_too_long_is_of_unknown_outcome(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    executor = world.new_executor(patience=Patience(send_timeout=0.01, keeping_delays=()))
    await executor.handle(world.job(effect))
    unknown = await world.effect(effect)
    assert unknown.state is EffectState.UNKNOWN
    assert unknown.reason == "sent at 2026-11-22T09:00:00Z, outcome not known: no answer within 0.01 seconds"


async def test_what_was_just_sent_elsewhere_is_waited_for_and_not_looked_up(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    first = asyncio.create_task(world.executor.handle(world.job(effect)))
    while not world.outside.sent:
        await asyncio.sleep(0)
    await world.new_executor().handle(world.job(effect))
    assert world.outside.looked_up == []
    assert world.outside.sent == [effect]
    assert world.clock.now() + timedelta(seconds=35) in [at for _, at in await world.waiting()]
    world.outside.gate.set()
    await first
    await world.run_all()
    assert world.outside.sent == [effect]


async def test_one_job_run_by_many_at_once_sends_once(world: World) -> None:
    ids = [await planned(world) for _ in range(3)]
    executors = [world.new_executor() for _ in range(4)]
    await asyncio.gather(*(executor.handle(world.job(*ids)) for executor in executors))
    await world.run_all()
    assert sorted(world.outside.sent) == sorted(ids)


async def test_a_zombie_that_failed_is_not_heard_any_more(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    world.outside.script = [RejectedError("too late")]
    zombie = asyncio.create_task(world.executor.handle(world.job(effect)))
    while not world.outside.sent:
        await asyncio.sleep(0)
    await world.change(effect, attempts=3)
    overtaken = await world.effect(effect)
    world.outside.gate.set()
    await zombie
    assert await world.effect(effect) == overtaken


async def test_who_is_taken_for_dead_and_comes_back_changes_nothing(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    zombie = asyncio.create_task(world.executor.handle(world.job(effect)))
    while not world.outside.sent:
        await asyncio.sleep(0)
    world.outside.took_place.append(effect)
    world.clock.advance(timedelta(minutes=5))
    await world.new_executor().handle(world.job(effect))
    found = await world.effect(effect)
    assert found.state is EffectState.CONFIRMED
    world.outside.gate.set()
    await zombie
    assert await world.effect(effect) == found
    assert world.outside.sent == [effect]


async def test_a_zombie_that_succeeded_counts_since_it_is_true(world: World) -> None:
    effect = await planned(world)
    world.outside.gate = asyncio.Event()
    zombie = asyncio.create_task(world.executor.handle(world.job(effect)))
    while not world.outside.sent:
        await asyncio.sleep(0)
    await world.change(effect, state="failed", attempts=2)
    world.outside.gate.set()
    await zombie
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    await world.executor.handle(world.job(effect))
    assert world.outside.sent == [effect]


async def test_one_that_fails_holds_up_no_other_of_its_batch(world: World) -> None:
    effects = await world.record(*(world.planned(target=target) for target in "abc"))
    world.outside.script = [RetryableError("overloaded")]
    await world.run_due()
    assert [e.state for e in await world.effects()] == [
        EffectState.FAILED,
        EffectState.CONFIRMED,
        EffectState.CONFIRMED,
    ]
    assert [ids for ids, _ in await world.waiting()] == [[effects[0].id]]


async def test_effects_of_one_ticket_go_in_order_and_of_many_side_by_side(world: World) -> None:
    first = await world.record(*(world.planned(target=target) for target in "ab"), event=world.event("1"))
    second = await world.record(*(world.planned(target=target) for target in "cd"), event=world.event("2"))
    world.outside.gate = asyncio.Event()
    ids = [effect.id for effect in (*first, *second)]
    running = asyncio.create_task(world.executor.handle(world.job(*ids)))
    while len(world.outside.sent) < 2:
        await asyncio.sleep(0)
    assert set(world.outside.sent) == {ids[0], ids[2]}
    world.outside.gate.set()
    await running
    assert [each for each in world.outside.took_place if each in ids[:2]] == ids[:2]
    assert [each for each in world.outside.took_place if each in ids[2:]] == ids[2:]


async def test_no_more_go_at_a_time_than_there_is_room_for(world: World) -> None:
    effects = [(await world.record(world.planned(), event=world.event(str(ticket))))[0].id for ticket in range(5)]
    world.outside.gate = asyncio.Event()
    executor = world.new_executor(patience=Patience(concurrency=2))
    running = asyncio.create_task(executor.handle(world.job(*effects)))
    while len(world.outside.sent) < 2:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(world.outside.sent) == 2
    world.outside.gate.set()
    await running
    assert len(world.outside.sent) == 5


async def test_follow_ups_are_planned_once_with_the_parent(world: World) -> None:
    world.outside.follow_ups = (
        Intent(target="a", scope="log:1", action="count"),
        Intent(target="a", scope="log:1", action="count"),
        Intent(target="b", scope="log:1", action="count", internal=True),
    )
    one, two = await planned(world), await planned(world)
    await world.run_all()
    found = [e for e in await world.effects() if e.parent]
    assert [(e.target, e.internal, e.rule, e.state) for e in found] == [
        ("a", False, "canary", EffectState.CONFIRMED),
        ("b", True, "canary", EffectState.CONFIRMED),
    ]
    assert {e.parent for e in found} <= {one, two}
    assert sorted(world.count.runs) == sorted(e.id for e in found)


async def test_a_dead_letter_may_have_a_way_round_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    instead = Intent(target="coo", scope="instead:1", action="count")
    monkeypatch.setattr(type(world.actions["page"]), "given_up", lambda self, effect: [instead])
    world.outside.script = [RejectedError("no such address"), RejectedError("no such address")]
    effect = await planned(world)
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.DEAD
    assert [(e.target, e.state) for e in await world.effects(parent=effect)] == [("coo", EffectState.CONFIRMED)]


async def test_a_broken_way_round_keeps_the_dead_letter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.actions["page"]), "given_up", lambda self, effect: [1 / 0])
    world.outside.script = [RejectedError("no such address")]
    effect = await planned(world)
    await world.run_all()
    assert (await world.effect(effect)).reason == "no such address"


async def test_a_wrong_follow_up_does_not_undo_what_took_place(world: World) -> None:
    world.outside.follow_ups = (Intent(target="a", action="count"),)
    effect = await planned(world)
    await world.run_all()
    done = await world.effect(effect)
    assert done.state is EffectState.CONFIRMED
    assert done.reason is not None
    assert "without a scope" in done.reason
    assert world.outside.sent == [effect]


async def test_intents_that_break_the_contract_are_refused_by_name(world: World) -> None:
    who: dict[str, Any] = {"rule": "r", "action": "page", "source": None, "ticket": None}
    async with world.storage.transaction() as tx:
        with pytest.raises(PluginError, match="action 'page' plans 'fly', and there is no such action"):
            await world.ledger.plan_intents(tx, [Intent(target="x", scope="s", action="fly")], **who)
        with pytest.raises(PluginError, match="without a scope"):
            await world.ledger.plan_intents(tx, [Intent(target="x")], **who)
        first = await world.ledger.plan_intents(tx, [Intent(target="x", scope="s")], **who)
        assert await world.ledger.plan_intents(tx, [Intent(target="x", scope="s")], **who) == []
    assert [e.key for e in await world.effects()] == ['["page","s","x",""]']
    assert [ids for ids, _ in await world.waiting()] == [first]


async def test_a_receipt_is_not_lost_because_the_database_is_away_for_a_moment(world: World) -> None:
    effect = await planned(world)
    executor = world.new_executor(patience=Patience(keeping_delays=(0.0, 0.0)))
    away = _away_during(world, calls={2, 3})
    await executor.handle(world.job(effect))
    assert away == [2, 3]
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert world.outside.sent == [effect]


async def test_without_a_database_the_job_is_run_again_and_nothing_is_sent_twice(world: World) -> None:
    effect = await planned(world)
    _away_during(world, calls={2})
    with pytest.raises(RetryJob):
        await world.executor.handle(world.job(effect))
    assert (await world.effect(effect)).state is EffectState.SENT
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert world.outside.sent == [effect]
    assert world.outside.looked_up == [effect]


async def test_what_became_of_effects_is_measured(world: World) -> None:
    await planned(world)
    bad = await planned(world)
    world.outside.script = ["done", RejectedError("no")]
    await world.run_all()
    value = world.registry.get_sample_value
    assert value("cornerdesk_effects_total", {"action": "page", "state": "confirmed"}) == 1
    assert value("cornerdesk_effects_total", {"action": "page", "state": "dead"}) == 1
    assert value("cornerdesk_effect_seconds_count", {"action": "page"}) == 1
    assert (await world.effect(bad)).state is EffectState.DEAD


def _away_during(world: World, calls: set[int]) -> list[int]:
    """The database is away during these of the coming transactions, counted from 1; those it was."""
    whole, count, away = world.storage.transaction, 0, []

    def transaction() -> Any:
        nonlocal count
        count += 1
        if count in calls:
            away.append(count)
            raise StorageUnavailable("the database cannot be used: gone")
        return whole()

    world.storage.transaction = transaction  # type: ignore[method-assign]
    return away
