"""From Zendesk to events, through the whole intake: whatever tells a thing first, it is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cornerdesk import ActorKind, Adapter, Clock, EventKind, Status
from cornerdesk.adapters.transport import Sleep
from cornerdesk.testing import NOWHERE, SECRET, Company, StandIn, WholeTests, no_pause
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings


def desk_of(company: Company) -> ZendeskStandIn:
    assert isinstance(company.desk, ZendeskStandIn)
    return company.desk


class TestWhole(WholeTests):
    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: Sleep = no_pause
    ) -> Adapter:
        return ZendeskAdapter("support", make_settings(base_url=base_url, webhook_secret=secrets), sleep=sleep)

    def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
        return ZendeskAdapter("support", make_settings(base_url=base_url), sleep=no_pause, clock=clock)

    def make_standin(self, clock: Clock) -> ZendeskStandIn:
        return ZendeskStandIn(secret=SECRET, clock=clock, rate_limit=100_000)

    def a_day(self, desk: StandIn) -> Iterator[None]:
        """One of everything that both webhooks and history tell."""
        assert isinstance(desk, ZendeskStandIn)
        first = desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd", fields={"Plan": "free"})
        second = desk.open_ticket("Invoice", "Twice!", requester="kim@example.com")
        yield
        desk.comment(first, "Please wait.", by="agent")
        yield
        desk.change(first, status="pending", priority="high", add_tags=["vip"], group_id=desk.desk.second)
        yield
        desk.change(first, assignee_id=desk.desk.agent.id, type="problem", subject="Export", fields={"Plan": "pro"})
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
        third = desk.open_ticket("Spam", "Buy!", requester="x@example.net")
        yield
        desk.delete(third)
        yield

    def expect_alike(self, by_webhooks: Counter[str], by_history: Counter[str]) -> None:
        """Into which ticket another was merged, only webhooks know."""
        apart = (by_webhooks - by_history) + (by_history - by_webhooks)
        assert {name.partition(":")[0] for name in apart} == {"ticket.merged of 5002"}
        assert sum(by_history.values()) == sum(by_webhooks.values())

    async def test_a_backfill_is_complete_by_zendesks_own_count(self, company: Company) -> None:
        await self.live(company)
        summary = await company.read_history()
        assert (summary.tickets, summary.parts, summary.counted, summary.missing) == (3, 4, 4, 0)
        assert (summary.deleted, summary.scrubbed, summary.merged) == (1, 0, 1)
        company.later(hours=1)
        again = await company.read_history()
        assert (again.events, again.parts, again.complete) == (0, 4, True)

    async def test_a_lost_comment_is_found_and_the_ticket_stands_as_it_is(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
        company.later()
        await company.hear_webhooks()
        company.desk.comment(ticket, "Are you there?")
        company.desk.change(ticket, priority="urgent")
        company.later(hours=1)
        await company.read_history()
        *_, said, changed = sorted(await company.events(), key=lambda event: (event.occurred_at, event.kind))
        if said.kind is not EventKind.MESSAGE_ADDED:
            said, changed = changed, said
        assert said.message is not None
        assert (said.message.text, said.actor.kind, said.origin) == ("Are you there?", ActorKind.CUSTOMER, "backfill")
        assert list(changed.changes) == ["priority"]
        assert changed.ticket.status is Status.NEW
        assert changed.ticket.account is not None

    async def test_triggers_alone_tell_what_was_said_and_changed_and_history_tells_it_no_second_time(
        self, company: Company
    ) -> None:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        await company.hear_webhooks([desk_of(company).deliver_trigger(ticket, "created")])
        company.later()
        company.desk.comment(ticket, "Are you there?")
        company.desk.change(ticket, status="pending", add_tags=["vip"])
        await company.hear_webhooks([desk_of(company).deliver_trigger(ticket)])
        by_triggers = {
            f"ticket.created of {ticket}: We will cancel.": 1,
            f"message.added of {ticket}: Are you there?": 1,
            f"ticket.changed of {ticket}: status is pending": 1,
            f"ticket.changed of {ticket}: tags is ['vip']": 1,
        }
        assert await company.told() == by_triggers
        company.later(hours=1)
        await company.read_history()
        assert await company.told() == by_triggers

    async def test_what_zendesk_calls_spam_stays_spam_when_history_shows_it_deleted(self, company: Company) -> None:
        ticket = company.desk.open_ticket("Buy!", "Cheap!")
        await company.hear_webhooks()
        company.later()
        found = desk_of(company).desk.tickets[int(ticket)]
        found.updated_at = company.clock.now()
        spam = company.desk.deliver("ticket.marked_as_spam", ticket)
        found.status = "deleted"  # as the API shows it at once
        await company.hear_webhooks([spam])
        company.later(hours=1)
        summary = await company.read_history()
        assert not [event for event in await company.events() if event.kind is EventKind.TICKET_DELETED]
        assert (summary.events, summary.spam, summary.deleted) == (0, 1, 0)
