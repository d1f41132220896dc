"""Help Scout's words in ours: statuses, channels, people, kinds of threads, fields and tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import ActorKind, Channel, Fact, Status, Ticket
from cornerdesk_helpscout.testing import make_delivery
from cornerdesk_helpscout.webhooks import read

FIXTURES = Path(__file__).parent / "fixtures"
BO, IRA = "70501", "811"


def fixture(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return data


def facts(event: str, body: Any) -> tuple[Fact, ...]:
    return read(make_delivery(json.dumps(body).encode(), event)).facts


def fact(event: str, body: Any) -> Fact:
    (found,) = facts(event, body)
    Ticket.model_validate(found.ticket)
    return found


@pytest.mark.parametrize(
    ("told", "status", "label"),
    [
        ({"status": "active"}, Status.OPEN, "active"),
        ({"status": "open"}, Status.OPEN, "open"),
        ({"status": "pending"}, Status.PENDING, "pending"),
        ({"status": "closed"}, Status.SOLVED, "closed"),
        ({"status": "spam"}, Status.SPAM, "spam"),
        ({"status": "Active"}, Status.OPEN, "active"),
        ({"status": "parked"}, Status.OTHER, "parked"),
        ({"status": "active", "state": "deleted"}, Status.DELETED, "deleted"),
        ({"status": "active", "snooze": {"snoozedBy": 811}}, Status.ON_HOLD, "active, snoozed"),
        ({"status": "pending", "snooze": {"snoozedBy": 811}}, Status.PENDING, "pending, snoozed"),
        ({"status": "closed", "snooze": {"snoozedBy": 811}}, Status.SOLVED, "closed"),
    ],
)
def test_every_status(told: dict[str, Any], status: Status, label: str) -> None:
    ticket = fact("convo.status", fixture("tags") | told).ticket
    assert (ticket["status"], ticket["status_label"]) == (status, label)


@pytest.mark.parametrize(
    ("kind", "source", "via", "channel", "label"),
    [
        ("email", "email", "customer", Channel.EMAIL, "email"),
        ("email", "emailfwd", "customer", Channel.EMAIL, "emailfwd"),
        ("email", "beacon", "customer", Channel.WEB, "beacon"),
        ("email", "docs", "customer", Channel.WEB, "docs"),
        ("email", "web", "user", Channel.EMAIL, "web"),
        ("email", "api", "user", Channel.EMAIL, "api"),
        ("email", "api", "customer", Channel.API, "api"),
        ("chat", "beacon", "customer", Channel.CHAT, "beacon"),
        ("phone", "web", "user", Channel.PHONE, "web"),
        ("email", "heymarket", "customer", Channel.MESSAGING, "heymarket"),
        ("email", "carrier-pigeon", "customer", Channel.EMAIL, "carrier-pigeon"),
        ("smoke", "carrier-pigeon", "customer", Channel.OTHER, "smoke, carrier-pigeon"),
    ],
)
def test_every_channel(kind: str, source: str, via: str, channel: Channel, label: str) -> None:
    body = fixture("tags") | {"type": kind, "source": {"type": source, "via": via}}
    ticket = fact("convo.tags", body).ticket
    assert (ticket["channel"], ticket["channel_label"]) == (channel, label)


def with_thread(**changes: Any) -> dict[str, Any]:
    body = fixture("agent_reply")
    body["_embedded"]["threads"][1] |= changes
    return body


def made_by(kind: str) -> Callable[[dict[str, Any]], None]:
    return lambda thread: thread["createdBy"].update(type=kind)


def test_an_agent_that_is_no_person_is_a_bot() -> None:
    body = fixture("agent_reply")
    made_by("system_user")(body["_embedded"]["threads"][1])
    assert facts("convo.agent.reply.created", body)[0].actor.kind is ActorKind.BOT


@pytest.mark.parametrize("more", [{"source": {"type": "workflows", "via": "user"}}, {"action": {"type": "workflow"}}])
def test_what_a_workflow_writes_is_no_persons(more: dict[str, Any]) -> None:
    assert facts("convo.agent.reply.created", with_thread(**more))[0].actor.kind is ActorKind.AUTOMATION


@pytest.mark.parametrize(
    ("kind", "by", "event"),
    [
        ("reply", "user", "convo.agent.reply.created"),
        ("chat", "user", "convo.agent.reply.created"),
        ("forwardchild", "user", "convo.agent.reply.created"),
        ("chat", "customer", "convo.customer.reply.created"),
        ("beaconchat", "customer", "convo.customer.reply.created"),
        ("telepathy", "customer", "convo.customer.reply.created"),
        ("telepathy", "user", "convo.note.created"),
        ("phone", "user", "convo.note.created"),
        ("forwardparent", "user", "convo.note.created"),
    ],
)
def test_every_type_of_thread_has_a_direction(kind: str, by: str, event: str) -> None:
    body = with_thread(type=kind)
    made_by(by)(body["_embedded"]["threads"][1])
    assert "message:2040701:9002" in [one.keys[0] for one in facts(event, body)]


def test_the_customer_beside_a_note_is_not_its_author() -> None:
    told = facts("convo.note.created", fixture("note"))[-1]
    assert told.message is not None
    assert told.message.author.id == IRA


def test_custom_fields_that_share_a_name_are_told_apart() -> None:
    fields = [{"id": 1, "name": "Plan", "value": "a"}, {"id": 2, "name": "Plan", "value": "b"}, {"id": 3, "value": "c"}]
    ticket = fact("convo.custom-fields", fixture("tags") | {"customFields": fields}).ticket
    assert ticket["fields"] == {"Plan": "a", "2": "b", "3": "c"}


@pytest.mark.parametrize("tag", [{"tag": "vip"}, {"name": "vip"}, {"slug": "vip"}, "vip"])
def test_a_tag_in_any_of_its_forms(tag: Any) -> None:
    assert fact("convo.tags", fixture("tags") | {"tags": [tag, tag]}).ticket["tags"] == ("vip",)
