"""The contract with plugins: few hooks, data in and data out. No hook receives the application.

A plugin is a module named by an entry point in the group `cornerdesk`; the entry point's name is the plugin's. It
marks functions with `@hookimpl`. A misspelt hook, an argument that does not exist or a module that does not import is
reported by name (`cornerdesk plugins list`) and does not take the host down, except under `--strict`.

A plugin that opens hooks of its own says so with `cornerdesk_hookspecs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel
from sqlalchemy import MetaData

from cornerdesk.actions import AnyAction
from cornerdesk.adapters.interface import Adapter
from cornerdesk.configuration import Configuration
from cornerdesk.listings import Listing
from cornerdesk.signals.interface import Detector

if TYPE_CHECKING:
    from cornerdesk.web.routes import WebRoute

GROUP = "cornerdesk"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True)
class Tables:
    """A plugin's tables: their metadata, and the folder of Alembic revisions that make them.

    `branch` is the Alembic branch label, the plugin's name; revision ids start with it.
    """

    branch: str
    metadata: MetaData
    migrations: str


@hookspec
def cornerdesk_hookspecs() -> Any:
    """A module with hook specifications of the plugin's own, made with `HookspecMarker("cornerdesk")`.

    Called once, before any other hook, so that plugins may fill each other's hooks in any order of loading.
    """


@hookspec
def cornerdesk_settings() -> type[BaseModel]:  # type: ignore[empty-body]
    """The model of the plugin's section under `plugins:`. Every field needs a default, so the section may be absent."""


@hookspec
def cornerdesk_adapters() -> Sequence[type[Adapter]]:  # type: ignore[empty-body]
    """Adapters, by class; one object is made of it for every source that names it."""


@hookspec
def cornerdesk_actions() -> Sequence[AnyAction]:  # type: ignore[empty-body]
    """Actions that rules may use."""


@hookspec
def cornerdesk_detectors(configuration: Configuration) -> Sequence[Detector]:  # type: ignore[empty-body]
    """Detectors of signals. `configuration.settings_of(MySettings)` gives the plugin's own section."""


@hookspec
def cornerdesk_tables() -> Tables:  # type: ignore[empty-body]
    """The plugin's own tables."""


@hookspec
def cornerdesk_listings() -> Sequence[Listing]:  # type: ignore[empty-body]
    """Lists with their verbs: each becomes a command, an API route and a dashboard page."""


@hookspec
def cornerdesk_routes() -> Sequence[WebRoute]:  # type: ignore[empty-body]
    """Pages beyond listings, such as an acknowledgement page."""
