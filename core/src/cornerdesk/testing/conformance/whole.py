"""Standard tests of everything together: from the vendor to events, through the whole intake."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.clock import Clock
from cornerdesk.errors import UnsupportedError
from cornerdesk.model import ActorKind
from cornerdesk.testing.conformance.bench import opened
from cornerdesk.testing.conformance.company import Company, listening
from cornerdesk.testing.conformance.standard import NOW, StandardTests
from cornerdesk.testing.desk import StandIn


@pytest.mark.asyncio
class WholeTests(StandardTests):
    """Whatever tells a thing first, webhooks or history, it is told once. Run by the real intake, on SQLite."""

    # ── what an author may give ─────────────────────────────────────────────────────────────────────────────────────

    def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
        """As `make_adapter`, with a clock: override it if `fetch_history` looks at one."""
        return self.make_adapter(base_url=base_url)

    def a_day(self, desk: StandIn) -> Iterator[None]:
        """What happens, with half a minute at each `yield`. Override it where webhooks or history cannot tell one of
        these, or can tell more."""
        first = desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd", fields={"Plan": "free"})
        second = desk.open_ticket("Invoice", "Twice!", requester="kim@example.com")
        yield
        desk.comment(first, "Please wait.", by="agent")
        yield
        desk.change(first, status="pending", add_tags=["vip"])
        yield
        desk.change(first, assignee=desk.agent_id, fields={"Plan": "pro"})
        yield
        desk.comment(first, "How long?")
        yield
        desk.change(first, remove_tags=["vip"])
        yield
        desk.set_status(first, "solved")
        yield
        desk.rate(first, "bad", "Slow.")
        yield
        desk.merge(second, first)
        yield
        desk.comment(first, "Both are paid back.", by="agent", public=False)
        yield
        third = desk.open_ticket("Spam", "Buy!", requester="x@example.net")
        yield
        desk.delete(third)
        yield

    def expect_alike(self, by_webhooks: Counter[str], by_history: Counter[str]) -> None:
        """What either tells alone, as often as it tells it. Override it where the vendor's history cannot know what
        webhooks tell, and hold exactly what differs."""
        assert by_history == by_webhooks

    def only_webhooks_know(self, what: str) -> bool:
        """Whether the vendor's history has nothing of this, so that a late webhook is the first to tell it:
        `ticket.changed of 7: status is pending`, say, where history shows only how a ticket stands now."""
        return False

    # ── once ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_history_after_webhooks_tells_nothing_again(self, company: Company) -> None:
        """Every webhook came: a backfill finds nothing new, and nothing missing.

        When it fails: give the facts of `read_history` the keys that those of `read` have, and tell each status, tag
        and field in the same words.
        """
        await self.live(company, heard=True)
        told = await company.told()
        summary = await company.read_history()
        self._expect_nothing_new(told, await company.told())
        assert (summary.events, summary.missing) == (0, 0)
        assert summary.records > 0

    async def test_webhooks_after_history_tell_nothing_again(self, company: Company) -> None:
        """Webhooks that were held up arrive after a backfill.

        When it fails: as above; and give a fact that history cannot name the state it led to, so that it is seen to be
        old.
        """
        await self.live(company)
        await company.read_history()
        told = await company.told()
        await company.hear_webhooks()
        self._expect_nothing_new(told, await company.told())

    async def test_any_half_of_the_webhooks_and_history_make_a_whole(self, company: Company) -> None:
        """Every second webhook is lost, a backfill finds what it told, and then it comes after all.

        When it fails: as above; the message names what was told twice.
        """
        await self.live(company)
        sent = list(company.desk.sent)
        await company.hear_webhooks(sent[::2])
        await company.read_history()
        whole = await company.told()
        await company.hear_webhooks(sent[1::2])
        self._expect_nothing_new(whole, await company.told())
        twice = [what for what, times in whole.items() if times > 1]
        assert not twice, f"told twice: {', '.join(twice)}"

    async def test_both_tell_the_same(self, company: Company, tmp_path: Path) -> None:
        """One company had only webhooks, the other only a backfill.

        When it fails: what only one of them tells is shown; read it on the other side too, or override `expect_alike`
        to say what the vendor's history does not know.
        """
        await self.live(company)
        await company.read_history()
        (folder := tmp_path / "other").mkdir()
        async with self.founded(folder) as other:
            await self.live(other, heard=True)
            self.expect_alike(await other.told(), await company.told())

    async def test_a_second_backfill_finds_nothing_new(self, company: Company) -> None:
        """Nothing happened since.

        When it fails: the keys of records and facts have to be the same each time they are read.
        """
        await self.live(company)
        await company.read_history()
        company.later(hours=1)
        again = await company.read_history()
        assert (again.events, again.missing) == (0, 0)

    async def test_a_lost_message_is_found(self, company: Company) -> None:
        """The webhook of an answer never came.

        When it fails: look at where the next run of history begins, and at what it tells of a ticket known before.
        """
        self.need(Capability.HISTORY)
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        company.later()
        await company.hear_webhooks()
        await company.read_history()
        company.later(minutes=5)
        company.desk.comment(ticket, "Are you there?")
        company.later(hours=1)
        await company.read_history()
        told = await company.told()
        assert told == {
            f"ticket.created of {ticket}: We will cancel.": 1,
            f"message.added of {ticket}: Are you there?": 1,
        }

    async def test_what_we_wrote_is_known_as_ours_in_history(self, company: Company) -> None:
        """Nobody is to be told of our own note as if an agent had written it.

        When it fails: the hints of the `Receipt` have to be those that the fact in history has. A marker that has to
        stand in the note's own text is taken off again where messages are mapped: the hint of the text, which is there
        before any receipt, is that of the text alone.
        """
        self.need(Capability.HISTORY, Capability.NOTE)
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        await company.hear_webhooks()
        company.later()
        await company.expect_echoes(ticket, await company.adapter.add_note(ticket, "The CEO knows.", "marker-1"))
        company.later(hours=1)
        await company.read_history()
        notes = [event for event in await company.events() if event.message and "The CEO knows." in event.message.text]
        assert [note.message and note.message.text for note in notes] == ["The CEO knows."]
        assert [note.actor.kind for note in notes] == [ActorKind.SELF]

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def founded(self, folder: Path) -> AsyncIterator[Company]:
        """A stand-in of its own, and a company that listens to it."""
        clocks: list[Clock] = []

        def standin(clock: Clock) -> StandIn:
            clocks.append(clock)
            return self.make_standin(clock)

        async with opened(standin, lambda url: self.make_timed_adapter(url, clocks[0]), NOW) as bench:
            async with listening(bench, folder) as company:
                yield company

    @pytest_asyncio.fixture
    async def company(self, tmp_path: Path) -> AsyncIterator[Company]:
        """A company that listens to a stand-in."""
        if not self.talks:
            pytest.skip("declares nothing that talks to the vendor")
        async with self.founded(tmp_path) as company:
            yield company

    async def live(self, company: Company, *, heard: bool = False) -> None:
        """The day, until everything is an hour old; `heard`: with its webhooks, as they come."""
        self.need(Capability.HISTORY)
        day = self.a_day(company.desk)
        while True:
            try:
                next(day)
            except StopIteration:
                break
            except UnsupportedError as error:
                pytest.fail(f"{error}: override `a_day` without it")
            company.later()
            if heard:
                await company.hear_webhooks()
        company.later(hours=1)

    def _expect_nothing_new(self, before: Counter[str], after: Counter[str]) -> None:
        new = [what for what in after - before if before[what] or not self.only_webhooks_know(what)]
        assert not new, f"told again: {', '.join(new)}"
