"""What the API tells of a ticket, and what of it is missing, hidden, merged or spread over pages."""

from __future__ import annotations

import pytest
from cornerdesk import ActorKind, Direction, RejectedError, RetryableError, Status, UnknownOutcomeError
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import Fault, HelpScoutStandIn
from cornerdesk_helpscout.standin.conversations import Person


@pytest.fixture
def ticket(standin: HelpScoutStandIn) -> str:
    return standin.open_ticket(
        "Export stops",
        "We will cancel.",
        requester="bo@acme.example.com",
        name="Bo Lind",
        phone="+49 30 1234",
        organization="ACME",
        domains=["ACME.example.com"],
        tags=["beta"],
        fields={"Plan": "Business"},
    )


async def test_a_ticket_is_whole(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.comment(ticket, "On it.", by="agent")
    standin.comment(ticket, "Tell the CEO.", by="agent", public=False)
    standin.change(ticket, assignee=standin.agent_id)
    state = await adapter.fetch_ticket(ticket)
    shown, desk = state.ticket, standin.desk.conversations[int(ticket)]
    assert (shown.id, shown.number, shown.subject) == (ticket, str(desk.number), "Export stops")
    assert shown.url == f"https://secure.helpscout.net/conversation/{ticket}/{desk.number}"
    assert (shown.status, shown.status_label, shown.priority) == (Status.OPEN, "active", None)
    assert shown.tags == ("beta",)
    assert shown.fields == {"Plan": "Business"}
    assert shown.customer is not None
    assert (shown.customer.name, shown.customer.email) == ("Bo Lind", "bo@acme.example.com")
    assert shown.customer.phone == "+49 30 1234"
    assert shown.account is not None
    assert (shown.account.name, shown.account.domains) == ("ACME", ("acme.example.com",))
    assert shown.assignee is not None
    assert (shown.assignee.id, shown.assignee.email) == (standin.agent_id, "ira@example.com")
    assert [each.direction for each in state.messages] == [
        Direction.INBOUND,
        Direction.OUTBOUND,
        Direction.INTERNAL,
    ]
    assert state.first_message == state.messages[0]
    assert shown.message_count == 3
    assert shown.waiting_since is None
    assert state.people[standin.agent_id].kind is ActorKind.AGENT
    assert state.people[shown.customer.id].kind is ActorKind.CUSTOMER


async def test_who_waits_is_found_in_what_was_said(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    state = await adapter.fetch_ticket(ticket)
    assert state.ticket.waiting_since == state.messages[0].created_at
    standin.set_status(ticket, "closed")
    assert (await adapter.fetch_ticket(ticket)).ticket.waiting_since is None


async def test_a_bots_answer_ends_no_wait_and_is_known_for_a_bots(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    bot = Person(77, "system_user", "AI", "Answers")
    standin.desk.write(standin.desk.conversations[int(ticket)], bot, "Have you tried the docs?")
    state = await adapter.fetch_ticket(ticket)
    assert state.messages[-1].author.kind is ActorKind.BOT
    assert state.ticket.waiting_since == state.messages[0].created_at


async def test_where_v3_is_not_offered_v2_tells_the_threads(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.api.v3 = False
    assert len((await adapter.fetch_ticket(ticket)).messages) == 1
    await adapter.fetch_ticket(ticket)
    asked = [path for _, path in standin.api.requests if path.startswith("/v3")]
    assert len(asked) == 1  # and is not asked for again


async def test_threads_are_read_page_by_page(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.api.page_size = 3
    for number in range(7):
        standin.comment(ticket, f"more {number}")
    state = await adapter.fetch_ticket(ticket)
    assert [each.text for each in state.messages] == ["We will cancel.", *(f"more {number}" for number in range(7))]


async def test_pages_that_go_in_circles_are_not_followed_for_ever(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.api.page_size = 1
    standin.comment(ticket, "more")
    standin.comment(ticket, "and more")
    standin.faults.append(Fault.repeated_page(path="/threads", times=50))
    with pytest.raises(RetryableError, match="circles"):
        await adapter.fetch_ticket(ticket)


async def test_an_empty_page_is_not_the_last(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.api.page_size = 1
    standin.comment(ticket, "more")
    standin.faults.append(Fault.empty_page(path="/threads"))
    assert [each.text for each in (await adapter.fetch_ticket(ticket)).messages] == ["We will cancel."]


async def test_line_items_are_no_messages(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    other = standin.open_ticket("Again", "Same here.", requester="bo@acme.example.com")
    standin.merge(other, ticket)
    state = await adapter.fetch_ticket(ticket)
    assert sorted(each.text for each in state.messages) == ["Same here.", "We will cancel."]


async def test_a_merged_conversation_is_gone_and_names_the_one_that_stays(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    other = standin.open_ticket("Again", "Same here.")
    standin.merge(other, ticket)
    with pytest.raises(RejectedError, match=f"conversation {other} was merged into {ticket}"):
        await adapter.fetch_ticket(other)


@pytest.mark.parametrize("location", ["https://elsewhere.example.com/v2/conversations/", "/nowhere", ""])
async def test_a_redirect_to_anywhere_else_is_not_followed(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, location: str
) -> None:
    standin.faults.append(Fault.redirect(location, 301, path=f"/v2/conversations/{ticket}"))
    with pytest.raises(RejectedError, match="moved"):
        await adapter.fetch_ticket(ticket)


async def test_a_deleted_conversation_is_gone(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.delete(ticket)
    with pytest.raises(RejectedError):
        await adapter.fetch_ticket(ticket)


@pytest.mark.parametrize("wrong", ["", "7/../8", "abc", "１２", "-1"])
async def test_what_is_no_id_gets_into_no_address(adapter: HelpScoutAdapter, wrong: str) -> None:
    with pytest.raises(RejectedError, match="whole numbers"):
        await adapter.fetch_ticket(wrong)


async def test_a_customer_that_is_hidden_from_us_is_known_as_far_as_the_conversation_tells(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(path="/v2/customers", status=403))
    state = await adapter.fetch_ticket(ticket)
    assert state.ticket.customer is not None
    assert state.ticket.customer.email == "bo@acme.example.com"
    assert state.ticket.account is None


async def test_an_organisation_that_is_hidden_from_us_is_known_by_its_name(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(path="/v2/organizations", status=404))
    state = await adapter.fetch_ticket(ticket)
    assert state.ticket.account is not None
    assert state.ticket.account.name == "ACME"


async def test_customers_and_organisations_are_asked_for_once_in_a_while(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    for _ in range(3):
        await adapter.fetch_ticket(ticket)
    asked = [path for _, path in standin.api.requests if "customers" in path or "organizations" in path]
    assert len(asked) == 2


async def test_a_team_has_the_ticket(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.change(ticket, team="Billing")
    state = await adapter.fetch_ticket(ticket)
    assert (state.ticket.assignee, state.ticket.team) == (None, "Billing")


async def test_the_same_state_has_the_same_time_wherever_it_is_told(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.comment(ticket, "On it.", by="agent")
    standin.comment(ticket, "Still broken.")
    state = await adapter.fetch_ticket(ticket)
    for embedded in (None, 0, 1):
        standin.desk.embedded = embedded
        told = adapter.read(standin.delivery_of(standin.deliver("convo.status", ticket))).facts[0]
        assert told.as_of == state.as_of


async def test_an_answer_that_is_no_json_is_asked_for_again(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    await adapter.check()
    standin.faults.append(Fault.not_json(path="/v2/conversations", times=10))
    with pytest.raises(RetryableError) as raised:
        await adapter.fetch_ticket(ticket)
    assert not isinstance(raised.value, UnknownOutcomeError)
