"""Escalations to people: chains, deadlines, acknowledgements, hours and budgets; and the channels that reach them.

The names in `__all__` are for plugins that bring channels. Everything else is this plugin's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from cornerdesk import Action, Listing, Tables, WebRoute, hookimpl
from pydantic import BaseModel

from cornerdesk_escalation import hookspecs
from cornerdesk_escalation.actions.escalate import EscalateAction
from cornerdesk_escalation.actions.inner import StepAction, TellAction, ToldAction
from cornerdesk_escalation.actions.notify import NotifyAction
from cornerdesk_escalation.channels import Channel, Notification
from cornerdesk_escalation.listing import escalation_listing
from cornerdesk_escalation.page import ack_route
from cornerdesk_escalation.settings import EscalationSettings
from cornerdesk_escalation.tables import metadata

__all__ = ["Channel", "Notification"]


@hookimpl
def cornerdesk_hookspecs() -> ModuleType:
    """The hook by which other plugins bring channels."""
    return hookspecs


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """The section `plugins: escalation:`."""
    return EscalationSettings


@hookimpl
def cornerdesk_actions() -> Sequence[Action]:  # type: ignore[type-arg]
    """`escalate` and `notify`, and the inner steps of the first."""
    return [EscalateAction(), NotifyAction(), TellAction(), ToldAction(), StepAction()]


@hookimpl
def cornerdesk_tables() -> Tables:
    """Escalations, whom they told, and what happened."""
    return Tables("escalation", metadata, str(Path(__file__).parent / "migrations"))


@hookimpl
def cornerdesk_listings() -> Sequence[Listing]:
    """`escalations`."""
    return [escalation_listing()]


@hookimpl
def cornerdesk_routes() -> Sequence[WebRoute]:
    """The page behind the link in a message."""
    return [ack_route()]
