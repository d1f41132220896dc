"""Standard tests of `fetch_history` and `read_history`, over the stand-in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornerdesk.adapters.history import HistoryPage, HistoryRecord
from cornerdesk.adapters.interface import Adapter, Capability, Fact, Reading
from cornerdesk.errors import RejectedError, RetryableError, UnsupportedError
from cornerdesk.model import EventKind, Status
from cornerdesk.testing.conformance.arbitrary import bounded, near_bodies
from cornerdesk.testing.conformance.bench import Bench
from cornerdesk.testing.conformance.samples import Sample
from cornerdesk.testing.conformance.standard import NOW, StandardTests
from cornerdesk.testing.desk import Fault

_MOST_PAGES = 500
_TRIES = 5


@pytest.mark.asyncio
class HistoryTests(StandardTests):
    """The past, page by page: told wholly, whatever happens on the way.

    Attributes:
        tickets: how many to open; more than fit on two pages of the vendor's.
        history_path: a part of the address that pages are asked for at, for faults that hit only these: `/tickets$`,
            where a ticket's own address goes on behind it (see `Fault.path`).
    """

    tickets: ClassVar[int] = 25
    history_path: ClassVar[str] = "/tickets"

    # ── complete ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_every_ticket_and_message_is_told(self, bench: Bench) -> None:
        """Nothing is left out, over several pages.

        When it fails: look at what ends the run, and at the messages of a ticket that has more than one page of them.
        """
        self.need(Capability.HISTORY)
        self._open_tickets(bench)
        pages = await self._run(bench)
        assert len(pages) > 1, f"all on one page: set `tickets` above {self.tickets}, to more than a page holds"
        self._expect_all(bench, pages)
        self._expect_messages(bench, pages)

    async def test_pages_that_shift_leave_nothing_out(self, bench: Bench) -> None:
        """While we read, somebody changes a ticket: it moves to the end, and each later one a place forward.

        When it fails: go on by the vendor's cursor or by time and id, not by a page's number; where there are only
        numbers, read the page before again, or begin behind the last time seen with an overlap.
        """
        await self._expect_all_despite(bench, [Fault.shifted_page(path=self.history_path, skip=1, times=3)])

    async def test_a_repeated_page_does_no_harm(self, bench: Bench) -> None:
        """A cache answers with the last page again.

        When it fails: do not count rows; take the cursor of the answer, and do not end because nothing new came.
        """
        await self._expect_all_despite(bench, [Fault.repeated_page(path=self.history_path)])

    async def test_an_empty_page_is_no_end(self, bench: Bench) -> None:
        """Vendors filter pages after cutting them: an empty one in the middle is usual.

        When it fails: end where the vendor says so, not where a page has no rows; and go on where it says, instead of
        counting on to the next page. A stand-in takes that place from `Page.next`.
        """
        await self._expect_all_despite(bench, [Fault.empty_page(path=self.history_path)])

    async def test_a_run_goes_on_from_the_cursor_alone(self, bench: Bench) -> None:
        """Killed after any page, another process goes on.

        When it fails: everything that is needed to go on stands in the cursor, nothing in the adapter.
        """
        self.need(Capability.HISTORY)
        self._open_tickets(bench)
        self._expect_all(bench, await self._run(bench, each=bench.connect))

    async def test_a_page_asked_for_again_tells_the_same_records(self, bench: Bench) -> None:
        """Killed before a page was stored, the same page is asked for again: what was stored has the same key.

        When it fails: build `HistoryRecord.key` of the ticket's id and version, not of the page or the clock.
        """
        self.need(Capability.HISTORY)
        self._open_tickets(bench)
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            pages = [await bench.adapter.fetch_history(None, cursor) for _ in range(2)]
            keys = [{record.key for record in page.records} for page in pages]
            assert keys[0] == keys[1]
            assert len(keys[0]) == len({record.key for record in pages[0].records})
            cursor = pages[0].cursor
            if pages[0].end:
                return
        pytest.fail(f"no end after {_MOST_PAGES} pages")

    async def test_a_changed_ticket_is_another_record(self, bench: Bench) -> None:
        """A key that was stored before is not stored again: with one key per ticket nothing new would be seen.

        When it fails: put the ticket's version (its time of change) into `HistoryRecord.key`.
        """
        self.need(Capability.HISTORY)
        ticket = bench.open_ticket()
        before = _keys_of(await self._run(bench), ticket)
        bench.clock.advance(timedelta(minutes=5))
        bench.standin.comment(ticket, "And again.")
        assert _keys_of(await self._run(bench), ticket) - before

    # ── since ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_changed_before_since_is_left_out(self, bench: Bench) -> None:
        """`reconcile` asks for the last minutes, every few minutes.

        When it fails: hand `since` to the vendor, in its own unit; an overlap of minutes is fine, one of days is not.
        """
        self.need(Capability.HISTORY)
        old = self._open_tickets(bench)
        bench.clock.advance(timedelta(days=3))
        since = bench.clock.now()
        bench.clock.advance(timedelta(hours=1))
        new = {bench.open_ticket(), old[0]}
        bench.standin.comment(old[0], "Still.")
        told = {record.ticket_id for page in await self._run(bench, since=since) for record in page.records}
        assert new <= told, "something that changed since is left out"
        assert told == new, f"{len(told - new)} tickets that did not change since"

    async def test_what_happens_after_the_end_comes_with_the_last_cursor(self, bench: Bench) -> None:
        """The next reconcile begins where the last one ended.

        When it fails: on the last page too, the cursor is a place behind which new changes appear.
        """
        self.need(Capability.HISTORY)
        tickets = self._open_tickets(bench)
        last = (await self._run(bench))[-1]
        bench.clock.advance(timedelta(hours=1))
        bench.standin.comment(tickets[0], "Still.")
        new = bench.open_ticket()
        bench.clock.advance(timedelta(minutes=10))
        told = {record.ticket_id for page in await self._run(bench, cursor=last.cursor) for record in page.records}
        assert {tickets[0], new} <= told

    async def test_the_oldest_change_comes_first(self, bench: Bench) -> None:
        """A run that is ended has told everything up to some time.

        When it fails: ask for ascending order of change.
        """
        self.need(Capability.HISTORY)
        tickets = self._open_tickets(bench)
        told = [record.ticket_id for page in await self._run(bench) for record in page.records]
        first = {ticket: told.index(ticket) for ticket in tickets if ticket in told}
        half = len(first) // 2
        early, late = list(first.values())[:half], list(first.values())[half:]
        assert sum(early) / len(early) < sum(late) / len(late), "those that changed last come first"

    # ── what records tell ───────────────────────────────────────────────────────────────────────────────────────────

    async def test_history_gives_facts_the_keys_that_webhooks_give_them(self, bench: Bench) -> None:
        """What a webhook told already is told once: the same creation and the same message share a key.

        When it fails: build keys of facts with one function, for `read` and for `read_history`.
        """
        self.need(Capability.HISTORY)
        ticket = bench.open_ticket()
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket, "Any news?")
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket, "We look into it.", by="agent")
        told = bench.facts()
        known = {key for fact in self._facts(await self._run(bench)) for key in fact.keys}
        for kind in (EventKind.TICKET_CREATED, EventKind.MESSAGE_ADDED):
            strangers = [fact.keys for fact in told if fact.kind is kind and known.isdisjoint(fact.keys)]
            assert not strangers, f"{kind}: history knows none of {strangers[0]}"

    async def test_reading_a_record_asks_nobody(self, bench: Bench) -> None:
        """`read_history` is pure: records wait in the database and are read later, and again in replay.

        When it fails: put all that is needed (people, names) into the record's body in `fetch_history`.
        """
        self.need(Capability.HISTORY)
        bench.open_ticket()
        pages = await self._run(bench)
        asked = len(bench.watch.asked)
        for record in _records(pages):
            reading = bench.adapter.read_history(record)
            assert reading == bench.adapter.read_history(record), "read twice, it tells something else"
        assert len(bench.watch.asked) == asked

    async def test_a_deleted_ticket_is_told(self, bench: Bench) -> None:
        """A deletion that no webhook told is found.

        When it fails: ask for deleted tickets too, and map their mark to `ticket.deleted` or the status `deleted`.
        """
        await self._expect_told(bench, EventKind.TICKET_DELETED, lambda ticket, into: bench.standin.delete(ticket))

    async def test_a_merged_ticket_is_told(self, bench: Bench) -> None:
        """A merge that no webhook told is found, and told apart from a closed ticket.

        When it fails: look at how the vendor marks a ticket that went into another, and map it to `ticket.merged`.
        """
        await self._expect_told(bench, EventKind.TICKET_MERGED, bench.standin.merge)

    async def test_parts_are_counted(self, bench: Bench) -> None:
        """A backfill ends with a comparison: parts stored against parts that the vendor counts.

        When it fails: `parts` is what stands in the body, `parts_counted` what the vendor says there is. A ticket may
        come in several records, whose parts are added up.
        """
        self.need(Capability.HISTORY)
        ticket = bench.open_ticket()
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket, "Any news?")
        records = _records(await self._run(bench))
        parts = sum(record.parts for record in records)
        assert parts >= len(bench.standin.look(ticket).messages)
        assert {record.parts_counted for record in records} <= {None, parts}

    async def test_a_record_gone_wrong_is_read_or_rejected(self, bench: Bench) -> None:
        """Whatever stands in a record is a reading or a `RejectedError`, which names the field.

        When it fails: read bodies with `load_json` and `cornerdesk.wire.parse`.
        """
        self.need(Capability.HISTORY)
        bench.open_ticket()
        record = next(iter(_records(await self._run(bench))))

        @bounded(100)
        @given(st.binary(max_size=30) | near_bodies([Sample("record", record.body)]))
        def check(body: bytes) -> None:
            try:
                reading = bench.adapter.read_history(record.model_copy(update={"body": body}))
            except RejectedError:
                return
            assert isinstance(reading, Reading)

        check()

    async def test_a_page_that_cannot_be_had_now_is_passing(self, bench: Bench) -> None:
        """`RetryableError`: the run goes on at the same page later.

        When it fails: an error in the middle of a page must not become a shorter page.
        """
        self.need(Capability.HISTORY)
        self._open_tickets(bench)
        first = await bench.adapter.fetch_history(None, None)
        bench.standin.faults.append(Fault.server_error(503, times=99))
        with pytest.raises(RetryableError):
            await bench.adapter.fetch_history(None, first.cursor)

    # ── capabilities ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_undeclared_history_is_refused(self) -> None:
        """What is not declared raises `UnsupportedError` and asks the vendor nothing.

        When it fails: declare `HISTORY`, or leave `fetch_history` and `read_history` as `Adapter` has them.
        """

        async def both(adapter: Adapter) -> None:
            with pytest.raises(UnsupportedError):
                adapter.read_history(HistoryRecord(key="ticket:1:1", ticket_id="1", body=b"{}"))
            await adapter.fetch_history(NOW, None)

        await self.expect_unsupported({Capability.HISTORY: both})

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _open_tickets(self, bench: Bench) -> list[str]:
        """Those that were opened first first; each third has a second message."""
        opened = []
        for number in range(self.tickets):
            bench.clock.advance(timedelta(minutes=1))
            opened.append(bench.open_ticket(f"Number {number}"))
            if number % 3 == 0:
                bench.clock.advance(timedelta(seconds=10))
                bench.standin.comment(opened[-1], f"More of number {number}")
        bench.clock.advance(timedelta(minutes=10))
        return opened

    async def _run(
        self,
        bench: Bench,
        *,
        since: datetime | None = None,
        cursor: str | None = None,
        each: Callable[[], Adapter] | None = None,
    ) -> list[HistoryPage]:
        """Page after page until the end; a page that cannot be had now is asked for again."""
        pages: list[HistoryPage] = []
        for _ in range(_MOST_PAGES):
            pages.append(await self._page(each() if each else bench.adapter, since, cursor))
            cursor = pages[-1].cursor
            if pages[-1].end:
                return pages
        pytest.fail(f"no end after {_MOST_PAGES} pages")

    async def _page(self, adapter: Adapter, since: datetime | None, cursor: str | None) -> HistoryPage:
        for _ in range(_TRIES):
            try:
                return await adapter.fetch_history(since, cursor)
            except RetryableError:
                continue
        return await adapter.fetch_history(since, cursor)

    async def _expect_all_despite(self, bench: Bench, faults: Sequence[Fault]) -> None:
        self.need(Capability.HISTORY)
        self._open_tickets(bench)
        whole = {id(fault): fault.times for fault in faults}
        bench.standin.faults += faults
        pages = await self._run(bench)
        idle = [fault.kind for fault in bench.standin.faults if fault.times == whole[id(fault)]]
        assert not idle, f"{idle[0]} hit no page: is `history_path` right?"
        self._expect_all(bench, pages)

    def _expect_all(self, bench: Bench, pages: Iterable[HistoryPage]) -> None:
        told = {record.ticket_id for record in _records(pages)}
        lost = [ticket for ticket in bench.standin.tickets() if ticket not in told]
        assert not lost, f"{len(lost)} of {len(bench.standin.tickets())} tickets are left out: {', '.join(lost[:5])}"

    def _expect_messages(self, bench: Bench, pages: Iterable[HistoryPage]) -> None:
        told: dict[str, set[str]] = defaultdict(set)
        for record in _records(pages):
            reading = bench.adapter.read_history(record)
            told[record.ticket_id] |= {fact.message.text for fact in reading.facts if fact.message is not None}
            told[record.ticket_id] |= {message.text for state in reading.states for message in state.messages}
        for ticket in bench.standin.tickets():
            missing = {line.text for line in bench.standin.look(ticket).messages} - told[ticket]
            assert not missing, f"{len(missing)} messages of ticket {ticket} are left out"

    def _facts(self, pages: Iterable[HistoryPage]) -> list[Fact]:
        adapter = self.make_adapter()
        return [fact for record in _records(pages) for fact in adapter.read_history(record).facts]

    async def _expect_told(self, bench: Bench, kind: EventKind, happen: Callable[[str, str], None]) -> None:
        self.need(Capability.HISTORY)
        ticket, other = bench.open_ticket(), bench.open_ticket()
        bench.clock.advance(timedelta(days=1))
        since = bench.clock.now()
        bench.clock.advance(timedelta(minutes=10))
        try:
            happen(ticket, other)
        except UnsupportedError:
            pytest.skip(f"the vendor has no {kind}")
        bench.clock.advance(timedelta(minutes=10))
        pages = await self._run(bench, since=since)
        facts = [fact for fact in self._facts(pages) if fact.ticket_id == ticket]
        deleted = kind is EventKind.TICKET_DELETED and any(
            fact.ticket.get("status") == Status.DELETED for fact in facts
        )
        assert deleted or kind in {fact.kind for fact in facts}, f"{kind} is not told"


def _records(pages: Iterable[HistoryPage]) -> list[HistoryRecord]:
    return [record for page in pages for record in page.records]


def _keys_of(pages: Iterable[HistoryPage], ticket: str) -> set[str]:
    return {record.key for record in _records(pages) if record.ticket_id == ticket}
