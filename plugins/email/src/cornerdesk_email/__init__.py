"""The e-mail channel of Cornerdesk."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Configuration, hookimpl
from cornerdesk_escalation import Channel
from pydantic import BaseModel

from cornerdesk_email.channel import EmailChannel
from cornerdesk_email.settings import EmailSettings


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """The section `plugins: email:`."""
    return EmailSettings


@hookimpl
def cornerdesk_channels(configuration: Configuration) -> Sequence[Channel]:
    """The channel `email`."""
    return [EmailChannel(configuration.settings_of(EmailSettings))]
