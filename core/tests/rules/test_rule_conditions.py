"""What conditions mean: three-valued logic, null, kinds of numbers, times, lists, functions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cornerdesk.model import Actor, Attachment, Change, EventKind, Message, Rating, Signal, Snapshot

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
Ask = Callable[..., Any]
Make = Callable[..., Snapshot]


@pytest.fixture
def known(snapshot: Make) -> Snapshot:
    """A ticket of which much is known: no plan, no revenue, no rating, nobody assigned."""
    return snapshot(
        {
            "subject": "Export fails",
            "priority": "high",
            "tags": ["vip", "export"],
            "customer": {"id": "c", "email": "jo@acme.example"},
            "account": {"id": "a", "tier": "canary", "status": "active", "fields": {"Seats": 40, "Empty": None}},
            "created_at": NOW - timedelta(days=2),
            "message_count": 3,
            "fields": {"Plan": "gold", "Empty": None, "Nested": {"deep": {"er": 1}}, "Two words": "x"},
        },
        kind=EventKind.TICKET_CHANGED,
        message=Message(
            id="m",
            direction="inbound",
            text="I want a REFUND now",
            attachments=(Attachment(name="log.txt", size=10), Attachment(size=99)),
        ),
        changes={"status": Change(before="open", after="pending"), "priority": Change(after="high")},
        signals=["churn_risk"],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # comparisons with what is known
        ('account.tier == "canary"', True),
        ('account.tier != "canary"', False),
        ('ticket.status in ["open", "new"]', True),
        ("ticket.message_count >= 3", True),
        ('"vip" in ticket.tags', True),
        ("signals.churn_risk", True),
        ("signals.feature.sso", False),
        ('signals.feature["dark-mode"]', False),
        ('event.kind == "ticket.changed"', True),
        # a value nobody knows: neither true nor false, and `!` does not make it fire
        ("account.revenue > 1000", None),
        ("!(account.revenue > 1000)", None),
        ('account.plan != "gold"', None),
        ('rating.score == "bad"', None),
        ('ticket.fields["Nobody"] == "x"', None),
        ('changes.assignee.after == "x"', None),
        # ... and absorbed as three-valued logic has it, in either order
        ("account.revenue > 1000 || signals.churn_risk", True),
        ("signals.churn_risk || account.revenue > 1000", True),
        ("account.revenue > 1000 && signals.feature.sso", False),
        ("signals.feature.sso && account.revenue > 1000", False),
        ("account.revenue > 1000 && signals.churn_risk", None),
        ("account.revenue > 1000 ? true : true", None),
        # null asks whether anybody knows it
        ("account.revenue == null", True),
        ("account.revenue != null", False),
        ("null == account.revenue", True),
        ("account.tier != null", True),
        ("message != null", True),
        ("rating == null", True),
        ("rating.score == null", True),
        ("ticket.assignee == null", True),
        ("ticket.assignee.name == null", True),
        ("message.author.email == null", True),
        ('ticket.fields["Plan"] == null', False),
        ('ticket.fields["Nobody"] == null', True),
        ("ticket.fields.Empty == null", True),
        ('ticket.fields["Two words"] != null', True),
        ("ticket.fields.Nested.deep.er != null", True),
        ("ticket.fields.Nobody.deep.er == null", True),
        ("changes.status != null", True),
        ("changes.assignee == null", True),
        ("changes.assignee.after == null", True),
        ("changes.priority.before == null", True),
        ("has(account.tier) && !has(account.plan)", True),
        ("has(changes.assignee.after)", False),
        ("has(message) && !has(rating)", True),
        ("ticket.tags[0] != null && ticket.tags[5] == null", True),
        ("signals != null && now != null", True),
        # either way of naming one object
        ('ticket.account.tier == account.tier && event.ticket.status == "open"', True),
        ('ticket.customer.email.endsWith("@acme.example")', True),
        ('ticket["status"] == "open" && event.changes.status.after == "pending"', True),
        # numbers of two kinds
        ("ticket.message_count / 2.0 == 1.5", True),
        ("account.fields.Seats / 4 == 10", True),
        ("ticket.message_count > 2.5", True),
        # times
        ('now - ticket.created_at > duration("1d")', True),
        ('now - ticket.created_at > duration("1w")', False),
        ('ticket.created_at > timestamp("2026-03-01")', True),
        ('ticket.created_at > timestamp("2026-03-03T00:00:00+02:00")', False),
        ("now.getHours() == 12 && now.getDayOfWeek() == 3", True),
        ('now.getHours("Asia/Tokyo") == 21 && now.getDate("Pacific/Kiritimati") == 5', True),
        # lists and texts
        ('ticket.tags.exists(tag, tag.startsWith("ex"))', True),
        ('ticket.tags.all(tag, tag != "spam") && size(ticket.tags) == 2', True),
        ('message.attachments.exists(file, file.name != null && file.name.endsWith(".txt"))', True),
        ("message.attachments.filter(file, file.name == null).size() == 1", True),
        ("message.attachments.exists(file, file.size > 50)", True),
        ('message.text.matches(r"(?i)\\brefund\\b")', True),
        ('message.text.lowerAscii().contains("refund")', True),
        ('customer.email.split("@")[1] == "acme.example"', True),
        ('ticket.tags.join("+") == "vip+export"', True),
        ("max(ticket.message_count, 7) == 7 && min(2, 1) == 1", True),
        ("type(ticket.fields.Plan) == string", True),
        ('"status" in changes && !("assignee" in changes)', True),
        ('changes.exists(name, name == "priority")', True),
        # comments and layout
        ("signals.churn_risk // said so\n  && true", True),
        # what is neither true nor false does not fire
        ("ticket.fields.Plan", "gold"),
        ('ticket.fields.Plan > 3 || account.tier == "canary"', True),
        ("1 / 0 == 1", None),
        ("ticket.tags[7] == 'x'", None),
    ],
)
def test_a_condition_means_what_it_says(text: str, expected: object, value: Ask, known: Snapshot) -> None:
    found = value(text, known)

    assert found == expected
    assert type(found) is type(expected)


def test_the_size_of_a_text_counts_its_letters(value: Ask, snapshot: Make) -> None:
    assert value("size(ticket.subject) == 3", snapshot({"subject": "äöü"}))


def test_an_account_nobody_knows_has_the_status_unknown_and_nothing_else(value: Ask, snapshot: Make) -> None:
    bare = snapshot()

    assert value('account.status == "unknown"', bare) is True
    assert value("account == null && customer == null && message == null", bare) is True
    assert value("account.opted_out", bare) is None
    assert value('"acme.example" in account.domains', bare) is None
    assert value('account.fields["Plan"] == null', bare) is True


def test_the_delivery_itself_can_be_read(value: Ask, snapshot: Make) -> None:
    raw = {"detail": {"via": {"channel": "voice"}, "nothing": None}}

    assert value('event.raw.detail.via.channel == "voice"', snapshot(raw=raw)) is True
    assert value("event.raw.detail.nothing == null", snapshot(raw=raw)) is True


def test_a_signal_that_was_not_looked_for_is_unknown(value: Ask, snapshot: Make) -> None:
    old = snapshot().model_copy(update={"known_signals": frozenset({"callback_request"})})

    assert value("signals.callback_request", old) is False
    assert value("!signals.churn_risk", old) is None


def test_a_signal_seen_is_true_even_where_nobody_listed_it(value: Ask, snapshot: Make) -> None:
    seen = snapshot(signals=[Signal(name="feature.sso")]).model_copy(update={"known_signals": frozenset()})

    assert value("signals.feature.sso", seen) is True


def test_a_changed_custom_field_is_named_either_way(value: Ask, snapshot: Make) -> None:
    changed = snapshot(
        kind="ticket.changed", changes={"fields.Plan": Change(before="gold"), "customer": Change(after={"id": "c"})}
    )

    assert value('changes.fields.Plan.before == "gold"', changed) is True
    assert value('changes["fields.Plan"].before == "gold"', changed) is True
    assert value('changes.fields["Plan"].after == null && changes.fields.Seats == null', changed) is True
    assert value("changes.merged_into == null && changes.customer != null", changed) is True
    assert value("changes.fields.Plan == null", snapshot()) is True


def test_every_enum_reads_as_its_text(value: Ask, snapshot: Make) -> None:
    event = snapshot(
        kind="ticket.rated", actor=Actor(kind="customer"), rating=Rating(score="bad"), message=None, origin="backfill"
    )

    assert value('event.actor.kind == "customer" && rating.score == "bad" && event.origin == "backfill"', event) is True


@pytest.mark.parametrize(
    "odd",
    [
        2**63,
        2**80,
        -(2**80),
        10**400,
        "\ud800",
        {"\udfff": "\ud800"},
        {"a": [None, {"b": None}]},
        float("nan"),
        object(),
        {1: 2},
        {3},
        b"x",
        datetime(2026, 1, 1),
        datetime(2026, 1, 1).date(),
        ["x"] * 5000,
    ],
    ids=lambda odd: type(odd).__name__,
)
def test_an_odd_custom_value_blinds_no_rule(odd: object, value: Ask, snapshot: Make) -> None:
    strange = snapshot({"fields": {"odd": odd, "Plan": "gold"}}, raw={"odd": odd})

    assert value('ticket.fields.Plan == "gold"', strange) is True
    assert value('ticket.fields.odd == "gold" || event.raw.x == 1 || true', strange) is True


def test_a_text_the_engine_cannot_hold_blinds_no_rule(value: Ask, snapshot: Make) -> None:
    bare = snapshot({"subject": "x"})
    broken = bare.event.ticket.model_copy(update={"subject": "half \ud83d"})
    strange = bare.model_copy(update={"event": bare.event.model_copy(update={"ticket": broken})})

    assert value('ticket.subject.startsWith("half")', strange) is True


def test_json_nested_beyond_all_measure_is_cut_and_not_followed(value: Ask, snapshot: Make) -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = {"a": [deep]}

    assert value("ticket.fields.deep.a[0].a != null", snapshot({"fields": {"deep": deep}})) is True


def test_a_list_longer_than_anybody_writes_is_unknown(value: Ask, snapshot: Make) -> None:
    many = snapshot({"tags": [str(number) for number in range(201)]})

    assert value('"5" in ticket.tags', many) is None
    assert value("ticket.tags == null", many) is True
