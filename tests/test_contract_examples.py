"""The configuration and the rules that users are promised, read and obeyed as printed, with the real plugins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import (
    Account,
    Actor,
    Configuration,
    ConfigurationError,
    Customer,
    Detector,
    Direction,
    Event,
    EventKind,
    Feature,
    Message,
    Rating,
    Signal,
    Snapshot,
    Ticket,
)
from cornerdesk.plugins import Plugins, load_plugins
from cornerdesk.rules import Catalogue, Plan, RuleBook, load_rules, load_rules_from_texts
from cornerdesk.runtime import known_signals
from cornerdesk.settings import load_configuration
from pydantic import BaseModel

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SECRETS = {
    "ZENDESK_CLIENT_SECRET": "first-secret", "ZENDESK_WEBHOOK_SECRET": "second-secret", "NEXT_SECRET": "third-secret",
    "HS_SECRET": "fourth", "HS_WEBHOOK_SECRET": "fifth", "INTERCOM_TOKEN": "sixth", "INTERCOM_SECRET": "seventh",
}  # fmt: skip

CONFIGURATION = """\
database: sqlite:///cornerdesk.db        # or postgresql://user:${DB_PASSWORD}@db/cornerdesk
server: {host: 127.0.0.1, port: 8484, public_url: "https://cornerdesk.example.com"}
sources:
  support:                               # deliveries arrive at POST /webhooks/support
    adapter: zendesk
    subdomain: acme
    oauth: {client_id: cd, client_secret: "${ZENDESK_CLIENT_SECRET}"}   # or, while Zendesk still takes them: email + api_token
    webhook_secret: "${ZENDESK_WEBHOOK_SECRET}"     # or a list of two, while a secret is being rotated
    base_url: null                       # every adapter takes one: a sandbox, a proxy, a fake
  inbox: {adapter: helpscout, app_id: abc, app_secret: "${HS_SECRET}", webhook_secret: "${HS_WEBHOOK_SECRET}"}
  chat: {adapter: intercom, app_id: wxyz, access_token: "${INTERCOM_TOKEN}", client_secret: "${INTERCOM_SECRET}", region: eu, admin_id: "814"}
people:
  ceo: {name: Ada Park, email: ada@acme.example, time_zone: Europe/Berlin, hours: "Mon-Fri 09:00-18:00",
        notify: [email, "slack:U123"], budget: {per_day: 3}}
accounts: {csv: accounts.csv}            # or {sql: "SELECT ...", url: ...}
features: features.yaml                  # the catalogue that votes go to
rules: rules/*.yaml
plugins: {escalation: {}, leads: {}, votes: {}}   # each checked by the plugin's own settings model
"""  # noqa: E501
OTHER_DESKS = tuple(
    line for line in CONFIGURATION.splitlines(keepends=True) if line.startswith(("  inbox:", "  chat:"))
)
MORE_PEOPLE = """budget: {per_day: 3}}
  coo: {name: Bo, email: bo@acme.example}
  sales: {name: Sales, email: sales@acme.example}
"""

RULES = """\
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
    then: [{vote: sso}, {lead: {kind: new_business}}, {notify: {to: sales, text: "Invite {{ customer.name }} to a call"}}]
  - rule: still-waiting
    when: message.added
    after: 4h                             # asked again then, on the state of then
    if: [ticket.waiting_since != null, account.tier == "key"]
    then: [{escalate: {to: coo}}]

tests:
  - name: a canary that threatens to cancel wakes the CEO
    given: {event: ticket.created, account: {tier: canary}, message: {text: "We will cancel next month."}}
    expect: [{rule: canary-in-distress, escalate: {to: ceo}}]
"""  # noqa: E501


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(strict=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.yaml").write_text(RULES)
    (tmp_path / "accounts.csv").write_text("id,name,domains,status,tier\nA-1,Globex,globex.example,active,canary\n")
    (tmp_path / "features.yaml").write_text("features: {sso: {title: Single sign-on, phrases: [SSO]}}\n")
    return tmp_path


def read(folder: Path, text: str, plugins: Plugins, environ: Mapping[str, str] = SECRETS) -> Configuration:
    (folder / "cornerdesk.yaml").write_text(text)
    return load_configuration(folder / "cornerdesk.yaml", plugins, environ=environ)


def of_zendesk(text: str = CONFIGURATION) -> str:
    for line in OTHER_DESKS:
        text = text.replace(line, "")
    return text.replace("budget: {per_day: 3}}\n", MORE_PEOPLE)


@pytest.fixture
def company(folder: Path, plugins: Plugins) -> Configuration:
    return read(folder, of_zendesk(), plugins)


@pytest.fixture(scope="module")
def detectors(plugins: Plugins) -> list[Detector]:
    return plugins.detectors(
        Configuration(features={"sso": Feature(key="sso", title="Single sign-on", phrases=("SSO",))})
    )


@pytest.fixture
def catalogue(company: Configuration, plugins: Plugins, detectors: list[Detector]) -> Catalogue:
    return Catalogue(plugins.actions(), company, known_signals(detectors), plugins.adapters())


@pytest.fixture
def book(company: Configuration, catalogue: Catalogue) -> RuleBook:
    return load_rules(company.rule_files, catalogue)


def test_every_help_desk_of_the_promised_configuration_has_its_adapter(folder: Path, plugins: Plugins) -> None:
    text = CONFIGURATION.replace("budget: {per_day: 3}}\n", MORE_PEOPLE)
    company = read(folder, text, plugins)
    adapters = {name: source.adapter for name, source in company.sources.items()}
    assert adapters == {"support": "zendesk", "inbox": "helpscout", "chat": "intercom"}
    shown = repr(company) + str(company.sources)
    assert not any(secret in shown for secret in SECRETS.values() if len(secret) > 8)


def test_a_help_desk_without_an_adapter_is_the_only_problem(folder: Path, plugins: Plugins) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, CONFIGURATION.replace("adapter: helpscout", "adapter: freshdesk"), plugins)

    said = [(problem.line, problem.column, problem.message) for problem in caught.value.problems]
    assert said == [(10, 20, 'there is no adapter "freshdesk"')]
    assert not any(secret in str(caught.value) for secret in SECRETS.values() if len(secret) > 8)


def test_the_configuration_is_read_as_it_is_printed(company: Configuration) -> None:
    ceo = company.people["ceo"]
    assert (ceo.name, ceo.time_zone, ceo.notify, ceo.budget.per_day) == (
        "Ada Park", "Europe/Berlin", ("email", "slack:U123"), 3,
    )  # fmt: skip
    assert company.server.public_url == "https://cornerdesk.example.com"
    assert company.sources["support"].base_url is None
    assert {"escalation", "leads", "votes"} <= set(company.plugins)
    assert not any(secret in repr(company) + str(company.sources) for secret in ("first-secret", "second-secret"))


def test_an_api_token_and_two_secrets_in_rotation_do_as_well(folder: Path, plugins: Plugins) -> None:
    text = of_zendesk()
    text = text.replace(text.splitlines()[6], '    email: bot@acme.example\n    api_token: "${ZENDESK_CLIENT_SECRET}"')
    secret = '"${ZENDESK_WEBHOOK_SECRET}"'
    text = text.replace(secret, f'[{secret}, "${{NEXT_SECRET}}"]')

    support = read(folder, text, plugins).sources["support"]

    secrets = support.webhook_secret  # type: ignore[attr-defined]
    assert [each.get_secret_value() for each in secrets] == ["second-secret", "third-secret"]


@pytest.mark.parametrize(
    "accounts", ['{sql: "SELECT id, name FROM accounts"}', '{sql: "SELECT 1", url: "sqlite:///crm.db"}']
)
def test_accounts_may_come_from_a_query(accounts: str, folder: Path, plugins: Plugins) -> None:
    read(folder, of_zendesk().replace("{csv: accounts.csv}", accounts), plugins)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(
    folder: Path, plugins: Plugins, catalogue: Catalogue
) -> None:
    (folder / "cornerdesk.yaml").write_bytes(b"\xef\xbb\xbf" + of_zendesk().replace("\n", "\r\n").encode())
    (folder / "rules" / "all.yaml").write_bytes(RULES.replace("\n", "\r\n").encode())

    configuration = load_configuration(folder / "cornerdesk.yaml", plugins, environ=SECRETS)

    assert len(load_rules(configuration.rule_files, catalogue).rules) == 3


def test_missing_variables_are_all_told_with_their_places(folder: Path, plugins: Plugins) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, of_zendesk(), plugins, environ={})

    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(7, 44), (8, 22)]


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def snapshot(detectors: list[Detector]) -> Any:
    known = frozenset(spec.name for spec in known_signals(detectors))

    def make(kind: EventKind, text: str, account: Account | None = None, **ticket: Any) -> Snapshot:
        message = Message(id="m1", direction=Direction.INBOUND, text=text)
        state = Ticket(id="7", number="7", account=account, customer=Customer(id="c", name="Hank"), **ticket)
        event = Event(
            id="e1", source="support", helpdesk="zendesk", kind=kind, occurred_at=NOON, received_at=NOON,
            ticket=state, message=message, actor=Actor(kind="customer"),
        )  # fmt: skip
        seen: list[Signal] = []
        for detector in detectors:
            seen += detector.detect(message, None)
        return Snapshot(event=event, signals=tuple(seen), known_signals=known, now=NOON)

    return make


def asked(plan: Plan) -> list[tuple[str, str, str]]:
    return [(effect.rule, effect.action, effect.target) for effect in plan.effects]


def test_a_canary_that_threatens_to_cancel_is_escalated_and_tagged(book: RuleBook, snapshot: Any) -> None:
    canary = Account(id="A-1", name="Globex", tier="canary", status="active")

    plan = book.plan(snapshot(EventKind.TICKET_CREATED, "We will cancel next month.", canary))

    assert asked(plan) == [
        ("canary-in-distress", "escalate", "ceo+coo"),
        ("canary-in-distress", "tag", "exec-watch"),
    ]
    assert plan.effects[0].payload["reason"] == "Globex talks of leaving"
    assert {effect.every for effect in plan.effects} == {timedelta(hours=24)}
    assert {effect.scope for effect in plan.effects} == {'ticket:["support","7"]'}


def test_a_stranger_who_asks_for_sso_is_a_vote_a_lead_and_a_message(book: RuleBook, snapshot: Any) -> None:
    plan = book.plan(snapshot(EventKind.TICKET_CREATED, "Do you support SSO?"))

    assert [action for _, action, _ in asked(plan)] == ["vote", "lead", "notify"]
    assert "Invite Hank to a call" in str(plan.effects[2].payload)


def test_a_customer_who_asks_for_sso_is_neither(book: RuleBook, snapshot: Any) -> None:
    active = Account(id="A-2", name="Umbra", status="active")
    assert asked(book.plan(snapshot(EventKind.TICKET_CREATED, "Do you support SSO?", active))) == []


def test_a_key_account_is_asked_about_again_after_four_hours(book: RuleBook, snapshot: Any) -> None:
    key = Account(id="A-3", name="Stark", tier="key", status="active")
    waiting = snapshot(EventKind.MESSAGE_ADDED, "Any news?", key, waiting_since=NOON)
    answered = snapshot(EventKind.MESSAGE_ADDED, "Any news?", key, waiting_since=None)

    [again] = book.plan(waiting).effects

    assert (again.action, again.internal, again.not_before) == ("reconsider", True, NOON + timedelta(hours=4))
    assert asked(book.plan_again(waiting, "still-waiting")) == [("still-waiting", "escalate", "coo")]
    assert asked(book.plan_again(answered, "still-waiting")) == []


# ── what rules see ──────────────────────────────────────────────────────────────────────────────────────────────────

SEEN: dict[str, type[BaseModel]] = {
    "event": Event, "ticket": Ticket, "message": Message, "customer": Customer, "account": Account, "rating": Rating,
}  # fmt: skip
FIELDS = sorted(f"{root}.{name}" for root, model in SEEN.items() for name in model.model_fields)


def rule_with(condition: str) -> str:
    return f"rules: [{{rule: one, when: ticket.created, if: [{condition!r}], then: [{{tag: seen}}]}}]\n"


def book_of(text: str, catalogue: Catalogue) -> RuleBook:
    return load_rules_from_texts({"all.yaml": text}, catalogue)


def test_every_field_of_the_model_can_stand_in_a_condition(catalogue: Catalogue, snapshot: Any) -> None:
    seen = snapshot(EventKind.TICKET_CREATED, "Hello")
    for field in FIELDS:
        assert book_of(rule_with(f"{field} == null || {field} != null"), catalogue).plan(seen).effects, field


@pytest.mark.parametrize(
    "condition",
    [
        "account.revenue > 1000",
        "!(account.revenue > 1000)",
        "account.tier == 'key'",
        "account.tier != 'key'",
        "rating.score == 'bad'",
        "rating.score != 'bad'",
        "changes.status.before == 'open'",
    ],
)
def test_what_nobody_knows_is_neither_true_nor_false(condition: str, catalogue: Catalogue, snapshot: Any) -> None:
    seen = snapshot(EventKind.TICKET_CREATED, "Hello")
    plain = book_of(rule_with(condition), catalogue)
    negated = book_of(plain.files["all.yaml"].replace(f"[{condition!r}]", f"{{not: {condition!r}}}"), catalogue)

    for book in (plain, negated):
        assert not book.plan(seen).effects
        [explanation] = book.explain(seen)
        assert [each.value for each in explanation.conditions] == [None]
        assert explanation.first_failed


@pytest.mark.parametrize(
    ("condition", "nearest"),
    [
        ("account.teir == 'key'", "tier"),
        ("acount.tier == 'key'", "account"),
        ("signals.chrun_risk", "churn_risk"),
        ("signals.feature.ssso", "sso"),
        ("ticket.custmer.email == ''", "customer"),
        ("mesage.text == ''", "message"),
        ("ticket.status == 'opne'", "open"),
        ("rating.scor == 'bad'", "score"),
    ],
)
def test_a_misspelt_name_is_an_error_that_says_what_was_meant(
    condition: str, nearest: str, catalogue: Catalogue
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        book_of(rule_with(condition), catalogue)
    [problem] = caught.value.problems
    assert (problem.file, problem.line, problem.nearest) == ("all.yaml", 1, nearest)
