"""The hot path: a group of deliveries in one transaction, each once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from cornerdesk.model import new_id
from cornerdesk.storage import Storage, StoredDelivery, Transaction
from cornerdesk.storage.tables import deliveries, facts
from sqlalchemy import func, select, text

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)


def delivery(key: str, source: str = "support") -> StoredDelivery:
    return StoredDelivery(
        id=new_id(), source=source, key=key, received_at=NOON, headers={"x-a": "b"}, body=b'{"a":"\x00\xff"}'
    )


async def nothing(_tx: Transaction, _ids: list[str]) -> None:
    pass


async def stored(storage: Storage) -> int:
    async with storage.reading() as tx:
        return int(await tx.value(select(func.count()).select_from(deliveries)))


async def test_a_delivery_is_kept_byte_for_byte(storage: Storage) -> None:
    one = delivery("1")
    assert await storage.store_deliveries([one], nothing) == {one.id}
    async with storage.reading() as tx:
        row = await tx.row(select(deliveries))
    assert row == {
        "id": one.id,
        "source": "support",
        "key": "1",
        "ticket": None,
        "received_at": NOON,
        "headers": {"x-a": "b"},
        "body": b'{"a":"\x00\xff"}',
        "state": "stored",
        "reason": None,
        "events": 0,
        "attempts": 0,
        "done_at": None,
        "origin": "webhook",
    }


async def test_the_same_delivery_again_is_not_new(storage: Storage) -> None:
    first, again, other = delivery("1"), delivery("1"), delivery("1", source="chat")
    told: list[list[str]] = []

    async def enqueue(_tx: Transaction, ids: list[str]) -> None:
        told.append(ids)

    assert await storage.store_deliveries([first], enqueue) == {first.id}
    assert await storage.store_deliveries([again, other], enqueue) == {other.id}
    assert await storage.store_deliveries([delivery("1")], enqueue) == set()
    assert told == [[first.id], [other.id]]


async def test_twice_in_one_group_is_stored_once(storage: Storage) -> None:
    group = [delivery("1"), delivery("1"), delivery("2")]
    assert len(await storage.store_deliveries(group, nothing)) == 2
    assert await stored(storage) == 2


async def test_the_same_delivery_ten_times_at_once_is_stored_once(storage: Storage) -> None:
    results = await asyncio.gather(*(storage.store_deliveries([delivery("1")], nothing) for _ in range(10)))
    assert sorted(map(len, results)) == [0] * 9 + [1]


async def test_the_ids_keep_the_order_of_the_group(storage: Storage) -> None:
    group = [delivery(str(number)) for number in range(300)]
    told: list[str] = []

    async def enqueue(_tx: Transaction, ids: list[str]) -> None:
        told.extend(ids)

    await storage.store_deliveries(group, enqueue)
    assert told == [one.id for one in group]


async def test_nothing_is_stored_when_its_job_cannot_be_taken_on(storage: Storage) -> None:
    async def refuse(tx: Transaction, ids: list[str]) -> None:
        await tx.execute(facts.insert(), {"source": "support", "key": "1", "event": ids[0]})
        raise RuntimeError("no job")

    with pytest.raises(RuntimeError, match="no job"):
        await storage.store_deliveries([delivery("1")], refuse)
    assert await stored(storage) == 0
    async with storage.reading() as tx:
        assert await tx.rows(select(facts)) == []


async def test_what_the_callback_writes_is_committed_with_the_group(storage: Storage) -> None:
    async def enqueue(tx: Transaction, ids: list[str]) -> None:
        await tx.insert_new(
            facts,
            [{"source": "support", "key": one, "event": "e"} for one in ids],
            unique=["source", "key"],
            returning="key",
        )

    group = [delivery("1"), delivery("2")]
    await storage.store_deliveries(group, enqueue)
    async with storage.reading() as tx:
        assert {row["key"] for row in await tx.rows(select(facts))} == {one.id for one in group}


async def test_an_empty_group_asks_nothing_of_anybody(storage: Storage) -> None:
    async def fail(_tx: Transaction, _ids: list[str]) -> None:
        raise AssertionError

    assert await storage.store_deliveries([], fail) == set()


@pytest.mark.parametrize("migrated_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
async def test_bodies_are_not_compressed_on_postgresql(storage: Storage) -> None:
    async with storage.reading() as tx:
        kept = await tx.value(
            text(
                "SELECT attstorage::text FROM pg_attribute WHERE attrelid = 'deliveries'::regclass AND attname = 'body'"
            )
        )
    assert kept == "e"
