"""What holds for every rule and every snapshot: explaining is planning, three-valued logic is the engine's, and no
text, however odd, breaks the reading of it."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cornerdesk.errors import ConfigurationError
from cornerdesk.model import ActorKind, Event, EventKind, Message, Origin, Signal, Snapshot, Ticket
from cornerdesk.rules import Catalogue, load_rules_from_texts
from cornerdesk.rules.conditions import ask, combine
from cornerdesk.rules.expressions import read_expression
from cornerdesk.rules.schema import Schema
from cornerdesk.rules.templates import read_template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SIGNALS = ("churn_risk", "callback_request", "feature.sso", "feature.dark-mode")
FIXTURES = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=150
)

CONDITIONS = st.sampled_from(
    [
        'account.tier == "canary"',
        'account.tier != "canary"',
        'account.tier == "key" && signals.churn_risk',
        'account.tier in ["key", "canary"]',
        "account.revenue > 1000",
        "account.revenue == null",
        "account.opted_out",
        "!account.opted_out",
        "signals.churn_risk",
        "!signals.feature.sso",
        'signals.feature["dark-mode"] || signals.churn_risk',
        'ticket.status == "open"',
        'ticket.priority == "high"',
        "ticket.priority != null",
        '"vip" in ticket.tags',
        'ticket.tags.exists(tag, tag == "vip" || account.revenue > 10)',
        'ticket.fields["Plan"] == "gold"',
        "ticket.fields.Seats > 3",
        "ticket.fields.Plan",
        "message != null && message.text.contains('x')",
        'message.text.matches("x+")',
        "now - ticket.created_at > duration('1d')",
        "ticket.message_count / 2 == 1",
        "10 / ticket.message_count > 1",
        "true",
        "false",
    ]
)
TREES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
RULES = st.fixed_dictionaries(
    {
        "when": st.lists(st.sampled_from([kind.value for kind in EventKind][:3]), min_size=1, max_size=2),
        "then": st.just([{"tag": "x"}, {"note": "{{ account.name }} {{ message.text }}"}]),
    },
    optional={
        "if": st.one_of(TREES, st.lists(TREES, min_size=1, max_size=3)),
        "echoes": st.booleans(),
        "late": st.booleans(),
        "enabled": st.booleans(),
        "after": st.sampled_from(["1h", "2d"]),
        "once": st.sampled_from(["ticket", "customer", "account", "event"]),
    },
)
CUSTOM = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("gold"))
TICKETS = st.fixed_dictionaries(
    {"id": st.just("12"), "status": st.sampled_from(["open", "solved"])},
    optional={
        "priority": st.sampled_from(["high", None]),
        "tags": st.lists(st.sampled_from(["vip", "x", "y"]), max_size=3),
        "fields": st.dictionaries(st.sampled_from(["Plan", "Seats"]), CUSTOM),
        "created_at": st.sampled_from([NOW, NOW - timedelta(days=3)]),
        "message_count": st.integers(0, 4),
        "customer": st.just({"id": "c"}),
        "account": st.fixed_dictionaries(
            {"id": st.just("a")},
            optional={
                "tier": st.sampled_from(["canary", "key", None]),
                "revenue": st.sampled_from([5.0, 5000.0]),
                "opted_out": st.booleans(),
                "name": st.sampled_from(["Acme", "{{ 1 }}"]),
            },
        ),
    },
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    text = draw(st.one_of(st.none(), st.sampled_from(["xxx", "{{ account.tier }}", ""])))
    event = Event(
        id="e1",
        source="support",
        helpdesk="fake",
        kind=draw(st.sampled_from(list(EventKind)[:3])),
        occurred_at=NOW - draw(st.sampled_from([timedelta(), timedelta(days=1)])),
        received_at=NOW,
        actor={"kind": draw(st.sampled_from([ActorKind.CUSTOMER, ActorKind.SELF]))},
        ticket=Ticket.model_validate(draw(TICKETS)),
        message=None if text is None else Message(id="m", direction="inbound", text=text),
        origin=draw(st.sampled_from([Origin.WEBHOOK, Origin.BACKFILL])),
    )
    seen = draw(st.sets(st.sampled_from(SIGNALS)))
    known = draw(st.sampled_from([frozenset(SIGNALS), frozenset({"churn_risk"})]))
    return Snapshot(event=event, signals=tuple(Signal(name=n) for n in sorted(seen)), known_signals=known, now=NOW)


def write(rules: list[dict[str, Any]]) -> str:
    return json.dumps({"rules": [{"rule": f"rule-{number}", **rule} for number, rule in enumerate(rules)]})


@FIXTURES
@given(rules=st.lists(RULES, min_size=1, max_size=6), snapshot=snapshots())
def test_what_is_explained_is_what_is_planned(
    rules: list[dict[str, Any]], snapshot: Snapshot, catalogue: Catalogue
) -> None:
    book = load_rules_from_texts({"rules.yaml": write(rules)}, catalogue)

    plan, explanations = book.plan(snapshot), book.explain(snapshot)

    assert [found.rule for found in explanations if found.fired] == list(plan.fired)
    assert tuple(effect for found in explanations if found.fired for effect in found.would) == plan.effects
    for found in explanations:
        assert (found.first_failed is None) == all(condition.value is True for condition in found.conditions)
        assert not found.fired or found.first_failed is None
        assert all(condition.value is not None or condition.reason for condition in found.conditions)
        json.dumps(found.model_dump(mode="json", by_alias=True))


@FIXTURES
@given(rule=RULES, snapshot=snapshots())
def test_the_whole_if_and_its_conditions_one_by_one_agree(
    rule: dict[str, Any], snapshot: Snapshot, catalogue: Catalogue
) -> None:
    book = load_rules_from_texts({"rules.yaml": write([rule])}, catalogue)
    (read,) = book.rules
    context = book._view.context(book._view.values(snapshot))

    if read.condition is not None:
        alone = ask(read.condition, context)
        try:
            whole = read.program.execute(context)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            whole = None
        assert alone == (whole if isinstance(whole, bool) else None)


@FIXTURES
@given(rules=st.lists(RULES, min_size=1, max_size=4), snapshot=snapshots())
def test_planning_twice_plans_the_same(rules: list[dict[str, Any]], snapshot: Snapshot, catalogue: Catalogue) -> None:
    text = {"rules.yaml": write(rules)}

    first, second = load_rules_from_texts(text, catalogue), load_rules_from_texts(text, catalogue)

    assert first.plan(snapshot) == first.plan(snapshot) == second.plan(snapshot)


@pytest.mark.parametrize(
    ("word", "values", "expected"),
    [
        ("all", [True, True], True),
        ("all", [True, None], None),
        ("all", [False, None], False),
        ("any", [False, False], False),
        ("any", [False, None], None),
        ("any", [True, None], True),
        ("not", [None], None),
        ("not", [True], False),
    ],
)
def test_three_valued_logic(word: str, values: list[bool | None], expected: bool | None) -> None:
    assert combine(word, values) is expected


WORDS = """account tier . == != < > <= >= && || ! ( ) [ ] { } , ? : + - * / % in has null true false 1 2.5 3u 0x1f
"x" 'y' r'\\d' b'z' \"\"\"q\"\"\" signals churn_risk ticket tags exists map filter size matches duration t now message
text feature sso fields Plan // # = & | “ é \\"""
PIECES = st.sampled_from([*WORDS.split(), "\n"])


@FIXTURES
@given(text=st.one_of(st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)))
def test_no_expression_breaks_the_reading_of_it(text: str, schema: Schema) -> None:
    expression, findings = read_expression(text, schema, condition=True)

    assert expression is not None or findings
    assert all(0 <= finding.offset <= len(text) and finding.message for finding in findings)


@FIXTURES
@given(
    text=st.text(max_size=60) | st.lists(PIECES | st.sampled_from(["{{", "}}", "{", "}"]), max_size=20).map(" ".join)
)
def test_no_text_breaks_the_reading_of_its_expressions(text: str, schema: Schema) -> None:
    template, findings = read_template(text, schema)

    assert all(0 <= finding.offset <= len(text) for finding in findings)
    if "{{" not in text:
        assert template.parts == ((text,) if text else ())


KEYS = "rules tests rule when if then once after all any not tag note escalate to per every"
ODD = ["", "ticket.created", "tag", "{{ x", "a: b", "all"]
JSONLIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split(" ")), inner, max_size=4),
    max_leaves=15,
)


@FIXTURES
@given(data=JSONLIKE, inside=st.booleans())
def test_no_file_breaks_the_reading_of_it(data: Any, inside: bool, catalogue: Catalogue) -> None:
    document = {"rules": [{"rule": "one", "when": "ticket.created", "then": data, "if": data}]} if inside else data

    with contextlib.suppress(ConfigurationError):
        load_rules_from_texts({"rules.yaml": json.dumps(document)}, catalogue)
