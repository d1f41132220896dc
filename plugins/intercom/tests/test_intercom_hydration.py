"""What is fetched from Intercom, and how little of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import (
    ActorKind,
    Channel,
    CredentialsError,
    CustomerKind,
    Direction,
    RejectedError,
    RetryableError,
    Status,
)
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.client import VERSION, allowance_of, refusal
from cornerdesk_intercom.standin import Fault, IntercomStandIn
from cornerdesk_intercom.standin.desk import Admin

Connect = Callable[..., IntercomAdapter]


def opened(standin: IntercomStandIn) -> str:
    ticket = standin.open_ticket(
        "Export stops",
        "We will cancel.",
        requester="bo@example.com",
        name="Bo Lind",
        phone="+46 1",
        organization="Example Ltd",
        domains=["www.example.com"],
        tags=["vip"],
        priority="high",
        fields={"Plan": "pro"},
    )
    standin.change(ticket, assignee=standin.agent_id, team="Tier 2")
    return ticket


async def test_a_conversation_is_fetched_whole(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    ticket_id = opened(standin)
    standin.comment(ticket_id, "We look into it.", by="agent")
    ticket = (await adapter.fetch_ticket(ticket_id)).ticket
    assert ticket.url == f"https://app.eu.intercom.com/a/inbox/wxyz/inbox/conversation/{ticket_id}"
    assert (ticket.status, ticket.status_label, ticket.channel) == (Status.OPEN, "open", Channel.EMAIL)
    assert (ticket.team, ticket.fields, ticket.message_count) == ("Tier 2", {"Plan": "pro"}, 2)
    assert ticket.waiting_since is None
    assert ticket.customer is not None
    assert (ticket.customer.email, ticket.customer.phone) == ("bo@example.com", "+46 1")
    assert ticket.customer.kind is CustomerKind.USER
    assert ticket.account is not None
    assert (ticket.account.name, ticket.account.domains) == ("Example Ltd", ("example.com",))
    assert (ticket.account.external_id, ticket.account.revenue) == (None, None)
    assert ticket.assignee is not None
    assert ticket.assignee.name == "Agnes Moss"


async def test_a_plain_conversation_costs_no_question_about_tickets(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    ticket = opened(standin)
    for _ in range(2):
        await adapter.fetch_ticket(ticket)
    asked = [path.split("/")[1] for _, path in standin.api.requests]
    assert asked == [
        "conversations",
        "contacts",
        "companies",
        "admins",
        "teams",
        "conversations",
        "contacts",
        "companies",
    ]


async def test_a_ticket_and_its_conversation_are_one(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    standin.opens_tickets = True
    ticket_id = opened(standin)
    standin.comment(ticket_id, "And August.")
    standin.change(ticket_id, status="solved")
    state = await adapter.fetch_ticket(ticket_id)
    ticket = state.ticket
    assert (ticket.status, ticket.status_label, ticket.type) == (Status.SOLVED, "Resolved", "Bug")
    assert ticket.number == standin.desk.conversations[ticket_id].number
    assert (ticket.tags, ticket.fields) == (("vip",), {"Plan": "pro"})
    assert [message.text for message in state.messages] == ["We will cancel.", "And August."]


async def test_without_leave_to_read_tickets_one_waits_for_it(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    standin.opens_tickets = standin.api.hides_tickets = True
    with pytest.raises(CredentialsError, match=r"403 api_plan_restricted; .* what they are allowed to do"):
        await adapter.fetch_ticket(opened(standin))


async def test_where_intercom_shows_the_conversation_and_not_the_ticket_the_conversation_tells(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    standin.opens_tickets = True
    standin.faults.append(Fault(status=403, body="{}", path="/tickets/"))
    ticket = (await adapter.fetch_ticket(opened(standin))).ticket
    assert (ticket.status, ticket.subject) == (Status.OPEN, "Export stops")


async def test_every_teammate_who_is_named_is_asked_for(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    time = [0.0]
    adapter._client._monotonic = lambda: time[0]
    ticket = opened(standin)
    standin.comment(ticket, "We look into it.", by="own")
    await adapter.fetch_ticket(ticket)
    cleo = Admin("816", "Cleo Ray", "cleo@desk.example.com")
    standin.desk.admins[cleo.id] = cleo
    standin.desk.say(standin.desk.find(ticket), cleo, "<p>So do I.</p>")
    time[0] = 31
    assert (await adapter.fetch_ticket(ticket)).people["816"].email == cleo.email


async def test_a_back_office_ticket_has_no_conversation(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    standin.opens_tickets = True
    ticket_id = opened(standin)
    missing = Fault(status=404, body='{"errors": [{"code": "not_found"}]}', path="/conversations/")
    standin.faults.append(missing)
    state = await adapter.fetch_ticket(ticket_id)
    assert state.ticket.status is Status.NEW
    assert state.first_message is not None
    assert state.first_message.id == f"description:{ticket_id}"


async def test_a_merged_contact_is_followed_to_who_it_is_now(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    ticket = opened(standin)
    gone = standin.desk.conversations[ticket].contact
    lives = standin.desk.contact("bo@new.example.com", "Bo Berg")
    link = f'</contacts/{lives.id}>; rel="canonical"'
    body = '{"errors": [{"code": "contact_merged"}]}'
    standin.faults.append(Fault(status=410, headers={"link": link}, body=body, path=f"/contacts/{gone.id}"))
    customer = (await adapter.fetch_ticket(ticket)).ticket.customer
    assert customer is not None
    assert (customer.id, customer.name, customer.email) == (gone.id, "Bo Berg", "bo@new.example.com")


@pytest.mark.parametrize(
    "link", ["", "</contacts/../me>; rel=canonical", "<https://evil.example.com/1>; rel=canonical"]
)
async def test_a_merge_that_leads_nowhere_leaves_what_the_conversation_tells(
    standin: IntercomStandIn, adapter: IntercomAdapter, link: str
) -> None:
    ticket = opened(standin)
    standin.faults.append(Fault(status=410, headers={"link": link} if link else {}, path="/contacts/", body="{}"))
    state = await adapter.fetch_ticket(ticket)
    assert state.ticket.customer is not None
    assert state.ticket.customer.email == "bo@example.com"


async def test_merges_in_a_circle_end(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    ticket = opened(standin)
    link = f'</contacts/{standin.desk.conversations[ticket].contact.id}>; rel="canonical"'
    standin.faults.append(Fault(status=410, headers={"link": link}, path="/contacts/", body="{}", times=99))
    await adapter.fetch_ticket(ticket)
    assert 99 - standin.faults[0].times == 4


async def test_a_conversation_of_an_unknown_shape_is_tried_again(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    ticket = opened(standin)
    standin.faults.append(Fault(status=200, body='{"id": "7", "updated_at": "soon", "ticket": null}', path="/conv"))
    with pytest.raises(RetryableError, match="updated_at"):
        await adapter.fetch_ticket(ticket)


@pytest.mark.parametrize("body", ["[]", "7", '"gone"'])
async def test_an_answer_that_is_no_object_is_no_word_that_it_is_gone(
    standin: IntercomStandIn, adapter: IntercomAdapter, body: str
) -> None:
    ticket = opened(standin)
    standin.faults.append(Fault(status=200, body=body, path="/conversations/", content_type="application/json"))
    with pytest.raises(RetryableError, match="unknown shape"):
        await adapter.fetch_ticket(ticket)


async def test_what_is_gone_is_rejected(adapter: IntercomAdapter) -> None:
    with pytest.raises(RejectedError, match="neither a conversation nor a ticket"):
        await adapter.fetch_ticket("404404")


async def test_a_lead_has_no_name_of_its_own(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    ticket = opened(standin)
    standin.desk.conversations[ticket].contact.role = "lead"
    customer = (await adapter.fetch_ticket(ticket)).ticket.customer
    assert customer is not None
    assert customer.kind is CustomerKind.LEAD


async def test_our_own_notes_are_known_by_who_we_are(standin: IntercomStandIn, connect: Connect) -> None:
    ticket = opened(standin)
    standin.comment(ticket, "x", by="own", public=False)
    adapter = connect(admin_id=None)
    state = await adapter.fetch_ticket(ticket)
    note = state.messages[-1]
    assert (note.author.id, note.direction) == (await adapter.own_user_id(), Direction.INTERNAL)
    assert state.people["814"].kind is ActorKind.AGENT


async def test_the_check_names_workspace_and_teammate(standin: IntercomStandIn, connect: Connect) -> None:
    assert "workspace wxyz, writing as teammate 814" in await connect().check()
    with pytest.raises(CredentialsError, match="make them the same"):
        await connect(app_id="other").check()
    with pytest.raises(CredentialsError, match="no teammate 999"):
        await connect(admin_id="999").check()
    standin.api.revoke_tokens()
    with pytest.raises(CredentialsError, match="401 unauthorized"):
        await connect().check()


async def test_the_version_of_the_api_is_ours_to_choose(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    assert adapter._client.api._headers["intercom-version"] == VERSION == "2.16"


def test_limits_are_read_in_windows_of_ten_seconds() -> None:
    headers = {"x-ratelimit-limit": "1666", "x-ratelimit-remaining": "1600", "x-ratelimit-reset": "1791201604"}
    told = allowance_of(headers, 1791201600)
    assert told is not None
    assert (told.limit, told.remaining, told.resets) == (1666, 1600, 4)
    late = allowance_of({**headers, "x-ratelimit-reset": "1791209999"}, 1791201600)
    assert late is not None
    assert late.resets == 10


@pytest.mark.parametrize("limit", ["", "many", "nan", "0", "-1"])
def test_headers_that_tell_no_limit_are_none(limit: str) -> None:
    assert allowance_of({"x-ratelimit-limit": limit, "x-ratelimit-remaining": "5"}, 0) is None
    assert allowance_of({}, 0) is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"type": "error.list", "errors": [{"code": "not_found", "message": "Bo is gone"}]}, "not_found"),
        (
            {"errors": [{"code": "parameter_invalid", "field": "email", "message": "x"}]},
            "parameter_invalid about email",
        ),
        ({"errors": [{"code": "we said <b>no</b>", "field": "Bo's words"}]}, "wesaidbnob"),
        ({"errors": []}, None),
        ({"errors": [{"code": 7}]}, None),
        ([], None),
    ],
)
def test_a_refusal_is_told_by_its_code_and_never_by_its_message(data: object, told: str | None) -> None:
    assert refusal(data) == told
