"""Texts with expressions in them: what is filled in, and how it reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import cel
import pytest
from cornerdesk.model import Snapshot
from cornerdesk.rules.schema import Schema
from cornerdesk.rules.templates import LONGEST_FILLED, LONGEST_VALUE, read_template, write_value
from cornerdesk.rules.view import View

Make = Callable[..., Snapshot]
Fill = Callable[..., str]


@pytest.fixture
def fill(schema: Schema) -> Fill:
    def filled(text: str, snapshot: Snapshot) -> str:
        template, findings = read_template(text, schema)
        assert not findings, findings
        paths = [path for expression in template.expressions for path in expression.paths]
        names = [name for expression in template.expressions for name in expression.functions]
        view = View(paths, names)
        context: cel.Context = view.context(view.values(snapshot))
        return template.fill(context)

    return filled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no expression", "no expression"),
        ("", ""),
        ("{{ account.name }}", "Acme"),
        ("{{account.name}}{{ account.tier }}", "Acmekey"),
        ("a {{ account.plan }} plan", "a unknown plan"),
        ("{{ account.revenue }} a year", "12000 a year"),
        ("{{ account.revenue / 12 }}", "1000"),
        ("{{ account.revenue / 7 }}", "1714.2857"),
        ("since {{ ticket.created_at }}", "since 2026-03-02T12:00:00Z"),
        ("{{ now - ticket.created_at }}", "2d"),
        ("{{ ticket.tags }}", "vip, export"),
        ("{{ ticket.tags.exists(t, t == 'vip') ? 'a VIP' : 'somebody' }}", "a VIP"),
        ("{{ signals.churn_risk }}", "false"),
        ('{{ {"a": {"b": "}}"}}["a"]["b"] }} and {{ "{{" }}', "}} and {{"),
        ("a } b }} c { d", "a } b }} c { d"),
        ("{{ account.plan != null ? account.plan : 'no plan' }}", "no plan"),
        ("{{ ticket.fields }}", '{"Plan": "gold"}'),
        ("{{ ticket.fields.Plan }}", "gold"),
        ("{{ 1 / 0 }}", "unknown"),
    ],
)
def test_values_read_as_people_write_them(text: str, expected: str, fill: Fill, snapshot: Make) -> None:
    account = {"id": "a", "name": "Acme", "tier": "key", "revenue": 12000}
    created = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    seen = snapshot({"account": account, "created_at": created, "tags": ["vip", "export"], "fields": {"Plan": "gold"}})

    assert fill(text, seen) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        (-0.5, "-0.5"),
        (float("nan"), "unknown"),
        (True, "true"),
        (None, "unknown"),
        (timedelta(hours=-2), "-2h"),
        (timedelta(), "0s"),
        ("bell\x07 nul\x00 tab\t line\n", "bell nul tab\t line\n"),
        ([1, None, "x"], "1, unknown, x"),
    ],
)
def test_odd_values_read_well_too(value: Any, expected: str) -> None:
    assert write_value(value) == expected


def test_what_is_filled_in_is_bounded(fill: Fill, snapshot: Make) -> None:
    long = snapshot({"subject": "x" * 100_000})

    assert len(fill("{{ ticket.subject }}", long)) == LONGEST_VALUE
    assert len(fill("{{ ticket.subject }} " * 50, long)) == LONGEST_FILLED


def test_every_mistake_in_a_text_is_found_at_its_place(schema: Schema) -> None:
    text = "{{ account.nme }} and {{ acount.name }} and {{ 1 +"

    _, findings = read_template(text, schema)

    assert [finding.offset for finding in findings] == [
        text.index("nme"),
        text.index("acount"),
        text.rindex("{{"),
    ]
