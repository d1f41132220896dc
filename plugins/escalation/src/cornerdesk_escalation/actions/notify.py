"""The action `notify`: a plain message to a person. Nobody has to answer; hours and budget do not hold it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cornerdesk import (
    ActionSettings,
    Effect,
    Intent,
    Outcome,
    PersonName,
    PlanContext,
    Receipt,
    RemoteAction,
    SendContext,
    TextSetting,
)
from pydantic import Field

from cornerdesk_escalation.channels import look_up_notification, notify_person, person_of
from cornerdesk_escalation.facts import TicketFacts, shorten, take_facts, visible
from cornerdesk_escalation.letters import write_notice

LONGEST_TEXT = 4000


class NotifySettings(ActionSettings):
    """What a rule says about a message."""

    to: PersonName | tuple[PersonName, ...] = Field(description="one person, or several: each gets the message")
    text: TextSetting = Field(min_length=1, description="what it says; the first line becomes the subject")


class NotifyAction(RemoteAction[NotifySettings]):
    """Sends a message through the first of the person's channels that works."""

    name: ClassVar[str] = "notify"
    about: ClassVar[str] = "send a person a message that needs no answer"
    settings_model: ClassVar[type[ActionSettings]] = NotifySettings

    def plan(self, settings: NotifySettings, context: PlanContext) -> Sequence[Intent]:
        """One intent for each person."""
        people = (settings.to,) if isinstance(settings.to, str) else tuple(dict.fromkeys(settings.to))
        payload = {
            "text": shorten(visible(settings.text).strip(), LONGEST_TEXT),
            "facts": take_facts(context.snapshot, words=0).model_dump(mode="json", exclude_none=True),
        }
        return [Intent(target=person, payload=payload) for person in people]

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        """Send it."""
        person = person_of(context.configuration, effect.target)
        facts = TicketFacts.model_validate(effect.payload["facts"])
        notice = write_notice(context.configuration, effect.rule, effect.payload["text"], facts, marker=context.marker)
        return Outcome(receipt=await notify_person(person, notice, context))

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        """Ask the person's channels."""
        return await look_up_notification(person_of(context.configuration, effect.target), context)
