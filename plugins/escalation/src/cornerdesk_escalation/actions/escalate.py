"""The action `escalate`: have somebody answer for a ticket, one after the other, until somebody does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from cornerdesk import (
    ActionSettings,
    Duration,
    Effect,
    EffectState,
    Intent,
    Outcome,
    PersonName,
    PlanContext,
    RecordContext,
    RecordedAction,
    TextSetting,
    new_id,
)
from pydantic import Field, field_validator

from cornerdesk_escalation import records
from cornerdesk_escalation.course import Scene, go_on, next_choice
from cornerdesk_escalation.facts import TicketFacts, one_line, take_facts
from cornerdesk_escalation.records import Escalation, State
from cornerdesk_escalation.settings import EscalationSettings

LONGEST_REASON = 300
LONGEST_CHAIN = 20


class EscalateSettings(ActionSettings):
    """What a rule says about an escalation."""

    to: PersonName | tuple[PersonName, ...] = Field(
        description="one person, or several: the next is told when the one before does not answer in time;"
        " a person named twice is reminded"
    )
    acknowledge_within: Duration | None = Field(
        None, description="how long each has to answer; absent: `plugins: escalation: acknowledge_within`, 30m"
    )
    reason: TextSetting = Field("", description="what it is about, in a few words: the subject of the message")
    note: bool = Field(True, description="write the answer, or that none came, to the ticket as an internal note")

    @field_validator("to")
    @classmethod
    def _somebody(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value or (len(value) > LONGEST_CHAIN and not isinstance(value, str)):
            raise ValueError(f"expected one person or a list of 1 to {LONGEST_CHAIN}")
        return value

    @property
    def chain(self) -> tuple[str, ...]:
        """Whom to tell, in order."""
        return (self.to,) if isinstance(self.to, str) else self.to


class EscalateAction(RecordedAction[EscalateSettings]):
    """Opens an escalation; telling people is the work of `escalation.tell`, going on that of `escalation.step`."""

    name: ClassVar[str] = "escalate"
    about: ClassVar[str] = "have a person acknowledge a ticket in time, or tell the next"
    settings_model: ClassVar[type[ActionSettings]] = EscalateSettings
    shorthand: ClassVar[str | None] = "to"

    def plan(self, settings: EscalateSettings, context: PlanContext) -> Sequence[Intent]:
        """One intent for the whole chain; the facts go with it, since the snapshot is gone when it is done."""
        defaults = context.configuration.settings_of(EscalationSettings)
        facts = take_facts(context.snapshot, words=defaults.quote)
        within: timedelta = settings.acknowledge_within or defaults.acknowledge_within
        payload: dict[str, Any] = {
            "to": list(settings.chain),
            "within": int(within.total_seconds()),
            "reason": one_line(settings.reason, LONGEST_REASON) or _reason(context, facts),
            "note": settings.note,
            "facts": facts.model_dump(mode="json", exclude_none=True),
        }
        return [Intent(target="+".join(settings.chain), payload=payload)]

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        """Open the escalation and tell the first, unless they have been told of this ticket already."""
        scene = Scene(context.tx, context.now, context.configuration)
        await records.take_turns(context.tx)
        escalation = _escalation(effect, context)
        if outcome := await _told_before(scene, escalation):
            return outcome
        if not await records.add_escalation(context.tx, escalation):
            return Outcome(state=EffectState.SUPPRESSED, reason="this effect has opened its escalation already")
        opened_by = f"rule {escalation.rule}: {escalation.reason}"
        await records.write_history(context.tx, escalation.id, context.now, "opened", text=opened_by)
        return Outcome(follow_ups=tuple(await go_on(scene, escalation)))


async def _told_before(scene: Scene, escalation: Escalation) -> Outcome | None:
    """Nothing to open when an open escalation of the ticket has told the first of this chain and names everybody in it.

    A chain that names others too is opened: its first counts as told, and the others hear of it in their turn.
    """
    choice, told_by = await next_choice(scene, escalation)
    earlier = await records.load(scene.tx, told_by) if told_by else None
    if choice.step is None or earlier is None or not set(escalation.chain) <= set(earlier.chain):
        return None
    person = escalation.chain[choice.step]
    text = f"rule {escalation.rule} asks for the same: {escalation.reason}"
    await records.write_history(scene.tx, earlier.id, scene.now, "asked_again", person=person, text=text)
    reason = f"{person} has been told of this ticket by escalation {earlier.id}, which waits for the answer"
    return Outcome(state=EffectState.SUPPRESSED, reason=reason)


def _escalation(effect: Effect, context: RecordContext) -> Escalation:
    return Escalation(
        id=new_id(),
        effect=effect.id,
        rule=effect.rule,
        source=effect.source or "",
        ticket=effect.ticket or "",
        event=effect.event,
        chain=tuple(effect.payload["to"]),
        within=effect.payload["within"],
        reason=effect.payload["reason"],
        facts=TicketFacts.model_validate(effect.payload["facts"]),
        note=effect.payload["note"],
        state=State.WAITING,
        opened_at=context.now,
    )


def _reason(context: PlanContext, facts: TicketFacts) -> str:
    """Where the rule gives none: who it is about and which rule asks."""
    account = facts.account.name if facts.account else None
    return f"{account or facts.customer or 'A customer'}: {context.rule}"
