"""Plaindesk's adapter and stand-in understand each other: what people copy from has to work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from cornerdesk import (
    Capability,
    Change,
    CredentialsError,
    Direction,
    EventKind,
    Fact,
    Priority,
    RejectedError,
    RetryableError,
    SignatureError,
    Status,
    SubscriptionState,
    UnknownOutcomeError,
    UnsupportedError,
    message_hint,
    text_hint,
)
from cornerdesk.testing.desk import Fault
from cornerdesk.testing.plaindesk import PlainAdapter
from cornerdesk.testing.plaindesk.events import READERS
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.testing.plaindesk.standin import PlainStandIn
from cornerdesk.testing.plaindesk.testing import make_delivery, make_settings

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


async def no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def standin() -> PlainStandIn:
    return PlainStandIn()


@pytest.fixture
async def adapter(standin: PlainStandIn) -> AsyncIterator[PlainAdapter]:
    async with standin.serving() as url:
        settings = PlainSettings.model_validate(standin.settings(url))
        made = PlainAdapter("plain", settings, sleep=no_pause)
        yield made
        await made.aclose()


def facts(standin: PlainStandIn, adapter: PlainAdapter) -> list[Fact]:
    """What the webhooks so far tell."""
    deliveries = [standin.delivery_of(sent) for sent in standin.sent]
    for delivery in deliveries:
        adapter.verify(delivery, delivery.received_at)
    return [fact for delivery in deliveries for fact in adapter.read(delivery).facts]


def live_a_little(standin: PlainStandIn) -> str:
    """One of everything happens to a ticket."""
    ticket = standin.open_ticket("Export stops", "We will cancel.", tags=["beta"], organization="Globex")
    standin.comment(ticket, "We look into it.", by="agent")
    standin.comment(ticket, "Angry.", by="agent", public=False)
    standin.change(ticket, status="pending", assignee=standin.agent_id, team="Billing", add_tags=["vip"])
    standin.change(ticket, priority="urgent", remove_tags=["beta"], fields={"Plan": "pro"})
    standin.rate(ticket, "bad", "No.")
    standin.merge(standin.open_ticket("Again", "Hello?"), ticket)
    standin.delete(standin.open_ticket("Spam", "Buy!"))
    return ticket


async def test_it_declares_everything(adapter: PlainAdapter) -> None:
    assert adapter.capabilities == frozenset(Capability)


async def test_its_webhooks_tell_what_happened(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    live_a_little(standin)
    told = facts(standin, adapter)
    assert [fact.kind for fact in told] == [
        EventKind.TICKET_CREATED,
        EventKind.MESSAGE_ADDED,
        EventKind.MESSAGE_ADDED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_RATED,
        EventKind.TICKET_CREATED,
        EventKind.TICKET_MERGED,
        EventKind.TICKET_CREATED,
        EventKind.TICKET_DELETED,
    ]
    assert told[3].changes["status"] == Change(before=Status.NEW, after=Status.PENDING)
    assert told[4].changes["tags"] == Change(before=["beta", "vip"], after=["vip"])
    assert told[4].changes["fields.Plan"] == Change(before=None, after="pro")
    assert [fact.message and fact.message.direction for fact in told[:3]] == [
        Direction.INBOUND,
        Direction.OUTBOUND,
        Direction.INTERNAL,
    ]


async def test_history_and_webhooks_name_the_same_facts_alike(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    live_a_little(standin)
    page = await adapter.fetch_history(None, None)
    readings = [adapter.read_history(record) for record in page.records]
    assert {fact.keys for reading in readings for fact in reading.facts} == {
        fact.keys for fact in facts(standin, adapter)
    }
    assert all(record.parts == record.parts_counted for record in page.records)
    states = [state for reading in readings for state in reading.states]
    assert sorted(state.ticket.id for state in states) == sorted(standin.desk.tickets)


async def test_the_api_shows_what_stands_on_the_desk(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    ticket = live_a_little(standin)
    state = await adapter.fetch_ticket(ticket)
    look = standin.look(ticket)
    seen = state.ticket
    assert (seen.status, seen.priority, seen.tags) == (look.status, look.priority, look.tags)
    assert (seen.assignee and seen.assignee.id, seen.team) == (look.assignee, look.team)
    assert [message.id for message in state.messages] == [line.id for line in look.messages]
    assert seen.account is not None
    assert seen.account.name == "Globex"


async def test_history_is_read_page_by_page_and_goes_on_from_its_cursor(
    standin: PlainStandIn, adapter: PlainAdapter
) -> None:
    for number in range(120):
        standin.open_ticket(f"number {number}", "Hello.")
    seen, cursor, pages = set(), None, 0
    while True:
        page = await adapter.fetch_history(EPOCH, cursor)
        seen |= {record.ticket_id for record in page.records}
        cursor, pages = page.cursor, pages + 1
        if page.end:
            break
    assert (len(seen), pages, page.total) == (120, 3, 120)
    late = standin.open_ticket("late", "Hello.")
    page = await adapter.fetch_history(EPOCH, cursor)
    assert [record.ticket_id for record in page.records] == [late]
    later = await adapter.fetch_history(datetime.now(UTC) + timedelta(days=1), None)
    assert (later.records, later.end) == ((), True)


@pytest.mark.parametrize("fault", [Fault.repeated_page(), Fault.shifted_page(), Fault.empty_page(skip=1)])
async def test_pages_that_misbehave_lose_nothing(standin: PlainStandIn, adapter: PlainAdapter, fault: Fault) -> None:
    tickets = {standin.open_ticket(f"number {number}", "Hello.") for number in range(120)}
    standin.faults.append(fault.on("GET", "/v1/tickets", skip=1))
    seen, cursor, end = set(), None, False
    while not end:
        page = await adapter.fetch_history(None, cursor)
        seen |= {record.ticket_id for record in page.records}
        cursor, end = page.cursor, page.end
    assert seen == tickets
    assert standin.faults == []


async def test_what_it_writes_stands_on_the_desk(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.", tags=["theirs"])
    await adapter.add_note(ticket, "Seen by Ada.", "m1")
    await adapter.add_tags(ticket, ("vip", "exec"), "m2")
    await adapter.remove_tags(ticket, ("exec",), "m3")
    await adapter.assign(ticket, "agnes@desk.example.com", "Billing", "m4")
    await adapter.set_priority(ticket, Priority.HIGH, "m5")
    await adapter.set_status(ticket, Status.PENDING, "m6")
    look = standin.look(ticket)
    assert (standin.notes(ticket, "Ada"), look.tags) == (1, ("theirs", "vip"))
    assert (look.assignee, look.team) == (standin.agent_id, "Billing")
    assert (look.priority, look.status) == (Priority.HIGH, Status.PENDING)
    assert [write.marker for write in standin.writes] == ["m1", "m2", "m3", "m4", "m5", "m6"]


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.lost(), False),
        (Fault.lost(after=True), True),
        (Fault.server_error(), False),
        (Fault.server_error(after=True), True),
        (Fault.truncated(), True),
        (Fault.not_json(after=True), True),
    ],
    ids=["lost", "lost-after", "502", "502-after", "truncated", "html-after"],
)
async def test_a_note_of_unknown_outcome_is_looked_up(
    standin: PlainStandIn, adapter: PlainAdapter, fault: Fault, done: bool
) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.")
    standin.faults.append(fault.on("POST", "/tickets/*/notes"))
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "Once.", "m1")
    assert standin.notes(ticket) == int(done)
    found = await adapter.find_write(ticket, "m1")
    assert (found is not None) == done
    if found is not None:
        assert found.id is not None
        assert set(found.echoes) == {message_hint(found.id), text_hint("Once.")}


async def test_what_it_cannot_do_is_refused(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.")
    with pytest.raises(UnsupportedError):
        await adapter.set_status(ticket, Status.DELETED, "m")
    with pytest.raises(RejectedError):
        await adapter.assign(ticket, "nobody@example.com", None, "m")
    standin.set_status(ticket, "closed")
    with pytest.raises(RejectedError):
        await adapter.add_note(ticket, "Late.", "m")
    with pytest.raises(RejectedError):
        await adapter.fetch_ticket("tic_none")
    standin.api.revoke_tokens()
    with pytest.raises(CredentialsError):
        await adapter.check()


async def test_subscriptions_are_made_told_and_mended(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    made = await adapter.register_webhook("https://desk.example.com/webhooks/plain")
    standin.desk.hooks[made.id].state = "paused"
    standin.desk.hooks[made.id].events.remove("ticket.rated")
    (found,) = await adapter.list_webhooks()
    assert (found.state, found.missing) == (SubscriptionState.SUSPENDED, ("ticket.rated",))
    await adapter.repair_webhook(found, "https://desk.example.com/webhooks/other")
    (mended,) = await adapter.list_webhooks()
    assert (mended.state, mended.missing) == (SubscriptionState.ENABLED, ())
    assert mended.url == "https://desk.example.com/webhooks/other"


def test_a_delivery_with_anything_wrong_is_refused() -> None:
    adapter = PlainAdapter("plain", make_settings())
    good = make_delivery(b"{}")
    adapter.verify(good, good.received_at)
    with pytest.raises(SignatureError):
        adapter.verify(good.model_copy(update={"body": b"{ }"}), good.received_at)
    with pytest.raises(SignatureError):
        adapter.verify(good, good.received_at + timedelta(hours=1))
    with pytest.raises(SignatureError):
        adapter.verify(make_delivery(b"{}", secret="another"), good.received_at)
    with pytest.raises(RejectedError):
        adapter.read(make_delivery(b'{"event": "ticket.created", "id": "e1"}'))
    assert adapter.read(make_delivery(b'{"event": "ticket.viewed"}')).ignored == "not part of the model"
    assert set(READERS) == {kind.value for kind in EventKind}


async def test_a_pause_that_is_asked_for_is_handed_on(standin: PlainStandIn, adapter: PlainAdapter) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.")
    standin.faults.append(Fault.too_many(wait="17", method="POST"))
    with pytest.raises(RetryableError) as refused:
        await adapter.add_note(ticket, "Later.", "m")
    assert refused.value.retry_after is not None
    assert standin.notes(ticket) == 0
