"""What each delivery means: every event of Help Scout's, and every odd form of its body."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import ActorKind, Channel, Direction, EventKind, Fact, RejectedError, Score, Status, Ticket
from cornerdesk_helpscout.events import EVENTS, SUBSCRIBED, UNKNOWN, UNSENT
from cornerdesk_helpscout.testing import NOW, make_delivery
from cornerdesk_helpscout.webhooks import read

FIXTURES = Path(__file__).parent / "fixtures"
BO, IRA = "70501", "811"


def fixture(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return data


def facts(event: str, body: Any, received_at: datetime = NOW) -> tuple[Fact, ...]:
    delivery = make_delivery(json.dumps(body).encode(), event, received_at=received_at)
    return read(delivery).facts


def fact(event: str, body: Any, received_at: datetime = NOW) -> Fact:
    (found,) = facts(event, body, received_at)
    Ticket.model_validate(found.ticket)
    return found


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-10-05T{clock}+00:00").astimezone(UTC)


# ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_conversation_comes_with_its_first_message() -> None:
    told = fact("convo.created", fixture("convo_created"))
    assert (told.kind, told.keys[0], told.ticket_id) == (EventKind.TICKET_CREATED, "created:2040701", "2040701")
    assert told.occurred_at == told.as_of == at("11:58:02")
    assert told.first_message
    assert told.message is not None
    assert (told.message.id, told.message.direction) == ("9001", Direction.INBOUND)
    assert told.message.text.startswith("Since this morning every export stops at 40 %.\n")
    assert told.message.quoted is not None
    assert "Bo Lind, ACME" in told.message.quoted
    assert (told.message.author.kind, told.message.author.id) == (ActorKind.CUSTOMER, BO)
    assert told.message.attachments[0].name == "export.log"
    assert told.message.attachments[0].size == 812
    assert told.needs == {"account"}


def test_what_a_body_tells_of_the_ticket() -> None:
    ticket = fact("convo.created", fixture("convo_created")).ticket
    assert ticket["url"] == "https://secure.helpscout.net/conversation/2040701/5158"
    assert (ticket["number"], ticket["subject"]) == ("5158", "Export stops")
    assert (ticket["status"], ticket["status_label"]) == (Status.OPEN, "active")
    assert (ticket["channel"], ticket["channel_label"]) == (Channel.EMAIL, "email")
    assert ticket["tags"] == ("export", "beta")
    assert ticket["customer"] == {"id": BO, "email": "bo@acme.example.com", "name": "Bo Lind", "kind": "user"}
    assert ticket["fields"] == {"Plan": "Business", "Seats": "40"}
    assert (ticket["assignee"], ticket["team"]) == (None, None)
    assert ticket["message_count"] == 1
    assert "waiting_since" not in ticket
    assert "priority" not in ticket


def test_a_new_conversation_without_threads_is_looked_up() -> None:
    body = fixture("convo_created")
    del body["_embedded"]
    told = fact("convo.created", body)
    assert told.message is None
    assert told.needs == {"account", "message"}


def test_of_a_new_conversation_whose_threads_are_not_all_there_the_first_is_not_guessed() -> None:
    told = fact("convo.created", fixture("convo_created") | {"threads": 40})
    assert told.message is None
    assert "message" in told.needs


def test_the_first_of_several_threads_in_any_order_is_the_first_message() -> None:
    for turn in (list, lambda threads: list(reversed(threads))):
        body = fixture("note")
        body["_embedded"]["threads"] = turn(body["_embedded"]["threads"])
        told = fact("convo.created", body)
        assert told.message is not None
        assert told.message.id == "9001"


@pytest.mark.parametrize(
    ("event", "name", "thread", "direction", "text"),
    [
        ("convo.customer.reply.created", "customer_reply", "9003", Direction.INBOUND, "Still broken."),
        ("convo.agent.reply.created", "agent_reply", "9002", Direction.OUTBOUND, "Hello Bo,\nwe are on it.\nIra"),
        ("convo.note.created", "note", "9004", Direction.INTERNAL, "Told the CEO."),
    ],
)
def test_a_reply_or_note_is_the_newest_thread_of_its_kind(
    event: str, name: str, thread: str, direction: Direction, text: str
) -> None:
    told = facts(event, fixture(name))[-1]
    assert (told.kind, told.keys[0]) == (EventKind.MESSAGE_ADDED, f"message:2040701:{thread}")
    assert told.message is not None
    assert (told.message.direction, told.message.text) == (direction, text)
    assert told.occurred_at == told.message.created_at
    assert told.actor.id == (BO if direction is Direction.INBOUND else IRA)
    assert told.actor.kind is (ActorKind.CUSTOMER if direction is Direction.INBOUND else ActorKind.AGENT)


def test_two_quick_replies_are_told_by_either_body() -> None:
    body = fixture("customer_reply")
    third = body["_embedded"]["threads"][0] | {"id": 9010, "createdAt": "2026-10-05T11:59:57Z"}
    body["_embedded"]["threads"].insert(0, third)
    told = facts("convo.customer.reply.created", body | {"threads": 4})
    assert [one.keys[0] for one in told] == ["message:2040701:9003", "message:2040701:9010"]
    assert [one.first_message for one in told] == [False, False]


def test_a_first_message_that_is_told_as_a_reply_is_known_for_the_first() -> None:
    told = fact("convo.customer.reply.created", fixture("convo_created"))
    assert (told.keys[0], told.first_message) == ("message:2040701:9001", True)


def test_an_older_reply_of_the_customers_is_not_told_again() -> None:
    body = fixture("customer_reply")
    threads = body["_embedded"]["threads"]
    threads[-1]["createdAt"] = "2026-10-05T11:40:00Z"
    threads.insert(3, threads[0] | {"id": 9000, "createdAt": "2026-10-05T11:45:00Z"})
    told = facts("convo.customer.reply.created", body | {"threads": 4})
    assert [one.keys[0] for one in told] == ["message:2040701:9003"]


def test_of_two_replies_of_one_second_the_later_one_counts() -> None:
    body = fixture("customer_reply")
    for thread in body["_embedded"]["threads"]:
        thread["createdAt"] = "2026-10-05T11:59:50Z"
    assert facts("convo.customer.reply.created", body)[-1].keys[0] == "message:2040701:9003"


@pytest.mark.parametrize("event", ["convo.customer.reply.created", "convo.agent.reply.created", "convo.note.created"])
@pytest.mark.parametrize("threads", [None, []])
def test_a_reply_that_the_body_does_not_bring_is_looked_up(event: str, threads: list[Any] | None) -> None:
    body = fixture("agent_reply") | {"_embedded": {"threads": threads}}
    told = fact(event, body)
    assert told.kind is None
    assert told.needs == {"account", "message"}
    assert told.occurred_at == at("11:59:10")
    assert told.keys[0].startswith("change:2040701:")


def test_of_a_body_that_brings_only_old_threads_the_newest_is_looked_up() -> None:
    told = fact("convo.customer.reply.created", fixture("customer_reply"), NOW + timedelta(days=3))
    assert told.kind is None
    assert "message" in told.needs
    assert told.occurred_at == NOW + timedelta(days=3) - timedelta(hours=1)


def test_a_delivery_that_waited_for_minutes_still_tells_its_message() -> None:
    told = facts("convo.agent.reply.created", fixture("agent_reply"), NOW + timedelta(minutes=17))
    assert told[0].kind is EventKind.MESSAGE_ADDED


@pytest.mark.parametrize("state", ["draft", "hidden", "underreview"])
def test_what_nobody_was_told_is_no_message(state: str) -> None:
    body = fixture("agent_reply")
    body["_embedded"]["threads"][1]["state"] = state
    assert fact("convo.agent.reply.created", body).kind is None


@pytest.mark.parametrize(
    "event", ["convo.assigned", "convo.status", "convo.tags", "convo.custom-fields", "convo.moved"]
)
def test_a_change_is_found_by_looking_and_comparing(event: str) -> None:
    told = fact(event, fixture("tags"))
    assert (told.kind, told.changes) == (None, {})
    assert told.ticket["tags"] == ("export", "beta", "vip")
    assert told.needs == {"account", "message"}
    assert told.as_of == told.occurred_at == at("11:59:00")


def test_a_change_has_a_name_of_its_own_each_time() -> None:
    one = fact("convo.status", fixture("status_closed"))
    other = fact("convo.status", fixture("status_closed") | {"userUpdatedAt": "2026-10-05T12:30:00Z"})
    assert one.keys != other.keys
    assert one.keys == fact("convo.status", fixture("status_closed"), NOW + timedelta(minutes=1)).keys


def test_a_conversation_of_a_teams() -> None:
    told = fact("convo.assigned", fixture("assigned_to_team"))
    assert (told.ticket["assignee"], told.ticket["team"]) == (None, "Billing")


def test_a_conversation_of_an_agents() -> None:
    told = fact("convo.assigned", fixture("agent_reply"))
    assert told.ticket["assignee"] == {"id": IRA, "name": "Ira Okoye", "email": "ira@example.com"}
    assert told.ticket["team"] is None


def test_a_merge_tells_of_the_one_that_is_gone_and_looks_at_the_one_that_stays() -> None:
    gone, stays = facts("convo.merged", fixture("merged"))
    assert (gone.kind, gone.ticket_id, gone.keys) == (EventKind.TICKET_MERGED, "2040600", ("merged:2040600",))
    assert gone.changes["merged_into"].after == "2040701"
    assert gone.needs == frozenset()
    assert gone.ticket["status"] is Status.CLOSED
    assert (stays.kind, stays.ticket_id) == (None, "2040701")
    assert "message" in stays.needs


@pytest.mark.parametrize(
    "entities", [None, [], {}, {"user": 811}, {"originalConversation": "soon"}, {"conversation": 2040701}]
)
def test_a_merge_that_does_not_name_the_other_looks_at_the_one_that_stays(entities: Any) -> None:
    body = fixture("merged")
    body["_embedded"]["threads"][0]["action"]["associatedEntities"] = entities
    assert fact("convo.merged", body).ticket_id == "2040701"


def test_a_message_that_a_merge_moved_is_the_same_message() -> None:
    created = fact("convo.created", fixture("convo_created"))
    moved = fixture("customer_reply") | {"id": 2040900, "createdAt": "2026-10-05T11:59:45Z"}
    told = facts("convo.customer.reply.created", moved)
    assert [one.keys[0] for one in told] == ["message:2040900:9001", "message:2040900:9003"]
    assert set(told[0].keys) & set(created.keys)


def test_what_may_be_the_first_message_does_not_stand_for_the_creation() -> None:
    body = fixture("convo_created")
    told = fact("convo.customer.reply.created", body | {"threads": 40})
    assert told.keys == ("message:2040701:9001",)


def test_a_deletion_is_an_id_and_no_more() -> None:
    told = fact("convo.deleted", fixture("deleted"))
    assert (told.kind, told.keys) == (EventKind.TICKET_DELETED, ("deleted:2040701",))
    assert told.ticket["status"] is Status.DELETED
    assert told.occurred_at == NOW
    assert told.needs == frozenset()


# ── ratings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rating_is_the_customers() -> None:
    told = fact("satisfaction.ratings", fixture("rating"))
    assert told.kind is EventKind.TICKET_RATED
    assert told.keys[0].startswith("rating:2040701:9002:")
    assert told.rating is not None
    assert (told.rating.score, told.rating.label) == (Score.BAD, "not_good")
    assert told.rating.comment == "It took <too> long."
    assert (told.actor.kind, told.actor.id, told.actor.name) == (ActorKind.CUSTOMER, BO, "Bo Lind")
    assert told.occurred_at == at("12:00:00")
    assert told.ticket["number"] == "5158"
    assert {"ticket", "customer", "account", "fields"} <= told.needs


@pytest.mark.parametrize(
    ("word", "score"),
    [
        ("great", Score.GOOD), ("Great", Score.GOOD), ("okay", Score.OKAY), ("ok", Score.OKAY), ("not_good", Score.BAD),
        ("not-good", Score.BAD), ("Not Good", Score.BAD), ("Bad", Score.BAD), ("unknown", None), ("superb", None),
    ],
)  # fmt: skip
def test_every_spelling_of_a_rating(word: str, score: Score | None) -> None:
    told = fact("satisfaction.ratings", fixture("rating") | {"rating": word})
    assert told.rating is not None
    assert (told.rating.score, told.rating.label) == (score, word)


def test_a_rating_given_anew_is_another_one_and_a_retried_one_is_not() -> None:
    first = fact("satisfaction.ratings", fixture("rating"))
    better = fact("satisfaction.ratings", fixture("rating") | {"rating": "great"})
    again = fact("satisfaction.ratings", fixture("rating") | {"rating": "not-good"})
    assert first.keys != better.keys
    assert first.keys == again.keys


# ── odd bodies ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        fixture("only_address"),
        {"id": 2040701},
        {"_links": {"self": {"href": "https://api.helpscout.net/v2/conversations/2040701?embed=threads"}}},
        "https://api.helpscout.net/v2/conversations/2040701",
    ],
)
def test_a_thin_body_says_only_where_to_look(body: Any) -> None:
    told = fact("convo.customer.reply.created", body)
    assert (told.kind, told.ticket_id) == (None, "2040701")
    assert {"ticket", "message", "customer", "account", "fields"} <= told.needs
    created = fact("convo.created", body)
    assert (created.kind, created.keys) == (EventKind.TICKET_CREATED, ("created:2040701",))
    assert fact("convo.deleted", body).kind is EventKind.TICKET_DELETED


def test_a_thin_rating_is_refused_with_what_to_do() -> None:
    with pytest.raises(RejectedError, match="notification"):
        facts("satisfaction.ratings", {"resourceUri": "https://api.helpscout.net/v2/ratings/77"})


@pytest.mark.parametrize("event", ["convo.created", "convo.tags"])
def test_a_body_of_version_one_is_refused_with_what_to_do(event: str) -> None:
    with pytest.raises(RejectedError, match="payloadVersion V2"):
        facts(event, fixture("v1"))


def test_a_rating_of_version_one_is_refused_with_what_to_do() -> None:
    with pytest.raises(RejectedError, match="payloadVersion V2"):
        facts("satisfaction.ratings", {"id": 1, "ticketId": 2, "rating": "Great"})


@pytest.mark.parametrize("body", [{}, [], 7, "x", {"status": "active"}, {"resourceUri": "https://example.com/7"}])
def test_a_body_that_names_no_conversation_is_refused(body: Any) -> None:
    with pytest.raises(RejectedError):
        facts("convo.tags", body)


def test_a_field_of_an_unknown_shape_is_named() -> None:
    with pytest.raises(RejectedError, match="createdAt"):
        facts("convo.tags", fixture("tags") | {"createdAt": "soon"})


def test_without_its_header_an_event_has_no_name() -> None:
    delivery = make_delivery(json.dumps(fixture("tags")).encode())
    headers = {name: value for name, value in delivery.headers.items() if "event" not in name}
    with pytest.raises(RejectedError, match="X-HelpScout-Event"):
        read(delivery.model_copy(update={"headers": headers}))


@pytest.mark.parametrize("spelling", ["Convo.Tags", " convo.tags "])
def test_an_events_name_is_read_however_it_is_spelt(spelling: str) -> None:
    assert fact(spelling, fixture("tags")).ticket_id == "2040701"


def test_a_draft_is_nobodys_yet() -> None:
    delivery = make_delivery(json.dumps(fixture("convo_created") | {"state": "draft"}).encode())
    assert read(delivery).ignored == UNSENT


# ── every event ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_known_event_is_read_or_ignored_for_a_reason(event: str) -> None:
    body = fixture("rating") if event == "satisfaction.ratings" else fixture("note")
    reading = read(make_delivery(json.dumps(body).encode(), event))
    assert (reading.ignored is None) is not isinstance(EVENTS[event], str)
    assert bool(reading.facts) is (reading.ignored is None)


@pytest.mark.parametrize("event", ["convo.updated", "beacon.chat.ended", "convo.tags.added", "x"])
def test_an_unknown_event_is_ignored(event: str) -> None:
    reading = read(make_delivery(b'{"anything":[1]}', event))
    assert reading.ignored == UNKNOWN


def test_the_reasons_are_few() -> None:
    assert len({reason for reason in EVENTS.values() if isinstance(reason, str)}) <= 8


def test_what_is_subscribed_is_what_is_read() -> None:
    assert all(not isinstance(EVENTS[event], str) for event in SUBSCRIBED)
