"""Both databases, for whoever's test stores anything.

`database_url`: an empty database. `storage`: one that is migrated and open. Every test that asks for either runs once
on SQLite and once on PostgreSQL. Names are unique, so any number of people may run tests on one server at once.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest
import structlog
from cornerdesk.storage import Storage, open_storage

SERVER = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
PREFIX = "cornerdesk_test_"
ABANDONED = 3600
"""Seconds after which a database that a killed test run has left is dropped."""


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that runs a command in this process leaves no trace in how the next one logs."""
    yield
    structlog.reset_defaults()


BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end in a thread of its own: a fixture may be asked for while a test's loop runs."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work).result()


async def run_sql(url: str, *statements: str) -> None:
    """Run statements on PostgreSQL, each on its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def in_schema(url: str, schema: str) -> str:
    """The same database, seen from one schema."""
    return f"{url}?options={quote(f'-csearch_path={schema}')}"


async def _make_database(name: str) -> None:
    connection = await asyncpg.connect(SERVER, timeout=5)
    try:
        for row in await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", PREFIX):
            if time.time() - int(row["datname"].split("_")[2]) > ABANDONED:
                await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgresql_database() -> Iterator[str]:
    """The URL of an empty PostgreSQL database that lives as long as the test run."""
    name = f"{PREFIX}{int(time.time())}_{os.getpid()}_{secrets.token_hex(3)}"
    try:
        finish(_make_database(name))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL server answers at CORNERDESK_TEST_POSTGRESQL ({type(error).__name__})")
    yield urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}", query=""))
    finish(run_sql(SERVER, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def make_schema(postgresql_database: str) -> Callable[[str], str]:
    """Makes an empty PostgreSQL schema of this name, for the whole test run, and gives its URL."""

    def make(name: str) -> str:
        finish(run_sql(postgresql_database, f"CREATE SCHEMA {name}"))
        return in_schema(postgresql_database, name)

    return make


@pytest.fixture
async def postgresql_schema(postgresql_database: str) -> AsyncIterator[str]:
    """The URL of an empty schema of this test's own."""
    schema = f"test_{secrets.token_hex(4)}"
    await run_sql(postgresql_database, f"CREATE SCHEMA {schema}")
    yield in_schema(postgresql_database, schema)
    await run_sql(postgresql_database, f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cornerdesk.db'}"
    return str(request.getfixturevalue("postgresql_schema"))


async def _migrate(url: str) -> None:
    async with await open_storage(url) as storage:
        await storage.migrate()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file to copy: copying is faster than migrating."""
    file = tmp_path_factory.mktemp("migrated") / "migrated.db"
    finish(_migrate(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_schema(postgresql_database: str) -> str:
    """The URL of a migrated schema, emptied between tests."""
    url = in_schema(postgresql_database, "migrated")
    finish(run_sql(postgresql_database, "CREATE SCHEMA migrated"))
    finish(_migrate(url))
    return url


_EMPTY = """
DO $$ BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY' FROM pg_tables
             WHERE schemaname = 'migrated' AND tablename NOT LIKE 'revision_of_%');
END $$
"""


@pytest.fixture(params=BOTH)
async def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "sqlite":
        file = tmp_path / "cornerdesk.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
    else:
        url = str(request.getfixturevalue("migrated_schema"))
        await run_sql(url, _EMPTY)
        yield url


@pytest.fixture
async def storage(migrated_url: str) -> AsyncIterator[Storage]:
    """A migrated database, open; on SQLite served by this process alone."""
    async with await open_storage(migrated_url, exclusive=True) as opened:
        yield opened
