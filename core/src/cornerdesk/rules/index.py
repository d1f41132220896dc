"""Which rules are worth asking: a rule that needs `account.tier == "canary"` cannot hold on any other tier. Pure.

Only leaves out rules that cannot hold: a condition that is false or unknown keeps an `all` from being true, whatever
the others are. Every rule that is left is asked in full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cornerdesk.rules.conditions import Condition, Group
from cornerdesk.rules.expressions import Needed
from cornerdesk.rules.paths import Path
from cornerdesk.rules.rule import Rule
from cornerdesk.rules.view import Values, look_up


class Index:
    """The rules for one kind of event, in file order, found by a value that they need.

    Each stands under one of its needs only: the one that the fewest rules share.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._always: list[int] = []
        self._by_value: dict[Path, dict[str | bool, list[int]]] = {}
        needs = [_needs(rule.condition) for rule in self.rules]
        shared = Counter(need for each in needs for need in each)
        for position, each in enumerate(needs):
            if not each:
                self._always.append(position)
                continue
            path, value = min(each, key=lambda need: shared[need])
            self._by_value.setdefault(path, {}).setdefault(value, []).append(position)

    def candidates(self, values: Values) -> Sequence[Rule]:
        """The rules that may hold on these values, in file order."""
        found = list(self._always)
        for path, positions in self._by_value.items():
            value = look_up(values, path)
            if isinstance(value, str | bool) and (more := positions.get(value)):
                found += more
        if len(found) > len(self._always):
            found.sort()
        return [self.rules[position] for position in found]


def _needs(part: Condition | Group | None) -> frozenset[Needed]:
    if isinstance(part, Condition):
        return part.expression.needs
    if part is not None and part.word == "all":
        return frozenset().union(*(_needs(inner) for inner in part.parts))
    return frozenset()
