"""What deliveries tell, in our words."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import (
    ActorKind,
    Channel,
    CustomerKind,
    Direction,
    EventKind,
    Fact,
    Priority,
    Reading,
    RejectedError,
    Score,
    Status,
    Ticket,
)
from cornerdesk_intercom.events import DOMAINS, NAMELESS, TOPICS, UNKNOWN
from cornerdesk_intercom.testing import APP, make_delivery
from cornerdesk_intercom.webhooks import OTHER_WORKSPACE, read

PAGES = "https://app.eu.intercom.com/a/inbox/wxyz/inbox/conversation/"
FIXTURES = Path(__file__).parent / "fixtures"
BO = "66f1c2a4d3e5b60718293a4b"

LISTED = [  # every topic of the fact sheet's table (1.4)
    "conversation.user.created", "conversation.user.replied", "conversation.read", "conversation.rating.added",
    *(f"conversation.admin.{name}" for name in (
        "assigned", "open.assigned", "closed", "opened", "noted", "replied", "single.created", "snoozed", "unsnoozed",
        "replied.translated",
    )),
    "conversation.operator.replied", "conversation.priority.updated", "conversation.company.updated",
    "conversation.contact.attached", "conversation.contact.detached", "conversation.deleted",
    "conversation_part.tag.created", "conversation_part.redacted",
    "ticket.created", "ticket.state.updated", "ticket.attribute.updated", "ticket.note.created",
    "ticket.admin.assigned", "ticket.admin.replied", "ticket.team.assigned", "ticket.contact.attached",
    "ticket.contact.detached", "ticket.contact.replied", "ticket.rating.provided", "ticket.closed", "ticket.resolved",
    "ticket.admin.snoozed", "ticket.admin.unsnoozed", "ticket.admin.replied.translated",
    "contact.user.created", "contact.user.updated", "contact.lead.created", "contact.lead.signed_up",
    "contact.user.tag.created", "contact.lead.tag.deleted", "contact.email.updated", "contact.merged",
    "contact.archived", "contact.unarchive", "contact.deleted", "contact.subscribed", "contact.unsubscribed",
    "visitor.signed_up", "user.created", "user.tag.created",
    "company.created", "company.updated", "company.deleted", "company.contact.attached", "company.contact.detached",
    "admin.added_to_workspace", "admin.removed_from_workspace", "admin.away_mode_updated",
    "ping", "job.completed",
]  # fmt: skip


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_bytes())


def reading(body: Any) -> Reading:
    return read(make_delivery(json.dumps(body).encode()), APP, PAGES)


def told(name: str, topic: str | None = None, /, **item: Any) -> tuple[Fact, ...]:
    """The facts of a fixture whose item was changed."""
    body = fixture(name)
    body["topic"] = topic or body["topic"]
    body["data"]["item"] |= item
    return reading(body).facts


def one(name: str, topic: str | None = None, /, **item: Any) -> Fact:
    (fact,) = told(name, topic, **item)
    return fact


def with_part(name: str, topic: str | None = None, /, **part: Any) -> tuple[Fact, ...]:
    """The facts of a fixture whose newest part was changed."""
    item = copy.deepcopy(fixture(name)["data"]["item"])
    parts = item.get("conversation_parts") or item["ticket_parts"]
    parts[parts["type"].removesuffix(".list") + "s"][-1] |= part
    return told(name, topic, **item)


# ── every topic ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("topic", LISTED)
def test_every_known_topic_is_read_or_ignored_on_purpose(topic: str) -> None:
    assert topic in TOPICS or topic.partition(".")[0] in DOMAINS
    name = "ticket_created" if topic.startswith("ticket.") else "conversation_user_replied"
    found = reading(fixture(name) | {"topic": topic})
    assert bool(found.facts) != bool(found.ignored)
    assert found.ignored != UNKNOWN


def test_reasons_are_few() -> None:
    reasons = {reason for reason in (*TOPICS.values(), *DOMAINS.values(), UNKNOWN) if isinstance(reason, str)}
    assert len(reasons) <= 8


def test_deliveries_of_another_workspace_are_ignored() -> None:
    assert reading(fixture("conversation_user_created") | {"app_id": "other"}).ignored == OTHER_WORKSPACE


@pytest.mark.parametrize("missing", ["app_id", "topic"])
def test_what_is_no_notification_is_rejected_by_the_name_of_what_lacks(missing: str) -> None:
    body = fixture("conversation_user_created")
    del body[missing]
    with pytest.raises(RejectedError, match=missing):
        reading(body)


def test_a_conversation_without_an_id_of_any_kind_is_ignored() -> None:
    body = fixture("conversation_contact_attached")
    body["data"]["item"]["conversation"]["model"] = None
    assert reading(body).ignored == NAMELESS


def test_a_tagged_part_alone_names_no_conversation() -> None:
    body = fixture("conversation_part_tag_created")
    body["data"]["item"] = {"type": "conversation_part", "id": "25300000001"}
    assert reading(body).ignored == NAMELESS
    body["data"]["item"]["conversation_id"] = "215470001234567"
    (fact,) = reading(body).facts
    assert (fact.kind, fact.ticket_id) == (None, "215470001234567")


# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_conversation_is_told_with_what_began_it() -> None:
    fact = one("conversation_user_created")
    assert fact.kind is EventKind.TICKET_CREATED
    assert fact.keys == ("created:215470001234567",)
    assert fact.occurred_at == datetime(2026, 10, 5, 11, 58, tzinfo=UTC)
    assert fact.first_message
    assert fact.message is not None
    assert fact.message.direction is Direction.INBOUND
    ticket = Ticket.model_validate(fact.ticket)
    assert ticket.url == PAGES + "215470001234567"
    assert (ticket.channel, ticket.channel_label, ticket.subject) == (Channel.EMAIL, "email", "Export stops")
    assert ticket.fields == {"Plan": "pro", "Copilot used": False}
    assert ticket.customer is not None
    assert (ticket.customer.id, ticket.customer.email, ticket.customer.external_id) == (BO, "bo@example.com", "crm-7")
    assert ticket.customer.kind is CustomerKind.USER
    assert ticket.waiting_since == fact.occurred_at


def test_a_customer_who_answers_a_campaign_begins_with_the_answer_as_a_part() -> None:
    source = fixture("conversation_user_created")["data"]["item"]["source"]
    source |= {"delivered_as": "campaigns_initiated", "author": {"type": "admin", "id": "815"}}
    created, said = told("conversation_user_replied", "conversation.user.created", source=source)
    assert created.message is not None
    assert created.message.direction is Direction.OUTBOUND
    assert (said.kind, said.keys) == (EventKind.MESSAGE_ADDED, ("message:25300000001",))
    assert said.message is not None
    assert said.message.direction is Direction.INBOUND


def test_a_lead_is_a_lead() -> None:
    author = {"type": "lead", "id": BO, "name": None, "email": None}
    source = fixture("conversation_user_created")["data"]["item"]["source"] | {"author": author}
    assert one("conversation_user_created", source=source).ticket["customer"]["kind"] is CustomerKind.LEAD


def test_a_reply_keeps_its_history_apart_and_its_files_by_address() -> None:
    message = one("conversation_user_replied").message
    assert message is not None
    assert message.text == "It is still broken."
    assert message.quoted is not None
    assert message.html is None
    (file,) = message.attachments
    assert (file.name, file.type, file.size, file.url) == (
        "rows.csv", "text/csv", 4711, "https://files.example.com/rows.csv",
    )  # fmt: skip


def test_html_of_older_versions_reads_as_text() -> None:
    (fact,) = with_part("conversation_user_replied", body="<p>We have 5 &lt; 6 users.</p><p>Please.</p>")
    assert fact.message is not None
    assert fact.message.text == "We have 5 < 6 users.\nPlease."
    assert fact.message.html == "<p>We have 5 &lt; 6 users.</p><p>Please.</p>"


def test_a_sign_among_words_is_no_html() -> None:
    (fact,) = with_part("conversation_user_replied", body="a <b and c> d")
    assert fact.message is not None
    assert fact.message.text == "a <b and c> d"


def test_a_note_of_ours_comes_back_without_its_marker() -> None:
    fact = one("conversation_admin_noted")
    assert fact.message is not None
    assert (fact.message.direction, fact.message.text) == (Direction.INTERNAL, "The CEO knows.\n--\n> as told")
    assert (fact.actor.kind, fact.actor.id) == (ActorKind.AGENT, "814")


def test_fin_is_a_bot_whatever_it_writes_as() -> None:
    assert one("conversation_operator_replied").actor.kind is ActorKind.BOT
    (fact,) = with_part("conversation_admin_replied", author={"type": "admin", "id": "816", "from_ai_agent": True})
    assert fact.actor.kind is ActorKind.BOT


def test_who_writes_as_something_new_is_unknown_and_heard() -> None:
    (fact,) = with_part("conversation_user_replied", author={"type": "martian", "id": "1"})
    assert fact.message is not None
    assert (fact.actor.kind, fact.message.direction) == (ActorKind.UNKNOWN, Direction.INBOUND)


@pytest.mark.parametrize("kind", ["comment", "quick_reply", "open", "close", "assignment", "assign_and_reopen"])
def test_a_part_with_words_is_a_message_whatever_else_it_does(kind: str) -> None:
    facts = with_part("conversation_user_replied", part_type=kind, assigned_to={"type": "admin", "id": "815"})
    assert EventKind.MESSAGE_ADDED in {fact.kind for fact in facts}
    assert len({fact.keys for fact in facts}) == len(facts)


def test_files_alone_are_a_message() -> None:
    file = {"type": "upload", "name": "screen.png", "url": "https://files.example.com/screen.png"}
    (fact,) = with_part("conversation_user_replied", body=None, attachments=[file])
    assert fact.message is not None
    assert (fact.message.text, len(fact.message.attachments)) == ("", 1)


@pytest.mark.parametrize("kind", ["channel_and_reply_time_expectation", "call_summary", "conversation_sla_paused"])
def test_words_about_what_happened_are_no_message(kind: str) -> None:
    (fact,) = with_part("conversation_operator_replied", part_type=kind)
    assert (fact.kind, fact.message) == (None, None)


def test_one_assignment_under_two_topics_is_one_fact() -> None:
    first, again = one("conversation_admin_assigned"), one("conversation_admin_open_assigned")
    assert first.keys == again.keys == ("part:25300000007:assignee",)
    assert first.changes["assignee"].after == {"id": "815"}
    assert first.actor.name == "Agnes Moss"


def test_nobody_is_assigned_by_null() -> None:
    (fact,) = with_part("conversation_admin_assigned", assigned_to={"type": "nobody_admin", "id": None})
    assert fact.changes["assignee"].after is None


def test_a_team_has_a_name_that_is_not_told_so_the_ticket_is_looked_at() -> None:
    fact = one("conversation_team_assigned")
    assert (fact.kind, fact.changes) == (None, {})
    assert "ticket" in fact.needs
    assert "team" not in fact.ticket


def test_assigned_and_reopened_is_two_changes() -> None:
    item = {"part_type": "assign_and_reopen"}
    facts = with_part("conversation_admin_assigned", **item)
    assert {name for fact in facts for name in fact.changes} == {"assignee", "status"}


@pytest.mark.parametrize(
    ("topic", "status"),
    [
        ("conversation.admin.closed", Status.SOLVED),
        ("conversation.admin.opened", Status.OPEN),
        ("conversation.admin.snoozed", Status.PENDING),
        ("conversation.admin.unsnoozed", Status.OPEN),
    ],
)
def test_a_topic_says_what_no_part_does(topic: str, status: Status) -> None:
    (fact,) = with_part("conversation_admin_closed", topic, part_type="timer_something")
    assert fact.changes["status"].after is status
    assert fact.ticket["status"] is status


def test_a_snoozed_conversation_is_open_too_and_pending_for_us() -> None:
    fact = one("conversation_admin_snoozed")
    assert (fact.ticket["status"], fact.ticket["status_label"]) == (Status.PENDING, "snoozed")


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("urgent", Priority.URGENT),
        ("medium", Priority.NORMAL),
        ("priority", Priority.HIGH),
        ("not_priority", None),
        ("none", None),
        ("later", None),
    ],
)
def test_priorities_of_all_versions(word: str, ours: Priority | None) -> None:
    fact = one("conversation_priority_updated", priority=word)
    assert fact.changes["priority"].after == ours
    assert fact.ticket["priority_label"] == word


def test_a_rating_is_told_with_its_words() -> None:
    fact = one("conversation_rating_added")
    assert fact.rating is not None
    assert (fact.rating.score, fact.rating.comment, fact.rating.label) == (Score.BAD, "Nobody answered.", "2")
    assert fact.keys == ("rating:215470001234567:1791201500:2:remark",)
    assert fact.occurred_at == datetime(2026, 10, 5, 11, 59, 50, tzinfo=UTC)


def test_a_remark_that_comes_later_is_another_fact() -> None:
    rating = {"rating": 2, "remark": None, "created_at": 1791201500}
    first = one("conversation_rating_added", conversation_rating=rating)
    assert not set(first.keys) & set(one("conversation_rating_added").keys)


@pytest.mark.parametrize("rating", [None, {"rating": None, "created_at": 1791201500}])
def test_a_rating_that_is_not_told_makes_us_look(rating: Any) -> None:
    fact = one("conversation_rating_added", conversation_rating=rating)
    assert (fact.kind, fact.rating) == (None, None)


def test_a_deleted_conversation_needs_nothing_more() -> None:
    fact = one("conversation_deleted")
    assert (fact.kind, fact.keys, fact.needs) == (
        EventKind.TICKET_DELETED, ("deleted:215470001234567",), frozenset(),
    )  # fmt: skip


def test_times_may_be_seconds_or_text_in_one_delivery() -> None:
    fact = one(
        "conversation_user_created", created_at="2026-10-05T11:58:00.000Z", updated_at="2026-10-05T11:58:00+00:00"
    )
    assert fact.occurred_at == fact.as_of == datetime(2026, 10, 5, 11, 58, tzinfo=UTC)


@pytest.mark.parametrize("nobody", [None, 0, "0"])
def test_nobody_is_written_in_several_ways(nobody: Any) -> None:
    fact = one("conversation_user_created", admin_assignee_id=nobody, team_assignee_id=nobody)
    assert (fact.ticket["assignee"], fact.ticket["team"]) == (None, None)


def test_words_of_tomorrow_stay_readable() -> None:
    fact = one("conversation_user_created", state="parked", priority="p0", channel={"initial": "hologram"})
    ticket = Ticket.model_validate(fact.ticket)
    assert (ticket.status, ticket.status_label) == (Status.OTHER, "parked")
    assert (ticket.priority, ticket.priority_label) == (None, "p0")
    assert (ticket.channel, ticket.channel_label) == (Channel.OTHER, "hologram")


# ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_part_may_have_the_id_of_what_began_another_conversation() -> None:
    began = one("conversation_user_created")
    assert began.message is not None
    (said,) = with_part("conversation_user_replied", id=began.message.id)
    assert not set(began.keys) & set(said.keys)


def test_a_new_ticket_is_told_with_its_description() -> None:
    fact = one("ticket_created")
    assert fact.keys[0] == "created:215470007654321"
    assert fact.message is not None
    assert fact.message.direction is Direction.INBOUND
    ticket = Ticket.model_validate(fact.ticket)
    assert (ticket.number, ticket.subject, ticket.type) == ("34", "Invoice is wrong", "Billing")
    assert (ticket.status, ticket.status_label) == (Status.NEW, "Received")
    assert ticket.fields == {"Severity": "2"}


def test_what_a_teammate_describes_was_said_to_nobody() -> None:
    message = one("ticket_created", category="Back-office").message
    assert message is not None
    assert message.direction is Direction.INTERNAL


def test_of_all_of_a_tickets_parts_the_new_ones_count() -> None:
    assert one("ticket_contact_replied").keys == ("message:25300001001",)
    assert one("ticket_note_created").keys == ("message:25300001002",)
    (late,) = reading(fixture("ticket_note_created") | {"created_at": 1791209999}).facts
    assert late.keys == ("message:25300001002",)


def test_two_replies_at_once_are_both_told() -> None:
    body = fixture("ticket_contact_replied")
    parts = body["data"]["item"]["ticket_parts"]["ticket_parts"]
    parts.append({**parts[-1], "id": "25300001009", "body": "And July.", "created_at": parts[-1]["created_at"] + 2})
    assert [fact.keys for fact in reading(body).facts] == [("message:25300001001",), ("message:25300001009",)]


def test_a_new_state_is_told_with_the_tickets_own_word() -> None:
    fact = one("ticket_state_updated")
    assert fact.changes["status"].after is Status.OPEN
    assert fact.ticket["status_label"] == "With billing"
    assert fact.keys == ("part:25300001003:status",)


def test_the_first_state_of_a_ticket_is_no_change() -> None:
    fact = one("ticket_created", "ticket.state.updated")
    assert (fact.kind, fact.changes) == (None, {})


def test_a_state_of_versions_before_2_12_is_a_word() -> None:
    fact = one("ticket_created", ticket_state="waiting_on_customer", ticket_state_internal_label="Ask Bo")
    assert (fact.ticket["status"], fact.ticket["status_label"]) == (Status.PENDING, "Ask Bo")


def test_a_closed_conversation_is_solved_for_a_reply_opens_it() -> None:
    fact = one("conversation_admin_closed")
    assert (fact.ticket["status"], fact.ticket["status_label"]) == (Status.SOLVED, "closed")


@pytest.mark.parametrize("state", ["submitted", "in_progress", "waiting_on_customer", "resolved"])
def test_a_ticket_closed_in_the_inbox_is_solved_in_any_state(state: str) -> None:
    fact = one("ticket_created", open=False, ticket_state=state, ticket_state_internal_label="With Bo")
    assert (fact.ticket["status"], fact.ticket["status_label"]) == (Status.SOLVED, "With Bo")


def test_a_closed_ticket_may_be_nested_or_not() -> None:
    flat, nested = one("ticket_closed"), one("ticket_closed_nested")
    assert flat.keys == nested.keys == ("part:25300001004:status",)
    assert flat.ticket["customer"]["id"] == nested.ticket["customer"]["id"] == BO
    assert nested.ticket["status"] is Status.SOLVED


def test_a_ticket_closed_by_nobody_told_is_solved_all_the_same() -> None:
    parts = {"type": "ticket_part.list", "ticket_parts": [], "total_count": 0}
    fact = one("ticket_closed", ticket_parts=parts)
    assert fact.changes["status"].after is Status.SOLVED


def test_a_snoozed_ticket_is_pending_unless_it_is_resolved() -> None:
    assert one("ticket_created", snoozed_until=1791288000).ticket["status"] is Status.PENDING
    assert one("ticket_resolved", snoozed_until=1791288000).ticket["status"] is Status.SOLVED
    assert one("ticket_created", snoozed_until=1791200000).ticket["status"] is Status.NEW  # that is over


@pytest.mark.parametrize(
    "given",
    [
        {"conversation_rating": {"rating": 5}},
        {"rating": 5},
        {"rating": {"rating": 5}},
        {"ticket_rating": {"rating": 5}},
    ],
)
def test_a_tickets_rating_is_found_wherever_it_stands(given: Any) -> None:
    fact = one("ticket_created", "ticket.rating.provided", **given)
    assert fact.rating is not None
    assert fact.rating.score is Score.GOOD


def test_a_conversation_that_is_a_ticket_leaves_its_standing_to_the_ticket() -> None:
    linked = {"id": 215470001234567, "state": "submitted"}
    fact = one("conversation_user_replied", ticket=linked)
    assert not {"status", "number", "subject", "type"} & fact.ticket.keys()
    assert {"ticket", "fields"} <= fact.needs


def test_opening_a_conversation_that_is_a_ticket_says_nothing_of_the_ticket() -> None:
    fact = one("conversation_admin_closed", "conversation.admin.opened", ticket={"id": 1}, conversation_parts=None)
    assert (fact.kind, fact.changes) == (None, {})


# ── as 1.x told it ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_of_1_x_is_told_whole() -> None:
    fact = one("legacy_user_created")
    ticket = Ticket.model_validate(fact.ticket)
    assert ticket.customer is not None
    assert (ticket.customer.name, ticket.customer.email) == ("Cy Olsen", "cy@example.com")
    assert ticket.customer.external_id == "crm-9"
    assert ticket.assignee is not None
    assert ticket.assignee.id == "815"
    assert fact.keys == ("created:18123456789",)
    assert fact.actor.name == "Cy Olsen"


@pytest.mark.parametrize("assignee", [{"type": "nobody_admin", "id": None}, {"type": "team", "id": "501"}])
def test_an_assignee_of_1_x_may_be_nobody_or_a_team(assignee: Any) -> None:
    assert one("legacy_user_created", assignee=assignee).ticket["assignee"] is None


def test_tags_of_1_x_are_told() -> None:
    tags = {"type": "tag.list", "tags": [{"type": "tag", "id": "9", "name": "vip"}]}
    fact = one("legacy_user_replied", "conversation_part.tag.created", tags=tags, tags_added=tags)
    assert (fact.kind, fact.ticket["tags"]) == (None, ("vip",))
    assert "ticket" in fact.needs
