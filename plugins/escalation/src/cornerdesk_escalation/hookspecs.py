"""The hook that this plugin opens to others."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Configuration, hookspec

from cornerdesk_escalation.channels import Channel


@hookspec
def cornerdesk_channels(configuration: Configuration) -> Sequence[Channel]:  # type: ignore[empty-body]
    """Channels by which people are told. Called for every message: cheap, no I/O, nothing held open."""
