"""From snapshot to plan: which rules fire, what they ask for, and once for what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from cornerdesk.model import Actor, EventKind, Message, Origin, Snapshot
from cornerdesk.rules import Catalogue, RuleBook, load_rules, load_rules_from_texts

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
Book = Callable[[str], RuleBook]
Make = Callable[..., Snapshot]


def rule(*, then: str = "[{tag: x}]", **keys: str) -> str:
    lines = ["rules:", f"  - rule: {keys.pop('rule', 'one')}", f"    when: {keys.pop('when', 'ticket.created')}"]
    lines += [f"    {key.rstrip('_')}: {value}" for key, value in keys.items()]
    return "\n".join([*lines, f"    then: {then}", ""])


def test_the_rules_of_the_contract_read_and_fire(book: Book, snapshot: Make) -> None:
    rules = book(
        """
rules:
  - rule: canary-in-distress
    about: A canary account that talks of leaving reaches the CEO within the half hour.
    when: [ticket.created, message.added]
    if:                                   # a list: all must hold; or all: / any: / not:, nested
      - account.tier == "canary"
      - signals.churn_risk
    then:
      - escalate: {to: [ceo, coo], acknowledge_within: 30m, reason: "{{ account.name }} talks of leaving"}
      - tag: [exec-watch]
    once: {per: ticket, every: 24h}
  - rule: prospect-asks-for-sso
    when: ticket.created
    if: [account.status != "active", signals.feature.sso]
    then: [{vote: sso}, {lead: {kind: new_business}}, {note: "Invite {{ customer.name }} to a call"}]
  - rule: still-waiting
    when: message.added
    after: 4h                             # asked again then, on the state of then
    if: [ticket.waiting_since != null, account.tier == "key"]
    then: [{escalate: {to: coo}}]

tests:
  - name: a canary that threatens to cancel wakes the CEO
    given: {event: ticket.created, account: {tier: canary}, message: {text: "We will cancel next month."}}
    expect: [{rule: canary-in-distress, escalate: {to: ceo}}]
"""
    )
    canary = snapshot({"account": {"id": "a", "tier": "canary", "name": "Acme"}}, signals=["churn_risk"])
    prospect = snapshot({"customer": {"id": "c", "name": "Jo"}}, signals=["feature.sso"])

    first, second = rules.plan(canary), rules.plan(prospect)

    assert first.fired == ("canary-in-distress",)
    escalation, tag = first.effects
    assert (escalation.action, escalation.target, escalation.owner) == ("escalate", "ceo", "canary-in-distress")
    assert escalation.payload == {"reason": "Acme talks of leaving", "chain": ["ceo", "coo"]}
    assert (escalation.scope, escalation.every) == ('ticket:["support","12"]', timedelta(hours=24))
    assert (tag.action, tag.target, tag.scope) == ("tag", "exec-watch", 'ticket:["support","12"]')
    assert [effect.action for effect in second.effects] == ["vote", "lead", "note"]
    assert second.effects[2].payload["text"] == "Invite Jo to a call"
    assert [test.name for test in rules.tests] == ["a canary that threatens to cancel wakes the CEO"]


def test_a_condition_that_nobody_can_answer_fires_neither_the_rule_nor_its_opposite(book: Book, snapshot: Make) -> None:
    rules = book(
        rule(rule="rich", if_="account.revenue > 1000")
        + rule(rule="poor", if_="{not: account.revenue > 1000}").removeprefix("rules:\n")
        + rule(rule="unknown", if_="account.revenue == null").removeprefix("rules:\n")
    )

    assert rules.plan(snapshot()).fired == ("unknown",)
    assert rules.plan(snapshot({"account": {"id": "a", "revenue": 5}})).fired == ("poor",)
    assert rules.plan(snapshot({"account": {"id": "a", "revenue": 5000}})).fired == ("rich",)


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ('{all: [signals.churn_risk, ticket.status == "open"]}', True),
        ("{any: [signals.feature.sso, signals.churn_risk]}", True),
        ("{not: signals.feature.sso}", True),
        ("{not: [signals.churn_risk]}", False),
        ("{not: {any: [signals.feature.sso, account.revenue > 1]}}", False),
        ("{not: {all: [signals.feature.sso, account.revenue > 1]}}", True),
        ("{any: [account.revenue > 1, {all: [signals.churn_risk, {not: signals.feature.sso}]}]}", True),
        ("[signals.churn_risk, {any: [signals.feature.sso, {not: signals.churn_risk}]}]", False),
        ("signals.churn_risk", True),
    ],
)
def test_all_any_and_not_nest(condition: str, fires: bool, book: Book, snapshot: Make) -> None:
    plan = book(rule(if_=condition)).plan(snapshot(signals=["churn_risk"]))

    assert bool(plan.fired) is fires


def test_a_rule_sees_only_the_kinds_it_waits_for(book: Book, snapshot: Make) -> None:
    rules = book(rule(when="[ticket.created, ticket.rated]"))

    fired = {kind for kind in EventKind if rules.plan(snapshot(kind=kind)).fired}

    assert fired == {EventKind.TICKET_CREATED, EventKind.TICKET_RATED}


def test_a_disabled_rule_is_checked_and_does_nothing(book: Book, snapshot: Make) -> None:
    assert book(rule(enabled="false")).plan(snapshot()).fired == ()


def test_our_own_echo_matches_no_rule_that_does_not_ask_for_it(book: Book, snapshot: Make) -> None:
    echo = snapshot(actor=Actor(kind="self"))

    assert book(rule()).plan(echo).fired == ()
    assert book(rule(late="true")).plan(echo).fired == ()
    assert book(rule(echoes="true")).plan(echo).fired == ("one",)


@pytest.mark.parametrize(
    "event",
    [
        {"occurred_at": NOW - timedelta(hours=6, seconds=1)},
        {"origin": Origin.BACKFILL},
        {"origin": Origin.RECONCILE},
        {"origin": Origin.REPLAY},
    ],
)
def test_what_is_late_wakes_nobody_who_does_not_ask_for_it(
    event: dict[str, object], book: Book, snapshot: Make
) -> None:
    late = snapshot(**event)

    assert book(rule()).plan(late).fired == ()
    assert book(rule(echoes="true")).plan(late).fired == ()
    assert book(rule(late="true")).plan(late).fired == ("one",)


def test_what_came_just_in_time_is_not_late(book: Book, snapshot: Make) -> None:
    assert book(rule()).plan(snapshot(occurred_at=NOW - timedelta(hours=6))).fired == ("one",)


# ── once ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("once", "scope", "every"),
    [
        (None, 'event:["support","12","e1"]', None),
        ("event", 'event:["support","12","e1"]', None),
        ("ticket", 'ticket:["support","12"]', None),
        ("{per: ticket}", 'ticket:["support","12"]', None),
        ("{per: customer, every: 7d}", 'customer:["support","c"]', timedelta(days=7)),
        ("{per: account, every: 1h30m}", 'account:["support","a"]', timedelta(minutes=90)),
    ],
)
def test_a_rule_acts_once_for_what_it_says(
    once: str | None, scope: str, every: timedelta | None, book: Book, snapshot: Make
) -> None:
    keys = {} if once is None else {"once": once}
    (effect,) = book(rule(**keys)).plan(snapshot({"customer": {"id": "c"}, "account": {"id": "a"}})).effects

    assert (effect.scope, effect.every, effect.owner) == (scope, every, "one")


def test_an_account_of_the_directory_is_one_over_all_sources(book: Book, snapshot: Make) -> None:
    known = snapshot({"account": {"id": "acme"}}, provenance={"account.id": "directory accounts.csv:4"})

    (effect,) = book(rule(once="account")).plan(known).effects

    assert effect.scope == 'account:["acme"]'


@pytest.mark.parametrize("per", ["customer", "account"])
def test_a_ticket_without_customer_or_account_stands_for_itself(per: str, book: Book, snapshot: Make) -> None:
    (effect,) = book(rule(once=per)).plan(snapshot()).effects

    assert effect.scope == 'ticket:["support","12"]'


def test_an_intent_with_a_scope_of_its_own_belongs_to_its_action(book: Book, snapshot: Make) -> None:
    rules = book(rule(then="[{vote: sso}]", once="{per: ticket, every: 1h}"))

    (effect,) = rules.plan(snapshot({"customer": {"id": "c"}})).effects

    assert (effect.owner, effect.scope, effect.target, effect.every) == ("vote", "vote:c", "sso", None)
    assert effect.rule == "one"


def test_an_action_may_plan_nothing(book: Book, snapshot: Make) -> None:
    plan = book(rule(then="[{vote: sso}]")).plan(snapshot())

    assert plan.fired == ("one",)
    assert plan.effects == ()


# ── after ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_after_rule_that_holds_now_sets_a_timer_and_is_asked_again(book: Book, snapshot: Make) -> None:
    rules = book(rule(after="4h", if_="ticket.waiting_since != null", then="[{escalate: {to: coo}}]", once="ticket"))
    waiting = snapshot({"waiting_since": NOW})

    (timer,) = rules.plan(waiting).effects

    assert (timer.action, timer.internal, timer.owner) == ("reconsider", True, "one")
    assert timer.not_before == NOW + timedelta(hours=4)
    assert timer.payload == {"rule": "one", "event": "e1"}
    # Not the ticket's, though the rule is once per ticket: see `plan_reconsidering`.
    assert (timer.scope, timer.every) == ('event:["support","12","e1"]', None)

    later = waiting.model_copy(update={"now": NOW + timedelta(hours=4)})
    (effect,) = rules.plan_again(later, "one").effects
    assert (effect.action, effect.target, effect.scope) == ("escalate", "coo", 'ticket:["support","12"]')
    answered = snapshot(now=NOW + timedelta(hours=4))
    assert rules.plan_again(answered, "one").effects == ()


def test_an_after_rule_that_does_not_hold_now_sets_no_timer(book: Book, snapshot: Make) -> None:
    assert book(rule(after="4h", if_="ticket.waiting_since != null")).plan(snapshot()).effects == ()


def test_a_rule_that_is_gone_or_disabled_by_then_does_nothing(book: Book, snapshot: Make) -> None:
    assert book(rule()).plan_again(snapshot(), "another").effects == ()
    assert book(rule(enabled="false", after="1h")).plan_again(snapshot(), "one").effects == ()


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_texts_are_filled_in_wherever_the_settings_have_them(book: Book, snapshot: Make) -> None:
    rules = book(
        rule(
            then='[{note: {text: "Hi {{ customer.name }}", labels: {who: "{{ customer.email }}"},'
            ' lines: ["{{ 1 + 1 }}", "two"], plain: "as it is"}}]'
        )
    )

    (effect,) = rules.plan(snapshot({"customer": {"id": "c", "name": "Jo"}})).effects

    assert effect.payload == {
        "text": "Hi Jo",
        "labels": {"who": "unknown"},
        "lines": ["2", "two"],
        "plain": "as it is",
    }


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ account.tier }}",
        "{{ 1 / 0 }} }} {{",
        '" + account.name + "',
        "'''; drop table tickets; --",
        "\\{\\{ x",
        "${ZENDESK_CLIENT_SECRET}",
        "{% for x in y %}",
        "%(name)s {0} {name}",
    ],
)
def test_what_a_customer_writes_is_quoted_and_never_evaluated(hostile: str, book: Book, snapshot: Make) -> None:
    rules = book(rule(then='[{note: "{{ customer.name }} says: {{ message.text }}"}]'))
    message = Message(id="m", direction="inbound", text=hostile)

    (effect,) = rules.plan(snapshot({"customer": {"id": "c", "name": hostile}}, message=message)).effects

    assert effect.payload["text"] == f"{hostile} says: {hostile}"


# ── what breaks down, and what holds it together ────────────────────────────────────────────────────────────────────


def test_an_action_that_breaks_down_keeps_nothing_else_from_being_planned(book: Book, snapshot: Make) -> None:
    rules = book(rule(rule="first", then="[{tag: a}, broken, {tag: b}]") + rule(rule="second").removeprefix("rules:\n"))

    with structlog.testing.capture_logs() as logs:
        plan = rules.plan(snapshot())

    assert [effect.target for effect in plan.effects] == ["a", "b", "x"]
    assert plan.fired == ("first", "second")
    assert [(failure.rule, failure.action, failure.error) for failure in plan.failures] == [
        ("first", "broken", "RuntimeError")
    ]
    (line,) = logs
    assert (line["event"], line["rule"], line["action"]) == ("action_plan_failed", "first", "broken")
    assert "words of a customer" not in repr(line)


def test_rules_fire_in_file_order_whatever_they_ask(catalogue: Catalogue, snapshot: Make) -> None:
    files = {
        "b.yaml": rule(rule="one", if_='ticket.status == "open"') + rule(rule="two").removeprefix("rules:\n"),
        "a.yaml": rule(rule="three", if_="signals.churn_risk") + rule(rule="four").removeprefix("rules:\n"),
    }

    plan = load_rules_from_texts(files, catalogue).plan(snapshot(signals=["churn_risk"]))

    assert plan.fired == ("one", "two", "three", "four")


def test_a_book_without_rules_plans_nothing(book: Book, snapshot: Make) -> None:
    assert book("").plan(snapshot()).effects == ()


def test_versions_follow_what_rules_say_and_not_how_they_are_laid_out(book: Book) -> None:
    plain = book(rule(if_="now != null"))
    commented = book("# why\n" + rule(if_="now != null   # so"))
    changed = book(rule(if_="now == null"))

    assert plain.rules[0].version == commented.rules[0].version != changed.rules[0].version
    assert len({plain.version, commented.version, changed.version}) == 3


def test_a_book_read_from_files_is_the_book_read_from_its_stored_texts(tmp_path: Path, catalogue: Catalogue) -> None:
    path = tmp_path / "rules" / "a.yaml"
    path.parent.mkdir()
    path.write_bytes(rule(if_='account.name == "Ümläut"').replace("\n", "\r\n").encode())

    read = load_rules([path], catalogue)
    again = load_rules_from_texts(read.files, catalogue)

    assert read.version == again.version
    assert read.rules[0].version == again.rules[0].version
