"""Facts become events: each once, in our model, with everything that rules may ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cornerdesk import ActorKind, Change, EventKind, Origin, Status, tag_hint, text_hint

if TYPE_CHECKING:
    from core.tests.intake.conftest import World

CREATED, ADDED, CHANGED = "ticket.created", "message.added", "ticket.changed"
NEEDS = ["ticket", "customer", "fields"]


def kinds(world: World) -> list[str]:
    return [snapshot.event.kind.value for snapshot in world.decided]


async def test_a_delivery_becomes_an_event_with_all_that_rules_may_see(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=1, fields={"Severity": "2"})
    (snapshot,) = await world.told(
        world.fact(
            CREATED,
            "created:12",
            at=1,
            needs=NEEDS,
            message=world.message("m-1", "We will cancel", at=1),
            actor={"id": "c-1"},
            raw={"type": "created"},
        )
    )
    event = snapshot.event
    assert (event.kind, event.helpdesk, event.source) == (EventKind.TICKET_CREATED, "played", "support")
    assert event.ticket.customer is not None
    assert event.ticket.customer.email == "kim@canary.example"
    assert event.ticket.fields == {"Severity": "2"}
    assert event.ticket.account is not None
    assert event.ticket.account.tier == "canary"
    assert snapshot.provenance == {"account.tier": "directory accounts.csv:4"}
    assert event.actor.kind is ActorKind.CUSTOMER
    assert event.actor.name == "Kim"
    assert [signal.name for signal in snapshot.signals] == ["churn_risk"]
    assert snapshot.known_signals == {"churn_risk"}
    assert event.raw == {"type": "created"}
    assert event.origin is Origin.WEBHOOK
    assert event.ticket.waiting_since == event.occurred_at
    assert event.ticket.message_count == 1
    assert [row.event for row in await world.events()] == [event]
    (delivery,) = await world.deliveries()
    assert (delivery["state"], delivery["events"], delivery["ticket"]) == ("done", 1, "12")


async def test_the_event_row_is_there_when_it_is_decided_on_and_in_the_same_transaction(world: World) -> None:
    from cornerdesk.storage import tables
    from sqlalchemy import select

    seen = []

    async def decide(tx, snapshot):  # type: ignore[no-untyped-def]
        seen.append(await tx.value(select(tables.events.c.id)) == snapshot.event.id)
        seen.append(await tx.value(select(tables.tickets.c.status)) == "open")

    world.decide = decide
    await world.told(
        world.fact(
            CREATED,
            "c:12",
        )
        | {"ticket": {"status": "open"}}
    )
    assert seen == [True, True]


async def test_five_deliveries_of_one_action_cost_one_fetch_and_tell_each_fact_once(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=600)
    world.clock.advance(timedelta(seconds=601))
    changed = [
        {"id": f"d-{n}", "facts": [world.fact(CHANGED, f"d-{n}", at=600, needs=NEEDS, changes={field: {"after": n}})]}
        for n, field in enumerate(["fields.a", "fields.b", "fields.c", "fields.d"])
    ]
    comment = {
        "id": "d-5",
        "facts": [world.fact(ADDED, "message:7", at=600, needs=NEEDS, message=world.message("7", at=600))],
    }
    await world.receive(*changed)
    await world.receive(comment)
    await world.work()
    assert world.desk.fetched == ["12"]
    assert sorted(kinds(world)) == [ADDED] + [CHANGED] * 4


async def test_a_delivery_that_tells_everything_costs_no_fetch(world: World) -> None:
    ticket = world.state().ticket.model_dump(mode="json")
    await world.told(world.fact(CREATED, "c") | {"ticket": ticket})
    await world.told(world.fact(ADDED, "m", at=9, message=world.message("7", at=9), needs=["customer"]))
    assert world.desk.fetched == ["12"]  # the second: what is stored is older than what it tells of


async def test_an_agent_known_by_id_alone_is_completed_from_the_api(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=3)
    (snapshot,) = await world.told(
        world.fact(CHANGED, "x", at=3, actor={"id": "a-1"}, changes={"status": {"after": "open"}})
    )
    assert (snapshot.event.actor.kind, snapshot.event.actor.name) == (ActorKind.AGENT, "Ada")


async def test_the_same_fact_in_another_delivery_is_the_same_fact(world: World) -> None:
    fact = world.fact(ADDED, "message:7", message=world.message("7"))
    again = world.fact(ADDED, "comment:7", message=world.message("7"))
    other_name = world.fact(ADDED, "audit:3", "message:7", message=world.message("7"))
    for one in (fact, again, other_name):
        await world.told(one)
    assert len(world.decided) == 1
    assert [row["state"] for row in await world.deliveries()] == ["done"] * 3


# ── the first message ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_ticket_and_its_first_message_are_one_event_when_creation_comes_first(world: World) -> None:
    first = world.message("77", "My printer burns")
    world.desk.tickets["12"] = world.state(first=first)
    await world.told(
        world.fact(
            CREATED, "created:12", needs=NEEDS, first_message=True, message=world.message("tmp", "My printer burns")
        )
    )
    await world.told(world.fact(ADDED, "message:77", at=1, message=world.message("77", "My printer burns", at=1)))
    await world.told(world.fact(ADDED, "message:78", at=2, message=world.message("78", "And smokes", at=2)))
    assert kinds(world) == [CREATED, ADDED]
    assert world.decided[0].message is not None
    assert world.decided[0].message.id == "77"


async def test_a_ticket_and_its_first_message_are_one_event_when_the_message_comes_first(world: World) -> None:
    first = world.message("77", "My printer burns")
    world.desk.tickets["12"] = world.state(first=first)
    await world.told(world.fact(ADDED, "message:77", needs=NEEDS, message=first))
    await world.told(
        world.fact(CREATED, "created:12", first_message=True, message=world.message("tmp", "My printer burns"))
    )
    assert kinds(world) == [CREATED]


async def test_without_an_api_the_first_message_is_known_by_its_text(plain: World) -> None:
    created = plain.fact(CREATED, "created:12", message=plain.message("tmp", "My printer burns"))
    await plain.told(created | {"ticket": {"created_at": created["occurred_at"]}})
    await plain.told(plain.fact(ADDED, "message:77", at=1, message=plain.message("77", "My  printer\nburns", at=1)))
    await plain.told(plain.fact(ADDED, "message:78", at=2, message=plain.message("78", "My printer burns", at=2)))
    assert kinds(plain) == [CREATED, ADDED]


async def test_an_automatic_answer_right_after_creation_is_not_taken_for_the_first_message(plain: World) -> None:
    answer = plain.message("78", "We got it", at=1, direction="outbound")
    created_at = plain.fact(None, "x")["occurred_at"]
    await plain.told(plain.fact(ADDED, "message:78", at=1, message=answer) | {"ticket": {"created_at": created_at}})
    await plain.told(plain.fact(CREATED, "created:12", message=plain.message("tmp", "My printer burns")))
    assert kinds(plain) == [ADDED, CREATED]


async def test_a_message_on_a_ticket_older_than_we_are_is_a_message(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=9000, first=world.message("1"))
    await world.told(world.fact(ADDED, "message:99", at=9000, needs=NEEDS, message=world.message("99", at=9000)))
    assert kinds(world) == [ADDED]


# ── states without a story ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_state_alone_is_compared_with_what_was_stored(plain: World) -> None:
    open_, solved = (
        {"status": status, "tags": ["a"], "subject": "S", "updated_at": None} for status in ("open", "solved")
    )
    await plain.told(plain.fact(None, "s-1", at=1000) | {"ticket": open_})
    await plain.told(plain.fact(None, "s-2", at=1001) | {"ticket": open_})
    (snapshot,) = await plain.told(plain.fact(None, "s-3", at=1002) | {"ticket": solved})
    assert kinds(plain) == [CHANGED]
    assert snapshot.event.changes == {"status": Change(before="open", after="solved")}
    assert [row["events"] for row in await plain.deliveries()] == [0, 0, 1]


async def test_a_state_of_a_ticket_just_made_tells_of_its_creation(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=2, first=world.message("77"))
    (snapshot,) = await world.told(world.fact(None, "s-1", at=2, needs=NEEDS))
    assert snapshot.event.kind is EventKind.TICKET_CREATED
    assert snapshot.message is not None
    assert await world.told(world.fact(ADDED, "message:77", at=2, message=world.message("77"))) == []


async def test_a_change_that_the_api_showed_before_it_was_told_is_still_found(plain: World) -> None:
    """A message brings the newest state along; the delivery that then tells of the change must not find it stale."""
    await plain.told(plain.fact(None, "s-1", at=1000) | {"ticket": {"status": "solved"}})
    reopened = {"ticket": {"status": "open"}}
    await plain.told(plain.fact(ADDED, "message:5", at=1001, message=plain.message("5", at=1001)) | reopened)
    (snapshot,) = await plain.told(plain.fact(CHANGED, "s-2", at=1001) | reopened)
    assert snapshot.event.changes == {"status": Change(before="solved", after="open")}


async def test_an_old_value_that_the_vendor_does_not_tell_is_ours(plain: World) -> None:
    await plain.told(plain.fact(None, "s-1", at=1000) | {"ticket": {"status": "open"}})
    (snapshot,) = await plain.told(plain.fact(CHANGED, "s-2", at=1001, changes={"status": {"after": "solved"}}))
    assert snapshot.event.changes == {"status": Change(before="open", after="solved")}
    assert snapshot.ticket.status is Status.SOLVED


async def test_one_change_told_by_two_deliveries_is_one(world: World) -> None:
    await world.told(world.fact(None, "s-1", at=1000) | {"ticket": {"status": "open"}})
    await world.told(world.fact(None, "s-2", at=1001) | {"ticket": {"status": "solved"}})
    await world.told(world.fact(CHANGED, "ev-9", at=1001, changes={"status": {"before": "open", "after": "solved"}}))
    assert kinds(world) == [CHANGED]


async def test_learning_what_was_never_told_is_not_a_change(plain: World) -> None:
    await plain.told(plain.fact(None, "s-1", at=1000) | {"ticket": {"status": "open"}})
    await plain.told(
        plain.fact(None, "s-2", at=1001) | {"ticket": {"status": "open", "priority": "high", "fields": {"A": 1}}}
    )
    assert plain.decided == []
    (snapshot,) = await plain.told(
        plain.fact(None, "s-3", at=1002) | {"ticket": {"priority": "low", "fields": {"A": 2}}}
    )
    assert set(snapshot.event.changes) == {"priority", "fields.A"}


# ── a trigger only says "look at this ticket" ────────────────────────────────────────────────────────────────────────


async def test_what_was_said_is_found_on_a_ticket_that_a_trigger_points_at(world: World) -> None:
    said = [world.message(str(n), f"text {n}", at=n * 1000) for n in range(1, 4)]
    look: dict[str, Any] = {"needs": ["ticket", "customer", "message"]}
    world.desk.tickets["12"] = world.state(at=2000, messages=said[:2], status="open")
    (found,) = await world.told(world.fact(None, "trigger:1", at=2000, **look))
    assert (found.event.kind, found.message and found.message.id) == (EventKind.MESSAGE_ADDED, "2")
    assert found.event.actor.kind is ActorKind.CUSTOMER
    world.desk.tickets["12"] = world.state(at=9000, messages=said, status="solved")
    later, solved = await world.told(world.fact(None, "trigger:2", at=9000, **look))
    assert later.message is not None
    assert (later.message.id, later.event.occurred_at) == ("3", later.message.created_at)
    assert solved.event.changes == {"status": Change(before="open", after="solved")}
    assert await world.told(world.fact(ADDED, "message:3", at=3000, message=said[2])) == []
    assert await world.told(world.fact(None, "trigger:3", at=8999, **look)) == []
    assert world.desk.fetched == ["12", "12"]


async def test_what_was_said_later_in_the_second_of_an_earlier_look_is_found(world: World) -> None:
    said = [world.message("2", "We look", at=2000.2), world.message("3", "And one thing more", at=2000.9)]
    look: dict[str, Any] = {"needs": ["ticket", "customer", "message"]}
    world.desk.tickets["12"] = world.state(at=2000, messages=said[:1])
    await world.told(world.fact(None, "trigger:1", at=2000, **look))
    world.desk.tickets["12"] = world.state(at=2000, messages=said)
    (found,) = await world.told(world.fact(None, "trigger:2", at=2000, **look))
    assert found.message is not None
    assert found.message.id == "3"


async def test_the_first_message_has_one_id_whichever_delivery_came_first(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=0, first=world.message("77", "It burns"))
    await world.told(world.fact(CHANGED, "d-1", needs=NEEDS, changes={"priority": {"after": "high"}}))
    message = world.message("first:12", "It burns")
    (created,) = await world.told(world.fact(CREATED, "created:12", needs=[*NEEDS, "message"], message=message))
    assert created.message is not None
    assert created.message.id == "77"


async def test_a_new_ticket_that_a_trigger_points_at_is_one_event_and_each_answer_another(world: World) -> None:
    said = [world.message("1", "It burns"), world.message("2", "We look", at=20, direction="outbound")]
    world.desk.tickets["12"] = world.state(at=20, first=said[0], messages=said)
    await world.told(world.fact(None, "trigger:1", at=20, needs=["ticket", "message"]))
    assert [(s.event.kind.value, s.message and s.message.text) for s in world.decided] == [
        (CREATED, "It burns"),
        (ADDED, "We look"),
    ]


async def test_the_api_may_know_more_of_a_message_than_its_delivery(world: World) -> None:
    whole = world.message("7", at=600) | {"attachments": [{"name": "fire.png"}]}
    world.desk.tickets["12"] = world.state(at=600, messages=[whole])
    (snapshot,) = await world.told(
        world.fact(ADDED, "message:7", at=600, message=world.message("7", at=600), needs=["customer"])
    )
    assert snapshot.message is not None
    assert [attachment.name for attachment in snapshot.message.attachments] == ["fire.png"]


async def test_a_merge_tells_into_which_ticket(world: World) -> None:
    (snapshot,) = await world.told(world.fact("ticket.merged", "merged:12", changes={"merged_into": {"after": "13"}}))
    assert snapshot.event.changes == {"merged_into": Change(after="13")}


# ── late ones ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_late_fact_is_an_event_and_overwrites_nothing(plain: World) -> None:
    await plain.told(plain.fact(CHANGED, "b", at=60, changes={"status": {"before": "open", "after": "solved"}}))
    (late,) = await plain.told(plain.fact(CHANGED, "a", at=30, changes={"status": {"before": "new", "after": "open"}}))
    assert late.event.changes["status"].after == "open"
    assert late.ticket.status is Status.SOLVED
    assert (await plain.ticket()).status is Status.SOLVED


async def test_an_event_shows_the_ticket_as_its_delivery_told_it_even_if_the_api_is_ahead(world: World) -> None:
    world.desk.tickets["12"] = world.state(at=60, status="solved")
    told = {"ticket": {"status": "new"}}
    (snapshot,) = await world.told(world.fact(CREATED, "c", needs=NEEDS, message=world.message("1")) | told)
    assert snapshot.ticket.status is Status.NEW
    assert snapshot.customer is not None
    assert (await world.ticket()).status is Status.SOLVED


# ── who waits ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_customer_waits_from_their_first_message_until_an_answer(plain: World) -> None:
    first = await plain.told(plain.fact(ADDED, "1", at=10, message=plain.message("1", at=10)))
    second = await plain.told(plain.fact(ADDED, "2", at=20, message=plain.message("2", at=20)))
    note = await plain.told(plain.fact(ADDED, "3", at=30, message=plain.message("3", at=30, direction="internal")))
    assert first[0].ticket.waiting_since == second[0].ticket.waiting_since == note[0].ticket.waiting_since
    assert first[0].ticket.waiting_since == first[0].event.occurred_at
    (answer,) = await plain.told(plain.fact(ADDED, "4", at=40, message=plain.message("4", at=40, direction="outbound")))
    assert answer.ticket.waiting_since is None
    assert answer.ticket.message_count == 4


async def test_nobody_waits_on_a_solved_ticket(plain: World) -> None:
    await plain.told(plain.fact(ADDED, "1", at=10, message=plain.message("1", at=10)))
    await plain.told(plain.fact(CHANGED, "2", at=20, changes={"status": {"before": "open", "after": "solved"}}))
    assert (await plain.ticket()).waiting_since is None
    (again,) = await plain.told(plain.fact(ADDED, "3", at=30, message=plain.message("3", at=30)))
    assert again.ticket.waiting_since == again.event.occurred_at


async def test_what_the_vendor_says_of_waiting_and_counts_wins(plain: World) -> None:
    told = {"ticket": {"waiting_since": "2026-11-20T10:00:00Z", "message_count": 41}}
    (snapshot,) = await plain.told(plain.fact(ADDED, "1", at=10, message=plain.message("1", at=10)) | told)
    assert snapshot.ticket.message_count == 41
    assert snapshot.ticket.waiting_since is not None
    assert snapshot.ticket.waiting_since.day == 20


# ── our own echo ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_we_wrote_is_recognised_when_it_comes_back(world: World) -> None:
    await world.echo(text_hint("Escalated to Ada"), tag_hint("exec-watch", added=True))
    note = world.message("90", "Escalated  to Ada", direction="internal", author="own-1")
    (ours,) = await world.told(
        world.fact(ADDED, "90", message=note, actor={"id": "own-1", "kind": "agent", "name": "Bot"})
    )
    assert ours.event.actor.kind is ActorKind.SELF
    tagged = {"tags": {"before": ["a"], "after": ["a", "exec-watch"]}}
    (tag,) = await world.told(world.fact(CHANGED, "t", at=1, changes=tagged, actor={"id": None}))
    assert tag.event.actor.kind is ActorKind.SELF


async def test_what_somebody_changed_beside_us_is_told_apart_from_our_echo(world: World) -> None:
    """One look at the ticket finds both, and nobody tells who did which."""
    await world.echo(tag_hint("exec-watch", added=True))
    changes = {
        "tags": {"before": ["a"], "after": ["a", "exec-watch"]},
        "status": {"before": "open", "after": "solved"},
    }
    told = await world.told(world.fact(CHANGED, "t", at=1, changes=changes, actor={"id": None}))
    assert {tuple(one.event.changes): one.event.actor.kind for one in told} == {
        ("tags",): ActorKind.SELF,
        ("status",): ActorKind.UNKNOWN,
    }


async def test_a_tag_of_somebody_elses_beside_ours_is_not_our_echo(world: World) -> None:
    await world.echo(tag_hint("exec-watch", added=True))
    tags = {"tags": {"before": ["a"], "after": ["a", "exec-watch", "vip"]}}
    (told,) = await world.told(world.fact(CHANGED, "t", at=1, changes=tags, actor={"id": None}))
    assert told.event.actor.kind is ActorKind.UNKNOWN


async def test_all_that_the_vendor_says_we_did_is_our_echo(world: World) -> None:
    """Such as the status that a note of ours opened the ticket with."""
    await world.echo(tag_hint("exec-watch", added=True))
    changes = {"tags": {"before": [], "after": ["exec-watch"]}, "status": {"before": "pending", "after": "open"}}
    us = {"id": "own-1", "kind": "agent", "name": "Bot"}
    (told,) = await world.told(world.fact(CHANGED, "t", at=1, changes=changes, actor=us))
    assert told.event.actor.kind is ActorKind.SELF


async def test_the_same_words_from_somebody_else_are_not_our_echo(world: World) -> None:
    await world.echo(text_hint("Escalated to Ada"))
    note = world.message("90", "Escalated to Ada", direction="internal", author="a-7")
    (theirs,) = await world.told(
        world.fact(ADDED, "90", message=note, actor={"id": "a-7", "kind": "agent", "name": "Bo"})
    )
    assert theirs.event.actor.kind is ActorKind.AGENT


async def test_where_the_vendor_cannot_tell_who_we_are_the_hint_is_enough(world: World) -> None:
    world.desk.own = None
    await world.echo(text_hint("Escalated to Ada"))
    note = world.message("90", "Escalated to Ada", direction="internal", author="a-7")
    (ours,) = await world.told(
        world.fact(ADDED, "90", message=note, actor={"id": "a-7", "kind": "agent", "name": "Bo"})
    )
    assert ours.event.actor.kind is ActorKind.SELF


# ── signals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_what_customers_write_is_searched_for_signals(world: World) -> None:
    for n, direction in enumerate(["inbound", "outbound", "internal"]):
        said = world.message(str(n), "cancel", at=n, direction=direction)
        await world.told(world.fact(ADDED, str(n), at=n, message=said))
    assert [bool(snapshot.signals) for snapshot in world.decided] == [True, False, False]


async def test_a_detector_that_fails_costs_its_signals_and_nothing_else(world: World) -> None:
    (snapshot,) = await world.told(world.fact(ADDED, "1", message=world.message("1", "explode")))
    assert snapshot.signals == ()
    assert [row["state"] for row in await world.deliveries()] == ["done"]


async def test_text_that_no_database_takes_is_stored_all_the_same(world: World) -> None:
    (snapshot,) = await world.told(
        world.fact(ADDED, "1", message=world.message("1", "nul \x00 and half \ud83d"), raw={"x": "\x00"})
    )
    assert snapshot.message is not None
    assert [row["state"] for row in await world.deliveries()] == ["done"]


async def test_one_delivery_may_tell_of_two_tickets(world: World) -> None:
    await world.told(
        world.fact("ticket.merged", "merged:12", ticket="12"),
        world.fact("ticket.merged", "merged:13", ticket="13"),
    )
    assert sorted(snapshot.ticket.id for snapshot in world.decided) == ["12", "13"]
