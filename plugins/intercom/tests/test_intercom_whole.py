"""From Intercom to events, through the whole intake: whatever tells a thing first, it is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cornerdesk import Adapter, Clock
from cornerdesk.adapters.transport import Sleep
from cornerdesk.testing import NOWHERE, SECRET, StandIn, WholeTests, no_pause
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import make_settings


class TestWhole(WholeTests):
    """Chats."""

    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: Sleep = no_pause
    ) -> Adapter:
        return IntercomAdapter("chat", make_settings(base_url=base_url, client_secret=secrets), sleep=sleep)

    def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
        return IntercomAdapter("chat", make_settings(base_url=base_url), sleep=no_pause, clock=clock)

    def make_standin(self, clock: Clock) -> IntercomStandIn:
        return IntercomStandIn(secret=SECRET, clock=clock)

    def a_day(self, desk: StandIn) -> Iterator[None]:
        """One of everything that both webhooks and history tell. Nobody can merge, and of what is deleted history tells
        no more than that."""
        first = desk.open_ticket("Export stops", "We will cancel.", organization="Example Ltd")
        yield
        desk.comment(first, "Please wait.", by="agent")
        yield
        desk.change(first, status="pending", add_tags=["vip"])
        yield
        desk.change(first, assignee=desk.agent_id)
        yield
        desk.change(first, team=next(iter(desk.teams)))
        yield
        desk.comment(first, "How long?")
        yield
        desk.comment(first, "It is paid back.", by="agent", public=False)
        yield
        desk.set_status(first, "solved")
        yield
        desk.rate(first, "bad", "Slow.")
        yield

    def only_webhooks_know(self, what: str) -> bool:
        """A late one of a status that has passed tells it for the first time."""
        return "status is" in what

    def expect_alike(self, by_webhooks: Counter[str], by_history: Counter[str]) -> None:
        """History shows how everything stands now, and no change."""
        assert by_history - by_webhooks == Counter()
        assert {what.partition(" of ")[0] for what in by_webhooks - by_history} == {"ticket.changed"}


class TestWholeOnTickets(TestWhole):
    """Customers fill in tickets' forms."""

    def make_standin(self, clock: Clock) -> IntercomStandIn:
        return IntercomStandIn(secret=SECRET, clock=clock, tickets=True)


async def test_a_conversation_that_was_deleted_before_its_webhooks_came_is_told_by_them(tmp_path: Path) -> None:
    """Nobody can be asked any more: what they say of a conversation is enough."""
    async with TestWhole().founded(tmp_path) as company:
        ticket = company.desk.open_ticket("Export stops", "We will cancel.")
        company.later()
        company.desk.comment(ticket, "How long?")
        company.later()
        company.desk.delete(ticket)
        await company.hear_webhooks()
        assert await company.told() == {
            f"ticket.created of {ticket}: We will cancel.": 1,
            f"message.added of {ticket}: How long?": 1,
            f"ticket.deleted of {ticket}: None": 1,
        }
