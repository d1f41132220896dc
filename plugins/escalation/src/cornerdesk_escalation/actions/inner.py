"""The inner steps of an escalation, which no rule names: telling somebody, writing down that it was done, going on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from cornerdesk import (
    ActionSettings,
    Effect,
    EffectState,
    Intent,
    Outcome,
    PlanContext,
    Receipt,
    RecordContext,
    RecordedAction,
    RejectedError,
    RemoteAction,
    SendContext,
)

from cornerdesk_escalation import records
from cornerdesk_escalation.channels import look_up_notification, notify_person, person_of
from cornerdesk_escalation.course import Scene, go_on
from cornerdesk_escalation.intents import name_of, told_intent, unreachable_intent
from cornerdesk_escalation.letters import write_escalation
from cornerdesk_escalation.records import Escalation, State, Tell, TellState

TELLABLE = (State.WAITING, State.EXHAUSTED)


class NoSettings(ActionSettings):
    """Inner steps take none."""


class TellAction(RemoteAction[NoSettings]):
    """Tells the person whose turn it is, by the first of their channels that works."""

    name: ClassVar[str] = "escalation.tell"
    about: ClassVar[str] = "tell the person whose turn it is"
    settings_model: ClassVar[type[ActionSettings]] = NoSettings
    usable_in_rules: ClassVar[bool] = False

    def plan(self, settings: NoSettings, context: PlanContext) -> Sequence[Intent]:
        """Nothing: only escalations plan it."""
        return ()

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        """Write the message as things stand now, and send it."""
        escalation, told = await _read(effect, context)
        step: int = effect.payload["step"]
        if escalation.state not in TELLABLE:
            return _over(context, escalation)
        person = person_of(context.configuration, effect.target)
        tell = next(each for each in told if each.step == step)
        letter = write_escalation(context.configuration, escalation, tell, told, marker=context.marker)
        return self.found(effect, await notify_person(person, letter, context))

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        """Ask the person's channels."""
        return await look_up_notification(person_of(context.configuration, effect.target), context)

    def found(self, effect: Effect, receipt: Receipt) -> Outcome:
        """They were told: write it down."""
        payload = effect.payload
        channel = receipt.detail or "unknown"
        return Outcome(
            receipt=receipt, follow_ups=(told_intent(payload["escalation"], payload["step"], effect.target, channel),)
        )

    def given_up(self, effect: Effect) -> Sequence[Intent]:
        """Who cannot be reached does not hold up the others: the next is told at once, while the dead letter waits
        for somebody to repair the channel."""
        payload = effect.payload
        return (unreachable_intent(payload["escalation"], payload["step"], payload["turn"], effect.target),)


class ToldAction(RecordedAction[NoSettings]):
    """Writes down that somebody was told, and by which channel."""

    name: ClassVar[str] = "escalation.told"
    about: ClassVar[str] = "write down that somebody was told"
    settings_model: ClassVar[type[ActionSettings]] = NoSettings
    usable_in_rules: ClassVar[bool] = False

    def plan(self, settings: NoSettings, context: PlanContext) -> Sequence[Intent]:
        """Nothing: only `escalation.tell` plans it."""
        return ()

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        """Keep the channel and the time."""
        payload, now = effect.payload, context.now
        values = {"state": TellState.TOLD, "told_at": now, "channel": payload["channel"]}
        await records.change_tell(context.tx, payload["escalation"], payload["step"], **values)
        text = f"by {payload['channel']}"
        await records.write_history(context.tx, payload["escalation"], now, "told", person=effect.target, text=text)
        return Outcome()


class StepAction(RecordedAction[NoSettings]):
    """Goes on with an escalation when its time is up, unless something else has happened since."""

    name: ClassVar[str] = "escalation.step"
    about: ClassVar[str] = "tell the next when nobody answered in time"
    settings_model: ClassVar[type[ActionSettings]] = NoSettings
    usable_in_rules: ClassVar[bool] = False

    def plan(self, settings: NoSettings, context: PlanContext) -> Sequence[Intent]:
        """Nothing: only escalations plan it."""
        return ()

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        """Tell the next, wait for somebody's hours, or end."""
        scene = Scene(context.tx, context.now, context.configuration)
        await records.take_turns(context.tx)
        escalation = await records.load(context.tx, effect.payload["escalation"], lock=True)
        if reason := _why_not(scene, escalation, effect) or escalation is None:
            return Outcome(state=EffectState.SUPPRESSED, reason=str(reason))
        await _write_cause(scene, escalation, effect)
        return Outcome(follow_ups=tuple(await go_on(scene, escalation)))


def _why_not(scene: Scene, escalation: Escalation | None, effect: Effect) -> str | None:
    if escalation is None:
        return "the escalation is not kept any more"
    if escalation.state is not State.WAITING:
        return f"nothing to do: {scene.ending(escalation)}"
    if escalation.turn != effect.payload["turn"]:
        return "nothing to do: the escalation has gone on since this was planned"
    return None


async def _write_cause(scene: Scene, escalation: Escalation, effect: Effect) -> None:
    cause, person = effect.payload["cause"], effect.target
    if cause == "unreachable":
        await records.change_tell(scene.tx, escalation.id, effect.payload["step"], state=TellState.FAILED)
    words = {"deadline": "did not answer in time", "unreachable": "cannot be told by any of their channels"}
    if cause in words:
        await records.write_history(scene.tx, escalation.id, scene.now, cause, person=person, text=words[cause])


async def _read(effect: Effect, context: SendContext) -> tuple[Escalation, list[Tell]]:
    async with context.reading() as tx:
        escalation = await records.load(tx, effect.payload["escalation"])
        if escalation is None:
            raise RejectedError(f"escalation {effect.payload['escalation']} is not kept any more")
        return escalation, await records.tells_of(tx, [escalation.id])


def _over(context: SendContext, escalation: Escalation) -> Outcome:
    ended = escalation.state.value
    if escalation.acknowledged_by and escalation.state is State.ACKNOWLEDGED:
        ended = f"acknowledged by {name_of(context.configuration, escalation.acknowledged_by)}"
    return Outcome(state=EffectState.SUPPRESSED, reason=f"not told any more: {ended}")
