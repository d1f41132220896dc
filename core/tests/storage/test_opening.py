"""Opening a database: which are known, who may serve it, and that nobody sees a password."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cornerdesk.errors import ConfigurationError
from cornerdesk.storage import Storage, StorageUnavailable, open_storage
from cornerdesk.storage.tables import facts
from sqlalchemy import func, select

SECRET = "correct-horse"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@localhost/db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://file.db",
        "sqlite:///a.db?mode=ro",
        "postgresql://",
        "cornerdesk.db",
        "postgresql+asyncpg://localhost/db",
    ],
)
async def test_a_url_of_no_known_kind_is_refused_with_what_is_accepted(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///folder.*postgresql://user@host"):
        await open_storage(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{SECRET}@db.example.com/desk",
        f"postgres://ada:{SECRET}@127.0.0.1:1/desk",
        f"postgresql://127.0.0.1:1/desk?user=ada&password={SECRET}",
        f"postgresql://ada:{SECRET}/{SECRET}@127.0.0.1:1/desk",
        f"postgresql://ada:{SECRET}@127.0.0.1:port/desk",
        f"postgresql://ada:{SECRET}@127.0.0.1:1/desk?sslmode=bogus",
        f"MYSQL://ada:{SECRET}@127.0.0.1/desk",
        f"ada:{SECRET}@127.0.0.1/desk",
    ],
)
async def test_a_password_is_in_no_message_and_no_repr(url: str) -> None:
    shown = ""
    try:
        async with await open_storage(url) as storage:
            shown = f"{storage!r} {storage.url} {storage._address!r}"
            if "db.example.com" not in url:
                await storage.ping()
    except (ConfigurationError, StorageUnavailable):
        shown += traceback.format_exc()
    assert shown
    assert SECRET not in shown.replace(url, "")


async def test_a_server_that_is_not_there_is_told_as_unavailable() -> None:
    async with await open_storage("postgresql://postgres@127.0.0.1:1/test") as storage:
        with pytest.raises(
            StorageUnavailable, match=r"postgresql://postgres@127.0.0.1:1/test cannot be used: it cannot be reached"
        ):
            await storage.ping()
        with pytest.raises(StorageUnavailable):
            async with storage.transaction():
                raise AssertionError
        with pytest.raises(StorageUnavailable):
            await storage.migrate()


@pytest.mark.postgresql
async def test_a_database_that_does_not_exist_is_a_matter_of_configuration(postgresql_database: str) -> None:
    async with await open_storage(postgresql_database + "_missing") as storage:
        with pytest.raises(ConfigurationError, match="check user, password and database name"):
            await storage.ping()


@pytest.mark.postgresql
async def test_parameters_in_the_url_reach_the_server(postgresql_schema: str) -> None:
    async with await open_storage(postgresql_schema + "&application_name=desk") as storage:
        async with storage.reading() as tx:
            assert await tx.value(select(func.current_setting("application_name"))) == "desk"
            assert str(await tx.value(select(func.current_setting("search_path")))) in postgresql_schema


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the folder of .*desk.db does not exist"):
        await open_storage(f"sqlite:///{tmp_path / 'nowhere' / 'desk.db'}")


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "desk.db").write_text("these are not the tables you are looking for " * 100)
    with pytest.raises(ConfigurationError, match="no SQLite database"):
        await open_storage(f"sqlite:///{tmp_path / 'desk.db'}")


async def test_a_second_server_on_one_file_is_refused_with_a_clear_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    async with await open_storage(url, exclusive=True):
        with pytest.raises(ConfigurationError, match=r"desk\.db is being served by process \d+ already: stop that"):
            await open_storage(url, exclusive=True)
    async with await open_storage(url, exclusive=True):
        pass


_SERVE = """
import asyncio, sys
from cornerdesk.storage import open_storage
async def serve():
    await open_storage(sys.argv[1], exclusive=True)
    print("serving", flush=True)
    await asyncio.Event().wait()
asyncio.run(serve())
"""


async def test_the_lock_of_a_process_that_was_killed_is_gone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    with subprocess.Popen([sys.executable, "-c", _SERVE, url], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert await asyncio.to_thread(server.stdout.readline) == b"serving\n"
        with pytest.raises(ConfigurationError, match=f"process {server.pid}"):
            await open_storage(url, exclusive=True)
        server.kill()
    async with await open_storage(url, exclusive=True):
        pass


async def test_others_read_and_write_beside_the_one_that_serves(storage: Storage, migrated_url: str) -> None:
    async with await open_storage(migrated_url) as beside:
        async with storage.transaction() as tx:
            await tx.execute(facts.insert(), {"source": "support", "key": "served", "event": "e"})
        async with beside.transaction() as tx:
            await tx.execute(facts.insert(), {"source": "support", "key": "corrected", "event": "e"})
        for one in (storage, beside):
            async with one.reading() as tx:
                assert {row["key"] for row in await tx.rows(select(facts))} == {"served", "corrected"}


async def test_writers_of_two_processes_wait_for_each_other(storage: Storage, migrated_url: str) -> None:
    async with await open_storage(migrated_url) as beside:

        async def write(one: Storage, key: str) -> None:
            async with one.transaction() as tx:
                await tx.execute(facts.insert(), {"source": "support", "key": key, "event": "e"})

        await asyncio.gather(*(write(one, f"{n} {one is beside}") for n in range(20) for one in (storage, beside)))
        async with storage.reading() as tx:
            assert await tx.value(select(func.count()).select_from(facts)) == 40


async def test_ping_is_silent_when_all_is_well(storage: Storage) -> None:
    await storage.ping()
