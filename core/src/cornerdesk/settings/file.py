"""What cornerdesk.yaml may hold, before adapters and plugins have had their say. Models only."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from cornerdesk.configuration import AccountsSource, Section, Server
from cornerdesk.durations import Duration

SOURCE_NAME = r"^[a-z0-9][a-z0-9_-]*$"
"""Names of sources and people: a source's stands in the address that its deliveries arrive at."""


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class ConfigurationFile(Section):
    """The keys of cornerdesk.yaml."""

    database: str = Field(
        "sqlite:///cornerdesk.db",
        description="where everything is kept: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
        repr=False,
    )
    server: Server = Field(Server(), description="where `cornerdesk serve` listens")
    sources: dict[str, dict[str, Any]] = Field(
        {}, description="connected help-desk accounts, by a name of yours; deliveries arrive at /webhooks/NAME"
    )
    people: dict[str, dict[str, Any]] = Field({}, description="who can be escalated to, by the name that rules use")
    accounts: AccountsSource | None = Field(None, description="the account directory: who is a customer")
    features: str | None = Field(None, description="the file with the catalogue of features that votes go to")
    rules: Patterns = Field((), description="the files with rules; * and ** stand for names")
    plugins: dict[str, dict[str, Any]] = Field({}, description="settings of plugins, by the plugin's name")
    late_after: Duration = Field(timedelta(hours=6), description="a webhook older than this wakes nobody")
