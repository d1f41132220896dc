"""Lists of what came in, and what a person does to a dead delivery."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import Configuration, Question, RejectedError, Transaction
from cornerdesk.intake.listings import drop_deliveries, find_events, intake_listings, requeue_deliveries

if TYPE_CHECKING:
    from core.tests.intake.conftest import World


async def ask(world: World, name: str, limit: int = 50, **filters: Any) -> list[dict[str, Any]]:
    listing = next(each for each in intake_listings() if each.name == name)
    async with world.storage.reading() as tx:
        rows = await listing.rows(Question(tx, Configuration(), world.clock.now(), filters, limit))
    return [json.loads(row.model_dump_json()) for row in rows]


@pytest.fixture
async def lived(world: World) -> World:
    """Two tickets, three events, a delivery ignored and one dead."""
    world.desk.tickets |= {"12": world.state(at=600, number="900012"), "13": world.state("13", at=600, status="solved")}
    for id, ticket in (("1", "12"), ("2", "13"), ("3", "12")):
        said = world.message(id, "We cancel", at=600)
        fact = world.fact("message.added", id, ticket=ticket, at=600, message=said, needs=["ticket"])
        await world.receive({"id": id, "facts": [fact]})
        await world.work()
        world.clock.advance(timedelta(minutes=1))
    await world.receive({"id": "4", "ignore": "user.created"}, {"id": "5"})
    await world.work()
    return world


async def test_deliveries_are_listed_newest_first_with_what_came_of_them(lived: World) -> None:
    rows = await ask(lived, "deliveries")
    assert [(row["state"], row["events"]) for row in rows[2:]] == [("done", 1)] * 3
    assert {row["state"] for row in rows[:2]} == {"ignored", "dead"}
    (dead,) = await ask(lived, "deliveries", state="dead")
    assert (dead["reason"], dead["source"]) == ("there is no field `facts`", "support")
    assert len(await ask(lived, "deliveries", ticket="900012")) == 2
    assert len(await ask(lived, "deliveries", since=lived.clock.now())) == 2
    assert len(await ask(lived, "deliveries", limit=1)) == 1
    assert await ask(lived, "deliveries", source="other") == []


async def test_records_of_history_are_told_from_webhooks(lived: World) -> None:
    async def no_job(tx: Transaction, ids: Sequence[str]) -> None:
        pass

    for key, origin in (("6", "backfill"), ("7", "reconcile")):
        await lived.storage.store_deliveries([replace(lived.stored({"id": key}), origin=origin)], no_job)
    assert [row["origin"] for row in await ask(lived, "deliveries", limit=3)] == ["reconcile", "backfill", "webhook"]
    [recalled] = await ask(lived, "deliveries", origin="backfill")
    assert recalled["origin"] == "backfill"
    listing = next(each for each in intake_listings() if each.name == "deliveries")
    assert "origin" in listing.columns


async def test_events_are_listed_as_the_model_has_them_with_their_signals(lived: World) -> None:
    rows = await ask(lived, "events", kind="message.added", ticket="12")
    assert [row["message"]["id"] for row in rows] == ["3", "1"]
    assert rows[0]["ticket"]["number"] == "900012"
    assert [signal["name"] for signal in rows[0]["signals"]] == ["churn_risk"]
    assert len(await ask(lived, "events", since=lived.clock.now() - timedelta(seconds=90))) == 1
    assert await ask(lived, "events", origin="backfill") == []


async def test_tickets_are_listed_as_they_are_now(lived: World) -> None:
    rows = await ask(lived, "tickets")
    assert {row["id"] for row in rows} == {"12", "13"}
    assert [row["number"] for row in await ask(lived, "tickets", status="solved")] == ["13"]
    assert len(await ask(lived, "tickets", customer="Kim@canary.example")) == 2
    assert [row["id"] for row in await ask(lived, "tickets", ticket="900012")] == ["12"]
    assert rows[0]["source"] == "support"
    assert rows[0]["complete"]


async def test_events_are_found_by_their_id_and_by_the_tickets_id_or_number(lived: World) -> None:
    async with lived.storage.reading() as tx:
        by_number = await find_events(tx, "900012")
        by_id = await find_events(tx, "12")
        assert [row["id"] for row in by_number] == [row["id"] for row in by_id]
        assert len(by_id) == 2
        (one,) = await find_events(tx, by_id[0]["id"])
        assert one["snapshot"]["event"]["message"]["id"] == "1"
        assert await find_events(tx, "nothing") == []


async def test_a_dead_delivery_is_processed_anew_when_asked(lived: World) -> None:
    (dead,) = await ask(lived, "deliveries", state="dead")
    async with lived.storage.transaction() as tx:
        await requeue_deliveries(tx, lived.jobs, [dead["id"]])
    (row,) = await ask(lived, "deliveries", state="stored")
    assert (row["attempts"], row["reason"]) == (0, None)
    await lived.work()
    (again,) = await ask(lived, "deliveries", state="dead")
    assert again["attempts"] == 1


async def test_a_dropped_delivery_stays_known_and_comes_back_no_more(lived: World) -> None:
    (dead,) = await ask(lived, "deliveries", state="dead")
    async with lived.storage.transaction() as tx:
        await drop_deliveries(tx, [dead["id"]])
    assert await ask(lived, "deliveries", state="dead") == []
    await lived.receive({"id": "5"})
    await lived.work()
    assert len(await ask(lived, "deliveries")) == 5


async def test_only_the_dead_can_be_retried_or_dropped(lived: World) -> None:
    (done, *_) = await ask(lived, "deliveries", state="done")
    with pytest.raises(RejectedError, match="is not dead"):
        async with lived.storage.transaction() as tx:
            await requeue_deliveries(tx, lived.jobs, [done["id"]])
    with pytest.raises(RejectedError, match="is not dead"):
        async with lived.storage.transaction() as tx:
            await drop_deliveries(tx, [done["id"]])
