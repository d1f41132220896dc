"""The stand-in behaves as Help Scout is known to, so that what works with it may work there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from cornerdesk import Delivery, Direction, EventKind, Status, UnsupportedError
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.settings import HelpScoutSettings
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.testing import SECRET, make_settings
from cornerdesk_helpscout.webhooks import EVENT

URL = "http://receiver.example/webhooks/inbox"


class Receiver:
    """Takes webhooks; `answers` are statuses to give; afterwards 200."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.answers: list[int] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.deliveries.append(Delivery(headers=headers, body=request.content, received_at=datetime.now(UTC)))
        return httpx.Response(self.answers.pop(0) if self.answers else 200)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def sending(receiver: Receiver) -> AsyncIterator[HelpScoutStandIn]:
    standin = HelpScoutStandIn(
        receiver=URL, secret=SECRET, retry_wait=0.0001, transport=httpx.MockTransport(receiver), rate_limit=10_000
    )
    yield standin
    await standin.sender.aclose()


def http(standin: HelpScoutStandIn) -> httpx.AsyncClient:
    """Signed in."""
    headers = {"authorization": f"Bearer {standin.api.tokens.new()['access_token']}"}
    transport = httpx.ASGITransport(standin.app)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers=headers)


async def test_its_webhooks_are_signed_and_tell_what_happened(sending: HelpScoutStandIn, receiver: Receiver) -> None:
    ticket = sending.open_ticket("Export stops", "We will cancel.", tags=["vip"])
    sending.comment(ticket, "On it.", by="agent")
    sending.change(ticket, status="closed", add_tags=["a"], fields={"Plan": "pro"}, assignee=sending.agent_id)
    sending.comment(ticket, "Still!")
    sending.rate(ticket, "bad", "No.")
    sending.delete(ticket)
    await sending.settled()
    adapter = HelpScoutAdapter("inbox", make_settings())
    for delivery in receiver.deliveries:
        adapter.verify(delivery, delivery.received_at)
        assert len(adapter.read(delivery).facts) == 1
    names = sorted(delivery.headers[EVENT] for delivery in receiver.deliveries)
    assert names == sorted(
        [
            "convo.created",
            "convo.agent.reply.created",
            "convo.status",
            "convo.tags",
            "convo.custom-fields",
            "convo.assigned",
            "convo.customer.reply.created",
            "convo.status",
            "satisfaction.ratings",
            "convo.deleted",
        ]
    )


async def test_its_bodies_have_the_recorded_form(sending: HelpScoutStandIn, receiver: Receiver) -> None:
    sending.open_ticket("Export stops", "Größe: „viel“")
    await sending.settled()
    body = receiver.deliveries[0].body
    assert b"https:\\/\\/api.helpscout.net\\/v2" in body
    assert b"Gr\\u00f6\\u00dfe" in body
    data = json.loads(body)
    assert isinstance(data["id"], int)
    assert "assignee" not in data
    assert data["_embedded"]["threads"][0]["type"] == "customer"


@pytest.mark.parametrize(
    ("answers", "attempts", "state"),
    [([500] * 20, 10, "terminated"), ([401], 2, "delivered"), ([410], 1, "terminated"), ([], 1, "delivered")],
)
async def test_it_tries_again_as_help_scout_does(
    sending: HelpScoutStandIn, receiver: Receiver, answers: list[int], attempts: int, state: str
) -> None:
    receiver.answers = answers
    ticket = sending.open_ticket("a", "b")
    await sending.settled()
    sent = sending.sent[0]
    assert (sent.ticket, len(sent.attempts), sent.state) == (ticket, attempts, state)


async def test_ten_that_were_given_up_switch_a_subscription_off(sending: HelpScoutStandIn, receiver: Receiver) -> None:
    async with http(sending) as client:
        body = {"url": URL, "events": ["convo.created"], "secret": SECRET}
        made = await client.post("/v2/webhooks", json=body)
        assert (made.status_code, made.content) == (201, b"")
        receiver.answers = [500] * 100
        for number in range(10):
            sending.open_ticket(f"Number {number}", "x")
        await sending.settled()
        hook = made.headers["resource-id"]
        assert (await client.get(f"/v2/webhooks/{hook}")).json()["state"] == "disabled"
        sending.open_ticket("Nobody hears", "x")
        assert len(receiver.deliveries) == 100
        assert (await client.put(f"/v2/webhooks/{hook}", json=body)).status_code == 204
        shown = (await client.get(f"/v2/webhooks/{hook}")).json()
        assert shown["state"] == "enabled"
        assert "secret" not in shown


async def test_a_subscription_by_address_tells_where_to_look(sending: HelpScoutStandIn, receiver: Receiver) -> None:
    async with http(sending) as client:
        body = {"url": URL, "events": ["convo.created"], "secret": SECRET, "notification": True}
        await client.post("/v2/webhooks", json=body)
    ticket = sending.open_ticket("a", "b")
    await sending.settled()
    (fact,) = HelpScoutAdapter("inbox", make_settings()).read(receiver.deliveries[0]).facts
    assert (fact.kind, fact.ticket_id) == (EventKind.TICKET_CREATED, ticket)


async def test_a_merged_conversation_redirects_get_and_refuses_the_rest(standin: HelpScoutStandIn) -> None:
    ticket, other = standin.open_ticket("a", "b"), standin.open_ticket("c", "d")
    standin.merge(other, ticket)
    async with http(standin) as client:
        answer = await client.get(f"/v2/conversations/{other}")
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://api.helpscout.net/v2/conversations/{ticket}"
        assert (await client.put(f"/v2/conversations/{other}/tags", json={"tags": []})).status_code == 404


async def test_its_lists_show_active_ones_unless_asked(standin: HelpScoutStandIn) -> None:
    tickets = [standin.open_ticket(f"Number {number}", "x") for number in range(3)]
    standin.set_status(tickets[0], "closed")
    standin.set_status(tickets[1], "spam")
    async with http(standin) as client:

        async def listed(**params: str) -> set[str]:
            answer = (await client.get("/v2/conversations", params=params)).json()
            return {str(row["id"]) for row in answer.get("_embedded", {}).get("conversations", [])}

        assert await listed() == {tickets[2]}
        assert await listed(status="all") == {tickets[0], tickets[2]}
        assert await listed(status="spam") == {tickets[1]}
        wrong = await client.get("/v2/conversations", params={"modifiedSince": "2026-10-05T12:00:00.000Z"})
        assert wrong.status_code == 400
        empty = await client.get("/v2/conversations", params={"status": "pending"})
        assert "_embedded" not in empty.json()


async def test_writes_count_twice() -> None:
    standin = HelpScoutStandIn(rate_limit=400)
    ticket = standin.open_ticket("a", "b")
    async with http(standin) as client:

        async def left(method: str, path: str, body: object = None) -> int:
            answer = await client.request(method, f"/v2/conversations/{ticket}{path}", json=body)
            return int(answer.headers["x-ratelimit-remaining-minute"])

        before = await left("GET", "")
        await left("PUT", "/tags", {"tags": ["x"]})
        assert await left("GET", "") == before - 3


@pytest.mark.parametrize("header", [None, "Bearer made-up", "Basic bWFkZTp1cA=="])
async def test_nobody_gets_in_without_credentials(standin: HelpScoutStandIn, header: str | None) -> None:
    ticket = standin.open_ticket("a", "b")
    transport = httpx.ASGITransport(standin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        answer = await client.get(f"/v2/conversations/{ticket}", headers={"authorization": header} if header else {})
    assert answer.status_code == 401


async def test_it_understands_the_words_of_the_model(standin: HelpScoutStandIn) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.change(ticket, status="on_hold", team="Tier 2")
    standin.comment(ticket, "psst", by="own", public=False)
    look = standin.look(ticket)
    assert (look.status, look.assignee, look.team) == (Status.ON_HOLD, None, "Tier 2")
    assert [line.direction for line in look.messages] == [Direction.INBOUND, Direction.INTERNAL]
    with pytest.raises(UnsupportedError):
        standin.change(ticket, priority="urgent")


async def test_its_own_settings_sign_in() -> None:
    standin = HelpScoutStandIn(app_id="cd", app_secret="right")
    async with standin.serving() as url:
        adapter = HelpScoutAdapter("inbox", HelpScoutSettings.model_validate(standin.settings(url)))
        assert await adapter.own_user_id() == standin.own_id
        await adapter.aclose()


async def test_it_is_driven_from_another_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cornerdesk_helpscout.standin", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            opened = (await client.post("/_standin/tickets", json={"subject": "a", "text": "b"})).json()
            path = f"/_standin/tickets/{opened['id']}"
            assert (await client.post(f"{path}/comments", json={"text": "psst", "public": False})).status_code == 200
            assert (await client.get(f"{path}/notes", params={"text": "psst"})).json() == {"count": 1}
            assert (await client.post(path, json={"priority": "high"})).status_code == 501
            state = (await client.get("/_standin/state")).json()
        assert [row["type"] for row in state["deliveries"]] == ["convo.created", "convo.note.created"]
    finally:
        process.terminate()
        await process.wait()
