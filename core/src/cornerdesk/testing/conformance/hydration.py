"""Standard tests of `fetch_ticket` and `own_user_id`, over the stand-in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from cornerdesk.adapters.interface import Adapter, Capability, TicketState
from cornerdesk.errors import RejectedError, UnsupportedError
from cornerdesk.model import ActorKind, Direction, Status
from cornerdesk.testing.conformance.bench import Bench, trapped
from cornerdesk.testing.conformance.standard import StandardTests

_NOT_OF_VENDORS = {"waiting_since", "account", "type", "priority_label", "fields"}
"""What a ticket may lack though everything is set that the stand-in lets one set."""


@pytest.mark.asyncio
class HydrationTests(StandardTests):
    """The ticket as it stands now.

    Attributes:
        never_told: fields of `Ticket` that the vendor does not have, such as `priority`.
        unknown_ticket: the id of a ticket that does not exist.
    """

    never_told: ClassVar[Collection[str]] = ()
    unknown_ticket: ClassVar[str] = "987654321"

    def attach(self, bench: Bench, ticket: str, url: str) -> None:
        """Put an attachment at `url` on the ticket's last message, in the stand-in."""
        pytest.skip(f"{type(self).__name__} does not give attach, so attachments are not tested")

    async def test_a_ticket_is_complete(self, bench: Bench) -> None:
        """Every field of the model that the vendor has is told: rules see nothing else.

        When it fails: the message names the fields. Ask for what the answer lacks (people, names of teams), or list
        the field in `never_told` where the vendor does not have it.
        """
        self.need(Capability.HYDRATION)
        ticket = (await bench.adapter.fetch_ticket(self._full(bench))).ticket
        told = ticket.model_dump()
        wanted = set(type(ticket).model_fields) - _NOT_OF_VENDORS - set(self.never_told)
        lacking = sorted(name for name in wanted if told[name] in (None, (), Status.OTHER, "other"))
        assert not lacking, f"not told: {', '.join(lacking)}"

    async def test_a_ticket_is_told_as_it_stands(self, bench: Bench) -> None:
        """What is told is what the vendor has: subject, status, tags, assignee, team.

        When it fails: compare the mapping of the field that differs; and that nothing is remembered between calls.
        """
        self.need(Capability.HYDRATION)
        ticket_id = self._full(bench)
        self._expect_same(bench, await bench.adapter.fetch_ticket(ticket_id))
        bench.clock.advance(timedelta(minutes=5))
        bench.standin.set_status(ticket_id, "pending")
        self._expect_same(bench, await bench.adapter.fetch_ticket(ticket_id))

    async def test_the_customer_is_whole(self, bench: Bench) -> None:
        """Who asks, with address and name: signals, leads and the account directory rest on them.

        When it fails: fetch the person where the ticket names only an id.
        """
        self.need(Capability.HYDRATION)
        customer = (await bench.adapter.fetch_ticket(self._full(bench))).ticket.customer
        if customer is not None:  # `test_a_ticket_is_complete` says that it has to be
            assert (customer.email, customer.name) == ("bo@example.com", "Bo Lind")

    async def test_a_tickets_messages_are_told_in_order(self, bench: Bench) -> None:
        """Messages, oldest first, each with its direction; the first one apart.

        When it fails: look at the order of the vendor's list, at paging, and at how notes and customers are told apart.
        """
        self.need(Capability.HYDRATION)
        ticket_id = self._full(bench)
        state = await bench.adapter.fetch_ticket(ticket_id)
        lines = bench.standin.look(ticket_id).messages
        seen = [(message.text, message.direction) for message in state.messages]
        assert seen == [(line.text, line.direction) for line in lines][-len(seen) :]
        assert len(seen) == len(lines), f"{len(seen)} of {len(lines)} messages"
        assert state.ticket.message_count in (None, len(lines))
        if state.first_message is not None:
            assert state.first_message.text == lines[0].text

    async def test_messages_have_the_ids_that_webhooks_give_them(self, bench: Bench) -> None:
        """A message that a webhook told and the API shows is one message.

        When it fails: use the same id of the vendor's in `read` and in `fetch_ticket`.
        """
        self.need(Capability.HYDRATION)
        ticket_id = bench.open_ticket()
        since = len(bench.standin.sent)
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket_id, "Still the same.")
        told = {fact.message.id for fact in bench.facts(since) if fact.message is not None}
        if not told:
            pytest.skip("webhooks tell no messages")
        shown = {message.id for message in (await bench.adapter.fetch_ticket(ticket_id)).messages}
        assert told <= shown

    async def test_everybody_named_is_known(self, bench: Bench) -> None:
        """`people` completes actors: whoever wrote a message or has the ticket is there, with kind and name.

        When it fails: fetch the people whom the messages name and the answer does not hold.
        """
        self.need(Capability.HYDRATION)
        state = await bench.adapter.fetch_ticket(self._full(bench))
        ids = {message.author.id for message in state.messages} | {state.ticket.assignee and state.ticket.assignee.id}
        for person in ids - {None}:
            known = state.people.get(str(person))
            assert known is not None, f"{person} is not among the people"
            assert known.kind is not ActorKind.UNKNOWN, f"{person}: nobody knows what kind of person"
            assert known.name or known.email, f"{person} has neither name nor address"

    async def test_authors_are_told_apart(self, bench: Bench) -> None:
        """What a customer wrote is inbound and a customer's; what an agent wrote is an agent's.

        When it fails: look at which field of the vendor's tells staff from customers.
        """
        self.need(Capability.HYDRATION)
        for message in (await bench.adapter.fetch_ticket(self._full(bench))).messages:
            wanted = ActorKind.CUSTOMER if message.direction is Direction.INBOUND else ActorKind.AGENT
            assert message.author.kind is wanted, f"{message.direction}: {message.author.kind}"

    async def test_a_state_is_as_new_as_the_ticket(self, bench: Bench) -> None:
        """`as_of` is the vendor's time of change: older than what is stored never overwrites.

        When it fails: take the ticket's `updated_at`, not its creation and not the clock.
        """
        self.need(Capability.HYDRATION)
        ticket_id = bench.open_ticket()
        before = (await bench.adapter.fetch_ticket(ticket_id)).as_of
        bench.clock.advance(timedelta(minutes=5))
        bench.standin.change(ticket_id, add_tags=["later"])
        after = (await bench.adapter.fetch_ticket(ticket_id)).as_of
        assert timedelta(minutes=4) < after - before < timedelta(minutes=6)
        assert abs(after - bench.clock.now()) < timedelta(minutes=1)

    async def test_a_ticket_that_is_gone_is_rejected(self, bench: Bench) -> None:
        """Asking again will not bring it back: `RejectedError`, and no `RetryableError`.

        When it fails: let `ApiRejectedError` of a 404 through; a ticket that is shown as deleted may be told as such.
        """
        self.need(Capability.HYDRATION)
        with pytest.raises(RejectedError):
            await bench.adapter.fetch_ticket(self.unknown_ticket)

    async def test_an_odd_id_leads_to_no_other_address(self, bench: Bench) -> None:
        """Ids come out of deliveries: what is no id of the vendor's must not become a part of an address.

        When it fails: check the id's form, and raise `RejectedError`, before it is put into a path.
        """
        self.need(Capability.HYDRATION)
        ticket = bench.open_ticket()
        for odd in (
            f"{ticket}?admin=1",
            f"{ticket}#1",
            f"0/../{ticket}",
            f"./{ticket}",
            f"{ticket}/",
            "..",
            "",
            "1\n2",
        ):
            with pytest.raises(RejectedError):
                await bench.adapter.fetch_ticket(odd)

    async def test_we_know_who_we_are(self, bench: Bench) -> None:
        """`own_user_id` is the user whom we write as: our own notes are told from other people's by it.

        When it fails: ask the vendor who the credentials belong to; None is right only where it cannot tell.
        """
        self.need(Capability.HYDRATION)
        assert await bench.adapter.own_user_id() in (None, bench.standin.own_id)

    async def test_who_we_are_is_asked_once(self, bench: Bench) -> None:
        """It is asked for with every delivery.

        When it fails: keep the answer in the adapter.
        """
        self.need(Capability.HYDRATION)
        await bench.adapter.own_user_id()
        asked = len(bench.watch.asked)
        await bench.adapter.own_user_id()
        assert len(bench.watch.asked) == asked

    async def test_attachments_are_not_fetched(self, bench: Bench) -> None:
        """Attachments are told by their address; what is in them concerns nobody who did not ask.

        When it fails: nothing of the vendor's addresses is requested; `Attachment` has name, type, size, url.
        """
        self.need(Capability.HYDRATION)
        async with trapped() as trap:
            ticket_id = bench.open_ticket()
            self.attach(bench, ticket_id, f"{trap.url}/attachment/1")
            state = await bench.adapter.fetch_ticket(ticket_id)
            told = [each.url for message in state.messages for each in message.attachments]
            assert not trap.caught, "the attachment was fetched"
            assert told == [f"{trap.url}/attachment/1"]

    async def test_undeclared_hydration_is_refused(self) -> None:
        """What is not declared raises `UnsupportedError` and asks the vendor nothing.

        When it fails: declare `HYDRATION`, or leave `fetch_ticket` and `own_user_id` as `Adapter` has them.
        """

        async def both(adapter: Adapter) -> None:
            with pytest.raises(UnsupportedError):
                await adapter.own_user_id()
            await adapter.fetch_ticket("1")

        await self.expect_unsupported({Capability.HYDRATION: both})

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _full(self, bench: Bench) -> str:
        """A ticket on which everything is set that can be."""
        ticket_id = bench.open_ticket()
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket_id, "We look into it.", by="agent")
        bench.clock.advance(timedelta(minutes=1))
        bench.standin.comment(ticket_id, "Known since Tuesday.", by="agent", public=False)
        self._try(bench, ticket_id, priority="high")
        self._try(bench, ticket_id, assignee=bench.standin.agent_id)
        if bench.standin.teams:
            self._try(bench, ticket_id, team=next(iter(bench.standin.teams)))
        return ticket_id

    def _try(self, bench: Bench, ticket_id: str, **change: Any) -> None:
        try:
            bench.standin.change(ticket_id, **change)
        except UnsupportedError:
            assert set(change) <= set(self.never_told), f"the stand-in has no {', '.join(change)}: see `never_told`"

    def _expect_same(self, bench: Bench, state: TicketState) -> None:
        ticket, look = state.ticket, bench.standin.look(state.ticket.id)
        seen = {
            "subject": ticket.subject,
            "status": ticket.status,
            "tags": set(ticket.tags),
            "assignee": ticket.assignee and ticket.assignee.id,
            "team": ticket.team,
        }
        wanted = {name: set(value) if name == "tags" else value for name, value in vars(look).items() if name in seen}
        # What is not told at all is `test_a_ticket_is_complete`'s business.
        differing = [name for name, value in seen.items() if value != wanted[name] and value not in (None, set())]
        assert not differing, f"told otherwise: {', '.join(differing)}"
