"""Standard tests of write-back, over the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from cornerdesk.adapters.echo import hints_of
from cornerdesk.adapters.interface import Adapter, Capability, Receipt
from cornerdesk.errors import RejectedError, RetryableError, UnknownOutcomeError, UnsupportedError
from cornerdesk.model import Priority, Status
from cornerdesk.testing.conformance.bench import Asked, Bench, Call, close
from cornerdesk.testing.conformance.standard import NOWHERE, StandardTests
from cornerdesk.testing.desk import Fault

NOTE = "Ada Park looks at this."
MARKER = "cd-0190aa-77f2"
_ALWAYS = 99
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.asyncio
class WriteBackTests(StandardTests):
    """What we do at the vendor: done once, seen by nobody who should not, and known again."""

    # ── notes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_note_is_internal(self, bench: Bench) -> None:
        """An executive's remark in a customer's inbox is the worst that can happen here.

        When it fails: say "not public" in the request itself, every time; no default of the vendor's is safe.
        """
        self.need(Capability.NOTE)
        ticket = bench.open_ticket()
        await bench.adapter.add_note(ticket, NOTE, MARKER)
        shown = [line for line in bench.standin.look(ticket).messages if NOTE in line.text]
        assert [line.direction.value for line in shown] == ["internal"]

    async def test_a_note_says_what_it_was_told(self, bench: Bench) -> None:
        """Lines, signs that HTML would swallow, and other scripts arrive as they are.

        When it fails: escape text where the vendor takes HTML, and send UTF-8.
        """
        self.need(Capability.NOTE)
        ticket, text = bench.open_ticket(), 'Grüße <b>now</b> & "here"\n\n日本 {{ticket.id}}'
        await bench.adapter.add_note(ticket, text, MARKER)
        assert _written(bench, ticket, text) == 1

    async def test_a_note_is_known_as_ours(self, bench: Bench) -> None:
        """The webhook that tells of our note has a hint of the receipt: else rules act on what they did themselves.

        When it fails: put `message_hint(id)` of the answer, or `text_hint(text)`, into `Receipt.echoes`, and give the
        message the same id and text in `read`.
        """
        self.need(Capability.NOTE)
        ticket = bench.open_ticket()
        since = len(bench.standin.sent)
        self._expect_echo(bench, since, await bench.adapter.add_note(ticket, NOTE, MARKER))

    async def test_a_receipt_names_the_note(self, bench: Bench) -> None:
        """A receipt is the proof that is shown in the ledger.

        When it fails: put the id that the vendor answered with into `Receipt.id`.
        """
        self.need(Capability.NOTE)
        receipt = await bench.adapter.add_note(bench.open_ticket(), NOTE, MARKER)
        assert receipt.id

    async def test_a_note_on_a_ticket_that_is_gone_is_rejected(self, bench: Bench) -> None:
        """Trying again will not help: `RejectedError`.

        When it fails: let `ApiRejectedError` of a 404 through.
        """
        self.need(Capability.NOTE)
        with pytest.raises(RejectedError):
            await bench.adapter.add_note("987654321", NOTE, MARKER)

    # ── unknown outcomes ────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_note_without_an_answer_is_of_unknown_outcome(self, bench: Bench) -> None:
        """The request went out and no answer came: it may stand there. Not repeated, but looked up.

        When it fails: pass `repeatable=False` to `ApiClient.request`, or whatever takes a key that makes it so.
        """
        self.need(Capability.NOTE)
        for fault in (Fault.lost(after=True), Fault.server_error(502, after=True), Fault.not_json(after=True)):
            ticket = bench.open_ticket()
            await self._spoil_writes(bench, fault)
            with pytest.raises(RetryableError) as raised:
                await bench.adapter.add_note(ticket, NOTE, MARKER)
            bench.standin.faults.clear()
            if not isinstance(raised.value, UnknownOutcomeError):
                await bench.adapter.add_note(ticket, NOTE, MARKER)  # it says that this is harmless
            assert _written(bench, ticket) == 1, f"{fault.kind}: written more than once"

    async def test_a_note_that_was_not_sent_is_simply_retried(self, bench: Bench) -> None:
        """Nobody was reached, or the vendor said "too many": it certainly did not take place.

        When it fails: raise `RetryableError`, not `UnknownOutcomeError`, where nothing was sent; `ApiClient` does.
        """
        self.need(Capability.NOTE)
        ticket = bench.open_ticket()
        await self._spoil_writes(bench, Fault.too_many(wait="1", times=_ALWAYS))
        await self._expect_plain_retry(bench.adapter, ticket)
        bench.standin.faults.clear()
        assert _written(bench, ticket) == 0
        away = self.make_adapter(base_url=NOWHERE)
        try:
            await self._expect_plain_retry(away, ticket)
        finally:
            await close([away])

    async def test_a_write_that_took_place_is_found(self, bench: Bench) -> None:
        """After a time-out the write is looked up by its marker.

        When it fails: send the marker where the vendor keeps it, and compare it in `find_write`. Where a note has no
        place for it but its text, let it stand there in a last line: only agents read notes.
        """
        self.need(Capability.NOTE, Capability.LOOK_UP)
        ticket = bench.open_ticket()
        since = len(bench.standin.sent)
        await self._spoil_writes(bench, Fault.lost(after=True))
        with pytest.raises(RetryableError):
            await bench.adapter.add_note(ticket, NOTE, MARKER)
        bench.standin.faults.clear()
        found = await bench.connect().find_write(ticket, MARKER)
        assert found is not None, "the note stands there, and is not found"
        self._expect_echo(bench, since, found)

    async def test_a_write_that_did_not_take_place_is_not_found(self, bench: Bench) -> None:
        """None lets the ledger repeat the write: it has to be certain.

        When it fails: compare the whole marker, and nothing but it: another note of the same text is not ours.
        """
        self.need(Capability.NOTE, Capability.LOOK_UP)
        ticket = bench.open_ticket()
        bench.standin.comment(ticket, NOTE, by="agent", public=False)
        await bench.adapter.add_note(ticket, NOTE, f"{MARKER}-of-another")
        await self._spoil_writes(bench, Fault.lost())
        with pytest.raises(RetryableError):
            await bench.adapter.add_note(ticket, NOTE, MARKER)
        bench.standin.faults.clear()
        assert await bench.adapter.find_write(ticket, MARKER) is None

    async def test_looking_up_gives_no_false_answer(self, bench: Bench) -> None:
        """Where the vendor cannot be asked just now, nobody knows: an error, and never None.

        When it fails: let the client's `RetryableError` through.
        """
        self.need(Capability.LOOK_UP)
        ticket = bench.open_ticket()
        bench.standin.faults.append(Fault.server_error(503, times=_ALWAYS))
        with pytest.raises(RetryableError):
            await bench.adapter.find_write(ticket, MARKER)

    # ── tags ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_tags_are_added(self, bench: Bench) -> None:
        """They are there afterwards, beside those that were there.

        When it fails: read the ticket's tags back at the vendor's.
        """
        self.need(Capability.TAG)
        ticket = bench.open_ticket()
        since = len(bench.standin.sent)
        receipt = await bench.adapter.add_tags(ticket, ("exec-watch",), MARKER)
        assert set(bench.standin.look(ticket).tags) == {"export", "exec-watch"}
        self._expect_echo(bench, since, receipt)

    async def test_adding_tags_loses_nobody_elses(self, bench: Bench) -> None:
        """Somebody tags the ticket while we do: both tags are there afterwards.

        When it fails: use the vendor's call that adds; where there is only one that replaces them all, use its
        protection against overwriting, or read again afterwards and repair. Where the vendor has none of these, leave
        TAG undeclared; or declare it, mark this test xfail with that reason, and say in your README what can be lost.
        """
        self.need(Capability.TAG)
        ticket = bench.open_ticket()
        self._meanwhile(bench, lambda: bench.standin.change(ticket, add_tags=["vip"]))
        await bench.adapter.add_tags(ticket, ("exec-watch",), MARKER)
        assert set(bench.standin.look(ticket).tags) == {"export", "vip", "exec-watch"}

    async def test_adding_tags_twice_is_harmless(self, bench: Bench) -> None:
        """A repeated effect changes nothing more, and has a receipt all the same.

        When it fails: a tag that is there already is no error.
        """
        self.need(Capability.TAG)
        ticket = bench.open_ticket()
        for _ in range(2):
            receipt = await bench.adapter.add_tags(ticket, ("exec-watch",), MARKER)
            assert receipt.echoes, "a receipt without hints"
        assert sorted(bench.standin.look(ticket).tags) == ["exec-watch", "export"]

    async def test_tags_are_removed(self, bench: Bench) -> None:
        """They are gone afterwards; one that was not there is no error.

        When it fails: read the ticket's tags back at the vendor's.
        """
        self.need(Capability.UNTAG)
        ticket = bench.open_ticket(tags=["export", "vip"])
        since = len(bench.standin.sent)
        receipt = await bench.adapter.remove_tags(ticket, ("export", "never-there"), MARKER)
        assert bench.standin.look(ticket).tags == ("vip",)
        self._expect_echo(bench, since, receipt)

    async def test_removing_tags_loses_nobody_elses(self, bench: Bench) -> None:
        """Somebody tags the ticket while we untag it: the new tag stays.

        When it fails: use the vendor's call that removes; else see `test_adding_tags_loses_nobody_elses`.
        """
        self.need(Capability.UNTAG)
        ticket = bench.open_ticket()
        self._meanwhile(bench, lambda: bench.standin.change(ticket, add_tags=["vip"]))
        await bench.adapter.remove_tags(ticket, ("export",), MARKER)
        assert bench.standin.look(ticket).tags == ("vip",)

    # ── fields ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_ticket_is_assigned_to_an_agent(self, bench: Bench) -> None:
        """By the agent's id. Twice is as once.

        When it fails: look at which field of the vendor's holds the assignee.
        """
        self.need(Capability.ASSIGN)
        ticket = bench.open_ticket()
        since = len(bench.standin.sent)
        for _ in range(2):
            receipt = await bench.adapter.assign(ticket, bench.standin.agent_id, None, MARKER)
            assert bench.standin.look(ticket).assignee == bench.standin.agent_id
        self._expect_echo(bench, since, receipt)

    async def test_a_ticket_is_assigned_to_a_team(self, bench: Bench) -> None:
        """By the team's name or id.

        When it fails: look the name up among the vendor's teams.
        """
        self.need(Capability.ASSIGN)
        if not bench.standin.teams:
            pytest.skip("the vendor has no teams")
        for team_id, name in bench.standin.teams.items():
            for written in (team_id, name):
                ticket = bench.open_ticket()
                await bench.adapter.assign(ticket, None, written, MARKER)
                assert bench.standin.look(ticket).team == name

    async def test_an_unknown_assignee_is_rejected(self, bench: Bench) -> None:
        """Nobody is assigned by guessing.

        When it fails: raise `RejectedError` where the vendor knows no such agent or team.
        """
        self.need(Capability.ASSIGN)
        ticket = bench.open_ticket()
        before = bench.standin.look(ticket).assignee
        with pytest.raises(RejectedError):
            await bench.adapter.assign(ticket, "nobody@example.com", None, MARKER)
        assert bench.standin.look(ticket).assignee == before

    async def test_a_priority_is_set(self, bench: Bench) -> None:
        """Each of the four, told back as ours.

        When it fails: look at the table of priorities in the mapping, both ways.
        """
        self.need(Capability.PRIORITY)
        ticket = bench.open_ticket()
        for priority in Priority:
            since = len(bench.standin.sent)
            receipt = await bench.adapter.set_priority(ticket, priority, MARKER)
            assert bench.standin.look(ticket).priority is priority
            self._expect_echo(bench, since, receipt)

    async def test_a_status_is_set(self, bench: Bench) -> None:
        """Pending and solved, told back as ours; then open again.

        When it fails: look at the table of statuses in the mapping, both ways.
        """
        self.need(Capability.STATUS)
        ticket = bench.open_ticket()
        for status in (Status.PENDING, Status.SOLVED, Status.OPEN):
            bench.clock.advance(timedelta(minutes=1))
            since = len(bench.standin.sent)
            receipt = await bench.adapter.set_status(ticket, status, MARKER)
            assert bench.standin.look(ticket).status is status
            self._expect_echo(bench, since, receipt)

    # ── capabilities ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_undeclared_writes_are_refused(self) -> None:
        """What is not declared raises `UnsupportedError`, asks the vendor nothing, and never silently works.

        When it fails: declare the capability that the message names, or leave its method as `Adapter` has it.
        """
        calls: dict[Capability, Call] = {
            Capability.NOTE: lambda adapter: adapter.add_note("1", NOTE, MARKER),
            Capability.TAG: lambda adapter: adapter.add_tags("1", ("vip",), MARKER),
            Capability.UNTAG: lambda adapter: adapter.remove_tags("1", ("vip",), MARKER),
            Capability.ASSIGN: lambda adapter: adapter.assign("1", "2", None, MARKER),
            Capability.PRIORITY: lambda adapter: adapter.set_priority("1", Priority.HIGH, MARKER),
            Capability.STATUS: lambda adapter: adapter.set_status("1", Status.OPEN, MARKER),
            Capability.LOOK_UP: lambda adapter: adapter.find_write("1", MARKER),
        }
        await self.expect_unsupported(calls)

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _expect_echo(self, bench: Bench, since: int, receipt: Receipt) -> None:
        """The webhooks since then that tell a message or a change have a hint of the receipt."""
        told = [hints_of(fact.message, fact.changes) for fact in bench.facts(since) if fact.message or fact.changes]
        if told:
            assert any(hints & set(receipt.echoes) for hints in told), f"{receipt.echoes} has nothing in common"
        else:
            assert receipt.echoes, "a receipt without hints"

    async def _spoil_writes(self, bench: Bench, fault: Fault) -> None:
        """Reading goes well, and so does signing in, for it is done before."""
        with suppress(UnsupportedError):
            await bench.adapter.check()
        bench.standin.faults += [fault.on(method, times=_ALWAYS) for method in ("POST", "PUT", "PATCH")]

    def _meanwhile(self, bench: Bench, happen: Callable[[], None]) -> None:
        """Something happens once, just before the first write of ours is done."""

        def before(asked: Asked) -> None:
            if asked.method in _WRITES and "token" not in asked.path:
                bench.watch.meanwhile = lambda asked: None
                bench.clock.advance(timedelta(seconds=2))
                happen()

        bench.watch.meanwhile = before

    async def _expect_plain_retry(self, adapter: Adapter, ticket: str) -> None:
        with pytest.raises(RetryableError) as raised:
            await adapter.add_note(ticket, NOTE, MARKER)
        assert not isinstance(raised.value, UnknownOutcomeError), "told to be of unknown outcome"


def _written(bench: Bench, ticket: str, text: str = NOTE) -> int:
    """How often it stands there, seen by whomever."""
    return sum(text in line.text for line in bench.standin.look(ticket).messages)
