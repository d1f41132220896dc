"""The ledger on the real engine and the real clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cornerdesk import EffectState, Intent, RetryableError
from cornerdesk.clock import SystemClock
from cornerdesk.configuration import Configuration
from cornerdesk.engine import open_jobs
from cornerdesk.ledger import Executor, Ledger, Patience, dead_letter_listing
from cornerdesk.listings import Request

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World


@asynccontextmanager
async def working(world: World) -> AsyncIterator[None]:
    """The world with a real engine, at work meanwhile."""
    jobs, clock = open_jobs(world.storage), SystemClock()
    world.ledger = Ledger(world.actions, jobs, clock)
    patience = Patience(first_delay=0.05, settle_delay=0.1)
    executor = Executor(world.storage, world.ledger, {}, Configuration(), None, clock, patience=patience)
    jobs.handle("effects", executor.handle)
    stop = asyncio.Event()
    run = asyncio.create_task(jobs.run(stop))
    try:
        yield
    finally:
        stop.set()
        await run


async def ended(world: World, count: int) -> list[EffectState]:
    """The states of all effects once there are so many and all have come to an end."""
    async with asyncio.timeout(30):
        while True:
            states = [effect.state for effect in await world.effects()]
            if len(states) == count and set(states) <= {EffectState.CONFIRMED, EffectState.DEAD}:
                return states
            await asyncio.sleep(0.02)


async def test_effects_are_done_once_through_failures_and_doubt(world: World) -> None:
    world.outside.script = [RetryableError("overloaded"), "lost", "done", RetryableError("429", retry_after=0.1)]
    async with working(world):
        later = SystemClock().now() + timedelta(seconds=0.3)
        for ticket in range(8):
            effects = [world.planned("page"), world.planned("count", not_before=later)]
            await world.record(*effects, event=world.event(str(ticket)))
        states = await ended(world, 16)
    assert set(states) == {EffectState.CONFIRMED}
    pages = [effect.id for effect in await world.effects(action="page")]
    assert sorted(world.outside.took_place) == sorted(pages)
    assert len(world.count.runs) == 8


async def test_follow_ups_and_retried_dead_letters_start_by_themselves(world: World) -> None:
    world.outside.follow_ups = (Intent(target="log", scope="log:1", action="count"),)
    world.outside.script = ["lost"]
    async with working(world):
        (effect,) = await world.record(world.planned("shout"))
        assert await ended(world, 1) == [EffectState.DEAD]
        listing = dead_letter_listing(world.ledger.jobs, retry_delivery=_unused, drop_delivery=_unused)
        async with world.storage.transaction() as tx:
            await listing.verbs[0].run(Request(tx, Configuration(), SystemClock().now(), effect.id))
        assert await ended(world, 2) == [EffectState.CONFIRMED, EffectState.CONFIRMED]


async def _unused(*arguments: object) -> None:
    raise AssertionError("there are no deliveries here")
