"""The actions that write back to the ticket itself: note, tag, untag, assign, priority, status.

A plugin like any other: it uses only the public names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from cornerdesk import (
    Action,
    ActionSettings,
    Capability,
    Effect,
    Intent,
    Outcome,
    PlanContext,
    Priority,
    Receipt,
    RejectedError,
    RemoteAction,
    RepeatableAction,
    SendContext,
    Status,
    TextSetting,
    field_hint,
    hookimpl,
    tag_hint,
    text_hint,
)

_LONGEST_NOTE = 20_000


def plain_text(text: str) -> str:
    """Text that is nothing but text: no control characters, none that turn the direction of reading, one kind of line
    end. A note may hold what a customer wrote, and nothing in it may act or deceive."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in _HIDDEN or c in _JOINERS)
    return kept.strip()[:_LONGEST_NOTE]


_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})
_JOINERS = "\u200c\u200d"
"""Needed to write Persian, Indic scripts and many emoji."""


def _list_of_tags(value: Any) -> Any:
    values = [value] if isinstance(value, str) else value
    return (
        [tag.strip() if isinstance(tag, str) else tag for tag in values] if isinstance(values, list | tuple) else value
    )


def _tag(value: str) -> str:
    if not value or "," in value:
        raise ValueError("a tag is not empty and holds no comma; write several as a list: [exec-watch, vip]")
    return value


Tags = Annotated[
    tuple[Annotated[str, BeforeValidator(lambda v: _tag(v) if isinstance(v, str) else v)], ...],
    BeforeValidator(_list_of_tags),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]


class NoteSettings(ActionSettings):
    """`note: "{{ account.name }} is a canary"`."""

    text: TextSetting = Field(description="the note; customers never see it")


class TagSettings(ActionSettings):
    """`tag: exec-watch`, `tag: [exec-watch, vip]`."""

    tags: Tags = Field(description="one tag, or a list")


class AssignSettings(ActionSettings):
    """`assign: ada@acme.example`, `assign: {team: Billing}`."""

    to: str | None = Field(None, min_length=1, description="the agent, by e-mail address or the vendor's id")
    team: str | None = Field(None, min_length=1, description="the team, by name or the vendor's id")

    @model_validator(mode="after")
    def _somebody(self) -> AssignSettings:
        if self.to is None and self.team is None:
            raise ValueError("nobody to assign to; give `to` (an agent), `team`, or both")
        return self


class PrioritySettings(ActionSettings):
    """`priority: urgent`."""

    to: Priority = Field(description="low, normal, high or urgent")


class StatusSettings(ActionSettings):
    """`status: open`."""

    to: Literal["open", "pending", "on_hold", "solved", "closed"] = Field(
        description="open, pending, on_hold, solved or closed"
    )


class NoteAction(RemoteAction[NoteSettings]):
    """Adds an internal note. Not harmless to repeat, so an unknown outcome is looked up by the marker."""

    name = "note"
    about = "adds an internal note to the ticket"
    settings_model = NoteSettings
    shorthand = "text"
    requires = frozenset({Capability.NOTE})

    def plan(self, settings: NoteSettings, context: PlanContext) -> Sequence[Intent]:
        text = plain_text(settings.text)
        return (Intent(target="ticket", payload={"text": text}),) if text else ()

    def echoes(self, effect: Effect) -> Sequence[str]:
        return (text_hint(_note_text(effect)),)

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        receipt = await context.adapter(effect).add_note(_ticket(effect), _note_text(effect), context.marker)
        return Outcome(receipt=receipt)

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        return await context.adapter(effect).find_write(_ticket(effect), context.marker)


class TagAction(RepeatableAction[TagSettings]):
    """Adds tags and loses nobody else's."""

    name = "tag"
    about = "adds tags to the ticket"
    settings_model = TagSettings
    shorthand = "tags"
    requires = frozenset({Capability.TAG})
    added: ClassVar[bool] = True

    def plan(self, settings: TagSettings, context: PlanContext) -> Sequence[Intent]:
        tags = sorted(set(settings.tags))
        return (Intent(target=",".join(tags), payload={"tags": tags}),)

    def echoes(self, effect: Effect) -> Sequence[str]:
        return [tag_hint(tag, added=self.added) for tag in effect.payload["tags"]]

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        adapter, tags = context.adapter(effect), tuple(effect.payload["tags"])
        write = adapter.add_tags if self.added else adapter.remove_tags
        return Outcome(receipt=await write(_ticket(effect), tags, context.marker))


class UntagAction(TagAction):
    """Removes tags and touches no other."""

    name = "untag"
    about = "removes tags from the ticket"
    requires = frozenset({Capability.UNTAG})
    added: ClassVar[bool] = False


class AssignAction(RepeatableAction[AssignSettings]):
    """Assigns the ticket."""

    name = "assign"
    about = "assigns the ticket to an agent, a team or both"
    settings_model = AssignSettings
    shorthand = "to"
    requires = frozenset({Capability.ASSIGN})

    def plan(self, settings: AssignSettings, context: PlanContext) -> Sequence[Intent]:
        team = f"team {settings.team}" if settings.team else None
        target = " in ".join(part for part in (settings.to, team) if part)
        return (Intent(target=target, payload={"to": settings.to, "team": settings.team}),)

    def echoes(self, effect: Effect) -> Sequence[str]:
        fields = (("assignee", effect.payload["to"]), ("team", effect.payload["team"]))
        return [field_hint(field, value) for field, value in fields if value is not None]

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        to, team = effect.payload["to"], effect.payload["team"]
        return Outcome(receipt=await context.adapter(effect).assign(_ticket(effect), to, team, context.marker))


class PriorityAction(RepeatableAction[PrioritySettings]):
    """Sets the priority."""

    name = "priority"
    about = "sets the ticket's priority"
    settings_model = PrioritySettings
    shorthand = "to"
    requires = frozenset({Capability.PRIORITY})

    def plan(self, settings: PrioritySettings, context: PlanContext) -> Sequence[Intent]:
        return (Intent(target=settings.to.value, payload={"to": settings.to.value}),)

    def echoes(self, effect: Effect) -> Sequence[str]:
        return (field_hint("priority", effect.payload["to"]),)

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        wanted = Priority(effect.payload["to"])
        return Outcome(receipt=await context.adapter(effect).set_priority(_ticket(effect), wanted, context.marker))


class StatusAction(RepeatableAction[StatusSettings]):
    """Sets the status."""

    name = "status"
    about = "sets the ticket's status"
    settings_model = StatusSettings
    shorthand = "to"
    requires = frozenset({Capability.STATUS})

    def plan(self, settings: StatusSettings, context: PlanContext) -> Sequence[Intent]:
        return (Intent(target=settings.to, payload={"to": settings.to}),)

    def echoes(self, effect: Effect) -> Sequence[str]:
        return (field_hint("status", effect.payload["to"]),)

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        wanted = Status(effect.payload["to"])
        return Outcome(receipt=await context.adapter(effect).set_status(_ticket(effect), wanted, context.marker))


@hookimpl
def cornerdesk_actions() -> Sequence[Action[Any]]:
    return [NoteAction(), TagAction(), UntagAction(), AssignAction(), PriorityAction(), StatusAction()]


def _ticket(effect: Effect) -> str:
    if effect.ticket is None:
        raise RejectedError(f"{effect.action} needs a ticket, and this effect belongs to none")
    return effect.ticket


def _note_text(effect: Effect) -> str:
    """Made plain here too: other plugins plan notes, and put in them what people wrote."""
    return plain_text(str(effect.payload["text"]))
