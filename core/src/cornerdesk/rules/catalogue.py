"""What rules may name: actions, people, features, signals, and what the configured sources can do. Data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cornerdesk.actions import AnyAction
from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.configuration import Configuration
from cornerdesk.rules.schema import Schema, build_schema
from cornerdesk.signals.interface import SignalSpec


@dataclass(frozen=True)
class Catalogue:
    """Everything that a rule file is checked against.

    Attributes:
        actions: every action by name; those not usable in rules are no names here.
        configuration: people, features and sources.
        signals: every signal that is looked for.
        adapters: adapter classes by name. What they can do is checked when they are given.
    """

    actions: Mapping[str, AnyAction]
    configuration: Configuration
    signals: Sequence[SignalSpec] = ()
    adapters: Mapping[str, type[Adapter]] = field(default_factory=dict)

    @cached_property
    def schema(self) -> Schema:
        """The fields that expressions may use."""
        names = dict.fromkeys(spec.name for spec in self.signals)
        names.update(dict.fromkeys(f"feature.{key}" for key in self.configuration.features))
        return build_schema(names, self.configuration.sources)

    @cached_property
    def usable(self) -> Mapping[str, AnyAction]:
        """The actions that rules may use."""
        return {name: action for name, action in self.actions.items() if action.usable_in_rules}

    def names(self, kind: str) -> Sequence[str]:
        """Everything of a kind that exists: `person`, `feature`."""
        known = {"person": self.configuration.people, "feature": self.configuration.features}
        return list(known.get(kind, ()))

    def lacking(self, action: AnyAction) -> Capability | None:
        """Something the action needs that no configured source can do."""
        able = [
            self.adapters[settings.adapter].capabilities
            for settings in self.configuration.sources.values()
            if settings.adapter in self.adapters
        ]
        if not able:
            return None
        return next((need for need in sorted(action.requires) if not any(need in each for each in able)), None)
