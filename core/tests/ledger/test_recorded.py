"""What happens to an effect that changes only our own tables: wholly or not at all."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cornerdesk import (
    Effect,
    EffectState,
    Intent,
    Outcome,
    RecordContext,
    RejectedError,
    RetryableError,
    Transaction,
)
from cornerdesk.engine.jobs import RetryJob
from cornerdesk.ledger import Patience, ReconsiderAction
from cornerdesk.storage import StorageUnavailable, tables
from sqlalchemy import func, select

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World


async def planned(world: World) -> str:
    return (await world.record(world.planned("count")))[0].id


async def counted(world: World) -> int:
    async with world.storage.reading() as tx:
        return int(await tx.value(select(func.count()).select_from(tables.once_windows)))


async def test_it_is_done_in_the_transaction_that_confirms_it(world: World) -> None:
    effect = await planned(world)
    await world.run_all()
    done = await world.effect(effect)
    assert (done.state, done.attempts, done.done_at) == (EffectState.CONFIRMED, 1, world.clock.now())
    assert await counted(world) == 1


async def test_one_job_run_by_many_at_once_does_it_once(world: World) -> None:
    effect = await planned(world)
    await asyncio.gather(*(world.new_executor().handle(world.job(effect)) for _ in range(5)))
    assert (await world.effect(effect)).attempts == 1
    assert await counted(world) == 1


async def test_what_was_not_to_be_done_after_all_says_why(world: World) -> None:
    world.count.outcome = Outcome(state=EffectState.SUPPRESSED, reason="the budget of today is used up")
    effect = await planned(world)
    await world.run_all()
    held = await world.effect(effect)
    assert (held.state, held.reason) == (EffectState.SUPPRESSED, "the budget of today is used up")


async def test_its_follow_ups_are_planned_once(world: World) -> None:
    later = world.clock.now() + timedelta(minutes=30)
    world.count.outcome = Outcome(
        follow_ups=(
            Intent(target="ceo", scope="step:1", action="page", payload={"step": 1}),
            Intent(target="ceo", scope="step:1", action="shout", not_before=later, internal=True),
        )
    )
    effect = await planned(world)
    await world.run_due()
    children = await world.effects(parent=effect)
    assert [(e.action, e.state, e.not_before, e.internal, e.ticket) for e in children] == [
        ("page", EffectState.CONFIRMED, None, False, "12"),
        ("shout", EffectState.PLANNED, later, True, "12"),
    ]
    await world.executor.handle(world.job(effect))
    assert len(await world.effects(parent=effect)) == 2


async def test_a_rejected_one_is_undone_and_dead(world: World) -> None:
    world.count.script = [RejectedError("there is no such person")]
    effect = await planned(world)
    await world.run_all()
    dead = await world.effect(effect)
    assert (dead.state, dead.reason, dead.attempts) == (EffectState.DEAD, "there is no such person", 1)
    assert await counted(world) == 0


async def test_one_that_cannot_be_done_now_is_undone_and_tried_again(world: World) -> None:
    world.count.script = [RetryableError("not now", retry_after=60)]
    effect = await planned(world)
    await world.run_due()
    failed = await world.effect(effect)
    assert (failed.state, failed.reason) == (EffectState.FAILED, "not now")
    assert await counted(world) == 0
    await world.run_all()
    assert (await world.effect(effect)).attempts == 2
    assert await counted(world) == 1


async def test_a_broken_action_is_dead_and_its_words_stay_out_of_sight(world: World) -> None:
    world.count.script = [KeyError("words of ada@example.com")]
    effect = await planned(world)
    await world.run_all()
    assert (await world.effect(effect)).reason == "KeyError in action count"
    assert await counted(world) == 0


@pytest.mark.parametrize(
    "outcome",
    [Outcome(follow_ups=(Intent(target="x", action="page"),)), Outcome(state=EffectState.SENT)],
    ids=["a follow-up without a scope", "no end"],
)
async def test_an_outcome_that_breaks_the_contract_undoes_it(world: World, outcome: Outcome) -> None:
    world.count.outcome = outcome
    effect = await planned(world)
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.DEAD
    assert await counted(world) == 0


async def test_a_database_that_is_away_is_no_fault_of_the_effect(world: World) -> None:
    world.count.script = [StorageUnavailable("the database cannot be used: gone")]
    effect = await planned(world)
    with pytest.raises(RetryJob):
        await world.executor.handle(world.job(effect))
    assert (await world.effect(effect)).attempts == 0
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED


async def test_a_timer_asks_the_rule_again_when_it_is_due_and_not_before(world: World) -> None:
    asked: list[tuple[str, datetime]] = []

    async def reconsider(tx: Transaction, effect: Effect, now: datetime) -> None:
        asked.append((effect.payload["rule"], now))
        await world.ledger.record(tx, plan, event, "v1")

    from cornerdesk.rules.plan import Plan

    plan, event = Plan(effects=(world.planned("page"),)), world.event()
    world.actions["reconsider"] = ReconsiderAction(reconsider)
    due = world.clock.now() + timedelta(hours=4)
    timer = world.planned("reconsider", "reconsider", payload={"rule": "canary"}, internal=True, not_before=due)
    await world.record(timer, event=event)
    assert await world.run_due() == 0
    await world.run_all()
    assert asked == [("canary", due)]
    assert [(e.action, e.state) for e in await world.effects(event=event.id)] == [
        ("reconsider", EffectState.CONFIRMED),
        ("page", EffectState.CONFIRMED),
    ]


async def test_one_that_does_not_end_is_undone_and_lets_others_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = world.count.record

    async def hang(effect: Effect, context: RecordContext) -> Outcome:
        await record(effect, context)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.count, "record", hang)
    effect = await planned(world)
    await world.new_executor(patience=Patience(record_timeout=0.05)).handle(world.job(effect))
    failed = await world.effect(effect)
    assert (failed.state, failed.attempts) == (EffectState.FAILED, 1)
    assert failed.reason == "action count did not end within 0.05 seconds; undone"
    assert await counted(world) == 0
    monkeypatch.undo()
    world.clock.advance(timedelta(minutes=1))
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert await counted(world) == 1
