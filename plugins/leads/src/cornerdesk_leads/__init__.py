"""Support-sourced leads: counted once per company and kind, credited, followed to their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cornerdesk import Action, Listing, Tables, hookimpl
from pydantic import BaseModel

from cornerdesk_leads.action import LeadAction
from cornerdesk_leads.listing import lead_listing
from cornerdesk_leads.settings import Settings
from cornerdesk_leads.tables import metadata


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """The section `plugins: {leads: ...}`."""
    return Settings


@hookimpl
def cornerdesk_actions() -> Sequence[Action[Any]]:
    """`lead`."""
    return [LeadAction()]


@hookimpl
def cornerdesk_tables() -> Tables:
    """Leads and their tickets."""
    return Tables("leads", metadata, str(Path(__file__).parent / "migrations"))


@hookimpl
def cornerdesk_listings() -> Sequence[Listing]:
    """`leads`."""
    return [lead_listing()]
