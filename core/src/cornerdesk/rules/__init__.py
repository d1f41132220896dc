"""Rules: YAML files, CEL conditions, planning, explaining. Pure but for reading the files.

A rule only plans. Nothing in this room has a client, a socket, a table or a clock.
"""

from cornerdesk.rules.book import RuleBook
from cornerdesk.rules.catalogue import Catalogue
from cornerdesk.rules.loading import load_rules, load_rules_from_texts
from cornerdesk.rules.plan import ConditionResult, Explanation, Plan, PlannedEffect, RuleFailure
from cornerdesk.rules.rule import Once, Rule, RuleTest

__all__ = [
    "Catalogue",
    "ConditionResult",
    "Explanation",
    "Once",
    "Plan",
    "PlannedEffect",
    "Rule",
    "RuleBook",
    "RuleFailure",
    "RuleTest",
    "load_rules",
    "load_rules_from_texts",
]
