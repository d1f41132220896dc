"""The hook that this plugin opens to others."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Configuration, hookspec

from cornerdesk_votes.boards import Board


@hookspec
def cornerdesk_votes_boards(configuration: Configuration) -> Sequence[Board]:  # type: ignore[empty-body]
    """Vote boards. Called for every vote that is synced: cheap, no I/O, nothing held open.
    `configuration.settings_of(MySettings)` gives the plugin's own section."""
