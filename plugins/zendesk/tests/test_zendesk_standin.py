"""The stand-in behaves as Zendesk is known to, so that what works with it may work there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from cornerdesk import Delivery, Direction, EventKind, Priority, Status, UnsupportedError
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.settings import ZendeskSettings
from cornerdesk_zendesk.standin import Credentials, ZendeskStandIn
from cornerdesk_zendesk.testing import NOW, SECRET, make_settings
from cornerdesk_zendesk.webhooks import INVOCATION


class StillClock:
    def now(self) -> datetime:
        return NOW


class Receiver:
    """Takes webhooks; `answers` are statuses to give, with Retry-After; afterwards 200."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.answers: list[tuple[int, str | None]] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.deliveries.append(Delivery(headers=headers, body=request.content, received_at=datetime.now(UTC)))
        status, wait = self.answers.pop(0) if self.answers else (200, None)
        if status == 0:
            raise httpx.ReadTimeout("slow")
        return httpx.Response(status, headers={"retry-after": wait} if wait else {})


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def sending(receiver: Receiver) -> AsyncIterator[ZendeskStandIn]:
    standin = ZendeskStandIn(
        receiver="http://receiver.example/webhooks/support",
        secret=SECRET,
        retry_wait=0.001,
        transport=httpx.MockTransport(receiver),
    )
    yield standin
    await standin.sender.aclose()


async def test_its_webhooks_are_signed_and_tell_what_happened(sending: ZendeskStandIn, receiver: Receiver) -> None:
    ticket = sending.open_ticket("Export stops", "We will cancel.", tags=["vip"])
    sending.comment(ticket, "Hello?")
    sending.change(ticket, status="pending", priority="high", add_tags=["a"], fields={"Plan": "pro"})
    sending.comment(ticket, "Still!")
    sending.rate(ticket, "bad", "No.")
    await sending.settled()
    adapter = ZendeskAdapter("support", make_settings())
    kinds = []
    for delivery in receiver.deliveries:
        adapter.verify(delivery, delivery.received_at)
        kinds += [fact.kind for fact in adapter.read(delivery).facts]
    assert kinds.count(EventKind.TICKET_CREATED) == 1
    assert kinds.count(EventKind.MESSAGE_ADDED) == 3
    assert kinds.count(EventKind.TICKET_CHANGED) == 5  # status twice: an answer opens a pending ticket again
    assert kinds.count(EventKind.TICKET_RATED) == 1


async def test_its_bodies_have_the_recorded_form(sending: ZendeskStandIn, receiver: Receiver) -> None:
    sending.open_ticket("Export stops", "Größe: „viel“")
    await sending.settled()
    body = receiver.deliveries[0].body
    assert body.startswith(b'{\n   "account_id": ')
    assert body.endswith(b"}\n")
    data = json.loads(body)
    assert data["detail"]["status"] == "NEW"
    assert isinstance(data["detail"]["id"], str)
    assert isinstance(data["account_id"], int)
    assert receiver.deliveries[0].headers["user-agent"] == "Zendesk Webhook"


@pytest.mark.parametrize(
    ("answers", "attempts", "state"),
    [
        ([(409, None)] * 9, 4, "terminated"),
        ([(409, None)], 2, "delivered"),
        ([(503, None)], 1, "terminated"),
        ([(503, "1")], 2, "delivered"),
        ([(429, "90")], 1, "terminated"),
        ([(500, None)], 1, "terminated"),
        ([(401, None)], 1, "terminated"),
        ([(0, None)] * 9, 6, "terminated"),
        ([(0, None)], 2, "delivered"),
    ],
)
async def test_it_tries_again_as_zendesk_does(
    sending: ZendeskStandIn, receiver: Receiver, answers: list[tuple[int, str | None]], attempts: int, state: str
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    sending.sender.sleep = sleep
    receiver.answers = list(answers)
    sending.deliver_raw({"type": "zen:event-type:ticket.created", "id": "1"})
    await sending.settled()
    assert (len(sending.sent[0].attempts), sending.sent[0].state) == (attempts, state)
    assert len({delivery.headers[INVOCATION] for delivery in receiver.deliveries}) == 1


async def test_a_second_sending_keeps_the_event_and_not_the_invocation(
    sending: ZendeskStandIn, receiver: Receiver
) -> None:
    sending.open_ticket("a", "b")
    sending.redeliver(last=1)
    await sending.settled()
    adapter = ZendeskAdapter("support", make_settings())
    keys = [adapter.delivery_key(delivery) for delivery in receiver.deliveries]
    assert (len(keys), len(set(keys))) == (3, 2)
    assert len({delivery.headers[INVOCATION] for delivery in receiver.deliveries}) == 3


async def test_its_triggers_are_ours(sending: ZendeskStandIn, receiver: Receiver) -> None:
    ticket = sending.open_ticket("a", "b")
    await sending.settled()
    sending.deliver_trigger(ticket)
    await sending.settled()
    (fact,) = ZendeskAdapter("support", make_settings()).read(receiver.deliveries[-1]).facts
    assert (fact.kind, fact.ticket_id) == (None, str(ticket))


@pytest.mark.parametrize("header", [None, "Bearer made-up", "Basic bWFkZTp1cA==", "Digest x"])
async def test_nobody_gets_in_without_credentials(standin: ZendeskStandIn, header: str | None) -> None:
    ticket = standin.open_ticket("a", "b")
    transport = httpx.ASGITransport(standin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as http:
        answer = await http.get(f"/api/v2/tickets/{ticket}", headers={"authorization": header} if header else {})
    assert answer.status_code == 401


async def test_its_tag_calls_are_as_odd_as_zendesks(standin: ZendeskStandIn) -> None:
    ticket = standin.open_ticket("a", "b", tags=["one"])
    headers = {"authorization": f"Bearer {standin.api.new_token()['access_token']}"}
    transport = httpx.ASGITransport(standin.app)
    path = f"/api/v2/tickets/{ticket}"
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers=headers) as http:
        assert (await http.put(f"{path}/tags", json={"tags": ["two"]})).json()["tags"] == ["one", "two"]
        assert (await http.post(f"{path}/tags", json={"tags": ["three"]})).json()["tags"] == ["three"]
        await http.put(path, json={"ticket": {"tags": ["four"]}})
        assert standin.desk.tickets[int(ticket)].tags == ["four"]
        stale = {"tags": ["five"], "safe_update": False, "updated_stamp": "2020-01-01T00:00:00Z"}
        answer = await http.put(f"{path}/tags", json=stale)
        assert (answer.status_code, answer.json()["error"]) == (409, "UpdateConflict")
        assert answer.headers["ratelimit-remaining"].isdigit()


async def test_it_understands_the_words_of_the_model(standin: ZendeskStandIn) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.change(ticket, status="on_hold", priority="urgent", assignee="agnes@desk.example.com", team="Tier 2")
    standin.comment(ticket, "psst", by="own", public=False)
    look = standin.look(ticket)
    assert standin.desk.tickets[int(ticket)].status == "hold"
    assert (look.status, look.priority) == (Status.ON_HOLD, Priority.URGENT)
    assert (look.assignee, look.team) == (standin.agent_id, "Tier 2")
    assert [line.direction for line in look.messages] == [Direction.INBOUND, Direction.INTERNAL]
    with pytest.raises(UnsupportedError):
        standin.rate(ticket, "okay")


async def test_its_own_settings_sign_in() -> None:
    standin = ZendeskStandIn(credentials=Credentials(client_id="cd", client_secret="right"))
    async with standin.serving() as url:
        adapter = ZendeskAdapter("support", ZendeskSettings.model_validate(standin.settings(url)))
        assert await adapter.own_user_id() == standin.own_id
        await adapter.aclose()


async def test_too_many_requests_are_turned_away() -> None:
    standin = ZendeskStandIn(rate_limit=1)
    headers = {"authorization": f"Bearer {standin.api.new_token()['access_token']}"}
    transport = httpx.ASGITransport(standin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers=headers) as http:
        statuses = [(await http.get("/api/v2/groups")).status_code for _ in range(3)]
    assert 429 in statuses


async def test_its_exports_refuse_the_last_sixty_seconds_to_the_second() -> None:
    standin = ZendeskStandIn(clock=StillClock())
    headers = {"authorization": f"Bearer {standin.api.new_token()['access_token']}"}
    transport = httpx.ASGITransport(standin.app)
    now = int(NOW.timestamp())
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers=headers) as http:
        for path, back, status in (("tickets/cursor", 60, 400), ("ticket_events", 60, 400), ("ticket_events", 61, 200)):
            answer = await http.get(f"/api/v2/incremental/{path}", params={"start_time": now - back})
            assert answer.status_code == status


async def test_it_is_driven_from_another_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cornerdesk_zendesk.standin", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            opened = await http.post(
                "/_standin/tickets", json={"subject": "a", "text": "b", "requester": "x@example.com"}
            )
            ticket = opened.json()["id"]
            path = f"/_standin/tickets/{ticket}"
            await http.post(f"{path}/comments", json={"text": "psst", "by": "agent", "public": False})
            await http.post(f"{path}/status", json={"status": "solved"})
            await http.post(f"{path}/rating", json={"score": "good"})
            await http.post("/_standin/faults", json={"status": 429, "times": 2})
            wrong = await http.post("/_standin/tickets", json={"colour": "red"})
            assert wrong.status_code == 400
            assert (await http.get(f"{path}/notes", params={"text": "psst"})).json() == {"count": 1}
            state = (await http.get("/_standin/state")).json()
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
    assert state["tickets"][0]["status"] == "solved"
    assert [sent["type"] for sent in state["deliveries"]] == [
        "ticket.created",
        "ticket.comment_added",
        "ticket.comment_added",
        "ticket.status_changed",
        "ticket.csat_received",
    ]
    assert state["faults"][0]["times"] == 2
