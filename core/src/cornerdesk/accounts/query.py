"""The directory from a query: `accounts: {sql: SELECT ..., url: ...}`. Only reads; keeps no connection open."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cornerdesk.accounts.records import COLUMNS, Row, heading_problems, plain_text
from cornerdesk.configuration import Configuration, database_beside
from cornerdesk.errors import ConfigurationError, Problem, RetryableError

_PATIENCE = 60.0
_PART = "accounts sql"


async def read_query(configuration: Configuration) -> tuple[list[Row], list[Problem]]:
    """The rows that the query returns.

    Raises:
        ConfigurationError: the database refuses the query.
        RetryableError: the database does not answer.
    """
    source, file = configuration.accounts, str(configuration.path)
    if source is None or source.sql is None:
        return [], []
    url = database_beside(source.url, configuration.directory) if source.url else configuration.database_url
    try:
        columns, found = await asyncio.wait_for(_fetch(url, source.sql), _PATIENCE)
    except TimeoutError:
        raise RetryableError(f"the query of {_PART} took longer than {_PATIENCE:.0f} seconds") from None
    except ArgumentError:
        raise ConfigurationError([Problem(file, None, None, f"the address of {_PART} is no database's")]) from None
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise _refusal(error, url, file) from None
    names = [column.lower() for column in columns]
    rows = [
        Row(dict(zip(names, map(_cell, names, row), strict=True)), f"directory sql:{number}", file, None)
        for number, row in enumerate(found, 1)
    ]
    return rows, [_within(problem) for problem in heading_problems(names, file, None)]


async def _fetch(url: str, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    engine = create_async_engine(_driver_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execution_options(postgresql_readonly=True)
            result = await connection.exec_driver_sql(query.strip().rstrip(";"))
            return list(result.keys()), [tuple(row) for row in result]
    finally:
        await engine.dispose()


def _driver_url(url: str) -> str:
    """The URL for a driver of asyncio; SQLite is opened so that nothing can be written, nor a missing file made."""
    if url.startswith("sqlite:///"):
        return f"sqlite+aiosqlite:///file:{url.removeprefix('sqlite:///')}?mode=ro&uri=true"
    return "postgresql+asyncpg://" + url.removeprefix("postgresql://")


def _cell(column: str, value: Any) -> Any:
    """Our own columns are read as text; others stay what JSON has a word for."""
    if column in COLUMNS:
        return plain_text(value)
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | int | float | list | dict) else plain_text(value)


def _refusal(error: Exception, url: str, file: str) -> Exception:
    """What the database said, without the statement, and never with the address's password."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = str(cause).strip().split("\n")[0].removeprefix("<class ")
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    reason = type(cause).__name__ if password and password in said else said
    message = f"the query of {_PART} failed: {reason}"
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return RetryableError(message)
    expected = f"a SELECT with the columns {', '.join(COLUMNS)}"
    return ConfigurationError([Problem(file, None, None, message, expected)])


def _within(problem: Problem) -> Problem:
    return Problem(problem.file, None, None, f"{_PART}: {problem.message}", problem.expected, problem.nearest)
