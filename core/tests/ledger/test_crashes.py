"""The process dies at any step, the job runs again: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import EffectState, Intent, Outcome, RetryableError, UnknownOutcomeError
from cornerdesk.ledger import Patience
from cornerdesk.ledger.rows import ENDED
from cornerdesk.storage import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World


async def live(world: World, crashes: tuple[int, ...], *, action: str = "page") -> tuple[str, int]:
    """Plan one effect and do it while the process dies at the steps given, one life after the other.

    Returns:
        The effect's id and how many of the crashes happened.
    """
    from core.tests.ledger.conftest import Crash, Saboteur

    effect = (await world.record(world.planned(action)))[0].id
    happened = 0
    for crash_at in crashes:
        try:
            await world.run_all(world.new_executor(Saboteur(crash_at)))
        except Crash:
            happened += 1
            world.clock.advance(timedelta(seconds=1))
    await world.run_all(world.new_executor())
    return effect, happened


async def test_a_crash_at_any_step_of_a_remote_effect_sends_it_once(world: World) -> None:
    for step in itertools.count(1):
        world.outside.follow_ups = (Intent(target="log", scope=f"log:{step}", action="count"),)
        effect, crashes = await live(world, (step,))
        assert (await world.effect(effect)).state is EffectState.CONFIRMED
        assert world.outside.took_place.count(effect) == 1
        (child,) = await world.effects(parent=effect)
        assert child.state is EffectState.CONFIRMED
        if not crashes:
            break
    assert step > 11


async def test_a_second_crash_at_any_step_of_the_recovery_changes_nothing(world: World) -> None:
    # From the commit of the attempt to the commit of its receipt: wherever the first process may have died in doubt.
    for first in (3, 4, 5, 6, 7):
        crashes, second = 2, 0
        while crashes == 2:
            second += 1
            effect, crashes = await live(world, (first, second))
            assert (await world.effect(effect)).state is EffectState.CONFIRMED
            assert world.outside.took_place.count(effect) == 1


async def test_an_effect_that_cannot_be_looked_up_goes_out_once_at_most(world: World) -> None:
    for step in itertools.count(1):
        effect, crashes = await live(world, (step,), action="shout")
        end = await world.effect(effect)
        assert end.state in {EffectState.CONFIRMED, EffectState.DEAD}
        assert world.outside.took_place.count(effect) <= 1
        assert world.outside.sent.count(effect) <= 1
        if not crashes:
            break
    assert end.state is EffectState.CONFIRMED


async def test_a_crash_at_any_step_of_a_recorded_effect_does_it_once(world: World) -> None:
    for step in itertools.count(1):
        world.count.outcome = Outcome(follow_ups=(Intent(target="ceo", scope=f"c:{step}", action="page"),))
        effect, crashes = await live(world, (step,), action="count")
        assert (await world.effect(effect)).state is EffectState.CONFIRMED
        async with world.storage.reading() as tx:
            assert await tx.row(select(tables.once_windows).where(tables.once_windows.c.key == f"counted:{effect}"))
        (child,) = await world.effects(parent=effect)
        assert world.outside.took_place.count(child.id) == 1
        if not crashes:
            break
    assert step > 4


async def test_a_job_that_kills_every_process_ends_as_a_dead_letter(world: World) -> None:
    from core.tests.ledger.conftest import Crash

    effect = (await world.record(world.planned()))[0].id
    world.outside.script = ["crash"]
    # Looking it up kills the process too.
    world.outside.look_up_script = [Crash() for _ in range(99)]  # type: ignore[misc]
    deaths = 0
    for _ in range(30):
        try:
            await world.run_all(world.new_executor())
            break
        except Crash:
            deaths += 1
    dead = await world.effect(effect)
    assert (dead.state, deaths) == (EffectState.DEAD, 12)
    assert dead.reason is not None
    assert dead.reason.startswith("sent at 2026-11-22T09:00:00Z, outcome not known: given up after 12 attempts")
    assert world.outside.took_place == [effect]


_calls = st.sampled_from(["done", "lost", "crash", "429", "broken", "down"])


@pytest.mark.parametrize("action", ["page", "shout"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(_calls, max_size=6), crashes=st.lists(st.integers(1, 25), max_size=3))
async def test_whatever_happens_it_takes_place_once_at_most(
    world: World, action: str, script: list[str], crashes: list[int]
) -> None:
    errors: dict[str, Any] = {
        "429": RetryableError("429", retry_after=30),
        "broken": UnknownOutcomeError("the connection broke"),
        "down": RetryableError("503"),
    }
    effect = await _through(world, action, [errors.get(call, call) for call in script], crashes)
    end = await world.effect(effect)
    assert end.state in ENDED
    places = world.outside.took_place.count(effect)
    assert places <= 1
    if action == "page":
        assert (end.state, places) == (EffectState.CONFIRMED, 1)
    if end.state is EffectState.CONFIRMED:
        assert places == 1


async def _through(world: World, action: str, script: list[Any], crashes: list[int]) -> str:
    from core.tests.ledger.conftest import Crash, Saboteur

    world.outside.script = script
    effect = (await world.record(world.planned(action)))[0].id
    # Enough attempts for every mishap of the script, so that the end is never for want of them.
    patience = Patience(keeping_delays=(), max_attempts=99)
    for crash_at in [*crashes, *itertools.repeat(None, len(script) + 1)]:
        try:
            await world.run_all(world.new_executor(Saboteur(crash_at), patience=patience))
        except Crash:
            world.clock.advance(timedelta(seconds=1))
    return effect
