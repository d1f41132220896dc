"""The directory from a query: `accounts: {sql: SELECT ..., url: ...}`. Only reads; keeps no connection open."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from cornerdesk.accounts.records import COLUMNS, Row, heading_problems, plain_text
from cornerdesk.configuration import Configuration, database_beside
from cornerdesk.errors import ConfigurationError, Problem, RetryableError

_PATIENCE = 60.0
_PART = "accounts sql"
_Found = tuple[list[str], list[tuple[Any, ...]]]


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


async def _fetch(url: str, query: str) -> _Found:
    if url.startswith("sqlite:///"):
        return await asyncio.to_thread(_fetch_from_file, url.removeprefix("sqlite:///"), query)
    engine = create_async_engine("postgresql+asyncpg://" + url.removeprefix("postgresql://"), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(postgresql_readonly=True)
            result = await connection.exec_driver_sql(query.strip().rstrip(";"))
            return list(result.keys()), [tuple(row) for row in result]
    finally:
        await engine.dispose()


def _fetch_from_file(file: str, query: str) -> _Found:
    """Opened so that nothing can be written, nor a missing file made."""
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true", poolclass=NullPool)
    with engine.connect() as connection:
        result = connection.exec_driver_sql(query.strip().rstrip(";"))
        return list(result.keys()), [tuple(row) for row in result]


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
