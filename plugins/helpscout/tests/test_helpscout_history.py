"""The past: everything once, whatever moves meanwhile, and named as webhooks name it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from cornerdesk import (
    ActorKind,
    EventKind,
    HistoryPage,
    HistoryRecord,
    RejectedError,
    RetryableError,
    Score,
    Status,
)
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import Fault, HelpScoutStandIn
from cornerdesk_helpscout.standin.conversations import Person


@pytest.fixture
def tickets(standin: HelpScoutStandIn) -> list[str]:
    standin.api.page_size = 3
    return [
        standin.open_ticket(f"Question {number}", "How?", requester=f"c{number}@example.com") for number in range(8)
    ]


async def run(
    adapter: HelpScoutAdapter, cursor: str | None = None, between: Callable[[int], None] = lambda page: None
) -> list[HistoryPage]:
    """Every page of one run; `between` happens after each."""
    pages: list[HistoryPage] = []
    while not pages or not pages[-1].end:
        assert len(pages) < 100
        pages.append(await adapter.fetch_history(None, cursor))
        cursor = pages[-1].cursor
        between(len(pages))
    return pages


def records(pages: list[HistoryPage]) -> dict[str, HistoryRecord]:
    """The latest of each ticket."""
    return {record.ticket_id: record for page in pages for record in page.records}


async def test_every_conversation_whatever_its_status_is_told(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    for ticket, status in zip(tickets, ("closed", "pending", "spam"), strict=False):
        standin.set_status(ticket, status)
    pages = await run(adapter)
    assert set(records(pages)) == set(tickets)
    assert pages[0].total == 7  # spam is listed apart
    told = {one: adapter.read_history(record).states[0].ticket for one, record in records(pages).items()}
    assert told[tickets[2]].status is Status.SPAM


async def test_a_conversation_that_is_read_again_unchanged_has_the_same_key(
    adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    first, again = await run(adapter), await run(adapter)
    assert {one.key for one in records(first).values()} == {one.key for one in records(again).values()}


async def test_one_that_changed_has_another(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    before = records(await run(adapter))
    standin.change(tickets[4], add_tags=["vip"])
    after = records(await run(adapter))
    assert [one for one in tickets if before[one].key != after[one].key] == [tickets[4]]


async def test_relative_text_makes_no_new_state(adapter: HelpScoutAdapter, tickets: list[str]) -> None:
    record = next(iter(records(await run(adapter)).values()))
    assert b"friendly" in record.body
    assert record.key.startswith(f"conversation:{record.ticket_id}:")


@pytest.mark.parametrize("moving", [1, 2, 3])
async def test_nobody_is_lost_when_pages_shift_after_each(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str], moving: int
) -> None:
    """Whatever changes moves to the end of the list, and all that stood behind it move up: past us."""

    def between(page: int) -> None:
        for ticket in tickets[:moving] if page < 6 else []:
            standin.comment(ticket, f"note after page {page}", by="agent", public=False)

    assert set(records(await run(adapter, between=between))) == set(tickets)


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
async def test_nobody_is_lost_when_a_page_shifts_while_it_is_asked_for(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str], page: int
) -> None:
    standin.faults.append(Fault.shifted_page(path="/v2/conversations", method="GET", skip=page))
    assert set(records(await run(adapter))) == set(tickets)


@pytest.mark.parametrize("fault", [Fault.repeated_page, Fault.empty_page])
@pytest.mark.parametrize("page", [0, 1, 2])
async def test_nobody_is_lost_to_a_page_that_comes_twice_or_empty(
    standin: HelpScoutStandIn,
    adapter: HelpScoutAdapter,
    tickets: list[str],
    fault: Callable[..., Fault],
    page: int,
) -> None:
    standin.faults.append(fault(path="/v2/conversations", skip=page))
    assert set(records(await run(adapter))) == set(tickets)


async def test_what_changed_behind_us_is_told_by_the_next_run(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    standin.api.page_size = 1
    page = await adapter.fetch_history(None, None)
    for _ in range(3):
        page = await adapter.fetch_history(None, page.cursor)
    for ticket in tickets:
        standin.comment(ticket, "Anybody?")
    rest = await run(adapter, page.cursor)
    following = await run(adapter, rest[-1].cursor)
    latest = records([*rest, *following])
    assert set(latest) == set(tickets)
    assert all(b"Anybody?" in record.body for record in latest.values())


async def test_whoever_finds_nothing_known_begins_anew(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    standin.api.page_size = 1
    for number in range(20):
        tickets.append(standin.open_ticket(f"More {number}", "How?"))
    pages = [await adapter.fetch_history(None, None)]
    while len(pages) < 24:
        pages.append(await adapter.fetch_history(None, pages[-1].cursor))
    standin.delete(tickets[23])
    after = records(await run(adapter, pages[-1].cursor))
    assert set(after) == set(tickets) - {tickets[23]}


async def test_the_next_run_begins_where_this_one_began_and_a_little_earlier(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    for ticket in tickets:
        standin.desk.conversations[int(ticket)].modified_at -= timedelta(days=2)
    end = (await run(adapter))[-1]
    assert records(await run(adapter, end.cursor)) == {}
    standin.comment(tickets[5], "Anybody?")
    again = await run(adapter, end.cursor)
    assert set(records(again)) == {tickets[5]}


async def test_a_run_may_begin_at_a_time(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    for ticket in tickets[:5]:
        standin.desk.conversations[int(ticket)].modified_at -= timedelta(days=2)
    since = standin.clock.now() - timedelta(days=1)
    page = await adapter.fetch_history(since, None)
    assert {record.ticket_id for record in page.records} == set(tickets[5:])


@pytest.mark.parametrize("cursor", ["", "x", "{}", '{"page": 0}', '{"began": "soon"}', '{"status": "odd"}'])
async def test_a_cursor_that_nobody_can_read_begins_anew(
    adapter: HelpScoutAdapter, tickets: list[str], cursor: str
) -> None:
    page = await adapter.fetch_history(None, cursor)
    assert len(page.records) == 3


async def test_a_page_that_does_not_come_may_be_asked_for_again(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    first = await adapter.fetch_history(None, None)
    standin.faults.append(Fault.server_error(path="/v2/conversations", times=10))
    with pytest.raises(RetryableError):
        await adapter.fetch_history(None, first.cursor)
    standin.faults.clear()
    assert set(records([first, *await run(adapter, first.cursor)])) == set(tickets)


async def test_what_is_no_conversation_is_put_aside_with_the_reason(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    show = standin.desk.show
    wrong = int(tickets[1])
    standin.desk.show = lambda conversation: (  # type: ignore[method-assign]
        show(conversation) | ({"createdAt": "soon"} if conversation.id == wrong else {})
    )
    page = await adapter.fetch_history(None, None)
    assert [record.ticket_id for record in page.records] == [tickets[0], tickets[2]]
    assert "createdAt" in page.skipped[0].reason


async def test_what_help_scout_refuses_to_tell_of_one_holds_up_no_other(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, tickets: list[str]
) -> None:
    standin.faults.append(Fault(path="/v2/customers", status=400, body="{}", skip=1))
    page = await adapter.fetch_history(None, None)
    assert [record.ticket_id for record in page.records] == [tickets[0], tickets[2]]
    assert "400" in page.skipped[0].reason


# ── records ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ticket(standin: HelpScoutStandIn) -> str:
    return standin.open_ticket(
        "Export stops", "We will cancel.", requester="bo@acme.example.com", organization="ACME", tags=["beta"]
    )


async def record_of(adapter: HelpScoutAdapter, ticket: str) -> HistoryRecord:
    return records(await run(adapter))[ticket]


async def test_facts_are_named_as_webhooks_name_them(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.comment(ticket, "On it.", by="agent")
    standin.comment(ticket, "Thanks!")
    standin.comment(ticket, "Tell the CEO.", by="agent", public=False)
    standin.rate(ticket, "bad", "Too long.")
    told = {
        key
        for sent in standin.sent
        for fact in adapter.read(standin.delivery_of(sent)).facts
        if fact.kind is not None
        for key in fact.keys
    }
    reading = adapter.read_history(await record_of(adapter, ticket))
    found = {key for fact in reading.facts if fact.kind is not None for key in fact.keys}
    assert len({key for key in found if not key.startswith("said:")}) == 5
    assert found == told | {key for key in found if key.startswith("created:")}
    assert [fact.kind for fact in reading.facts] == [
        EventKind.TICKET_CREATED,
        EventKind.MESSAGE_ADDED,
        EventKind.MESSAGE_ADDED,
        EventKind.MESSAGE_ADDED,
        EventKind.TICKET_RATED,
        None,
    ]


async def test_a_record_tells_all_that_fetching_would(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.comment(ticket, "On it.", by="agent")
    standin.change(ticket, assignee=standin.agent_id, fields={"Plan": "Business"})
    reading = adapter.read_history(await record_of(adapter, ticket))
    assert reading.states == (await adapter.fetch_ticket(ticket),)
    assert all(fact.needs == frozenset() for fact in reading.facts)


async def test_a_rating_is_in_the_history(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.rate(ticket, "okay")
    facts = adapter.read_history(await record_of(adapter, ticket)).facts
    (rated,) = [fact for fact in facts if fact.kind is EventKind.TICKET_RATED]
    assert rated.rating is not None
    assert rated.rating.score is Score.OKAY
    assert rated.actor.kind is ActorKind.CUSTOMER


async def test_all_threads_are_there_however_many(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    for number in range(29):
        standin.comment(ticket, f"more {number}")
    record = await record_of(adapter, ticket)
    assert (record.parts, record.parts_counted) == (30, 30)
    assert len(adapter.read_history(record).states[0].messages) == 30


async def test_threads_of_a_chat_which_lists_cut_are_read_apart(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    ticket = standin.open_ticket("Chat", "Hi, " * 40, channel="chat")
    await record_of(adapter, ticket)
    assert any(path.endswith(f"{ticket}/threads") for _, path in standin.api.requests)


async def test_threads_that_a_list_tells_whole_are_not_asked_for(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.comment(ticket, "On it.", by="agent")
    await record_of(adapter, ticket)
    assert not any(path.endswith("/threads") for _, path in standin.api.requests)


async def test_line_items_are_neither_counted_nor_messages(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    other = standin.open_ticket("Again", "Same here.")
    standin.merge(other, ticket)
    record = await record_of(adapter, ticket)
    assert (record.parts, record.parts_counted) == (2, 2)
    facts = adapter.read_history(record).facts
    (merged,) = [fact for fact in facts if fact.kind is EventKind.TICKET_MERGED]
    assert (merged.ticket_id, merged.keys) == (other, (f"merged:{other}",))


async def test_a_conversation_that_goes_away_meanwhile_is_told_as_listed(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    for number in range(29):
        standin.comment(ticket, f"more {number}")
    standin.faults.append(Fault(path=f"/{ticket}/threads", status=404, times=2))
    record = await record_of(adapter, ticket)
    assert (record.parts, record.parts_counted) == (25, 30)


async def test_a_draft_is_nobodys_yet(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.desk.conversations[int(ticket)].state = "draft"
    assert adapter.read_history(await record_of(adapter, ticket)).ignored is not None


async def test_a_snoozed_conversation_is_on_hold(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.change(ticket, status="on_hold")
    state = adapter.read_history(await record_of(adapter, ticket)).states[0]
    assert (state.ticket.status, state.ticket.status_label) == (Status.ON_HOLD, "active, snoozed")


async def test_a_bot_is_told_apart_where_threads_are_read_apart(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    bot = Person(77, "system_user", "AI", "Answers")
    standin.desk.write(standin.desk.conversations[int(ticket)], bot, "Have you tried the docs?")
    for number in range(29):
        standin.comment(ticket, f"more {number}")
    reading = adapter.read_history(await record_of(adapter, ticket))
    assert reading.states[0].messages[1].author.kind is ActorKind.BOT


async def test_of_a_customer_only_what_is_read_is_kept(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    show = standin.desk.show_customer
    standin.desk.show_customer = lambda person: show(person) | {"background": "owes us", "gender": "f"}  # type: ignore[method-assign]
    record = await record_of(adapter, ticket)
    assert set(json.loads(record.body)["customer"]) <= {
        "id", "firstName", "lastName", "organization", "organizationId", "_embedded",
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"conversation": 7}', b'{"conversation": {"status": "active"}}'])
async def test_a_record_of_no_known_shape_is_rejected(adapter: HelpScoutAdapter, body: bytes) -> None:
    with pytest.raises(RejectedError):
        adapter.read_history(HistoryRecord(key="k", ticket_id="7", body=body))
