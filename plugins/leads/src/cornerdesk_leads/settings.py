"""What a rule writes behind `lead`, and the section `plugins: {leads: ...}`. Models only."""

from __future__ import annotations

from typing import Literal

from cornerdesk import ActionSettings, Section, TextSetting
from pydantic import Field

from cornerdesk_leads.states import LeadKind


class LeadSettings(ActionSettings):
    """`lead: {kind: new_business}`, or `lead: new_business`."""

    kind: LeadKind = Field(description="new_business, expansion or win_back; counted apart")
    value: float | None = Field(None, ge=0, description="what it may be worth a year")
    currency: str | None = Field(None, description="currency of `value`; absent: the plugin's, else the account's")
    credit: TextSetting | None = Field(
        None, description="who gets the credit; absent: the ticket's assignee, else the agent who acted; empty: nobody"
    )


class Settings(Section):
    """How leads are counted."""

    mode: Literal["open", "proposed"] = Field(
        "open", description="`open`: a lead counts at once; `proposed`: a person says yes to each"
    )
    currency: str | None = Field(None, description="currency of values that name none")
