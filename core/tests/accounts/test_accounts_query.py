"""The directory from a query."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from cornerdesk.accounts import open_directory
from cornerdesk.configuration import AccountsSource, Configuration
from cornerdesk.errors import ConfigurationError, CornerdeskError, RetryableError
from cornerdesk.model import AccountStatus, Customer

SERVER = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")


def configure(folder: Path, sql: str, url: str | None = "sqlite:///crm.db") -> Configuration:
    return Configuration(path=folder / "cornerdesk.yaml", accounts=AccountsSource(sql=sql, url=url))


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute("CREATE TABLE company (id INTEGER, name TEXT, domain TEXT, mrr NUMERIC, paying BOOLEAN)")
        database.execute("INSERT INTO company VALUES (7, 'Globex', 'globex.example', 99.5, 1)")
    database.close()
    return tmp_path


QUERY = """
    SELECT id, name, domain AS domains, mrr * 12 AS revenue, mrr,
           CASE WHEN paying THEN 'active' ELSE 'cancelled' END AS status, 'a:b %s' AS note, NULL AS blank
    FROM company;
"""


async def test_the_rows_of_a_query_are_accounts(crm: Path) -> None:
    directory = await open_directory(configure(crm, QUERY))
    match = directory.find(Customer(id="1", email="a@mail.globex.example"), None)
    assert match.account is not None
    assert (match.account.id, match.account.revenue, match.account.status) == ("7", 1194, AccountStatus.ACTIVE)
    assert match.account.fields == {"mrr": 99.5, "note": "a:b %s"}
    assert match.origins["account.revenue"] == "directory sql:1"


async def test_without_a_url_our_own_database_is_asked(crm: Path) -> None:
    (crm / "crm.db").rename(crm / "cornerdesk.db")
    assert (await open_directory(configure(crm, QUERY, None))).accounts[0].name == "Globex"


async def test_a_refresh_asks_again(crm: Path) -> None:
    directory = await open_directory(configure(crm, QUERY))
    with sqlite3.connect(crm / "crm.db") as database:
        database.execute("UPDATE company SET name = 'Initech'")
    database.close()
    assert directory.accounts[0].name == "Globex"
    await directory.refresh()
    assert directory.accounts[0].name == "Initech"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nope FROM company", "no such column: nope"),
        ("SELECT name FROM company", 'the column "id" is missing'),
        ("SELECT id, 'x' AS status FROM company", 'directory sql:1, column "status" cannot be "x"'),
        ("DELETE FROM company", "readonly"),
        ("SELECT 1; SELECT 2", "one statement"),
    ],
)
async def test_a_query_that_is_wrong_is_told(crm: Path, sql: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await open_directory(configure(crm, sql))


async def test_a_database_that_is_not_there_is_not_made(crm: Path) -> None:
    with pytest.raises(CornerdeskError, match="unable to open"):
        await open_directory(configure(crm, "SELECT 1 AS id", "sqlite:///gone.db"))
    assert not (crm / "gone.db").exists()


async def test_a_server_that_does_not_answer_is_for_later(tmp_path: Path) -> None:
    with pytest.raises(RetryableError) as caught:
        await open_directory(configure(tmp_path, "SELECT 1 AS id", "postgresql://me:Quetzal@127.0.0.1:1/x"))
    assert "Quetzal" not in str(caught.value)


@pytest.fixture
async def table() -> AsyncIterator[str]:
    try:
        connection = await asyncpg.connect(SERVER, timeout=5)
    except OSError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL server at the test address: {error}")
    schema = f"accounts_{uuid.uuid4().hex[:12]}"
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"CREATE TABLE {schema}.company (id bigint, domains text[], since date, revenue numeric)")
    await connection.execute(f"INSERT INTO {schema}.company VALUES (1, '{{a.example,b.example}}', '2020-05-01', 10.5)")
    yield f"{schema}.company"
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


@pytest.mark.postgresql
async def test_postgresql_gives_its_own_types(tmp_path: Path, table: str) -> None:
    directory = await open_directory(configure(tmp_path, f"SELECT *, revenue AS mrr FROM {table}", SERVER))
    (account,) = directory.accounts
    assert (account.id, account.domains, account.revenue) == ("1", ("a.example", "b.example"), 10.5)
    assert account.since is not None
    assert account.since.isoformat() == "2020-05-01T00:00:00+00:00"
    assert account.fields == {"mrr": 10.5}


@pytest.mark.postgresql
async def test_postgresql_is_only_read(tmp_path: Path, table: str) -> None:
    with pytest.raises(ConfigurationError, match="read-only"):
        await open_directory(configure(tmp_path, f"DELETE FROM {table} RETURNING id", SERVER))
