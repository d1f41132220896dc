"""What waits for a person: seen, tried again, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import ConfigurationError, EffectState, RejectedError, Request, RetryableError, Transaction
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import Jobs
from cornerdesk.ledger import dead_letter_listing
from cornerdesk.listings import Listing, Question
from cornerdesk.storage import tables

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World


class Deliveries:
    """Intake's side of it, played."""

    def __init__(self) -> None:
        self.requeued: list[str] = []
        self.dropped: list[str] = []

    async def requeue(self, tx: Transaction, jobs: Jobs, ids: Sequence[str]) -> None:
        self.requeued += ids

    async def drop(self, tx: Transaction, ids: Sequence[str]) -> None:
        self.dropped += ids


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


@pytest.fixture
def listing(world: World, deliveries: Deliveries) -> Listing:
    return dead_letter_listing(world.jobs, retry_delivery=deliveries.requeue, drop_delivery=deliveries.drop)


async def ask(world: World, listing: Listing, **filters: Any) -> list[dict[str, Any]]:
    async with world.storage.reading() as tx:
        rows = await listing.rows(Question(tx, Configuration(), world.clock.now(), filters))
    return [row.model_dump() for row in rows]


async def tell(world: World, listing: Listing, verb: str, row_id: str) -> str:
    run = next(each.run for each in listing.verbs if each.name == verb)
    async with world.storage.transaction() as tx:
        return await run(Request(tx, Configuration(), world.clock.now(), row_id, by="ada"))


async def dead_effect(world: World, error: Exception | str, action: str = "page") -> str:
    (effect,) = await world.record(world.planned(action))
    world.outside.script = [error]
    await world.run_all()
    assert (await world.effect(effect.id)).state is EffectState.DEAD
    return effect.id


async def dead_delivery(world: World, state: str = "dead") -> str:
    row = {
        "id": "delivery-1",
        "source": "support",
        "key": "k1",
        "received_at": world.clock.now() - timedelta(hours=2),
        "headers": {},
        "body": b"{}",
        "state": state,
        "reason": "no known shape",
        "attempts": 1,
    }
    async with world.storage.transaction() as tx:
        await tx.execute(tables.deliveries.insert(), row)
    return "delivery-1"


async def test_both_kinds_are_listed_newest_first(world: World, listing: Listing) -> None:
    delivery, effect = await dead_delivery(world), await dead_effect(world, RejectedError("the ticket is closed"))
    rows = await ask(world, listing)
    assert [(r["id"], r["what"], r["reason"], r["attempts"], r["source"]) for r in rows] == [
        (effect, "effect", "the ticket is closed", 1, "support"),
        (delivery, "delivery", "no known shape", 1, "support"),
    ]
    assert rows[0]["since"] == world.clock.now()
    assert rows[0] | {"ticket": "12", "rule": "canary", "action": "page", "target": "ceo"} == rows[0]
    assert rows[1]["action"] is None


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        ({"what": "effect"}, ["effect"]),
        ({"what": "delivery"}, ["delivery"]),
        ({"source": "support"}, ["effect", "delivery"]),
        ({"source": "chat"}, []),
        ({"action": "page"}, ["effect"]),
        ({"ticket": "12"}, ["effect"]),
        ({"since": "1h"}, ["effect"]),
    ],
)
async def test_they_are_found_by(world: World, listing: Listing, filters: dict[str, str], kinds: list[str]) -> None:
    await dead_delivery(world)
    await dead_effect(world, RejectedError("no"))
    assert [row["what"] for row in await ask(world, listing, **filters)] == kinds


async def test_a_retried_effect_begins_anew(world: World, listing: Listing) -> None:
    effect = await dead_effect(world, RejectedError("no"))
    world.clock.advance(timedelta(days=3))
    assert await tell(world, listing, "retry", effect) == "page to ceo will be tried again"
    world.outside.script = [RetryableError("overloaded")]
    await world.run_all()
    done = await world.effect(effect)
    assert (done.state, done.attempts) == (EffectState.CONFIRMED, 2)
    assert await ask(world, listing) == []


async def test_what_may_have_gone_out_is_looked_up_when_it_is_retried(world: World, listing: Listing) -> None:
    world.outside.look_up_script = [RejectedError("the vendor's search is broken")]
    effect = await dead_effect(world, "lost")
    said = await tell(world, listing, "retry", effect)
    assert said == "page to ceo is looked up, and sent again if it did not take place"
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert world.outside.sent == [effect]


async def test_what_nobody_can_look_up_is_sent_again_when_a_person_says_so(world: World, listing: Listing) -> None:
    effect = await dead_effect(world, "lost", action="shout")
    await tell(world, listing, "retry", effect)
    await world.run_all()
    assert (await world.effect(effect)).state is EffectState.CONFIRMED
    assert world.outside.sent == [effect, effect]


async def test_a_dropped_effect_stays_on_record_with_who_dropped_it(world: World, listing: Listing) -> None:
    effect = await dead_effect(world, RejectedError("the ticket is closed"))
    assert await tell(world, listing, "drop", effect) == "page to ceo is dropped"
    dropped = await world.effect(effect)
    assert (dropped.state, dropped.reason) == (EffectState.SUPPRESSED, "dropped by ada: the ticket is closed")
    assert await ask(world, listing) == []
    await world.executor.handle(world.job(effect))
    assert len(world.outside.sent) == 1


async def test_deliveries_go_to_those_who_know_them(world: World, listing: Listing, deliveries: Deliveries) -> None:
    delivery = await dead_delivery(world)
    assert await tell(world, listing, "retry", delivery) == "delivery delivery-1 will be read again"
    assert await tell(world, listing, "drop", delivery) == "delivery delivery-1 is dropped"
    assert (deliveries.requeued, deliveries.dropped) == ([delivery], [delivery])


@pytest.mark.parametrize("verb", ["retry", "drop"])
async def test_only_what_is_dead_is_retried_or_dropped(world: World, listing: Listing, verb: str) -> None:
    (effect,) = await world.record(world.planned())
    await world.run_all()
    delivery = await dead_delivery(world, state="done")
    with pytest.raises(RejectedError, match="is confirmed, not dead"):
        await tell(world, listing, verb, effect.id)
    with pytest.raises(RejectedError, match="is done, not dead"):
        await tell(world, listing, verb, delivery)
    with pytest.raises(RejectedError, match="there is no dead letter 'nonsense'"):
        await tell(world, listing, verb, "nonsense")


async def test_without_a_queue_nothing_is_retried(world: World, deliveries: Deliveries) -> None:
    listing = dead_letter_listing(None, retry_delivery=deliveries.requeue, drop_delivery=deliveries.drop)
    with pytest.raises(ConfigurationError):
        await tell(world, listing, "retry", "any")
