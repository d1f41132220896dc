"""The plugin's section in cornerdesk.yaml. Every field has a default: the section may be absent."""

from __future__ import annotations

from cornerdesk import Section
from pydantic import Field


class PostboxSettings(Section):
    """`plugins: {postbox: {...}}`."""

    praise: tuple[str, ...] = Field(("thank you", "love it"), description="words of praise, in lower case")
    journal: str = Field("journal.txt", description="the file that the channel `journal` writes to")
