"""What Zendesk tells of its limits, in all spellings, and what is made of it."""

from __future__ import annotations

import httpx
import pytest
from cornerdesk import Allowance, ApiRejectedError, Priority, RetryableError, Status
from cornerdesk.testing.desk import Fault
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.limits import TicketUpdates, allowance_of
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {"ratelimit-limit": "700", "ratelimit-remaining": "699", "ratelimit-reset": "37"},
            Allowance(700, 699, 37, "account"),
        ),
        (
            {"rate-limit": "400", "rate-limit-remaining": "12", "rate-limit-reset": "8"},
            Allowance(400, 12, 8, "account"),
        ),
        ({"x-rate-limit": "100", "x-rate-limit-remaining": "99"}, Allowance(100, 99, 60, "account")),
        (
            {"zendesk-ratelimit-incremental-exports": "total=10; remaining=4; resets=21"},
            Allowance(10, 4, 21, "incremental-exports"),
        ),
        ({"zendesk-rate-limit-tickets-index": "total=100;remaining=0"}, Allowance(100, 0, 60, "tickets-index")),
        ({}, None),
        ({"ratelimit-limit": "many", "ratelimit-remaining": ""}, None),
        ({"zendesk-ratelimit-incremental": "soon"}, None),
    ],
)
def test_every_spelling_is_read(headers: dict[str, str], told: Allowance | None) -> None:
    assert allowance_of(headers) == told


def test_the_limit_nearest_its_end_counts() -> None:
    told = allowance_of(
        {
            "x-rate-limit": "700",
            "x-rate-limit-remaining": "650",
            "zendesk-ratelimit-incremental-exports": "total=10; remaining=2; resets=30",
        }
    )
    assert told == Allowance(10, 2, 30, "incremental-exports")


@pytest.mark.parametrize("name", ["per-ticket-updates", "tickets-update", "ticket-request-create-by-user-and-ip"])
def test_what_only_writes_use_up_keeps_no_reader_waiting(name: str) -> None:
    assert allowance_of({f"zendesk-ratelimit-{name}": "total=30; remaining=0; resets=468"}) is None


def test_a_ticket_that_takes_no_more_updates_is_left_alone_until_it_does() -> None:
    now = 0.0
    updates = TicketUpdates(lambda: now)
    updates.told("1", {"Zendesk-RateLimit-Per-Ticket-Updates": "total=30; remaining=0; resets=468"})
    updates.told("2", {"zendesk-rate-limit-per-ticket-updates": "total=30; remaining=1; resets=468"})
    updates.check("2")
    with pytest.raises(RetryableError) as refused:
        updates.check("1")
    assert refused.value.retry_after == 468
    now = 468.0
    updates.check("1")


async def test_the_31st_update_of_a_ticket_does_not_hold_up_the_others(standin: ZendeskStandIn) -> None:
    first, second = standin.open_ticket("A", "a"), standin.open_ticket("B", "b")
    inner = httpx.ASGITransport(standin.app)

    class Told(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            await response.aread()
            headers = {"zendesk-ratelimit-per-ticket-updates": "total=30; remaining=0; resets=468"}
            return httpx.Response(response.status_code, headers=headers, content=response.content)

    adapter = ZendeskAdapter("support", make_settings(), transport=Told())
    await adapter.set_priority(first, Priority.HIGH, "m1")
    with pytest.raises(RetryableError, match="as often as Zendesk allows"):
        await adapter.add_note(first, "x", "m2")
    await adapter.add_note(second, "x", "m3")
    assert (await adapter.fetch_ticket(first)).ticket.priority is Priority.HIGH
    await adapter.aclose()


def refused(field: str) -> str:
    return f'{{"error":"RecordInvalid","description":"x","details":{{"{field}":[{{"description":"is invalid"}}]}}}}'


async def test_an_agent_outside_the_group_is_refused_with_the_reason(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket = standin.open_ticket("A", "a")
    standin.faults.append(Fault(status=422, method="PUT", body=refused("assignee")))
    with pytest.raises(ApiRejectedError, match="RecordInvalid about assignee; an agent takes tickets of the groups"):
        await adapter.assign(ticket, "77", "Tier 2", "m")


async def test_a_ticket_that_lacks_what_solving_needs_says_so(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket = standin.open_ticket("A", "a")
    standin.faults += [Fault(status=422, method="PUT", body=refused("base")) for _ in range(2)]
    with pytest.raises(ApiRejectedError, match="fields that its form requires"):
        await adapter.set_status(ticket, Status.SOLVED, "m")
    with pytest.raises(ApiRejectedError) as rejected:
        await adapter.set_status(ticket, Status.OPEN, "m")
    assert "requires" not in str(rejected.value)


async def test_who_is_no_admin_is_told_what_that_costs(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    standin.desk.own.role = "agent"
    assert "not an admin" in await adapter.check()
