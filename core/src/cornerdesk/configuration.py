"""The configuration as the rest of the program sees it: checked, frozen, with secrets still wrapped.

Models only. Reading files, `${}` references and errors with line and column are the work of `settings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

from cornerdesk.adapters.interface import SourceSettings
from cornerdesk.durations import Duration
from cornerdesk.hours import Hours

S = TypeVar("S", bound=BaseModel)

FILLED_IN: JsonDict = {"readOnly": True}
"""Marks a field that reading the file fills in and nobody writes."""

_URL_USER = re.compile(r"^([^:/?#]*://)(.*)@")
_QUERY_PASSWORD = re.compile(r"([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&#]*", re.IGNORECASE)


def hide_password(url: str) -> str:
    """A URL as it may be shown in messages and logs: `postgresql://user:***@host/database`."""

    def mask(found: re.Match[str]) -> str:
        user, colon, _ = found[2].partition(":")
        return f"{found[1]}{user}{':***' if colon else ''}@"

    return _QUERY_PASSWORD.sub(r"\1***", _URL_USER.sub(mask, url))


def database_beside(url: str, directory: Path) -> str:
    """The URL with a relative SQLite file put into `directory`; any other as it is."""
    name = url.removeprefix("sqlite:///")
    if name == url or not name or name.startswith((":", "/")):
        return url
    return f"sqlite:///{directory / name}"


class Section(BaseModel):
    """A part of cornerdesk.yaml: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Server(Section):
    """Where `serve` listens and how the world reaches it."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8484, ge=0, le=65535, description="port to listen on")
    public_url: str | None = Field(None, description="how people and vendors reach this server, for links in messages")
    max_body: int = Field(1_000_000, gt=0, description="largest delivery accepted, in bytes; a larger one gets 413")
    api_tokens: tuple[SecretStr, ...] = Field(
        (), description="bearer tokens that /api/v1 takes; none: the API is closed"
    )


class Budget(Section):
    """How often one person may be disturbed."""

    per_day: int | None = Field(None, ge=0, description="escalations a day at most, in the person's own time zone")


class Person(Section):
    """Somebody who can be escalated to."""

    key: str = Field("", description="the name under `people`; filled in when read", json_schema_extra=FILLED_IN)
    name: str
    email: str | None = None
    time_zone: str = Field("UTC", description="IANA name, such as Europe/Berlin")
    hours: Hours | None = Field(None, description='working hours, such as "Mon-Fri 09:00-18:00"; absent: always')
    notify: tuple[str, ...] = Field(("email",), description="channels in order: `email`, `slack:U123`, ...")
    budget: Budget = Budget()


class Feature(Section):
    """One feature that customers can vote for."""

    key: str = Field("", description="the name in the catalogue; filled in when read", json_schema_extra=FILLED_IN)
    title: str
    about: str | None = None
    phrases: tuple[str, ...] = Field((), description="words that customers use for it")
    board: dict[str, Any] = Field(default_factory=dict, description="where it stands on a vote board")


class AccountsSource(Section):
    """Where the account directory comes from: one of the two."""

    csv: str | None = Field(None, description="a CSV file, relative to cornerdesk.yaml")
    sql: str | None = Field(None, description="a SELECT that returns the directory's columns")
    url: str | None = Field(None, description="database for `sql`; absent: ours", repr=False)


class Configuration(Section):
    """Everything that cornerdesk.yaml and the files it names say.

    `sources` holds each adapter's own settings model, `plugins` each plugin's, by the plugin's name.
    """

    path: Path = Path("cornerdesk.yaml")
    database: str = "sqlite:///cornerdesk.db"
    server: Server = Server()
    sources: Mapping[str, SourceSettings] = Field(default_factory=dict)
    people: Mapping[str, Person] = Field(default_factory=dict)
    features: Mapping[str, Feature] = Field(default_factory=dict)
    accounts: AccountsSource | None = None
    rule_files: tuple[Path, ...] = ()
    plugins: Mapping[str, BaseModel] = Field(default_factory=dict)
    late_after: Duration = Field(timedelta(hours=6), description="a webhook older than this wakes nobody")

    @property
    def directory(self) -> Path:
        """Paths in the configuration are relative to this."""
        return self.path.parent

    @property
    def database_url(self) -> str:
        """The database to open: a relative SQLite file stands beside cornerdesk.yaml, wherever we were started."""
        return database_beside(self.database, self.directory)

    @property
    def shown_database(self) -> str:
        """The database's URL as it may be shown: without its password."""
        return hide_password(self.database)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Names only: a `${}` reference may put a secret into any text."""
        yield "path", str(self.path)
        for part in ("sources", "people", "features", "plugins"):
            yield part, sorted(getattr(self, part))

    def settings_of(self, model: type[S]) -> S:
        """The settings of the plugin whose settings model this is; its defaults when the file says nothing."""
        for settings in self.plugins.values():
            if isinstance(settings, model):
                return settings
        return model()
