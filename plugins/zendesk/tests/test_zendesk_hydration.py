"""What is fetched from Zendesk, and how little of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import (
    ActorKind,
    ApiRejectedError,
    Channel,
    CredentialsError,
    Direction,
    RejectedError,
    RetryableError,
    Status,
)
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.mapping import message_of
from cornerdesk_zendesk.schemas import Comment
from cornerdesk_zendesk.standin import Fault, ZendeskStandIn


def opened(standin: ZendeskStandIn) -> str:
    ticket = standin.open_ticket(
        "Export stops",
        "We will cancel.",
        requester="bo@example.com",
        name="Bo Lind",
        phone="+46 1",
        organization="Example Ltd",
        domains=["Example.com"],
        organization_external_id="crm-7",
        tags=["vip"],
        priority="high",
        fields={"Plan": "pro", "Seats": 5},
    )
    standin.change(ticket, assignee_id=standin.desk.agent.id, group_id=standin.desk.second)
    return str(ticket)


async def test_a_ticket_is_fetched_whole(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    state = await adapter.fetch_ticket(ticket_id)
    ticket = state.ticket
    assert ticket.url == f"https://acme.zendesk.com/agent/tickets/{ticket_id}"
    assert (ticket.status, ticket.status_label, ticket.channel) == (Status.OPEN, "open", Channel.EMAIL)
    assert ticket.fields == {"Plan": "pro", "Seats": 5}
    assert ticket.team == "Tier 2"
    assert ticket.message_count == 1
    assert ticket.customer is not None
    assert (ticket.customer.email, ticket.customer.phone) == ("bo@example.com", "+46 1")
    assert ticket.account is not None
    assert (ticket.account.name, ticket.account.domains) == ("Example Ltd", ("example.com",))
    assert ticket.account.external_id == "crm-7"
    assert ticket.assignee is not None
    assert ticket.assignee.email == "agnes@desk.example.com"
    assert state.as_of == ticket.updated_at
    assert state.people[ticket.assignee.id].kind is ActorKind.AGENT


async def test_the_first_message_comes_with_its_real_id(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    state = await adapter.fetch_ticket(ticket_id)
    comment = standin.desk.tickets[int(ticket_id)].comments[0]
    assert state.first_message is not None
    assert state.first_message.id == str(comment["id"])
    assert (state.first_message.text, state.first_message.direction) == ("We will cancel.", Direction.INBOUND)
    assert state.first_message.author.email == "bo@example.com"
    assert state.first_message.html is not None


async def test_the_customer_waits_since_their_first_word_after_our_last(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket = opened(standin)
    standin.comment(ticket, "Please wait.", by="agent")
    assert (await adapter.fetch_ticket(str(ticket))).ticket.waiting_since is None
    standin.comment(ticket, "How long?")
    standin.comment(ticket, "He is angry.", by="agent", public=False)
    state = await adapter.fetch_ticket(str(ticket))
    assert state.ticket.waiting_since == state.messages[2].created_at
    assert [message.direction for message in state.messages][-1] is Direction.INTERNAL
    standin.set_status(ticket, "solved")
    assert (await adapter.fetch_ticket(str(ticket))).ticket.waiting_since is None


async def test_two_requests_are_enough_once_names_are_known(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    await adapter.fetch_ticket(ticket_id)
    before = len(standin.api.requests)
    await adapter.fetch_ticket(ticket_id)
    assert len(standin.api.requests) - before == 2


async def test_a_long_ticket_is_counted_and_its_latest_messages_are_told(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket = opened(standin)
    for number in range(120):
        standin.comment(ticket, f"word {number}")
    state = await adapter.fetch_ticket(str(ticket))
    assert state.ticket.message_count == 121
    assert state.first_message is not None
    assert state.first_message.text == "We will cancel."
    assert (state.messages[0].text, state.messages[-1].text) == ("word 20", "word 119")


async def test_people_and_company_are_asked_for_where_they_do_not_come_along(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket_id = opened(standin)
    standin.api.side_loads = False
    state = await adapter.fetch_ticket(ticket_id)
    assert state.ticket.customer is not None
    assert state.ticket.customer.email == "bo@example.com"
    assert state.ticket.account is not None
    assert state.ticket.account.name == "Example Ltd"


async def test_people_are_asked_for_by_hundreds_however_many_wrote(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ids = [standin.desk.user(f"Person {number}", f"p{number}@example.com").id for number in range(230)]
    found = await adapter._client.users(map(str, ids))
    assert {user.id for user in found} == set(map(str, ids))
    assert [path for _, path in standin.api.requests].count("/api/v2/users/show_many") == 3


async def test_a_company_that_we_may_not_see_is_an_id(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    standin.api.side_loads = False
    standin.faults.append(Fault(status=403, path="/organizations/"))
    account = (await adapter.fetch_ticket(ticket_id)).ticket.account
    assert account is not None
    assert (account.id, account.name) == (str(standin.desk.tickets[int(ticket_id)].organization_id), None)


async def test_a_new_fields_title_is_found_at_the_next_reading(
    standin: ZendeskStandIn, connect: Callable[..., ZendeskAdapter]
) -> None:
    time = [0.0]
    adapter = connect()
    adapter._client._monotonic = lambda: time[0]
    ticket_id = opened(standin)
    await adapter.fetch_ticket(ticket_id)
    standin.change(ticket_id, fields={"Region": "north"})
    time[0] = 31
    assert (await adapter.fetch_ticket(ticket_id)).ticket.fields["Region"] == "north"


async def test_any_title_that_is_unknown_is_looked_for_not_only_the_last(
    standin: ZendeskStandIn, connect: Callable[..., ZendeskAdapter]
) -> None:
    time = [0.0]
    adapter = connect()
    adapter._client._monotonic = lambda: time[0]
    ticket_id = opened(standin)
    await adapter.fetch_ticket(ticket_id)
    standin.change(ticket_id, fields={"Region": "north"})
    fields = standin.desk.fields
    standin.desk.fields = dict(reversed(fields.items()))
    time[0] = 31
    assert (await adapter.fetch_ticket(ticket_id)).ticket.fields["Region"] == "north"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"body": "Plain words.", "plain_body": "Plain&nbsp;words."}, "Plain words."),
        ({"body": "", "plain_body": "Plain&nbsp;words."}, "Plain words."),
        ({"body": "Plain words.", "public": None}, "Plain words."),
        ({"body": None, "html_body": "<p>Plain</p><p>words.</p>"}, "Plain\nwords."),
    ],
)
def test_a_comments_words_are_found_wherever_they_stand(words: dict[str, str | None], text: str) -> None:
    assert message_of(Comment.model_validate({"id": 1, **words}), {}).text == text


@pytest.mark.parametrize("name", ["public", "comment_public"])
def test_a_note_is_a_note_by_either_name_of_its_mark(name: str) -> None:
    assert message_of(Comment.model_validate({"id": 1, "body": "x", name: False}), {}).direction is Direction.INTERNAL


async def test_a_status_of_the_accounts_own_is_its_label(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    standin.api.custom_statuses = {360777: "Waiting for parts"}
    standin.desk.tickets[int(ticket_id)].custom_status_id = 360777
    ticket = (await adapter.fetch_ticket(ticket_id)).ticket
    assert (ticket.status, ticket.status_label) == (Status.OPEN, "Waiting for parts")


@pytest.mark.parametrize("ticket_id", ["999", "7/../8", "", "abc", "７"])
async def test_a_ticket_that_is_not_there_is_rejected(adapter: ZendeskAdapter, ticket_id: str) -> None:
    with pytest.raises(RejectedError):
        await adapter.fetch_ticket(ticket_id)


async def test_a_deleted_ticket_is_gone(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    standin.delete(ticket_id)
    with pytest.raises(ApiRejectedError, match="RecordNotFound"):
        await adapter.fetch_ticket(ticket_id)


async def test_a_busy_zendesk_is_waited_for(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    standin.faults += [Fault(status=429, retry_after="0"), Fault(status=503), Fault(kind="drop", path="/comments")]
    assert (await adapter.fetch_ticket(ticket_id)).ticket.id == ticket_id


async def test_a_page_of_html_is_no_ticket(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket_id = opened(standin)
    standin.faults.append(Fault(status=200, body="<html>maintenance</html>"))
    with pytest.raises(RetryableError, match="instead of JSON"):
        await adapter.fetch_ticket(ticket_id)


async def test_who_we_are_is_asked_once(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    assert await adapter.own_user_id() == str(standin.desk.own.id)
    assert "user" in await adapter.check()
    assert [path for _, path in standin.api.requests] == ["/api/v2/users/me"]


async def test_nobody_is_no_way_to_sign_in(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    standin.faults.append(Fault(status=200, path="/users/me", body='{"user": {"id": null, "role": "end-user"}}'))
    with pytest.raises(CredentialsError, match="does not know us"):
        await adapter.check()


async def test_a_ticket_whose_comments_and_people_we_may_not_list_is_fetched_all_the_same(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket_id = opened(standin)
    standin.faults += [
        Fault("status", path=f"/api/v2/tickets/{ticket_id}/comments", status=403, times=9),
        Fault("status", path="/api/v2/users/show_many", status=404, times=9),
    ]
    state = await adapter.fetch_ticket(ticket_id)
    assert state.first_message is None
    assert state.ticket.message_count is None
    assert state.ticket.customer is not None
    assert state.ticket.customer.email == "bo@example.com"
