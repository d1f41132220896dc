"""What rules say: plans, and explanations of plans. Data only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field

from cornerdesk.model import JSON, FrozenModel, UtcTime


class PlannedEffect(FrozenModel):
    """An effect that a rule asks for; the ledger decides whether it is new.

    Attributes:
        owner: first part of the key: the rule's name, or the action's where the intent brought its own scope.
        scope: what it is done once for: `event:["support","created:12"]`, `ticket:["support","12"]`, ...
        target: who or what it is done to.
        every: None: once for ever in this scope. Else once in any window of this length, which opens with the first.
        rule_version: a hash of what the rule says.
        not_before: do it then, not now.
        internal: a timer or other inner step.
    """

    rule: str
    rule_version: str
    action: str
    owner: str
    scope: str
    target: str
    every: timedelta | None = None
    payload: JSON = Field(default_factory=dict)
    not_before: UtcTime | None = None
    internal: bool = False


class RuleFailure(FrozenModel):
    """An action of a rule that broke down while it planned; `error` is the kind of error, never its words."""

    rule: str
    action: str
    error: str


class Plan(FrozenModel):
    """Everything the rules ask for on one snapshot. `fired` names the rules that did, in file order; `failures` the
    actions that broke down, which keep no other action and no other rule from being planned."""

    effects: tuple[PlannedEffect, ...] = ()
    fired: tuple[str, ...] = ()
    failures: tuple[RuleFailure, ...] = ()


class ConditionResult(FrozenModel):
    """One condition as it was seen.

    Attributes:
        text: as written.
        value: True, False, or None: it rests on something nobody knows.
        seen: the values it looked at, by path.
        origins: where each of these came from, by path (`vendor`, `directory accounts.csv:4`,
            `signal: "cancel next month"`, `default`); in JSON the field is called `from`.
        reason: why the value is None, else None.
        parts: for `all`, `any`, `not`: the conditions in it.
    """

    text: str
    value: bool | None
    seen: dict[str, Any] = Field(default_factory=dict)
    origins: dict[str, str] = Field(default_factory=dict, serialization_alias="from")
    reason: str | None = None
    parts: tuple[ConditionResult, ...] = ()


class Explanation(FrozenModel):
    """What one rule made of one snapshot. `first_failed` is the text of the first condition that was not true;
    `suppressed` says why a rule that holds did nothing (own echo, late, kind, once, budget, ...)."""

    rule: str
    version: str
    fired: bool
    conditions: tuple[ConditionResult, ...] = ()
    first_failed: str | None = None
    suppressed: str | None = None
    would: tuple[PlannedEffect, ...] = ()
