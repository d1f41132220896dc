"""docs/rules.md says what is so: its fields are the model's, its functions exist, its examples are read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from cornerdesk.model import EventKind
from cornerdesk.rules import RuleBook
from cornerdesk.rules.expressions import read_expression
from cornerdesk.rules.functions import FUNCTIONS, MACROS
from cornerdesk.rules.reading import RuleForm
from cornerdesk.rules.schema import ALIASES, Schema

MANUAL = Path(__file__).parents[3] / "docs" / "rules.md"
TEXT = MANUAL.read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_field_is_listed_and_no_other(schema: Schema) -> None:
    kinds = {kind.value for kind in EventKind}
    listed = set(re.findall(r"`((?:event|ticket|message|customer|account|rating)\.\w+)`", section("Fields"))) - kinds

    existing = {
        f"{root}.{name}"
        for root in ("event", "ticket", "message", "customer", "account", "rating")
        for name in schema.roots[root].fields or {}
        if (root, name) not in ALIASES
    }
    assert listed == existing


def test_every_value_of_an_enum_is_listed(schema: Schema) -> None:
    fields = section("Fields") + section("The keys of a rule")

    for root, found in schema.roots.items():
        for name, inner in (found.fields or {}).items():
            if (root, name) != ("event", "source"):
                assert all(f"`{value}`" in fields for value in inner.values or ()), (root, name)


def test_every_function_is_listed_and_no_other() -> None:
    words = set(re.findall(r"`(\w+)`", section("Functions")))

    assert words == {*FUNCTIONS, *MACROS, "has"}


def test_every_key_of_a_rule_is_listed() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", section("The keys of a rule"), re.MULTILINE)

    assert listed == [info.alias or name for name, info in RuleForm.model_fields.items()]


def test_every_example_is_read_and_checked(book: Callable[[str], RuleBook]) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    assert [book(example).rules[0].name for example in examples] == [
        "canary-in-distress",
        "unhappy-and-important",
        "call-them",
    ]


def test_every_condition_in_a_table_is_cel(schema: Schema) -> None:
    cells = re.findall(r"^\| [^|]+ \| `([a-z\"][^`]+)` \|$", section("Conditions"), re.MULTILINE)

    assert len(cells) >= 9
    for cell in cells:
        _, findings = read_expression(cell, schema, condition=True)
        assert not findings, cell


def test_every_usage_shown_in_an_error_is_cel(schema: Schema) -> None:
    for function in FUNCTIONS.values():
        usage = function.usage.split(" or, ")[0]
        usage = usage.replace("(a, b)", "(1, 2)").replace("(x)", "(1)")
        _, findings = read_expression(usage, schema, condition=False)
        assert not findings, usage
    for usage in MACROS.values():
        assert not read_expression(usage, schema, condition=False)[1], usage
