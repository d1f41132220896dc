"""Zendesk's past, page by page: nothing left out, whatever goes wrong, and nothing told twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cornerdesk import (
    ActorKind,
    Capability,
    Change,
    CredentialsError,
    Direction,
    EventKind,
    Fact,
    HistoryPage,
    HistoryRecord,
    RejectedError,
    RetryableError,
    Score,
    Status,
)
from cornerdesk.testing.desk import Fault
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.exports import EVENTS, LARGEST, SMALLEST, TICKETS
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings

START = datetime(2026, 10, 5, 12, tzinfo=UTC)


class Clock:
    """Goes when told to."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, **length: float) -> None:
        self.time += timedelta(**length)


class Seen(httpx.AsyncBaseTransport):
    """Keeps what was asked, and lets a test answer in the stand-in's place."""

    def __init__(self, standin: ZendeskStandIn) -> None:
        self._inner = httpx.ASGITransport(standin.app)
        self.asked: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.answers and "incremental" in request.url.path:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        response = await self._inner.handle_async_request(request)
        await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    def exports(self, path: str = "incremental") -> list[httpx.Request]:
        return [request for request in self.asked if path in request.url.path]


class Account:
    """A Zendesk with a clock of its own, and an adapter that reads its past."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.desk = ZendeskStandIn(clock=self.clock)
        self.exports = self.desk.api.exports
        self.exports.withheld = 60
        self.seen = Seen(self.desk)
        self.slept = 0.0
        self.adapter = ZendeskAdapter(
            "support",
            make_settings(),
            transport=self.seen,
            sleep=self._sleep,
            clock=self.clock,
            monotonic=lambda: self.slept,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept += seconds

    async def pages(self, since: datetime | None = None, cursor: str | None = None) -> list[HistoryPage]:
        """A whole run."""
        pages: list[HistoryPage] = []
        while not pages or not pages[-1].end:
            pages.append(await self.adapter.fetch_history(since, pages[-1].cursor if pages else cursor))
            assert len(pages) < 100
        return pages

    async def facts(self, since: datetime | None = None) -> list[Fact]:
        return [fact for page in await self.pages(since) for fact in self.read(page)]

    def read(self, page: HistoryPage) -> list[Fact]:
        return [fact for record in page.records for fact in self.adapter.read_history(record).facts]

    def keys(self, *pages: HistoryPage) -> list[str]:
        return [record.key for page in pages for record in page.records]


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    made = Account()
    yield made
    await made.adapter.aclose()


def of(facts: list[Fact], kind: EventKind, ticket: str | None = None) -> list[Fact]:
    return [fact for fact in facts if fact.kind is kind and ticket in (None, fact.ticket_id)]


def opened(account: Account, subject: str = "Export stops", **more: Any) -> str:
    ticket = account.desk.open_ticket(subject, "We will cancel.", organization="Example Ltd", **more)
    account.clock.advance(seconds=5)
    return str(ticket)


# ── what it tells ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_adapter_says_that_it_tells_history() -> None:
    assert Capability.HISTORY in ZendeskAdapter.capabilities


async def test_a_ticket_is_told_with_all_that_was_said_and_changed(account: Account) -> None:
    ticket = opened(account, domains=["example.com"], fields={"Plan": "pro"}, priority="high")
    account.desk.comment(ticket, "Please wait.", by="agent")
    account.clock.advance(seconds=5)
    account.desk.comment(ticket, "He is angry.", by="agent", public=False)
    account.clock.advance(seconds=5)
    account.desk.change(ticket, status="pending", add_tags=["vip"], group_id=account.desk.desk.second)
    account.clock.advance(hours=1)
    facts = await account.facts()
    (created,) = of(facts, EventKind.TICKET_CREATED)
    assert created.ticket["subject"] == "Export stops"
    assert created.ticket["customer"].email == "bo@example.com"
    assert created.ticket["account"].domains == ("example.com",)
    assert (created.ticket["team"], created.ticket["fields"]) == ("Tier 2", {"Plan": "pro"})
    assert created.occurred_at == START
    assert created.message is not None
    assert (created.message.text, created.message.direction) == ("We will cancel.", Direction.INBOUND)
    said = [fact.message for fact in of(facts, EventKind.MESSAGE_ADDED) if fact.message is not None]
    assert [(message.text, message.direction) for message in said] == [
        ("We will cancel.", Direction.INBOUND),
        ("Please wait.", Direction.OUTBOUND),
        ("He is angry.", Direction.INTERNAL),
    ]
    assert [message.author.kind for message in said] == [ActorKind.CUSTOMER, ActorKind.AGENT, ActorKind.AGENT]
    assert [fact.first_message for fact in of(facts, EventKind.MESSAGE_ADDED)] == [True, False, False]
    changes = {name: change for fact in of(facts, EventKind.TICKET_CHANGED) for name, change in fact.changes.items()}
    assert changes["status"] == Change(before=Status.NEW, after=Status.PENDING)
    assert changes["tags"] == Change(before=[], after=["vip"])
    assert changes["team"] == Change(before="Support", after="Tier 2")


async def test_custom_fields_change_by_their_title(account: Account) -> None:
    ticket = opened(account, fields={"Plan": "free"})
    account.desk.change(ticket, fields={"Plan": "pro"})
    account.clock.advance(hours=1)
    (change,) = of(await account.facts(), EventKind.TICKET_CHANGED)
    assert change.changes == {"fields.Plan": Change(before="free", after="pro")}


async def test_a_ticket_that_nobody_waits_for_needs_no_further_request(account: Account) -> None:
    ticket = opened(account)
    account.desk.set_status(ticket, "solved")
    account.clock.advance(hours=1)
    (created,) = of(await account.facts(START - timedelta(hours=1)), EventKind.TICKET_CREATED)
    assert created.needs == frozenset()


async def test_whose_customer_may_be_waiting_is_looked_up_in_a_short_run_and_not_in_a_long_one(
    account: Account,
) -> None:
    opened(account)
    account.clock.advance(hours=1)
    (lately,) = of(await account.facts(START - timedelta(hours=1)), EventKind.TICKET_CREATED)
    (always,) = of(await account.facts(), EventKind.TICKET_CREATED)
    assert (lately.needs, always.needs) == (frozenset({"ticket"}), frozenset())
    assert "waiting_since" not in lately.ticket


async def test_deleted_scrubbed_merged_and_closed_are_told_apart(account: Account) -> None:
    deleted, scrubbed, merged, target, closed = (opened(account, name) for name in "ABCDE")
    for gone in (deleted, scrubbed):
        account.desk.delete(gone)
    account.exports.scrubbed.add(int(scrubbed))
    account.desk.merge(merged, target)
    account.desk.set_status(closed, "closed")
    account.clock.advance(hours=1)
    facts = await account.facts()
    assert {fact.ticket_id for fact in of(facts, EventKind.TICKET_DELETED)} == {deleted, scrubbed}
    assert {fact.ticket_id for fact in of(facts, EventKind.TICKET_MERGED)} == {merged}
    labels = {fact.ticket_id: fact.ticket["status_label"] for fact in of(facts, EventKind.TICKET_DELETED)}
    assert labels[scrubbed] == "scrubbed"
    assert labels[deleted] != "scrubbed"
    created = {fact.ticket_id: fact for fact in of(facts, EventKind.TICKET_CREATED)}
    assert scrubbed not in created  # "X" is not what the customer wrote
    assert created[closed].ticket["status"] is Status.CLOSED


async def test_a_rating_is_told_and_an_offer_is_none(account: Account) -> None:
    ticket, other = opened(account), opened(account, "Other")
    account.desk.rate(ticket, "bad", "Slow.")
    account.desk.desk.tickets[int(other)].satisfaction = {"score": "offered"}
    account.clock.advance(hours=1)
    (rated,) = of(await account.facts(), EventKind.TICKET_RATED)
    assert rated.rating is not None
    assert (rated.ticket_id, rated.rating.score, rated.rating.comment) == (ticket, Score.BAD, "Slow.")


async def test_a_rating_on_a_scale_keeps_back_no_ticket(account: Account) -> None:
    row = {"id": 5, "updated_at": "2026-10-05T11:00:00Z", "satisfaction_rating": {"score": 5, "comment": "Fast"}}
    account.seen.answers = [answer(tickets=[row], after_cursor="x", end_of_stream=True)]
    page = await account.adapter.fetch_history(None, None)
    (rated,) = of(account.read(page), EventKind.TICKET_RATED)
    assert rated.rating is not None
    assert (rated.rating.score, rated.rating.label) == (Score.GOOD, "5")


async def test_every_comment_is_counted_against_what_zendesk_counts(account: Account) -> None:
    ticket = opened(account)
    for _ in range(3):
        account.desk.comment(ticket, "Still.")
    account.clock.advance(hours=1)
    records = [record for page in await account.pages() for record in page.records]
    assert [record.parts_counted for record in records if record.parts_counted is not None] == [4]
    assert sum(record.parts for record in records) == 4


async def test_mail_that_zendesk_sent_and_places_that_people_wrote_from_are_not_kept(account: Account) -> None:
    opened(account)
    account.clock.advance(hours=1)
    bodies = b"".join(record.body for page in await account.pages() for record in page.records)
    assert b"We will cancel." in bodies
    for unwanted in (b"Notification", b"192.0.2.7", b"Nowhere"):
        assert unwanted not in bodies


# ── going on ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_people_beside_tickets_nothing_is_kept_that_nobody_reads(account: Account) -> None:
    row = {"id": 5, "requester_id": 9, "updated_at": "2026-10-05T11:00:00Z"}
    person = {"id": 9, "name": "Kim Larsen", "notes": "pays late", "photo": {"content_url": "https://x.example.com"}}
    account.seen.answers = [answer(tickets=[row], users=[person], after_cursor="x", end_of_stream=True)]
    page = await account.adapter.fetch_history(None, None)
    assert json.loads(page.records[0].body)["users"] == {"9": {"id": 9, "name": "Kim Larsen"}}


async def test_a_run_goes_through_all_pages_of_both_exports(account: Account) -> None:
    tickets = [opened(account, str(number)) for number in range(25)]
    account.clock.advance(hours=1)
    account.exports.most = 7
    pages = await account.pages()
    facts = [fact for page in pages for fact in account.read(page)]
    assert [fact.ticket_id for fact in of(facts, EventKind.TICKET_CREATED)] == tickets
    assert {fact.ticket_id for fact in of(facts, EventKind.MESSAGE_ADDED)} == set(tickets)
    assert len(pages) == 8


async def test_the_next_run_begins_where_the_last_one_ended(account: Account) -> None:
    opened(account)
    account.clock.advance(minutes=10)
    pages = await account.pages()
    second = opened(account, "Second")
    account.clock.advance(minutes=10)
    later = await account.pages(cursor=pages[-1].cursor)
    assert len(later) == 2
    assert {record.ticket_id for page in later for record in page.records} == {second}
    again = await account.pages(cursor=later[-1].cursor)
    assert not [key for key in account.keys(*again) if key.startswith("ticket:")]


async def test_what_happens_during_a_run_comes_on_a_later_page(account: Account) -> None:
    first, *_ = [opened(account, str(number)) for number in range(4)]
    account.clock.advance(minutes=10)
    account.exports.most = 2
    page = await account.adapter.fetch_history(None, None)
    account.desk.set_status(first, "solved")
    account.clock.advance(minutes=2)
    rest = await account.pages(cursor=page.cursor)
    told = [key for key in account.keys(page, *rest) if key.startswith(f"ticket:{first}:")]
    assert len(told) == len(set(told)) == 2


async def test_a_change_by_the_system_is_a_new_state_of_the_same_ticket(account: Account) -> None:
    ticket = opened(account)
    account.clock.advance(minutes=10)
    pages = await account.pages()
    account.exports.system_updates[int(ticket)] = int(account.clock.now().timestamp())
    account.clock.advance(minutes=10)
    later = await account.pages(cursor=pages[-1].cursor)
    assert [key for key in account.keys(*later) if key.startswith("ticket:")] == [
        f"ticket:{ticket}:{account.exports.system_updates[int(ticket)]}"
    ]


async def test_the_last_minute_is_never_asked_for(account: Account) -> None:
    now = int(account.clock.now().timestamp())
    await account.pages(since=account.clock.now())
    asked = [int(request.url.params["start_time"]) for request in account.seen.exports()]
    assert asked
    assert max(asked) == now - 61


async def test_a_cursor_is_percent_encoded_and_no_address_is_followed(account: Account) -> None:
    for number in range(3):
        opened(account, str(number))
    account.clock.advance(hours=1)
    account.exports.most = 2
    await account.pages()
    cursors = [request for request in account.seen.exports(TICKETS) if b"cursor=" in request.url.query]
    assert cursors
    for request in cursors:
        assert b"%3D" in request.url.query
        assert "start_time" not in request.url.params
    assert {request.url.host for request in account.seen.asked} == {"acme.zendesk.com"}


async def test_a_cursor_that_cannot_be_read_any_more_begins_anew(account: Account) -> None:
    ticket = opened(account)
    account.clock.advance(hours=1)
    page = await account.adapter.fetch_history(None, "not ours")
    assert [record.ticket_id for record in page.records] == [ticket]


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_page_that_is_too_much_for_zendesk_is_asked_for_by_halves(account: Account) -> None:
    tickets = [opened(account, str(number)) for number in range(3)]
    account.clock.advance(hours=1)
    account.seen.answers = [httpx.Response(504, text="upstream request timeout")] * 8
    page = await account.adapter.fetch_history(None, None)
    assert [record.ticket_id for record in page.records] == tickets
    sizes = [int(request.url.params["per_page"]) for request in account.seen.exports()]
    assert (sizes[0], sizes[-1]) == (LARGEST, LARGEST // 4)


async def test_a_page_that_is_too_much_at_any_size_is_given_up_for_now(account: Account) -> None:
    account.seen.answers = [httpx.Response(504, text="upstream request timeout")] * 100
    with pytest.raises(RetryableError, match=f"not even one of {SMALLEST} rows"):
        await account.adapter.fetch_history(None, None)


async def test_after_no_answer_in_time_a_smaller_page_is_asked_for(account: Account) -> None:
    opened(account)
    account.clock.advance(hours=1)
    account.seen.answers = [httpx.ReadTimeout("slow")] * 4
    with pytest.raises(RetryableError):
        await account.adapter.fetch_history(None, None)
    await account.adapter.fetch_history(None, None)
    assert int(account.seen.exports()[-1].url.params["per_page"]) == LARGEST // 2


@pytest.mark.parametrize(
    "body",
    [
        '{"error":"APIRateLimitExceeded","description":"Number of allowed API requests per minute exceeded"}',
        "Number of allowed incremental export API requests per minute exceeded",
        '{"detail":"Rate limited by Zendesk edge protection","status":"429","title":"Too many requests"}',
        "<html>busy</html>",
        "",
    ],
)
@pytest.mark.parametrize("wait", [{"retry-after": "17"}, {"retry-after": "0"}, {}])
async def test_too_many_requests_are_waited_for_whatever_the_answer_says(
    account: Account, body: str, wait: dict[str, str]
) -> None:
    opened(account)
    account.clock.advance(hours=1)
    account.seen.answers = [httpx.Response(429, headers=wait, text=body)]
    page = await account.adapter.fetch_history(None, None)
    assert page.records
    assert account.slept >= (17 if wait.get("retry-after") == "17" else 10)


async def test_a_long_pause_is_given_back_to_who_asked(account: Account) -> None:
    account.seen.answers = [httpx.Response(429, headers={"retry-after": "300"})]
    with pytest.raises(RetryableError) as refused:
        await account.adapter.fetch_history(None, None)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after >= 250


def answer(**data: Any) -> httpx.Response:
    return httpx.Response(200, json=data)


@pytest.mark.parametrize("more", [{}, {"after_cursor": None}, {"after_cursor": "same"}])
async def test_an_export_that_neither_goes_on_nor_ends_is_not_asked_for_ever(
    account: Account, more: dict[str, Any]
) -> None:
    place = json.dumps({"telling": "tickets", "since": 1, "tickets": "same", "events": 1})
    account.seen.answers = [answer(tickets=[], end_of_stream=False, **more)]
    with pytest.raises(RetryableError, match="neither where to go on nor that it has ended"):
        await account.adapter.fetch_history(None, place)


async def test_events_without_a_word_of_where_they_go_on_are_asked_for_again(account: Account) -> None:
    """And no second is claimed to hold too much."""
    place = json.dumps({"telling": "events", "since": 1, "events": 1})
    row = {"id": 7, "ticket_id": 5, "child_events": []}
    account.seen.answers = [answer(ticket_events=[row], end_time=None, end_of_stream=False)]
    with pytest.raises(RetryableError, match="neither goes on nor says that it has ended"):
        await account.adapter.fetch_history(None, place)


async def test_an_empty_page_is_no_end_and_a_last_page_need_not_be_empty(account: Account) -> None:
    account.seen.answers = [answer(tickets=[], after_cursor="further", end_of_stream=False)]
    page = await account.adapter.fetch_history(None, None)
    assert not page.end
    assert json.loads(page.cursor)["tickets"] == "further"


async def test_rows_of_the_second_between_two_pages_have_the_same_keys(account: Account) -> None:
    ticket = opened(account)
    for number in range(3):
        account.desk.comment(ticket, str(number))
    account.clock.advance(seconds=1)
    account.desk.comment(ticket, "last")
    account.clock.advance(hours=1)
    account.exports.most = 3
    keys = [key for key in account.keys(*await account.pages()) if key.startswith("audit:")]
    assert len(keys) > len(set(keys)) == 5


async def test_a_second_that_holds_more_than_a_page_is_left_behind_and_said_to_be(account: Account) -> None:
    ticket = opened(account)
    for number in range(6):
        account.desk.comment(ticket, str(number))
    account.clock.advance(seconds=10)
    account.desk.comment(ticket, "afterwards")
    account.clock.advance(hours=1)
    account.exports.most = 4
    pages = await account.pages()
    (stuck,) = [skipped for page in pages for skipped in page.skipped]
    assert "2026-10-05 12:00:05 UTC" in stuck.reason
    texts = [fact.message.text for page in pages for fact in account.read(page) if fact.message is not None]
    assert "afterwards" in texts


async def test_a_clock_behind_zendesks_does_not_go_round_in_circles(account: Account) -> None:
    ticket = opened(account)
    for number in range(9):
        account.desk.comment(ticket, str(number))
        account.clock.advance(seconds=1)
    account.exports.withheld = 0  # shows what, by our clock, is too new
    account.exports.most = 3
    pages = await account.pages()
    account.clock.advance(minutes=5)
    pages += await account.pages(cursor=pages[-1].cursor)
    assert len({key for key in account.keys(*pages) if key.startswith("audit:")}) == 10


async def test_a_row_of_no_known_shape_keeps_back_no_other(account: Account) -> None:
    good = opened(account)
    account.clock.advance(hours=1)
    shown = account.desk.desk.show(account.desk.desk.tickets[int(good)])
    account.seen.answers = [
        answer(
            tickets=[{"id": "no id"}, shown | {"updated_at": "the words of a customer"}, shown],
            after_cursor="next",
            end_of_stream=False,
        ),
        answer(tickets=[], after_cursor="last", end_of_stream=True),
        answer(ticket_events=[{"id": 7}, {"id": 8, "ticket_id": 5, "child_events": "x"}], end_of_stream=True),
    ]
    pages = await account.pages()
    assert [record.ticket_id for page in pages for record in page.records] == [good]
    skipped = [each for page in pages for each in page.skipped]
    assert len(skipped) == 4
    assert not any("customer" in each.reason for each in skipped)


async def test_whoever_is_no_admin_is_told_so(account: Account) -> None:
    account.exports.admins_only = True
    with pytest.raises(CredentialsError, match="for admins only"):
        await account.adapter.fetch_history(None, None)


@pytest.mark.parametrize("fault", [Fault(status=503, path=TICKETS), Fault("truncated", path=TICKETS)])
async def test_an_export_that_fails_once_is_asked_again(account: Account, fault: Fault) -> None:
    ticket = opened(account)
    account.clock.advance(hours=1)
    account.desk.faults.append(fault)
    if fault.kind == "truncated":
        account.seen.answers = [httpx.ReadError("broken")]
        account.desk.faults.clear()
    page = await account.adapter.fetch_history(None, None)
    assert [record.ticket_id for record in page.records] == [ticket]


async def test_an_answer_that_is_no_export_is_tried_again_later(account: Account) -> None:
    account.seen.answers = [httpx.Response(200, text="<html>maintenance</html>"), answer(tickets="none")]
    for _ in range(2):
        with pytest.raises(RetryableError):
            await account.adapter.fetch_history(None, None)


async def test_people_are_asked_for_in_hundreds_and_remembered(account: Account) -> None:
    for number in range(120):
        account.desk.open_ticket(str(number), "Hello", requester=f"c{number}@example.com")
    account.clock.advance(hours=1)
    await account.pages()
    asked = account.seen.exports("show_many")
    assert len(asked) == 2
    await account.pages()
    assert len(account.seen.exports("show_many")) == 2


async def test_somebody_who_is_gone_costs_no_further_request(account: Account) -> None:
    ticket = opened(account)
    account.desk.comment(ticket, "Bye.", by="agent")
    account.clock.advance(hours=1)
    del account.desk.desk.users[account.desk.desk.agent.id]
    said = of(await account.facts(), EventKind.MESSAGE_ADDED)[-1]
    assert said.message is not None
    assert (said.actor.id, said.message.author.name) == (None, "deleted user")


def test_records_of_another_kind_are_rejected(account: Account) -> None:
    for body in (b"[]", b"{}", b"not JSON", b'{"ticket": 1}', b'{"ticket": {"id": 1}}', b'{"event": {"id": 1}}'):
        with pytest.raises(RejectedError):
            account.adapter.read_history(HistoryRecord(key="k", ticket_id="1", body=body))


async def test_both_ways_of_writing_a_change_are_read(account: Account) -> None:
    ticket = opened(account)
    account.clock.advance(hours=1)
    children = [
        {"id": 1, "event_type": "Change", "status": "solved", "previous_value": "open"},
        {"id": 2, "type": "Change", "field_name": "priority", "value": "urgent", "previous_value": None},
        {"id": 3, "event_type": "Change", "type": "problem", "previous_value": None},
        {"id": 4, "type": "Change", "field_name": "tags", "value": ["a", "b"], "previous_value": ["a", "c"]},
        {"id": 5, "event_type": "Change", "added_tags": ["vip"], "removed_tags": [], "previous_value": ["a"]},
        {"id": 6, "event_type": "Change", "via": "Rule", "assignee_id": 77, "previous_value": None},
        {"id": 7, "event_type": "Error", "message": "unread"},
    ]
    row = {"id": 900, "ticket_id": int(ticket), "timestamp": 1791201600, "updater_id": 1, "child_events": children}
    place = json.dumps({"telling": "events", "since": 1, "events": 1})
    account.seen.answers = [answer(ticket_events=[row], end_time=1791201601, end_of_stream=True)]
    facts = account.read(await account.adapter.fetch_history(None, place))
    assert [fact.changes for fact in facts] == [
        {"status": Change(before=Status.OPEN, after=Status.SOLVED)},
        {"priority": Change(before=None, after="urgent")},
        {"type": Change(before=None, after="problem")},
        {"tags": Change(before=["a", "c"], after=["a", "b"])},
        {"tags": Change(before=["a"], after=["a", "vip"])},
        {"assignee": Change(before=None, after={"id": "77"})},
    ]
    assert facts[-1].actor.kind is ActorKind.AUTOMATION


async def test_only_the_two_exports_are_asked_where_all_names_are_known(account: Account) -> None:
    """A quiet reconcile costs two requests of the ten a minute."""
    await account.pages()
    assert [request.url.path for request in account.seen.asked if "oauth" not in request.url.path] == [TICKETS, EVENTS]
