"""Feature-request votes on behalf of customers: one per person and feature, weighed, with the customer's words.

The names in `__all__` are for plugins that bring vote boards. Everything else is this plugin's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cornerdesk import Action, Listing, Tables, hookimpl
from pydantic import BaseModel

from cornerdesk_votes import hookspecs
from cornerdesk_votes.action import VoteAction
from cornerdesk_votes.boards import Board, BoardVote
from cornerdesk_votes.listing import total_listing, vote_listing
from cornerdesk_votes.settings import Settings
from cornerdesk_votes.sync import SyncAction
from cornerdesk_votes.tables import metadata

__all__ = ["Board", "BoardVote"]


@hookimpl
def cornerdesk_hookspecs() -> ModuleType:
    """The hook by which other plugins bring vote boards."""
    return hookspecs


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """The section `plugins: {votes: ...}`."""
    return Settings


@hookimpl
def cornerdesk_actions() -> Sequence[Action[Any]]:
    """`vote`, and the inner step that brings votes to a board."""
    return [VoteAction(), SyncAction()]


@hookimpl
def cornerdesk_tables() -> Tables:
    """Votes and their tickets."""
    return Tables("votes", metadata, str(Path(__file__).parent / "migrations"))


@hookimpl
def cornerdesk_listings() -> Sequence[Listing]:
    """`votes` and `vote_totals`."""
    return [vote_listing(), total_listing()]
