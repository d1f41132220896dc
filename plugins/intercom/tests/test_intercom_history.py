"""The past, as searches whose pages shift tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cornerdesk import EventKind, HistoryPage, HistoryRecord, RejectedError, Status
from cornerdesk_intercom import history
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import Fault, IntercomStandIn
from cornerdesk_intercom.testing import SECRET, make_settings


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 10, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def standin(clock: HandClock) -> IntercomStandIn:
    return IntercomStandIn(secret=SECRET, clock=clock)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 4)


@pytest.fixture
async def adapter(standin: IntercomStandIn, clock: HandClock) -> IntercomAdapter:
    transport = httpx.ASGITransport(standin.app)
    return IntercomAdapter("chat", make_settings(), transport=transport, clock=clock)


def fill(standin: IntercomStandIn, clock: HandClock, count: int, **apart: float) -> list[str]:
    """So many conversations, opened so far apart."""
    made = []
    for number in range(count):
        clock.advance(**apart)
        made.append(standin.open_ticket(f"number {number}", f"Hello {number}."))
    return made


async def run(adapter: IntercomAdapter, cursor: str | None = None) -> list[HistoryPage]:
    pages = []
    for _ in range(60):
        pages.append(await adapter.fetch_history(None, cursor))
        cursor = pages[-1].cursor
        if pages[-1].end:
            return pages
    raise AssertionError("no end")


def told(pages: list[HistoryPage]) -> list[str]:
    return [record.ticket_id for page in pages for record in page.records]


async def test_each_conversation_is_told_once_when_nothing_moves(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 11, seconds=7)
    assert told(await run(adapter)) == tickets


async def test_many_that_changed_in_one_second_are_all_told(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    early, same = fill(standin, clock, 2, seconds=5), fill(standin, clock, 11)
    late = fill(standin, clock, 2, seconds=5)
    assert sorted(told(await run(adapter))) == sorted([*early, *same, *late])


async def test_where_no_order_is_kept_nothing_is_left_out(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    standin.api.ignores_order = True
    tickets = fill(standin, clock, 11, seconds=5)
    standin.faults.append(Fault.shifted_page(path="/conversations/search", skip=2))
    pages = await run(adapter)
    assert standin.faults == []
    assert set(told(pages)) == set(tickets)
    place = json.loads(pages[-1].cursor)["conversations"]
    assert place["low"] <= clock.now().timestamp() - history.OVERLAP


async def test_the_next_run_begins_a_while_before_the_last_row(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 6, minutes=4)
    last = (await run(adapter))[-1]
    clock.advance(minutes=30)
    standin.comment(tickets[0], "Still.")
    again = told(await run(adapter, last.cursor))
    assert again == [*tickets[-2:], tickets[0]]


async def test_an_empty_cursor_of_intercoms_is_never_sent(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 9)
    assert sorted(told(await run(adapter))) == tickets  # the stand-in answers an empty one with 500


async def test_deleted_conversations_are_told_whatever_page_they_stand_on(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 70, seconds=1)
    first = (await run(adapter))[-1]
    for ticket in tickets[:65]:
        clock.advance(minutes=1)
        standin.delete(ticket)
    pages = await run(adapter, first.cursor)
    facts = [fact for page in pages for record in page.records for fact in adapter.read_history(record).facts]
    deleted = {fact.ticket_id for fact in facts if fact.kind is EventKind.TICKET_DELETED}
    assert deleted == set(tickets[:65])
    again = [record.key for page in await run(adapter, pages[-1].cursor) for record in page.records]
    assert sum(key.startswith("deleted:") for key in again) == 6  # the last five minutes


async def test_where_deleted_ones_may_not_be_listed_the_run_ends_all_the_same(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 2, seconds=1)
    standin.faults.append(Fault(status=400, path="/conversations/deleted", body="{}"))
    assert told(await run(adapter)) == tickets


async def test_a_row_without_an_id_is_skipped_with_a_reason(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    (ticket,) = fill(standin, clock, 1)
    rows = [{"id": {"odd": True}, "source": {"body": "secret words"}}, {"id": ticket, "updated_at": 1791201600}]
    body = json.dumps({"conversations": rows, "total_count": 2})
    standin.faults.append(Fault(status=200, body=body, path="/conversations/search"))
    page = await adapter.fetch_history(None, None)
    (skipped,) = page.skipped
    assert "id" in skipped.reason
    assert "secret" not in skipped.reason + skipped.key
    assert [record.ticket_id for record in page.records] == [ticket]


async def test_a_conversation_of_an_unknown_shape_does_not_stop_the_run(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 3, seconds=1)
    odd = json.dumps({"id": tickets[1], "contacts": "Bo Lind"})
    standin.faults.append(Fault(status=200, body=odd, path=f"/conversations/{tickets[1]}"))
    page = await adapter.fetch_history(None, None)
    assert [record.ticket_id for record in page.records] == [tickets[0], tickets[2]]
    assert ["contacts" in skipped.reason and "Bo" not in skipped.reason for skipped in page.skipped] == [True]


async def test_what_went_between_search_and_question_is_no_record(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 2, seconds=1)
    standin.faults.append(Fault(status=404, body="{}", path=f"/conversations/{tickets[0]}"))
    page = await adapter.fetch_history(None, None)
    assert ([record.ticket_id for record in page.records], page.skipped) == ([tickets[1]], ())


async def test_a_long_conversation_shows_that_its_beginning_is_not_to_be_had(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    (ticket,) = fill(standin, clock, 1)
    for number in range(510):
        standin.comment(ticket, f"Part {number}.")
    page = await adapter.fetch_history(None, None)
    (record,) = page.records
    assert (record.parts, record.parts_counted) == (501, 511)
    (state,) = adapter.read_history(record).states
    assert len(state.messages) == 50
    assert len(adapter.read_history(record).facts) == 1 + 500 + 1


async def test_without_statistics_the_list_counts_itself(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    (ticket,) = fill(standin, clock, 1)
    standin.comment(ticket, "More.")
    page = await adapter.fetch_history(None, None)
    found = json.loads(page.records[0].body)
    found["conversation"]["statistics"] = None
    record = history.record_of(ticket, found)
    assert (record.parts, record.parts_counted) == (2, 2)


async def test_a_record_tells_everything_and_needs_nothing(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    (ticket,) = fill(standin, clock, 1)
    clock.advance(minutes=1)
    standin.comment(ticket, "We look into it.", by="agent")
    standin.rate(ticket, "bad", "No.")
    standin.set_status(ticket, "closed")
    page = await adapter.fetch_history(None, None)
    reading = adapter.read_history(page.records[0])
    kinds = [fact.kind for fact in reading.facts]
    assert kinds == [EventKind.TICKET_CREATED, EventKind.MESSAGE_ADDED, EventKind.TICKET_RATED, None]
    assert all(fact.needs == frozenset() for fact in reading.facts)
    (state,) = reading.states
    assert state.ticket.status is Status.SOLVED
    webhooks = [fact for sent in standin.sent for fact in adapter.read(standin.delivery_of(sent)).facts]
    rated = [fact.keys for fact in webhooks if fact.kind is EventKind.TICKET_RATED]
    assert rated == [fact.keys for fact in reading.facts if fact.kind is EventKind.TICKET_RATED]


async def test_a_ticket_is_told_by_both_searches_under_one_name(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    standin.opens_tickets = True
    fill(standin, clock, 2, seconds=1)
    records = [record for page in await run(adapter) for record in page.records]
    assert len(records) == 4
    assert len({record.key for record in records}) == 2
    assert [(record.parts, record.parts_counted) for record in records] == [(2, 2), (2, 2), (0, None), (0, None)]


async def test_what_changes_again_in_the_same_second_is_another_record(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    ticket = standin.open_ticket("number 1", "Hello.", tags=["beta"])
    first = (await run(adapter))[0].records
    again = (await run(adapter))[0].records
    standin.change(ticket, remove_tags=["beta"])  # no part tells of it, and neither does the time
    other = (await run(adapter))[0].records
    assert first[0].key == again[0].key != other[0].key


async def test_files_whose_addresses_change_with_every_look_make_no_new_record(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    (ticket,) = fill(standin, clock, 1)
    keys = set()
    for signature in ("one", "two"):
        file = {"type": "upload", "name": "a.csv", "url": f"https://files.example.com/a.csv?signature={signature}"}
        standin.desk.find(ticket).source["attachments"] = [file]
        keys.add((await run(adapter))[0].records[0].key)
    assert len(keys) == 1


async def test_without_leave_to_read_tickets_the_run_tells_conversations_and_ends(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter
) -> None:
    tickets = fill(standin, clock, 2, seconds=1)
    standin.opens_tickets = True
    fill(standin, clock, 1, seconds=1)
    standin.api.hides_tickets = True
    assert told(await run(adapter)) == tickets


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b'{"conversation": null}', b'{"deleted": {"id": "1"}}', b'{"ticket": {"id": "1"}}']
)
def test_what_is_no_record_is_rejected(body: bytes) -> None:
    adapter = IntercomAdapter("chat", make_settings())
    with pytest.raises(RejectedError):
        adapter.read_history(HistoryRecord(key="k", ticket_id="1", body=body))


async def test_history_leaves_room_for_everybody_else(
    standin: IntercomStandIn, clock: HandClock, adapter: IntercomAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    request: Callable[..., object] = adapter._client.api.request

    async def watched(method: str, path: str, **more: object) -> object:
        asked.append((path, bool(more.get("background"))))
        return await request(method, path, **more)  # type: ignore[misc]

    monkeypatch.setattr(adapter._client.api, "request", watched)
    fill(standin, clock, 2, seconds=1)
    await run(adapter)
    assert {path for path, background in asked if not background} <= {"/admins", "/teams"}
