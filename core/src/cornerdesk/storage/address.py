"""A database's address: which database it is, and how it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cornerdesk.errors import ConfigurationError

_ACCEPTED = "sqlite:///folder/cornerdesk.db (sqlite:////folder/... from the root) or postgresql://user@host/database"
_PASSWORD_PARAMETER = re.compile(r"([?&](?:password|sslpassword)=)[^&]*")


@dataclass(frozen=True)
class Address:
    """Where a database is.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        shown: the address without its password, for messages and logs.
        file: SQLite's file, or None.
        dsn: what PostgreSQL's driver connects with, password included; never shown. Empty for SQLite.
    """

    dialect: str
    shown: str
    file: Path | None = None
    dsn: str = field(default="", repr=False)


def read_address(url: str) -> Address:
    """The address that a URL names.

    Raises:
        ConfigurationError: it is neither SQLite's nor PostgreSQL's; says what is accepted.
    """
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if separator and scheme in ("postgresql", "postgres"):
        return _postgresql(rest)
    if separator and scheme == "sqlite":
        return _sqlite(rest)
    named = f"{scheme}://" if separator else "this"
    raise ConfigurationError(f"{named} is not a database that Cornerdesk knows; accepted are {_ACCEPTED}")


def _sqlite(rest: str) -> Address:
    if not rest.startswith("/") or rest in ("/", "/:memory:") or "?" in rest:
        raise ConfigurationError(
            f"sqlite://{rest} does not name a file (there are no parameters, and no databases in memory);"
            f" accepted are {_ACCEPTED}"
        )
    return Address("sqlite", f"sqlite://{rest}", file=Path(rest[1:]))


def _postgresql(rest: str) -> Address:
    if not rest.strip("/"):
        raise ConfigurationError(f"postgresql://{rest} names no server and no database; accepted are {_ACCEPTED}")
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    shown = f"{user}:***@{after}" if colon else f"{user}{at}{after}"
    return Address("postgresql", "postgresql://" + _PASSWORD_PARAMETER.sub(r"\1***", shown), dsn=f"postgresql://{rest}")
