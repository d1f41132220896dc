"""Why a rule fired, or did not: every condition with the values it saw and where they came from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cornerdesk.model import Actor, Evidence, Message, Signal, Snapshot
from cornerdesk.rules import Explanation, RuleBook

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
Book = Callable[[str], RuleBook]
Make = Callable[..., Snapshot]

RULES = """
rules:
  - rule: one
    when: ticket.created
    if:
      - account.tier == "canary"
      - account.revenue > 1000
      - signals.churn_risk
    then: [{escalate: {to: ceo}}]
"""


def only(book: RuleBook, snapshot: Snapshot) -> Explanation:
    (explanation,) = book.explain(snapshot, "one")
    return explanation


def test_each_condition_is_told_with_values_and_origins(book: Book, snapshot: Make) -> None:
    seen = snapshot(
        {"account": {"id": "a", "tier": "canary", "revenue": 500}},
        signals=[Signal(name="churn_risk", evidence=(Evidence(text="cancel next month", start=8, end=25),))],
        provenance={"account.tier": "directory accounts.csv:4"},
    )

    found = only(book(RULES), seen)

    assert not found.fired
    assert found.first_failed == "account.revenue > 1000"
    assert [condition.model_dump(exclude={"parts", "reason"}, by_alias=True) for condition in found.conditions] == [
        {
            "text": 'account.tier == "canary"',
            "value": True,
            "seen": {"account.tier": "canary"},
            "from": {"account.tier": "directory accounts.csv:4"},
        },
        {
            "text": "account.revenue > 1000",
            "value": False,
            "seen": {"account.revenue": 500.0},
            "from": {"account.revenue": "vendor"},
        },
        {
            "text": "signals.churn_risk",
            "value": True,
            "seen": {"signals.churn_risk": True},
            "from": {"signals.churn_risk": 'signal: "cancel next month"'},
        },
    ]
    assert found.suppressed is None
    assert found.would == ()


def test_what_nobody_knows_is_told_as_that(book: Book, snapshot: Make) -> None:
    found = only(book(RULES), snapshot())

    first = found.conditions[0]
    assert (first.value, first.seen, first.origins) == (None, {"account.tier": None}, {"account.tier": "nobody knows"})
    assert first.reason == "nobody knows account.tier"
    assert found.conditions[2].origins == {"signals.churn_risk": "not seen in what the customer wrote"}


def test_a_rule_that_fires_tells_what_it_does(book: Book, snapshot: Make) -> None:
    rules = book(RULES)
    seen = snapshot({"account": {"id": "a", "tier": "canary", "revenue": 5000}}, signals=["churn_risk"])

    found = only(rules, seen)

    assert found.fired
    assert found.first_failed is None
    assert found.would == rules.plan(seen).effects
    assert found.version == rules.rules[0].version


def test_a_rule_that_holds_and_is_held_back_says_why_and_what_it_would_have_done(book: Book, snapshot: Make) -> None:
    known = {"account": {"id": "a", "tier": "canary", "revenue": 5000}}
    rules = book(RULES)
    echo = only(rules, snapshot(known, signals=["churn_risk"], actor=Actor(kind="self")))
    late = only(rules, snapshot(known, signals=["churn_risk"], occurred_at=NOW - timedelta(days=3)))
    history = only(rules, snapshot(known, signals=["churn_risk"], origin="backfill"))
    other = only(rules, snapshot(known, signals=["churn_risk"], kind="message.added"))
    disabled = only(book(RULES + "    enabled: false\n"), snapshot(known, signals=["churn_risk"]))

    reasons = [found.suppressed or "" for found in (echo, late, history, other, disabled)]

    assert [reason.split(":")[0] for reason in reasons] == ["own echo", "late", "history", "kind", "disabled"]
    assert "3d" in reasons[1]
    assert "it waits for ticket.created, and this is message.added" in reasons[3]
    assert not any(found.fired for found in (echo, late, history, other, disabled))
    assert [len(found.would) for found in (echo, late, history, other)] == [1, 1, 1, 0]


def test_groups_are_told_with_their_parts(book: Book, snapshot: Make) -> None:
    rules = book(
        'rules:\n  - rule: one\n    when: ticket.created\n    if:\n      - any: [account.tier == "key", '
        "signals.churn_risk]\n      - not: account.revenue > 5\n    then: [{tag: x}]\n"
    )

    found = only(rules, snapshot({"account": {"id": "a", "tier": "key"}}))

    group, negated = found.conditions
    assert group.text == 'any: [account.tier == "key", signals.churn_risk]'
    assert (group.value, [part.value for part in group.parts]) == (True, [True, False])
    assert set(group.seen) == {"account.tier", "signals.churn_risk"}
    assert (negated.value, negated.reason) == (None, "nobody knows account.revenue")


def test_odd_values_are_told_in_a_few_words(book: Book, snapshot: Make) -> None:
    rules = book(
        "rules:\n  - rule: one\n    when: ticket.created\n    then: [{tag: x}]\n    if:\n"
        "      - message.text.contains('x')\n"
        "      - ticket.created_at < now\n"
        '      - ticket.fields["Plan"] == "gold"\n'
        "      - ticket.fields.Seats > 3\n"
        "      - ticket.tags[4] == 'x'\n"
        "      - message != null\n"
        "      - rating != null\n"
        "      - ticket.fields.Plan\n"
        "      - 1 / ticket.message_count == 1\n"
        "      - account.status == 'unknown'\n"
        "      - event.source == 'support'\n"
    )
    odd = snapshot(
        {"created_at": NOW, "fields": {"Plan": "gold", "Seats": "many"}, "tags": ["a"], "message_count": 0},
        message=Message(id="m", direction="inbound", text="y" * 1000),
    )

    found = {condition.text: condition for condition in only(rules, odd).conditions}

    assert found["message.text.contains('x')"].seen["message.text"] == "y" * 199 + "…"
    times = found["ticket.created_at < now"]
    assert times.seen == {"ticket.created_at": "2026-03-04T12:00:00Z", "now": "2026-03-04T12:00:00Z"}
    assert times.origins["now"] == "clock"
    assert found['ticket.fields["Plan"] == "gold"'].seen == {"ticket.fields.Plan": "gold"}
    assert found["ticket.fields.Seats > 3"].reason == "it compares or computes with values of different kinds"
    assert found["ticket.tags[4] == 'x'"].reason == "nobody knows ticket.tags[4]"
    assert found["message != null"].value is True
    assert found["rating != null"].origins == {"rating": "nobody knows"}
    assert found["ticket.fields.Plan"].reason == "it gives gold, which is neither true nor false"
    assert found["1 / ticket.message_count == 1"].reason == "it divides by zero"
    assert found["account.status == 'unknown'"].origins == {"account.status": "default"}
    assert found["event.source == 'support'"].origins == {"event.source": "cornerdesk"}


def test_explaining_every_rule_keeps_their_order_and_a_name_that_is_none_explains_nothing(
    book: Book, snapshot: Make
) -> None:
    rules = book(RULES + RULES.removeprefix("\nrules:").replace("rule: one", "rule: two"))

    assert [found.rule for found in rules.explain(snapshot())] == ["one", "two"]
    assert rules.explain(snapshot(), "three") == []


def test_an_action_that_breaks_down_is_told(book: Book, snapshot: Make) -> None:
    rules = book("rules:\n  - rule: one\n    when: ticket.created\n    then: [broken]\n")

    assert only(rules, snapshot()).suppressed == "planning broken failed (RuntimeError)"
    assert only(rules, snapshot()).fired
