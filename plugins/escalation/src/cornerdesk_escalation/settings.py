"""The section `plugins: escalation:` of cornerdesk.yaml."""

from __future__ import annotations

from datetime import timedelta

from cornerdesk import Duration, Section
from pydantic import Field


class EscalationSettings(Section):
    """How escalations and notifications are told."""

    acknowledge_within: Duration = Field(
        timedelta(minutes=30), description="how long somebody has before the next is told, where a rule says nothing"
    )
    quote: int = Field(
        1200, ge=0, le=10_000, description="characters of the customer's words in a message at most; 0: none of them"
    )
    subject_prefix: str = Field("[Cornerdesk]", max_length=40, description="what every subject begins with")
