"""The stand-in: what others rely on when they put it in Intercom's place."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from cornerdesk.testing.desk import RefusedError
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import SECRET, make_settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Receiver:
    """Takes webhooks, and answers with the statuses it is told to, 200 from then on."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[bytes, str]] = []
        self.app = Starlette(routes=[Route("/webhooks/chat", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.taken.append((await request.body(), request.headers["x-hub-signature"]))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)


def sending(receiver: Receiver) -> IntercomStandIn:
    return IntercomStandIn(
        receiver="http://desk.test/webhooks/chat",
        secret=SECRET,
        retry_wait=0.0,
        transport=httpx.ASGITransport(receiver.app),
    )


@pytest.fixture
async def api(standin: IntercomStandIn) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": "Bearer x"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(standin.app), base_url="http://api.test", headers=headers
    ) as client:
        yield client


async def test_what_was_not_taken_is_sent_once_more_and_says_so() -> None:
    receiver = Receiver(500)
    standin, adapter = sending(receiver), IntercomAdapter("chat", make_settings())
    standin.open_ticket("Export", "It stops.")
    await standin.settled()
    first, again = (json.loads(body) for body, _ in receiver.taken)
    assert (first["delivery_attempts"], again["delivery_attempts"]) == (1, 2)
    assert (first["id"], again["delivery_status"]) == (again["id"], "retry")
    deliveries = [standin.delivery_of(standin.sent[0]).model_copy(update={"body": body}) for body, _ in receiver.taken]
    for delivery, (_, signature) in zip(deliveries, receiver.taken, strict=True):
        signed = delivery.model_copy(update={"headers": {"x-hub-signature": signature}})
        adapter.verify(signed, signed.received_at)
    assert adapter.delivery_key(deliveries[0]) == adapter.delivery_key(deliveries[1])
    await standin.sender.aclose()


async def test_what_is_not_taken_twice_is_lost() -> None:
    receiver = Receiver(503, 503)
    standin = sending(receiver)
    standin.open_ticket("Export", "It stops.")
    await standin.settled()
    assert (len(receiver.taken), standin.sent[0].state) == (2, "terminated")
    await standin.sender.aclose()


async def test_410_ends_the_subscription() -> None:
    receiver = Receiver(410)
    standin = sending(receiver)
    ticket = standin.open_ticket("Export", "It stops.")
    await standin.settled()
    standin.comment(ticket, "Hello?")
    await standin.settled()
    assert len(receiver.taken) == 1
    await standin.sender.aclose()


async def test_a_ping_has_no_id_and_tells_nothing(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    delivery = standin.delivery_of(standin.ping())
    adapter.verify(delivery, delivery.received_at)
    assert adapter.read(delivery).ignored == "Intercom's test"


async def test_any_topic_can_be_sent(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    ticket = standin.open_ticket("Export", "It stops.")
    sent = standin.deliver("conversation.read", ticket)
    assert adapter.read(standin.delivery_of(sent)).ignored == "not part of the model"


async def test_one_request_too_many_is_told_when_to_come_back(api: httpx.AsyncClient, standin: IntercomStandIn) -> None:
    standin.limit.most = 1
    answers = [await api.get("/me") for _ in range(3)]  # a window may end between two of them
    (refused, *_) = [answer for answer in answers if answer.status_code == 429]
    assert refused.json()["errors"][0]["code"] == "rate_limit_exceeded"
    assert float(refused.headers["x-ratelimit-reset"]) > 1_000_000_000
    assert "retry-after" not in refused.headers


async def test_nobody_comes_in_without_a_token(api: httpx.AsyncClient, standin: IntercomStandIn) -> None:
    for header in ("", "Basic eDp5", "Bearer "):
        assert (await api.get("/me", headers={"authorization": header})).status_code == 401
    standin.api.token = "the one"
    assert (await api.get("/me")).status_code == 401
    assert (await api.get("/me", headers={"authorization": "Bearer the one"})).status_code == 200


async def test_writes_want_to_know_who_writes(api: httpx.AsyncClient, standin: IntercomStandIn) -> None:
    ticket = standin.open_ticket("Export", "It stops.")
    note = {"message_type": "note", "type": "admin", "body": "x"}
    assert (await api.post(f"/conversations/{ticket}/reply", json=note)).status_code == 400
    assert (await api.post(f"/conversations/{ticket}/reply", json={**note, "admin_id": "1"})).status_code == 404
    assert standin.notes(ticket) == 0


async def test_an_empty_cursor_is_answered_with_500_as_intercom_does(api: httpx.AsyncClient) -> None:
    query = {"field": "updated_at", "operator": ">", "value": 0}
    body = {"query": query, "pagination": {"per_page": 5, "starting_after": ""}}
    assert (await api.post("/conversations/search", json=body)).status_code == 500


async def test_it_can_be_driven_by_json(api: httpx.AsyncClient, standin: IntercomStandIn) -> None:
    made = (
        await api.post("/_standin/tickets", json={"subject": "Export", "text": "It stops.", "tags": ["vip"]})
    ).json()
    ticket = made["id"]
    await api.post(f"/_standin/tickets/{ticket}/comments", json={"text": "A note.", "by": "agent", "public": False})
    await api.post(f"/_standin/tickets/{ticket}/status", json={"status": "closed"})
    await api.post(f"/_standin/tickets/{ticket}/rating", json={"score": "good"})
    state = (await api.get("/_standin/state")).json()
    (shown,) = state["tickets"]
    assert [message["text"] for message in shown["messages"]] == ["It stops.", "A note."]
    assert (shown["state"], shown["conversation_rating"]["rating"]) == ("closed", 5)
    assert (await api.post(f"/_standin/tickets/{ticket}/merge", json={"into": ticket})).status_code == 501
    assert (await api.post(f"/_standin/tickets/{ticket}", json={"spam": True})).status_code == 501
    assert (await api.post("/_standin/tickets/1/comments", json={"text": "x"})).status_code == 404


async def test_what_is_not_there_is_refused_in_intercoms_form(standin: IntercomStandIn) -> None:
    with pytest.raises(RefusedError) as refused:
        standin.comment("404", "x")
    assert refused.value.body["errors"][0]["code"] == "not_found"


@pytest.mark.timeout(60)
async def test_it_runs_as_a_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cornerdesk_intercom.standin", "--tickets", "--token", "t", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("stand-in of Intercom ready at http://127.0.0.1:")
        async with httpx.AsyncClient(base_url=line.split()[-1], trust_env=False) as client:
            made = await client.post("/_standin/tickets", json={"subject": "Invoice", "text": "Wrong."})
            asked = await client.get(f"/tickets/{made.json()['id']}", headers={"authorization": "Bearer t"})
        assert asked.json()["ticket_attributes"]["_default_title_"] == "Invoice"
    finally:
        process.terminate()
        await process.wait()
