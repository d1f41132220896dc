"""An example of everything that a plugin can bring: a help desk, a signal, an action with a list, and a channel.

This module is what the entry point names. Each function fills a hook; their contract is `cornerdesk.hookspecs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cornerdesk import Action, Adapter, Configuration, Detector, Listing, Tables, hookimpl
from cornerdesk_escalation import Channel
from pydantic import BaseModel

from cornerdesk_postbox.adapter import PostboxAdapter
from cornerdesk_postbox.channel import JournalChannel
from cornerdesk_postbox.detector import PraiseDetector
from cornerdesk_postbox.settings import PostboxSettings
from cornerdesk_postbox.thanks import ThankAction, ThankSettings, metadata, thanks_listing


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """The section `plugins: postbox:`."""
    return PostboxSettings


@hookimpl
def cornerdesk_adapters() -> Sequence[type[Adapter]]:
    """`adapter: postbox`. The class: an object is made of it for every source."""
    return [PostboxAdapter]


@hookimpl
def cornerdesk_detectors(configuration: Configuration) -> Sequence[Detector]:
    """`signals.praise`."""
    return [PraiseDetector(configuration.settings_of(PostboxSettings).praise)]


@hookimpl
def cornerdesk_actions() -> Sequence[Action[ThankSettings]]:
    """`then: [{thank: ...}]`."""
    return [ThankAction()]


@hookimpl
def cornerdesk_tables() -> Tables:
    """The table of cards, and the folder of revisions that make it."""
    return Tables("postbox", metadata, str(Path(__file__).parent / "migrations"))


@hookimpl
def cornerdesk_listings() -> Sequence[Listing]:
    """`cornerdesk thanks`, `GET /api/v1/thanks`, and the page of that name."""
    return [thanks_listing()]


@hookimpl
def cornerdesk_channels(configuration: Configuration) -> Sequence[Channel]:
    """`notify: [journal]`. This hook is the escalation plugin's, not the core's."""
    return [JournalChannel(configuration.directory / configuration.settings_of(PostboxSettings).journal)]
