"""What deliveries tell, in our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import ActorKind, Change, Channel, Direction, EventKind, Fact, RejectedError, Score, Status, Ticket
from cornerdesk_zendesk.events import DOMAINS, EVENTS, UNKNOWN
from cornerdesk_zendesk.testing import NOW, make_delivery
from cornerdesk_zendesk.webhooks import read

PAGES = "https://acme.zendesk.com/agent/tickets/"
FIXTURES = Path(__file__).parent / "fixtures"

LISTED = [  # every name of the fact sheet's table (1.3)
    "created", "comment_added", "comment_made_private", "comment_redacted", "attachment_linked_to_comment",
    "attachment_redacted_from_comment", "status_changed", "priority_changed", "type_changed", "subject_changed",
    "description_changed", "custom_status_changed", "agent_assignment_changed", "group_assignment_changed",
    "requester_changed", "submitter_changed", "organization_changed", "brand_changed", "form_changed",
    "external_id_changed", "problem_link_changed", "task_due_at_changed", "tags_changed", "custom_field_changed",
    "email_ccs_changed", "followers_changed", "merged", "marked_as_spam", "soft_deleted", "undeleted",
    "permanently_deleted", "csat_requested", "csat_received", "sla_policy_changed", "ola_policy_changed",
    "schedule_changed", "next_sla_breach_changed",
]  # fmt: skip


def read_fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def only_fact(body: bytes) -> Fact:
    (fact,) = read(make_delivery(body), PAGES).facts
    return fact


def event(name: str, change: dict[str, Any] | None = None, /, **detail: Any) -> bytes:
    """A delivery like the fixture of a new ticket, of another type."""
    body = json.loads(read_fixture("ticket_created"))
    body["type"] = f"zen:event-type:{name}" if ":" not in name else name
    body["event"] |= change or {}
    body["detail"] |= detail
    return json.dumps(body).encode()


def ignored(body: bytes) -> str | None:
    return read(make_delivery(body), PAGES).ignored


def test_a_new_ticket_is_told_with_its_first_message() -> None:
    fact = only_fact(read_fixture("ticket_created"))
    assert fact.kind is EventKind.TICKET_CREATED
    assert fact.keys == ("created:5158", "event:2b24ef10-19d5-4740-93cf-5f98ec4776c0")
    assert fact.occurred_at == datetime(2026, 10, 5, 11, 58, 2, 672717, tzinfo=UTC)
    assert fact.as_of == datetime(2026, 10, 5, 11, 58, 2, tzinfo=UTC)
    assert fact.first_message
    assert fact.message is not None
    assert (fact.message.id, fact.message.direction) == ("first:5158", Direction.INBOUND)
    assert fact.message.text.endswith("We will cancel if this stays.")
    assert fact.actor.kind is ActorKind.CUSTOMER
    assert {"ticket", "customer", "account", "fields"} <= fact.needs


def test_a_ticket_is_told_in_our_words() -> None:
    ticket = Ticket.model_validate(only_fact(read_fixture("ticket_created")).ticket)
    assert ticket.url == "https://acme.zendesk.com/agent/tickets/5158"
    assert (ticket.status, ticket.type, ticket.tags) == (Status.OPEN, "task", ("export", "beta"))
    assert (ticket.priority, ticket.priority_label) == ("low", "low")
    assert (ticket.channel, ticket.channel_label) == (Channel.WEB, "web_form")
    assert ticket.customer is not None
    assert ticket.customer.id == "8447388090494"


def test_what_is_not_told_is_not_made_up() -> None:
    told = only_fact(read_fixture("messaging_message_added")).ticket
    assert set(told) == {"id", "number", "url"}
    assert "tags" not in only_fact(event("ticket.status_changed", {"current": "OPEN"}, tags=None)).ticket


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("HOLD", Status.ON_HOLD),
        ("pending", Status.PENDING),
        ("ARCHIVED", Status.CLOSED),
        ("SCRUBBED", Status.DELETED),
        ("DELETED", Status.DELETED),
        ("INVENTED", Status.OTHER),
    ],
)
def test_a_status_is_known_in_any_case_and_an_unknown_one_keeps_its_word(word: str, status: Status) -> None:
    told = only_fact(event("ticket.tags_changed", status=word)).ticket
    assert (told["status"], told.get("status_label")) == (status, "invented" if status is Status.OTHER else None)


@pytest.mark.parametrize("part", ["event", "detail"])
def test_a_part_that_is_null_tells_nothing(part: str) -> None:
    body = json.loads(read_fixture("ticket_created"))
    fact = only_fact(json.dumps(body | {part: None}).encode())
    assert (fact.kind, fact.ticket_id) == (EventKind.TICKET_CREATED, "5158")


def test_unset_is_written_in_several_ways() -> None:
    told = only_fact(event("ticket.created", assignee_id="0", organization_id="", priority="")).ticket
    assert told["assignee"] is None
    assert "account" not in told
    assert told["priority"] is None


def test_an_agent_who_writes_first_speaks_to_the_customer() -> None:
    message = only_fact(event("ticket.created", submitter_id="77")).message
    assert message is not None
    assert (message.direction, message.author.kind) == (Direction.OUTBOUND, ActorKind.UNKNOWN)


def test_a_private_ticket_begins_with_a_note() -> None:
    message = only_fact(event("ticket.created", is_public=False)).message
    assert message is not None
    assert message.direction is Direction.INTERNAL


def test_a_comment_is_a_message_with_its_history_apart() -> None:
    fact = only_fact(read_fixture("comment_added"))
    assert fact.kind is EventKind.MESSAGE_ADDED
    assert fact.keys[0] == "message:35436001"
    assert fact.message is not None
    assert (fact.message.text, fact.message.direction) == ("It is  still broken.", Direction.INBOUND)
    assert fact.message.quoted is not None
    assert fact.actor.name == "Bo Lind"


def test_a_note_comes_back_whole() -> None:
    message = only_fact(read_fixture("internal_note")).message
    assert message is not None
    assert message.direction is Direction.INTERNAL
    assert message.text == "Known bug.\n--\n> not a quotation of ours"
    assert message.quoted is None


@pytest.mark.parametrize(
    ("author", "direction"),
    [
        ({"id": "8447388090494"}, Direction.INBOUND),
        ({"id": "8447388090495"}, Direction.OUTBOUND),  # the assignee
        ({"id": "1", "is_staff": True}, Direction.OUTBOUND),
        ({"id": "1", "is_staff": False}, Direction.INBOUND),
        (None, Direction.INBOUND),
    ],
)
def test_who_is_staff_speaks_to_the_customer(author: dict[str, Any] | None, direction: Direction) -> None:
    comment = {"id": "1", "body": "x", "is_public": True, "author": author}
    message = only_fact(event("ticket.comment_added", {"comment": comment})).message
    assert message is not None
    assert message.direction is direction


def test_a_changed_status_tells_before_and_after() -> None:
    fact = only_fact(read_fixture("status_changed"))
    assert fact.kind is EventKind.TICKET_CHANGED
    assert fact.changes == {"status": Change(before=Status.OPEN, after=Status.SOLVED)}
    assert fact.ticket["status"] is Status.SOLVED
    assert fact.keys[0] == "change:5158:status:8f1b6c1e-0f6a-4c3f-9b3f-0d8a5d0f9c11:1"


@pytest.mark.parametrize("second", range(4))
def test_a_field_that_takes_its_value_again_soon_after_has_changed_again(second: int) -> None:
    def keys(seconds: int) -> set[str]:
        time = f"2026-10-05T11:58:{seconds:02d}Z"
        change = {"current": "PENDING", "previous": "OPEN", "meta": {"sequence": {"id": f"S{seconds}", "position": 1}}}
        body = json.loads(event("ticket.status_changed", change, updated_at=time))
        return set(only_fact(json.dumps(body | {"time": time, "id": f"E{seconds}"}).encode()).keys)

    assert not keys(second) & keys(second + 2)


def test_several_changes_of_one_action_are_several_facts() -> None:
    keys = [only_fact(read_fixture(name)).keys for name in ("status_changed", "tags_changed")]
    assert not set(keys[0]) & set(keys[1])


def test_without_a_sequence_the_events_id_tells_changes_apart() -> None:
    fact = only_fact(event("ticket.status_changed", {"current": "OPEN", "previous": "NEW", "meta": None}))
    assert fact.keys[0] == "change:5158:status:2b24ef10-19d5-4740-93cf-5f98ec4776c0"


@pytest.mark.parametrize(
    ("name", "told", "field", "before", "after"),
    [
        ("status", ("hold", "Open"), "status", Status.OPEN, Status.ON_HOLD),
        ("priority", ("URGENT", None), "priority", None, "urgent"),
        ("type", ("INCIDENT", ""), "type", None, "incident"),
        ("subject", ("b", "a"), "subject", "a", "b"),
        ("agent_assignment", ("7", None), "assignee", None, {"id": "7"}),
        ("external_id", ("x-1", ""), "external_id", None, "x-1"),
        ("brand", (2, 1), "brand", "1", "2"),
        ("form", ("2", "1"), "form", "1", "2"),
        ("problem_link", ("9", "0"), "problem", None, "9"),
        ("submitter", ("9", "8"), "submitter", "8", "9"),
        ("task_due_at", ("2026-10-06T00:00:00Z", None), "due_at", None, "2026-10-06T00:00:00Z"),
    ],
)
def test_changes_are_told_in_our_words(
    name: str, told: tuple[Any, Any], field: str, before: object, after: object
) -> None:
    fact = only_fact(event(f"ticket.{name}_changed", {"current": told[0], "previous": told[1]}))
    assert fact.changes == {field: Change(before=before, after=after)}


@pytest.mark.parametrize("name", ["group_assignment", "organization", "requester", "custom_status"])
def test_what_is_told_by_id_alone_is_found_by_comparing(name: str) -> None:
    fact = only_fact(event(f"ticket.{name}_changed", {"current": "7", "previous": "8"}))
    assert fact.kind is None
    assert "ticket" in fact.needs


def test_a_change_that_does_not_say_what_changed_is_found_by_comparing() -> None:
    assert only_fact(event("ticket.priority_changed")).kind is None


@pytest.mark.parametrize("key", ["custom_field", "field"])
def test_a_custom_field_goes_by_its_title(key: str) -> None:
    told = {key: {"id": 360, "title": "Plan", "type": "text"}, "current": "pro", "previous": None}
    fact = only_fact(event("ticket.custom_field_changed", told))
    assert fact.changes == {"fields.Plan": Change(before=None, after="pro")}
    assert fact.ticket["fields"] == {"Plan": "pro"}
    assert fact.keys[0].startswith("change:5158:fields.360:")


def test_tags_before_are_reckoned_from_tags_after() -> None:
    change = only_fact(read_fixture("tags_changed")).changes["tags"]
    assert change == Change(before=["beta", "export", "trial"], after=["beta", "export", "vip"])


def test_tags_that_are_not_told_whole_still_tell_what_came_and_went() -> None:
    told = {"tags_added": ["a"], "tags_removed": ["b"]}
    assert only_fact(event("ticket.tags_changed", told, tags=None)).changes["tags"] == Change(before=["b"], after=["a"])


@pytest.mark.parametrize(
    ("given", "score", "label"),
    [
        ({"score": "GOOD"}, Score.GOOD, "GOOD"),
        ({"score": "bad_with_comment", "comment": "no"}, Score.BAD, "bad_with_comment"),
        ({"score": 3}, Score.OKAY, "3"),
        (5, Score.GOOD, "5"),
        ("1", Score.BAD, "1"),
        ({"score": "OFFERED"}, None, "OFFERED"),
        ({"score": None}, None, None),
    ],
)
def test_a_rating_keeps_the_vendors_word(given: object, score: Score | None, label: str | None) -> None:
    fact = only_fact(event("ticket.csat_received", {"satisfaction_score": given}))
    assert fact.kind is EventKind.TICKET_RATED
    assert fact.rating is not None
    assert (fact.rating.score, fact.rating.label) == (score, label)


def test_a_merged_ticket_says_into_which() -> None:
    fact = only_fact(event("ticket.merged", {"target_ticket_id": 5159}))
    assert (fact.kind, fact.changes["merged_into"].after) == (EventKind.TICKET_MERGED, "5159")


def test_a_deleted_ticket_is_deleted_whatever_its_snapshot_says() -> None:
    fact = only_fact(event("ticket.soft_deleted", status="OPEN"))
    assert (fact.kind, fact.ticket["status"]) == (EventKind.TICKET_DELETED, Status.DELETED)


def test_deleting_for_good_tells_nothing_new() -> None:
    assert ignored(event("ticket.permanently_deleted")) == "the ticket was deleted before"


def test_spam_and_a_way_back_are_changes_of_status() -> None:
    assert only_fact(event("ticket.marked_as_spam")).changes["status"].after is Status.SPAM
    back = only_fact(event("ticket.undeleted")).changes["status"]
    assert (back.before, back.after) == (Status.DELETED, Status.OPEN)
    assert only_fact(event("ticket.undeleted", status="DELETED")).kind is None


@pytest.mark.parametrize(
    ("kind", "direction", "actor"),
    [
        ("end_user", Direction.INBOUND, ActorKind.CUSTOMER),
        ("agent", Direction.OUTBOUND, ActorKind.AGENT),
        ("system", Direction.OUTBOUND, ActorKind.BOT),
    ],
)
def test_a_chat_message_is_a_message(kind: str, direction: Direction, actor: ActorKind) -> None:
    fact = only_fact(read_fixture("messaging_message_added").replace(b"end_user", kind.encode()))
    assert fact.ticket_id == "5158"
    assert fact.keys[0] == "message:6a1f3d00c3"
    assert fact.message is not None
    assert (fact.message.direction, fact.message.author.kind) == (direction, actor)
    assert "ticket" in fact.needs


@pytest.mark.parametrize(
    ("channel", "ours"),
    [
        ("mail", Channel.EMAIL),
        ("web_service", Channel.API),
        ("native_messaging", Channel.MESSAGING),
        ("voice", Channel.PHONE),
        ("chat", Channel.CHAT),
        ("twitter_dm", Channel.SOCIAL),
        (0, Channel.WEB),
        (4, Channel.EMAIL),
        (99, Channel.OTHER),
        ("carrier_pigeon", Channel.OTHER),
    ],
)
def test_channels_of_both_vocabularies_are_known(channel: object, ours: Channel) -> None:
    assert only_fact(event("ticket.created", via={"channel": channel})).ticket["channel"] is ours


def test_the_slash_form_of_a_type_is_read_too() -> None:
    assert only_fact(event("zen:event-type/ticket.created")).kind is EventKind.TICKET_CREATED


def test_zendesk_itself_is_no_person() -> None:
    assert (
        only_fact(event("ticket.status_changed", {"current": "OPEN"}, actor_id=-1)).actor.kind is ActorKind.AUTOMATION
    )


def test_the_subject_names_the_ticket_where_the_detail_does_not() -> None:
    assert only_fact(event("ticket.soft_deleted", id=None)).ticket_id == "5158"


@pytest.mark.parametrize("name", LISTED)
def test_every_known_event_is_read_or_ignored_for_a_reason(name: str) -> None:
    assert f"ticket.{name}" in EVENTS
    handler = EVENTS[f"ticket.{name}"]
    if isinstance(handler, str):
        assert ignored(event(f"ticket.{name}")) == handler


@pytest.mark.parametrize("name", ["ticket.invented", "knowledge.article_published", "messaging_ticket.invented"])
def test_an_unknown_event_is_ignored_and_counted_as_such(name: str) -> None:
    assert ignored(event(name)) == UNKNOWN


def test_events_of_people_and_companies_are_ignored_for_a_reason() -> None:
    assert ignored(read_fixture("user_created")) == DOMAINS["user"]
    assert ignored(event("organization.created")) == DOMAINS["organization"]
    assert ignored(event("agent.state_changed")) == DOMAINS["agent"]
    assert ignored(read_fixture("attachment_linked"))


def test_our_trigger_only_says_where_to_look() -> None:
    fact = only_fact(read_fixture("trigger"))
    assert (fact.kind, fact.ticket_id, fact.keys) == (None, "5158", ("trigger:invocation:01HINVOCATION",))
    assert fact.actor.id == "8447388090495"
    assert "ticket" in fact.needs


def test_our_trigger_for_a_new_ticket_tells_the_same_as_the_event() -> None:
    fact = only_fact(read_fixture("trigger").replace(b'updated"', b'created"'))
    assert fact.kind is EventKind.TICKET_CREATED
    assert fact.keys[0] == only_fact(read_fixture("ticket_created")).keys[0]


@pytest.mark.parametrize("time", ["", "2026-10-05T11:58Z", "2026-10-05T11:58:02.1Z"])
def test_our_triggers_time_may_be_empty_or_short(time: str) -> None:
    fact = only_fact(json.dumps({"cornerdesk": "1", "ticket": 5158, "updated_at": time, "actor": ""}).encode())
    assert fact.occurred_at.date() == NOW.date()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "object"),
        (b"{", "JSON"),
        (b'{"event": "ticket.updated"}', "type"),
        (b'{"type": 7}', "type"),
        (b'{"type": "ticket.created"}', "type"),
        (b'{"cornerdesk": 2, "ticket": 1}', "cornerdesk"),
        (b'{"cornerdesk": 1}', "ticket"),
        (b'{"cornerdesk": 1, "ticket": "{{ticket.id}}"}', "ticket"),
        (b'{"type": "zen:event-type:ticket.created"}', r"detail\.id"),
        (b'{"type": "zen:event-type:ticket.created", "detail": 7}', "detail"),
        (event("ticket.created", time=None, updated_at="yesterday"), r"detail\.updated_at"),
        (event("ticket.comment_added"), r"event\.comment"),
        (event("ticket.comment_added", {"comment": {"is_public": True}}), r"event\.comment"),
        (event("ticket.status_changed", {"current": {}}), r"event\.current"),
        (event("ticket.agent_assignment_changed", {"current": "a b"}), r"event\.current"),
        (event("ticket.custom_field_changed"), r"event\.custom_field"),
        (event("ticket.csat_received"), r"event\.satisfaction_score"),
        (event("messaging_ticket.message_added"), r"event\.message\.id"),
    ],
)
def test_what_has_no_known_shape_is_rejected_by_the_name_of_its_field(body: bytes, field: str) -> None:
    with pytest.raises(RejectedError, match=field):
        read(make_delivery(body), PAGES)


def test_a_rejection_holds_nothing_that_a_customer_wrote() -> None:
    body = event("ticket.comment_added", {"comment": {"id": "we are furious!", "body": 7}})
    with pytest.raises(RejectedError) as rejected:
        read(make_delivery(body), PAGES)
    assert "furious" not in str(rejected.value)
