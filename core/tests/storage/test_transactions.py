"""Transactions: all or nothing, and readers that wait for nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from cornerdesk.storage import Storage, Transaction
from cornerdesk.storage.tables import facts, once_windows, tickets
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def count(storage: Storage) -> int:
    async with storage.reading() as tx:
        return int(await tx.value(select(func.count()).select_from(facts)))


def fact(key: str, event: str = "e") -> dict[str, Any]:
    return {"source": "support", "key": key, "event": event}


async def test_what_the_block_did_is_there_when_it_ends(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(facts.insert(), fact("1"))
    assert await count(storage) == 1


async def test_nothing_is_there_when_the_block_raises(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="no"):
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact("1"))
            raise RuntimeError("no")
    assert await count(storage) == 0


async def test_nothing_is_there_when_the_block_is_cancelled(storage: Storage) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact("1"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(storage) == 0
    async with storage.transaction() as tx:
        await tx.execute(facts.insert(), fact("2"))
    assert await count(storage) == 1


async def test_cancelling_at_any_moment_leaves_a_storage_that_works(storage: Storage) -> None:
    async def write(key: str) -> None:
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact(key))

    for steps in range(40):
        task = asyncio.create_task(write(str(steps)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await write("last")
    async with storage.reading() as tx:
        keys = {row["key"] for row in await tx.rows(select(facts.c.key))}
    assert "last" in keys


@pytest.mark.parametrize("migrated_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
async def test_a_failed_statement_that_is_ignored_is_not_passed_off_as_a_commit(storage: Storage) -> None:
    with pytest.raises(RuntimeError, match="nothing is committed"):
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact("1"))
            with pytest.raises(IntegrityError):
                await tx.execute(facts.insert(), fact("1"))
    assert await count(storage) == 0


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_a_transaction_inside_a_transaction_is_told_instead_of_waiting_for_itself(storage: Storage) -> None:
    async with storage.transaction():
        with pytest.raises(RuntimeError, match="inside another one"):
            async with storage.transaction():
                raise AssertionError


async def test_a_savepoint_can_be_undone_alone(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(facts.insert(), fact("1"))
        with pytest.raises(IntegrityError):
            async with tx.connection.begin_nested():
                await tx.execute(facts.insert(), fact("1"))
        await tx.execute(facts.insert(), fact("2"))
    assert await count(storage) == 2


async def test_a_reader_waits_for_no_writer_and_sees_what_is_committed(storage: Storage) -> None:
    async with storage.transaction() as writing:
        await writing.execute(facts.insert(), fact("1"))
        async with asyncio.timeout(5):
            assert await count(storage) == 0
    assert await count(storage) == 1


async def test_a_reader_sees_one_moment_throughout(storage: Storage) -> None:
    async with storage.reading() as reading:
        before = await reading.rows(select(facts))
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact("1"))
        assert await reading.rows(select(facts)) == before == []


async def test_a_reader_cannot_write(storage: Storage) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        async with storage.reading() as tx:
            await tx.execute(facts.insert(), fact("1"))


async def test_many_readers_and_writers_at_once_all_come_through(storage: Storage) -> None:
    async def write(number: int) -> None:
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact(str(number)))

    await asyncio.gather(*(write(n) for n in range(40)), *(count(storage) for _ in range(40)))
    assert await count(storage) == 40


async def test_what_is_new_is_inserted_once_and_told(storage: Storage) -> None:
    async with storage.transaction() as tx:
        first = await tx.insert_new(
            facts, [fact("1", "first"), fact("2", "first")], unique=["source", "key"], returning="key"
        )
        second = await tx.insert_new(
            facts, [fact("2", "second"), fact("3", "second")], unique=["source", "key"], returning="key"
        )
        events = {row["key"]: row["event"] for row in await tx.rows(select(facts))}
    assert (first, second) == ({"1", "2"}, {"3"})
    assert events == {"1": "first", "2": "first", "3": "second"}


async def test_more_rows_than_a_statement_has_room_for_are_inserted(storage: Storage) -> None:
    rows = [fact(str(number)) for number in range(25_000)]
    async with storage.transaction() as tx:
        new = await tx.insert_new(facts, rows, unique=["source", "key"], returning="key")
    assert len(new) == 25_000


async def test_a_row_is_updated_where_it_is(storage: Storage) -> None:
    async with storage.transaction() as tx:
        for state in ({"v": 1}, {"v": 2}):
            insert = tx.upsert(tickets).values(source="support", id="7", state=state, updated_at=NOON)
            await tx.execute(
                insert.on_conflict_do_update(index_elements=["source", "id"], set_={"state": insert.excluded.state})
            )
        row = await tx.row(tx.locked(select(tickets).where(tickets.c.id == "7")))
    assert row is not None
    assert row["state"] == {"v": 2}
    assert row["complete"] is False


async def test_two_transactions_on_one_ticket_follow_each_other(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(tickets.insert(), {"source": "support", "id": "7", "state": {"n": 0}})

    async def add_one() -> None:
        async with storage.transaction() as tx:
            row = await tx.row(tx.locked(select(tickets).where(tickets.c.id == "7")))
            assert row is not None
            await tx.execute(tickets.update().values(state={"n": row["state"]["n"] + 1}))

    await asyncio.gather(*(add_one() for _ in range(10)))
    async with storage.reading() as tx:
        assert await tx.value(select(tickets.c.state)) == {"n": 10}


async def test_a_callback_comes_after_the_commit_and_never_without_one(storage: Storage) -> None:
    called: list[str] = []
    async with storage.transaction() as tx:
        tx.after_commit(lambda: called.append("committed"))
        await tx.execute(once_windows.insert(), {"key": "a", "anchor": NOON})
        assert called == []
    with pytest.raises(RuntimeError):
        async with storage.transaction() as tx:
            tx.after_commit(lambda: called.append("rolled back"))
            raise RuntimeError
    assert called == ["committed"]


async def test_plain_sql_sees_the_same_tables(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(facts.insert(), fact("1"))
        assert await tx.value(text("SELECT count(*) FROM facts WHERE source = :source"), {"source": "support"}) == 1


def test_a_storage_shows_its_address_and_nothing_more(storage: Storage) -> None:
    assert storage.url in repr(storage)
    assert isinstance(storage, Storage)
    assert Transaction.__doc__


async def test_a_reading_cancelled_while_it_opens_leaves_nothing_open(storage: Storage) -> None:
    async def look() -> None:
        async with storage.reading() as tx:
            await tx.value(select(func.count()).select_from(facts))

    await look()
    for turns in range(40):
        task = asyncio.create_task(look())
        for _ in range(turns % 20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), fact(str(turns)))
    assert await count(storage) == 40
