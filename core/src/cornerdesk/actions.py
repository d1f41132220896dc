"""What an action is. This file is the manual: an action is a verb that rules use under `then`.

`plan` is pure and runs in live, test, dry run, backtest and replay alike: it turns a rule's settings and a snapshot
into intents, which are data. The ledger makes each an effect, once. Then the one executor does it, in one of two ways:

- `RecordedAction.record` changes only our own tables. It runs in the very transaction that marks the effect done, so
  a crash does it wholly or not at all.
- `RemoteAction.send` changes the world. The attempt is committed before it is called and its receipt after; between
  the two the outcome may be unknown, and then `look_up` is asked before anything is sent again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import core_schema

from cornerdesk.adapters.interface import Adapter, Capability, Receipt
from cornerdesk.configuration import Configuration
from cornerdesk.errors import UnsupportedError
from cornerdesk.model import JSON, FrozenModel, Snapshot, UtcTime

if TYPE_CHECKING:
    from cornerdesk.storage.transaction import Transaction


@dataclass(frozen=True)
class Text:
    """Marks a setting in which `{{ CEL }}` is filled in, once, when the plan is made."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "x-cornerdesk-text": True}


@dataclass(frozen=True)
class Names:
    """Marks a setting that names something: `person` or `feature`. Checked when the rule is read."""

    of: str

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "x-cornerdesk-names": self.of}


TextSetting = Annotated[str, Text()]
PersonName = Annotated[str, Names("person")]
FeatureName = Annotated[str, Names("feature")]


class ActionSettings(BaseModel):
    """What a rule writes behind the action's name; subclass it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=ActionSettings)


class Intent(FrozenModel):
    """What an action wants done: data, nothing has happened yet.

    Attributes:
        target: who or what it is done to, as people would say it: `ceo`, `sso`. Part of the effect's key.
        payload: everything the action needs to do it later, as JSON. The snapshot is not there any more then.
        scope: what it is done once for, when that is not the rule's to say (a vote is once per feature and
            person): it replaces the rule's own scope and window, and the rule's name, in the effect's key.
        not_before: do it then, not now.
        action: another action's name, when it is not the one that planned.
        internal: a timer or other inner step that lists leave out unless asked.
    """

    target: str
    payload: JSON = Field(default_factory=dict)
    scope: str | None = None
    not_before: UtcTime | None = None
    action: str | None = None
    internal: bool = False


class EffectState(StrEnum):
    """`planned` waits to be done; `sent` went out and awaits its receipt; `confirmed` is done; `failed` will be tried
    again; `unknown` went out and nobody knows; `dead` waits for a person; `suppressed` was not to be done."""

    PLANNED = "planned"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DEAD = "dead"
    SUPPRESSED = "suppressed"


class Effect(FrozenModel):
    """One thing to be done once. `key` is a JSON array (rule, scope, target, window) and unique.

    `ticket` is the ticket's id at the vendor, `event` the id of the event it was planned for, `parent` the effect that
    planned it, `attempts` how often doing it was begun.
    """

    id: str
    key: str
    rule: str
    rule_version: str | None = None
    action: str
    target: str
    payload: JSON = Field(default_factory=dict)
    source: str | None = None
    ticket: str | None = None
    event: str | None = None
    parent: str | None = None
    state: EffectState = EffectState.PLANNED
    internal: bool = False
    attempts: int = 0
    planned_at: UtcTime
    not_before: UtcTime | None = None
    done_at: UtcTime | None = None
    reason: str | None = None
    receipt: JSON | None = None


@dataclass(frozen=True)
class PlanContext:
    """What `plan` may see: frozen data and nothing to act with. `now` is the snapshot's."""

    rule: str
    snapshot: Snapshot
    configuration: Configuration

    @property
    def now(self) -> datetime:
        return self.snapshot.now


class Outcome(FrozenModel):
    """How an effect ended well: `confirmed`, or `suppressed` with a reason when it was not to be done after all.

    `follow_ups` become effects of their own in the same transaction; each needs a `scope`, which is its key together
    with its target.
    """

    state: EffectState = EffectState.CONFIRMED
    reason: str | None = None
    follow_ups: tuple[Intent, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True)
class RecordContext:
    """What `record` may use: the open transaction, the time and the configuration."""

    tx: Transaction
    now: datetime
    configuration: Configuration


@dataclass(frozen=True)
class SendContext:
    """What `send` and `look_up` may use.

    `source` names the source to `adapters` (a mapping by source name). `hooks` calls the plugin's own hooks. `marker`
    is unique for the effect and the same in every attempt: an idempotency key. `reading` opens a read transaction.
    """

    now: datetime
    configuration: Configuration
    adapters: Mapping[str, Adapter]
    hooks: Any
    marker: str
    reading: Any = field(repr=False, default=None)

    def adapter(self, effect: Effect) -> Adapter:
        """The adapter of the effect's source.

        Raises:
            UnsupportedError: the source is not configured any more.
        """
        try:
            return self.adapters[effect.source or ""]
        except KeyError:
            raise UnsupportedError(f"source {effect.source!r} is not configured (any more)") from None


class Action(ABC, Generic[P]):
    """A verb that rules use."""

    name: ClassVar[str]
    about: ClassVar[str]
    """One line for the schema, completion and docs."""

    settings_model: ClassVar[type[ActionSettings]]
    shorthand: ClassVar[str | None] = None
    """The setting meant when a rule writes a bare value: `vote: sso` is `vote: {feature: sso}`."""

    requires: ClassVar[frozenset[Capability]] = frozenset()
    """What the source's adapter must be able to do."""

    usable_in_rules: ClassVar[bool] = True
    """False for inner steps that only other effects plan."""

    @abstractmethod
    def plan(self, settings: P, context: PlanContext) -> Sequence[Intent]:
        """What is to be done. Pure: no I/O, no clock, no state; texts are filled in already. May be empty."""


class RecordedAction(Action[P]):
    """An action that changes only our own tables."""

    @abstractmethod
    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        """Do it within `context.tx`, which also marks the effect done.

        Raises:
            RejectedError: it cannot be done; the transaction is undone and the effect becomes a dead letter.
            RetryableError: not now.
        """


class RemoteAction(Action[P]):
    """An action that changes the world outside."""

    def echoes(self, effect: Effect) -> Sequence[str]:
        """Hints by which the vendor's report of this write will be recognised as ours (see `adapters.echo`)."""
        return ()

    @abstractmethod
    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        """Do it.

        Raises:
            RetryableError: it did not take place; try again (after `retry_after`).
            UnknownOutcomeError: it may have taken place.
            RejectedError, UnsupportedError, CredentialsError: it becomes a dead letter.
        """

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        """After an unknown outcome: the receipt if it took place, None if it certainly did not.

        Raises:
            UnsupportedError: nobody can tell; the effect becomes a dead letter with its evidence.
        """
        raise UnsupportedError(f"whether {self.name} to {effect.target} took place cannot be looked up")

    def found(self, effect: Effect, receipt: Receipt) -> Outcome:
        """How the effect ended when `look_up` found it: give the same follow-ups as `send` would have. Pure."""
        return Outcome(receipt=receipt)

    def given_up(self, effect: Effect) -> Sequence[Intent]:
        """What follows when it has become a dead letter: the way round it, if there is one; each with a `scope`."""
        return ()


class RepeatableAction(RemoteAction[P]):
    """A remote action that is harmless to repeat (adding a tag, an upsert with our key): never looked up."""

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        return None


AnyAction = Action[Any]
