"""The actions that write back to the ticket."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from cornerdesk import (
    Action,
    Adapter,
    Capability,
    Change,
    Configuration,
    Direction,
    Effect,
    Event,
    EventKind,
    Message,
    PlanContext,
    Receipt,
    RejectedError,
    SendContext,
    Snapshot,
    Ticket,
    UnsupportedError,
)
from cornerdesk.adapters.echo import hints_of
from cornerdesk.ledger.desk import cornerdesk_actions, plain_text
from cornerdesk.plugins import load_plugins
from pydantic import ValidationError

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ACTIONS: dict[str, Action[Any]] = {action.name: action for action in cornerdesk_actions()}


class FakeAdapter:
    """Keeps what it is told; has a write for every marker it saw."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Receipt:
            self.calls.append((name, *arguments))
            return Receipt(id="r1")

        return call


def plan(name: str, settings: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    action = ACTIONS[name]
    event = Event(
        id="e1",
        source="support",
        helpdesk="zendesk",
        kind=EventKind.MESSAGE_ADDED,
        occurred_at=NOW,
        received_at=NOW,
        ticket=Ticket(id="12"),
    )
    context = PlanContext("canary", Snapshot(event=event, now=NOW), Configuration())
    intents = action.plan(action.settings_model.model_validate(settings), context)
    return [(intent.target, intent.payload) for intent in intents]


def effect(name: str, payload: dict[str, Any], ticket: str | None = "12") -> Effect:
    return Effect(
        id="f1",
        key="k",
        rule="r",
        action=name,
        target="t",
        payload=payload,
        source="support",
        ticket=ticket,
        planned_at=NOW,
    )


def context(adapter: Any) -> SendContext:
    adapters: dict[str, Adapter] = {"support": adapter}
    return SendContext(NOW, Configuration(), MappingProxyType(adapters), None, "cd-marker")


CASES = [
    ("note", {"text": " Ada is\r\na canary "}, "ticket", {"text": "Ada is\na canary"},
     ("add_note", "12", "Ada is\na canary")),
    ("tag", {"tags": ["vip", "exec-watch", "vip"]}, "exec-watch,vip", {"tags": ["exec-watch", "vip"]},
     ("add_tags", "12", ("exec-watch", "vip"))),
    ("tag", {"tags": "vip"}, "vip", {"tags": ["vip"]}, ("add_tags", "12", ("vip",))),
    ("untag", {"tags": "vip"}, "vip", {"tags": ["vip"]}, ("remove_tags", "12", ("vip",))),
    ("assign", {"to": "ada@acme.example"}, "ada@acme.example", {"to": "ada@acme.example", "team": None},
     ("assign", "12", "ada@acme.example", None)),
    ("assign", {"team": "Billing"}, "team Billing", {"to": None, "team": "Billing"}, ("assign", "12", None, "Billing")),
    ("assign", {"to": "77", "team": "Billing"}, "77 in team Billing", {"to": "77", "team": "Billing"},
     ("assign", "12", "77", "Billing")),
    ("priority", {"to": "urgent"}, "urgent", {"to": "urgent"}, ("set_priority", "12", "urgent")),
    ("status", {"to": "on_hold"}, "on_hold", {"to": "on_hold"}, ("set_status", "12", "on_hold")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "target", "payload", "call"), CASES)
async def test_it_is_planned_under_a_readable_target_and_written_with_the_marker(
    name: str, settings: dict[str, Any], target: str, payload: dict[str, Any], call: tuple[Any, ...]
) -> None:
    assert plan(name, settings) == [(target, payload)]
    adapter, action = FakeAdapter(), ACTIONS[name]
    outcome = await action.send(effect(name, payload), context(adapter))  # type: ignore[attr-defined]
    assert adapter.calls == [(*call, "cd-marker")]
    assert outcome.receipt == Receipt(id="r1")


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_it_says_what_the_help_desk_must_be_able_to_do(name: str) -> None:
    assert ACTIONS[name].requires == {Capability(name)}


def test_a_note_that_is_empty_once_filled_in_is_not_planned() -> None:
    assert plan("note", {"text": " \n\u200b "}) == []


def test_a_note_is_nothing_but_text() -> None:
    assert plain_text("a\x00b\x1b[31mc\u202ed\r\n\te") == "ab[31mcd\n\te"
    assert (
        plain_text("Jos\u00e9 \U0001f469\u200d\U0001f4bb \u0645\u06cc\u200c\u062e")
        == "Jos\u00e9 \U0001f469\u200d\U0001f4bb \u0645\u06cc\u200c\u062e"
    )
    assert len(plain_text("x" * 50_000)) == 20_000


ECHOES: list[tuple[str, dict[str, Any], Message | None, dict[str, Change]]] = [
    ("note", {"text": "Ada is a canary"},
     Message(id="77", direction=Direction.INTERNAL, text="Ada is\n a canary"), {}),
    ("tag", {"tags": ["vip"]}, None, {"tags": Change(before=["a"], after=["a", "VIP"])}),
    ("untag", {"tags": ["vip"]}, None, {"tags": Change(before=["a", "vip"], after=["a"])}),
    ("assign", {"to": "77", "team": None}, None, {"assignee": Change(after={"id": "77", "name": "Ada"})}),
    ("assign", {"to": None, "team": "Billing"}, None, {"team": Change(after="Billing")}),
    ("priority", {"to": "urgent"}, None, {"priority": Change(before="low", after="urgent")}),
    ("status", {"to": "open"}, None, {"status": Change(before="new", after="open")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "payload", "message", "changes"), ECHOES)
def test_the_report_of_our_own_write_is_recognised(
    name: str, payload: dict[str, Any], message: Message | None, changes: dict[str, Change]
) -> None:
    hints = ACTIONS[name].echoes(effect(name, payload))  # type: ignore[attr-defined]
    assert set(hints) & hints_of(message, changes)


async def test_a_note_of_unknown_outcome_is_looked_up_and_the_others_are_repeated() -> None:
    adapter = FakeAdapter()
    found = await ACTIONS["note"].look_up(effect("note", {"text": "x"}), context(adapter))  # type: ignore[attr-defined]
    assert found == Receipt(id="r1")
    assert adapter.calls == [("find_write", "12", "cd-marker")]
    tags = await ACTIONS["tag"].look_up(effect("tag", {"tags": ["x"]}), context(adapter))  # type: ignore[attr-defined]
    assert tags is None


async def test_without_a_ticket_or_a_source_it_is_refused() -> None:
    action: Any = ACTIONS["note"]
    with pytest.raises(RejectedError, match="belongs to none"):
        await action.send(effect("note", {"text": "x"}, ticket=None), context(FakeAdapter()))
    with pytest.raises(UnsupportedError, match="is not configured"):
        await action.send(effect("note", {"text": "x"}).model_copy(update={"source": "gone"}), context(FakeAdapter()))


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("tag", {"tags": []}, "at least 1 item"),
        ("tag", {"tags": "a,b"}, "holds no comma"),
        ("tag", {"tags": ["vip", " "]}, "not empty"),
        ("tag", {"tags": [1]}, "valid string"),
        ("assign", {}, "nobody to assign to"),
        ("priority", {"to": "asap"}, "'low', 'normal', 'high' or 'urgent'"),
        ("status", {"to": "deleted"}, "'open', 'pending', 'on_hold', 'solved' or 'closed'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ACTIONS[name].settings_model.model_validate(settings)


def test_a_tag_may_be_one_or_a_list_in_the_schema_too() -> None:
    schema = ACTIONS["tag"].settings_model.model_json_schema()["properties"]["tags"]
    assert [each["type"] for each in schema["anyOf"]] == ["string", "array"]


def test_it_is_a_plugin_like_any_other() -> None:
    plugins = load_plugins()
    report = next(report for report in plugins.reports if report.name == "desk")
    assert report.problem is None
    assert set(ACTIONS) <= set(plugins.actions())
