"""A database that is away is told as such, and works again when it is back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from unittest import mock

import asyncpg
import pytest
from cornerdesk.storage import Storage, StorageUnavailable, open_storage, sqlite_connection
from cornerdesk.storage.errors import translate
from cornerdesk.storage.tables import facts
from sqlalchemy import func, select, text

ROW = {"source": "support", "key": "1", "event": "e"}


@pytest.mark.postgresql
async def test_a_connection_lost_inside_a_transaction_is_told_and_the_next_one_works(
    migrated_schema: str, postgresql_database: str
) -> None:
    async with await open_storage(migrated_schema) as storage:
        with pytest.raises(StorageUnavailable, match="the connection was lost"):
            async with storage.transaction() as tx:
                pid = await tx.value(select(func.pg_backend_pid()))
                await _terminate(postgresql_database, pid)
                await tx.execute(text("SELECT 1"))
        async with storage.reading() as tx:
            assert await tx.value(text("SELECT 1")) == 1


@pytest.mark.postgresql
async def test_connections_lost_while_idle_are_replaced_unnoticed(
    migrated_schema: str, postgresql_database: str
) -> None:
    async with await open_storage(migrated_schema) as storage:
        for _ in range(2):
            async with storage.reading() as one, storage.reading() as other:
                for tx in (one, other):
                    pid = await tx.value(select(func.pg_backend_pid()))
                    assert pid
                pids = [await tx.value(select(func.pg_backend_pid())) for tx in (one, other)]
            for pid in pids:
                await _terminate(postgresql_database, pid)


@pytest.mark.postgresql
async def test_a_server_that_never_answers_is_not_waited_for(
    migrated_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cornerdesk.storage.postgresql._STATEMENT_TIMEOUT", 0.2)
    async with await open_storage(migrated_schema) as storage:
        with pytest.raises(StorageUnavailable, match="does not answer in time"):
            async with storage.reading() as tx:
                await tx.execute(text("SELECT pg_sleep(30)"))
        async with storage.reading() as tx:
            assert await tx.value(text("SELECT 1")) == 1


async def _terminate(url: str, pid: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_a_file_locked_by_another_process_is_told_and_works_again_after(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 0.05)
    file = tmp_path / "desk.db"
    file.write_bytes(migrated_file.read_bytes())
    other = sqlite3.connect(file, isolation_level=None)
    async with await open_storage(f"sqlite:///{file}") as storage:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="another process holds its lock"):
            await _write(storage)
        other.execute("ROLLBACK")
        await _write(storage)
    other.close()


async def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path, migrated_file: Path) -> None:
    file = tmp_path / "desk.db"
    file.write_bytes(migrated_file.read_bytes())
    async with await open_storage(f"sqlite:///{file}") as storage:
        async with storage.transaction() as tx:
            pages = await tx.value(text("PRAGMA page_count"))
            await tx.execute(text(f"PRAGMA max_page_count = {pages + 1}"))
        with pytest.raises(StorageUnavailable, match="make room"):
            async with storage.transaction() as tx:
                await tx.execute(facts.insert(), [{**ROW, "key": "k" * 500 + str(n)} for n in range(200)])
        async with storage.reading() as tx:
            assert await tx.value(select(func.count()).select_from(facts)) == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_read_only_file_is_told(tmp_path: Path, migrated_file: Path) -> None:
    file = tmp_path / "desk.db"
    file.write_bytes(migrated_file.read_bytes())
    file.chmod(0o444)
    with pytest.raises(StorageUnavailable, match="read-only"):
        async with await open_storage(f"sqlite:///{file}") as storage:
            await _write(storage)


async def test_a_statement_that_is_wrong_is_not_blamed_on_the_database(storage: Storage) -> None:
    with pytest.raises(Exception, match=r"(?i)no_such_table") as caught:
        async with storage.transaction() as tx:
            await tx.execute(text("SELECT * FROM no_such_table"))
    assert not isinstance(caught.value, StorageUnavailable)


async def test_an_error_shows_no_parameters(storage: Storage) -> None:
    with pytest.raises(Exception, match=r"(?i)unique") as caught:
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), ROW)
            await tx.execute(facts.insert(), {**ROW, "event": "a customer's words"})
    assert "a customer's words" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [("40P01", "came in between"), ("53100", "make room"), ("25006", "read-only"), ("57P01", "shutting down")],
)
def test_postgresqls_states_are_told_in_words(code: str, said: str) -> None:
    error = asyncpg.PostgresError("with somebody's words")
    with mock.patch.object(asyncpg.PostgresError, "sqlstate", code):
        told = translate(error, "postgresql://host/desk")
    assert isinstance(told, StorageUnavailable)
    assert said in str(told)
    assert "words" not in str(told)


def test_a_connection_that_the_driver_trips_over_is_told_as_lost() -> None:
    error = asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
    assert "the connection was lost" in str(translate(error, "postgresql://host/desk"))


async def _write(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(facts.insert(), ROW)
