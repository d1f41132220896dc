"""The rule book: every rule of every file, ready to be asked. Pure.

`plan` and `explain` ask the same way, so that what is explained is what was done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cel

from cornerdesk.configuration import Configuration
from cornerdesk.durations import write_duration
from cornerdesk.errors import Problem
from cornerdesk.model import ActorKind, EventKind, Origin, Snapshot
from cornerdesk.rules.conditions import holds
from cornerdesk.rules.effects import failure_words, plan_effects, plan_reconsidering
from cornerdesk.rules.explaining import explain_conditions, first_failed
from cornerdesk.rules.index import Index
from cornerdesk.rules.plan import Explanation, Plan, PlannedEffect, RuleFailure
from cornerdesk.rules.rule import Rule, RuleTest
from cornerdesk.rules.view import Values, View


@dataclass(frozen=True)
class _Case:
    """A snapshot with what the engine sees of it."""

    snapshot: Snapshot
    values: Values
    context: cel.Context


class RuleBook:
    """Every rule, in file order.

    Attributes:
        rules: the rules.
        tests: the entries of the files' `tests`.
        files: the files' texts by name, to be stored with what the rules decided.
        version: a hash of the files.
        problems: what is wrong with the rules, when they were read leniently; else empty.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        files: Mapping[str, str],
        configuration: Configuration,
        *,
        tests: Sequence[RuleTest] = (),
        problems: Sequence[Problem] = (),
    ) -> None:
        self.rules = tuple(rules)
        self.tests = tuple(tests)
        self.files = dict(files)
        self.version = version_of(sorted(files.items()))
        self.problems = tuple(problems)
        self._configuration = configuration
        self._by_kind = {
            kind: Index(rule for rule in self.rules if rule.enabled and kind in rule.when) for kind in EventKind
        }
        self._by_name = {rule.name: rule for rule in self.rules}
        expressions = [expression for rule in self.rules for expression in rule.expressions()]
        self._view = View(
            dict.fromkeys(path for expression in expressions for path in expression.paths),
            {name for expression in expressions for name in expression.functions},
        )

    def plan(self, snapshot: Snapshot) -> Plan:
        """What the rules ask for. All see the same snapshot; none sees what another asks for."""
        index, reasons = self._by_kind[snapshot.event.kind], self._reasons_against(snapshot)
        if all(_suppression(rule, reasons) for rule in index.rules):
            return Plan()
        case = self._case(snapshot)
        rules = index.candidates(case.values)
        if reasons:
            rules = [rule for rule in rules if not _suppression(rule, reasons)]
        fired = [rule for rule in rules if holds(rule.program, case.context)]
        return self._planned([(rule, *self._effects(rule, case)) for rule in fired])

    def plan_again(self, snapshot: Snapshot, rule: str) -> Plan:
        """The second asking of an `after` rule, on the state of then; nothing if it is gone or disabled by now."""
        found = self._by_name.get(rule)
        if found is None or not found.enabled or _suppression(found, self._reasons_against(snapshot)):
            return Plan()
        case = self._case(snapshot)
        if not holds(found.program, case.context):
            return Plan()
        return self._planned([(found, *plan_effects(found, snapshot, case.context, self._configuration))])

    def explain(self, snapshot: Snapshot, rule: str | None = None) -> list[Explanation]:
        """What every rule, or the one named, made of a snapshot; empty when there is none of this name."""
        rules = [found for found in self.rules if rule in (None, found.name)]
        if not rules:
            return []
        case = self._case(snapshot)
        return [self._explain(found, case) for found in rules]

    def _case(self, snapshot: Snapshot) -> _Case:
        values = self._view.values(snapshot)
        return _Case(snapshot, values, self._view.context(values))

    def _effects(self, rule: Rule, case: _Case) -> tuple[list[PlannedEffect], list[RuleFailure]]:
        if rule.after is not None:
            return [plan_reconsidering(rule, case.snapshot)], []
        return plan_effects(rule, case.snapshot, case.context, self._configuration)

    def _planned(self, found: Sequence[tuple[Rule, list[PlannedEffect], list[RuleFailure]]]) -> Plan:
        return Plan(
            effects=tuple(effect for _, effects, _ in found for effect in effects),
            fired=tuple(rule.name for rule, _, _ in found),
            failures=tuple(failure for _, _, failures in found for failure in failures),
        )

    def _explain(self, rule: Rule, case: _Case) -> Explanation:
        event = case.snapshot.event
        results = explain_conditions(rule.condition, case.snapshot, case.values, case.context)
        wanted, true = event.kind in rule.when, holds(rule.program, case.context)
        suppressed = _suppression(rule, self._reasons_against(case.snapshot))
        if not rule.enabled:
            suppressed = "disabled: `enabled: false`"
        elif not wanted:
            kinds = ", ".join(sorted(rule.when))
            suppressed = f"kind: it waits for {kinds}, and this is {event.kind}"
        effects, failures = self._effects(rule, case) if wanted and true else ([], [])
        return Explanation(
            rule=rule.name,
            version=rule.version,
            fired=wanted and true and suppressed is None,
            conditions=results,
            first_failed=None if true else first_failed(results),
            suppressed=suppressed or failure_words(failures),
            would=tuple(effects),
        )

    def _reasons_against(self, snapshot: Snapshot) -> Mapping[str, str]:
        """Why rules that do not ask for such events must not see this one, by the setting that asks for them."""
        event = snapshot.event
        reasons = {}
        if event.actor.kind is ActorKind.SELF:
            reasons["echoes"] = "own echo: Cornerdesk itself did this; `echoes: true` would want it"
        if event.origin is not Origin.WEBHOOK:
            reasons["late"] = f"history: it came by {event.origin} and not as it happened; `late: true` would want it"
        elif event.received_at - event.occurred_at > self._configuration.late_after:
            length = write_duration(event.received_at - event.occurred_at)
            reasons["late"] = f"late: it came {length} after it happened; `late: true` would want it"
        return reasons


def _suppression(rule: Rule, reasons: Mapping[str, str]) -> str | None:
    if "echoes" in reasons and not rule.echoes:
        return reasons["echoes"]
    return reasons["late"] if "late" in reasons and not rule.late else None


def version_of(content: object) -> str:
    """A short hash of JSON-like content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
