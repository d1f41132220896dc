"""The list `effects`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import RejectedError
from cornerdesk.configuration import Configuration
from cornerdesk.ledger import effect_listing
from cornerdesk.listings import Question
from cornerdesk.storage import tables

if TYPE_CHECKING:
    from core.tests.ledger.conftest import World

PROMISED = {"id", "key", "rule", "action", "target", "ticket", "source", "state", "attempts", "planned_at", "done_at"}


async def ask(world: World, limit: int = 50, **filters: Any) -> list[dict[str, Any]]:
    async with world.storage.reading() as tx:
        rows = await effect_listing().rows(Question(tx, Configuration(), world.clock.now(), filters, limit))
    return [row.model_dump(mode="json") for row in rows]


async def furnish(world: World) -> None:
    await world.record(world.planned(target="old", rule="first"), event=world.event("1"))
    await world.run_all()
    world.clock.advance(timedelta(days=2))
    await world.record(world.planned("count", "new"), event=world.event("2"))
    later = world.clock.now() + timedelta(hours=1)
    await world.record(world.planned("count", "timer", internal=True, not_before=later))
    async with world.storage.transaction() as tx:
        row = {"source": "support", "id": "2", "number": "4711", "state": {}}
        await tx.execute(tables.tickets.insert(), row)


async def test_a_row_has_the_fields_that_were_promised(world: World) -> None:
    await furnish(world)
    newest, oldest = await ask(world)
    assert PROMISED | {"reason"} <= set(newest)
    assert (newest["target"], newest["state"], newest["done_at"]) == ("new", "planned", None)
    assert (oldest["target"], oldest["state"], oldest["done_at"]) == ("old", "confirmed", "2026-11-22T09:00:00Z")
    assert "payload" not in newest


@pytest.mark.parametrize(
    ("filters", "targets"),
    [
        ({}, ["new", "old"]),
        ({"timers": True}, ["timer", "new", "old"]),
        ({"timers": False}, ["new", "old"]),
        ({"rule": "first"}, ["old"]),
        ({"action": "count"}, ["new"]),
        ({"state": "confirmed"}, ["old"]),
        ({"source": "support"}, ["new", "old"]),
        ({"source": "chat"}, []),
        ({"ticket": "1"}, ["old"]),
        ({"ticket": "4711"}, ["new"]),
        ({"since": "24h"}, ["new"]),
        ({"since": "2026-11-24"}, ["new"]),
        ({"since": "2026-11-22T08:00:00Z"}, ["new", "old"]),
    ],
)
async def test_effects_are_found_by(world: World, filters: dict[str, Any], targets: list[str]) -> None:
    await furnish(world)
    assert [row["target"] for row in await ask(world, **filters)] == targets


async def test_no_more_are_shown_than_asked_for(world: World) -> None:
    await furnish(world)
    assert [row["target"] for row in await ask(world, limit=1)] == ["new"]


async def test_a_time_that_is_none_is_refused(world: World) -> None:
    with pytest.raises(RejectedError, match="'yesterday' is neither a time"):
        await ask(world, since="yesterday")
