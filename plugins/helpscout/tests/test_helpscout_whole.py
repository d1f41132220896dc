"""From Help Scout to events, through the whole intake: whatever tells a thing first, it is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from cornerdesk import ActorKind, Adapter, Clock, EventKind, Receipt, Status, text_hint
from cornerdesk.adapters.transport import Sleep
from cornerdesk.testing import NOWHERE, SECRET, Company, StandIn, WholeTests, no_pause
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.testing import make_settings


def desk_of(company: Company) -> HelpScoutStandIn:
    assert isinstance(company.desk, HelpScoutStandIn)
    return company.desk


class TestWhole(WholeTests):
    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: Sleep = no_pause
    ) -> Adapter:
        return HelpScoutAdapter("inbox", make_settings(base_url=base_url, webhook_secret=secrets), sleep=sleep)

    def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
        return HelpScoutAdapter("inbox", make_settings(base_url=base_url), sleep=no_pause, clock=clock)

    def make_standin(self, clock: Clock) -> HelpScoutStandIn:
        return HelpScoutStandIn(secret=SECRET, clock=clock, rate_limit=100_000)

    def a_day(self, desk: StandIn) -> Iterator[None]:
        """One of everything that both webhooks and history tell; what is deleted, no history tells."""
        first = desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd", fields={"Plan": "free"})
        second = desk.open_ticket("Invoice", "Twice!", requester="kim@example.com")
        yield
        desk.comment(first, "Please wait.", by="agent")
        yield
        desk.change(first, status="pending", add_tags=["vip"])
        yield
        desk.change(first, assignee=desk.agent_id, fields={"Plan": "pro"})
        yield
        desk.comment(first, "How long?")  # opens it again
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

    def expect_alike(self, by_webhooks: Counter[str], by_history: Counter[str]) -> None:
        """How it stands now is all that history knows of changes; and of what was merged away it knows that it is
        gone."""
        apart = (by_webhooks - by_history) + (by_history - by_webhooks)
        told = {name.partition(" of ")[0] for name in apart if "Twice!" not in name}
        assert told == {"ticket.changed"}
        assert by_history["ticket.merged of 2001011: merged_into is 2001007"] == 1
        assert {name for name in apart if "Twice!" in name} == {
            "ticket.created of 2001011: Twice!",
            "message.added of 2001007: Twice!",
        }

    async def test_what_help_scout_counts_is_what_we_have(self, company: Company) -> None:
        await self.live(company)
        summary = await company.read_history()
        assert (summary.records, summary.parts, summary.counted) == (1, 5, 5)

    @pytest.mark.parametrize("embedded", [None, 1, 0])
    async def test_each_message_is_told_once_however_many_threads_bodies_bring(
        self, company: Company, embedded: int | None
    ) -> None:
        desk_of(company).desk.embedded = embedded
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
        company.desk.comment(ticket, "Hello?")
        company.later(seconds=2)
        company.desk.comment(ticket, "Anybody?")
        await company.hear_webhooks()
        company.later(minutes=10)
        company.desk.comment(ticket, "On it.", by="agent")
        company.desk.comment(ticket, "Tell the CEO.", by="agent", public=False)
        await company.hear_webhooks()
        said = Counter(event.message.text for event in await company.events() if event.message)
        assert said == Counter(["We will cancel.", "Hello?", "Anybody?", "On it.", "Tell the CEO."])
        created = [event for event in await company.events() if event.kind is EventKind.TICKET_CREATED]
        assert [event.message and event.message.text for event in created] == ["We will cancel."]
        assert created[0].ticket.account is not None

    @pytest.mark.parametrize("embedded", [None, 0])
    async def test_the_order_of_deliveries_does_not_matter(self, company: Company, embedded: int | None) -> None:
        desk_of(company).desk.embedded = embedded
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        company.later()
        company.desk.comment(ticket, "Anybody?")
        company.later()
        company.desk.set_status(ticket, "closed")
        await company.hear_webhooks(list(reversed(company.desk.sent)))
        await company.hear_webhooks(company.desk.sent)
        told = await company.told()
        assert told[f"message.added of {ticket}: Anybody?"] == 1
        assert told[f"ticket.created of {ticket}: We will cancel."] == 1
        assert set(told.values()) == {1}

    async def test_changes_are_told_with_what_was_before(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
        await company.hear_webhooks()
        company.later()
        company.desk.change(ticket, add_tags=["vip"], status="closed", team="Billing")
        await company.hear_webhooks()
        changes = {name: change for event in await company.events() for name, change in event.changes.items()}
        assert (changes["tags"].before, changes["tags"].after) == (["beta"], ["beta", "vip"])
        assert (changes["status"].before, changes["status"].after) == ("open", "solved")
        assert (changes["team"].before, changes["team"].after) == (None, "Billing")

    async def test_a_snooze_of_which_no_webhook_tells_is_found_by_history(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        await company.hear_webhooks()
        company.later()
        company.desk.change(ticket, status="on_hold")
        await company.hear_webhooks()
        company.later(hours=1)
        await company.read_history()
        (changed,) = [event for event in await company.events() if event.changes]
        assert changed.changes["status"].after == Status.ON_HOLD
        assert changed.ticket.status_label == "active, snoozed"

    async def test_what_we_wrote_ourselves_is_known_as_ours(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
        await company.hear_webhooks()
        company.later()
        receipts = [
            await company.adapter.add_note(ticket, "The CEO knows.", "cd-1"),
            await company.adapter.add_tags(ticket, ("vip",), "cd-2"),
            await company.adapter.set_status(ticket, Status.CLOSED, "cd-3"),
            await company.adapter.assign(ticket, None, "billing", "cd-4"),
        ]
        await company.expect_echoes(ticket, *receipts)
        await company.hear_webhooks()
        done = [event for event in await company.events() if event.kind is not EventKind.TICKET_CREATED]
        assert {name for event in done for name in event.changes} == {"tags", "status", "team"}
        assert {event.actor.kind for event in done} == {ActorKind.SELF}

    async def test_who_asks_again_while_they_wait_costs_no_call_and_who_asks_after_an_answer_does(
        self, company: Company
    ) -> None:
        """Who waits since when is only to be found in all threads, unless it is as it was."""
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
        await company.hear_webhooks()
        asked, requests = len(desk_of(company).api.requests), desk_of(company).api.requests
        company.later()
        company.desk.comment(ticket, "Anybody?")
        await company.hear_webhooks()
        assert requests[asked:] == []
        again = (await company.events())[-1]
        assert again.ticket.account is not None
        assert again.ticket.waiting_since == (await company.events())[0].occurred_at
        company.later()
        company.desk.comment(ticket, "On it.", by="agent")
        await company.hear_webhooks()
        company.later()
        company.desk.comment(ticket, "Thank you, and?")
        await company.hear_webhooks()
        last = max(await company.events(), key=lambda event: event.occurred_at)
        assert last.message is not None
        assert (last.message.text, last.ticket.waiting_since) == ("Thank you, and?", last.occurred_at)
        assert len(requests) > asked

    async def test_what_a_person_changed_beside_us_is_not_hidden_as_our_echo(self, company: Company) -> None:
        """No body tells who changed what, so one look at the conversation finds both."""
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
        await company.hear_webhooks()
        company.later()
        receipt = await company.adapter.add_tags(ticket, ("vip",), "cd-1")
        company.desk.change(ticket, status="closed")
        await company.expect_echoes(ticket, receipt)
        await company.hear_webhooks()
        by = {name: event.actor.kind for event in await company.events() for name in event.changes}
        assert by == {"tags": ActorKind.SELF, "status": ActorKind.UNKNOWN}

    async def test_what_a_person_does_again_after_us_is_not_taken_for_our_echo(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        await company.hear_webhooks()
        company.later()
        await company.expect_echoes(ticket, await company.adapter.set_status(ticket, Status.CLOSED, "cd-1"))
        await company.hear_webhooks()
        company.later(hours=48)
        company.desk.comment(ticket, "Not solved!")  # opens it again
        await company.hear_webhooks()
        company.later(hours=48)
        company.desk.change(ticket, status="closed")
        await company.hear_webhooks()
        changed = [event for event in await company.events() if event.changes]
        assert [(event.changes["status"].after, event.actor.kind) for event in changed] == [
            ("solved", ActorKind.SELF),
            ("open", ActorKind.UNKNOWN),
            ("solved", ActorKind.UNKNOWN),
        ]

    async def test_a_tag_that_a_person_added_beside_ours_is_not_hidden(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", tags=["beta"])
        await company.hear_webhooks()
        company.later()
        receipt = await company.adapter.add_tags(ticket, ("vip",), "cd-1")
        company.desk.change(ticket, add_tags=["angry"])
        await company.expect_echoes(ticket, receipt)
        await company.hear_webhooks()
        (changed,) = [event for event in await company.events() if event.changes]
        assert changed.changes["tags"].after == ["beta", "vip", "angry"]
        assert changed.actor.kind is ActorKind.UNKNOWN

    async def test_who_loses_a_ticket_that_we_assign_to_a_team_loses_it_by_us(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        company.desk.change(ticket, assignee=company.desk.agent_id)
        await company.hear_webhooks()
        company.later()
        await company.expect_echoes(ticket, await company.adapter.assign(ticket, None, "billing", "cd-1"))
        await company.hear_webhooks()
        ours = [event for event in await company.events() if "team" in event.changes]
        assert {name: event.actor.kind for event in ours for name in event.changes} == {
            "team": ActorKind.SELF,
            "assignee": ActorKind.SELF,
        }

    async def test_a_customer_who_writes_after_us_is_not_taken_for_us(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        await company.hear_webhooks()
        company.later()
        company.desk.comment(ticket, "The CEO knows.")
        await company.expect_echoes(ticket, Receipt(echoes=(text_hint("The CEO knows."),)))
        await company.hear_webhooks()
        (said,) = [event for event in await company.events() if event.kind is EventKind.MESSAGE_ADDED]
        assert said.actor.kind is ActorKind.CUSTOMER
