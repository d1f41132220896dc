"""A rule, read and compiled. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import cel
from pydantic import BaseModel, ConfigDict, Field

from cornerdesk.actions import ActionSettings, AnyAction
from cornerdesk.documents import DataPath
from cornerdesk.durations import Duration
from cornerdesk.model import EventKind
from cornerdesk.rules.conditions import Condition, Group, expressions_of
from cornerdesk.rules.expressions import Expression
from cornerdesk.rules.templates import Template


class Per(StrEnum):
    """What a rule acts once for."""

    EVENT = "event"
    TICKET = "ticket"
    CUSTOMER = "customer"
    ACCOUNT = "account"


class Once(BaseModel):
    """How often a rule may act: once per ticket, say, or once per ticket every 24h."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Per = Field(description="event, ticket, customer or account")
    every: Duration | None = Field(
        None, description="again after this long, counted from the first time; absent: never"
    )


@dataclass(frozen=True)
class Step:
    """One action of a rule. `texts` are filled in for every plan, by their path in the settings."""

    action: AnyAction
    settings: ActionSettings
    texts: Mapping[DataPath, Template] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        version: a hash of what the rule says; comments and layout are no part of it.
        file, line: where it stands.
        condition: what stands under `if`; None: nothing.
        program: the whole condition for the engine.
        after: ask again this long after the event, and act then.
        echoes: events that are our own echo are wanted too.
        late: late events and history are wanted too.
    """

    name: str
    version: str
    file: str
    line: int
    when: frozenset[EventKind]
    condition: Condition | Group | None
    program: cel.Program
    steps: tuple[Step, ...]
    about: str | None = None
    once: Once | None = None
    after: timedelta | None = None
    echoes: bool = False
    late: bool = False
    enabled: bool = True

    def expressions(self) -> Iterator[Expression]:
        """Every expression in it: conditions and texts."""
        if self.condition is not None:
            yield from expressions_of(self.condition)
        for step in self.steps:
            for template in step.texts.values():
                yield from template.expressions


@dataclass(frozen=True)
class RuleTest:
    """One entry of a file's `tests`, as it stands there."""

    file: str
    line: int
    name: str
    data: Mapping[str, Any]
