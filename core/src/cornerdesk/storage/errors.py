"""What can go wrong with a database, told apart by what the caller should do.

Messages are ours: a driver's own text may quote a row, and a row may hold a customer's words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import exc

from cornerdesk.errors import ConfigurationError, CornerdeskError, RetryableError


class StorageUnavailable(RetryableError):
    """The database cannot be used just now: gone, locked, full or read-only. Nothing was committed, or nobody knows."""


_SQLITE = {
    "SQLITE_BUSY": "another process holds its lock for too long",
    "SQLITE_LOCKED": "another connection holds its lock for too long",
    "SQLITE_FULL": "the disk is full; make room",
    "SQLITE_READONLY": "it is read-only; check the permissions of the file and its folder",
    "SQLITE_IOERR": "the disk does not answer properly",
    "SQLITE_CORRUPT": "the file is damaged; restore a backup",
    "SQLITE_CANTOPEN": "the file cannot be opened; check the folder and its permissions",
}
_POSTGRESQL = {
    "08": "the connection was lost",
    "40001": "another transaction came in between",
    "40P01": "another transaction came in between",
    "53100": "the server's disk is full; make room",
    "53": "the server is out of resources or connections",
    "55P03": "a row stayed locked for too long",
    "57014": "the server cancelled the statement for taking too long",
    "57P": "the server is shutting down or starting",
    "25006": "it is read-only, perhaps a replica",
    "25P": "the server ended the transaction for idling",
    "58": "the server's disk does not answer properly",
}
_REFUSED = ("28", "3D000")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn a driver's error inside into one of ours where it is about the database and not about the statement.

    Args:
        place: the database's address without its password.
    """
    try:
        yield
    except CornerdeskError:
        raise
    except Exception as error:
        if (ours := translate(error, place)) is None:
            raise
        raise ours from error


@contextmanager
def reaching(place: str) -> Iterator[None]:
    """The same where nothing but the database is asked, so that any OSError is about it."""
    try:
        with translated(place):
            yield
    except (TimeoutError, OSError) as error:
        raise StorageUnavailable(f"the database {place} cannot be used: {_reason_without_code(error)}") from error


@contextmanager
def connecting(place: str) -> Iterator[None]:
    """The same while a connection is being made, when a ValueError is about the address."""
    try:
        with reaching(place):
            yield
    except ValueError:
        # The driver's text may quote a piece of the password.
        raise ConfigurationError(
            f"the database address {place} cannot be read: check port and parameters, and write special characters"
            " in user and password as %40 and the like"
        ) from None


def translate(error: BaseException, place: str) -> CornerdeskError | None:
    """The error of ours that says what this one of a driver's means; None: it is about the statement."""
    for cause in _causes(error):
        if isinstance(cause, sqlite3.Error):
            name = getattr(cause, "sqlite_errorname", None) or ""
            if name == "SQLITE_NOTADB":
                return ConfigurationError(f"the file of {place} is no SQLite database: name another, or move it away")
            reason = _prefixed(_SQLITE, name)
        elif isinstance(cause, asyncpg.PostgresError):
            state = cause.sqlstate or ""
            if state.startswith(_REFUSED):
                return ConfigurationError(
                    f"the database {place} refuses us ({type(cause).__name__}): check user, password and database name"
                )
            reason = _prefixed(_POSTGRESQL, state)
        else:
            reason = _reason_without_code(cause)
        if reason is not None:
            return StorageUnavailable(f"the database {place} cannot be used: {reason}")
    return None


def _reason_without_code(error: BaseException) -> str | None:
    if isinstance(error, exc.TimeoutError):
        return "all its connections are busy"
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, OSError):
        return f"it cannot be reached ({type(error).__name__})"
    # A connection that the server ended a moment ago, before asyncpg has noticed.
    if isinstance(error, asyncpg.InternalClientError):
        return "the connection was lost"
    # asyncpg has no class of its own for "connection is closed"; its misuse errors say "operation".
    if isinstance(error, asyncpg.InterfaceError) and "connection" in str(error) and "closed" in str(error):
        return "the connection was lost"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """SQLAlchemy wraps its adapter's error, which wraps the driver's. A bare OSError may be anybody's."""
    if isinstance(error, exc.DBAPIError):
        for inner in (error.orig.__cause__ if error.orig else None, error.orig):
            if inner is not None:
                yield inner
    elif isinstance(
        error,
        sqlite3.Error
        | asyncpg.PostgresError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError
        | exc.TimeoutError
        | ConnectionError,
    ) or (isinstance(error, TimeoutError) and _asyncpg_waited(error)):
        yield error


def _asyncpg_waited(error: BaseException) -> bool:
    """A statement's time-out is a bare TimeoutError; where it was raised tells it from anybody else's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("asyncpg.")


def _prefixed(reasons: dict[str, str], code: str) -> str | None:
    return next((reason for prefix, reason in reasons.items() if code.startswith(prefix)), None)
