"""A stand-in is driven from another process by JSON under /_standin/, the same for every vendor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cornerdesk import UnsupportedError
from cornerdesk.testing.plaindesk.standin import PlainStandIn


class NoMerging(PlainStandIn):
    """Of a vendor that cannot merge tickets."""

    def merge(self, ticket: str, into: str) -> None:
        raise self.not_here("merge tickets")


@pytest.fixture
def standin() -> PlainStandIn:
    return NoMerging(rate_limit=3)


@pytest.fixture
async def http(standin: PlainStandIn) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(standin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example/_standin/") as client:
        yield client


async def test_everything_that_people_do_can_be_asked_for(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    async def ask(path: str, **body: Any) -> Any:
        answer = await http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    ticket = (await ask("tickets", subject="a", text="b", tags=["x"]))["id"]
    note = await ask(f"tickets/{ticket}/comments", text="psst", by="agent", public=False)
    assert note == {"id": standin.look(ticket).messages[-1].id}
    await ask(f"tickets/{ticket}", priority="high", add_tags=["y"], assignee=standin.agent_id)
    await ask(f"tickets/{ticket}/status", status="solved")
    await ask(f"tickets/{ticket}/rating", score="good")
    await ask("touch")
    await ask("deliver", type="ticket.viewed", ticket=ticket)
    await ask("raw", body="{}")
    assert len((await ask("redeliver", last=2))["deliveries"]) == 2
    assert await ask("settled") == {"deliveries": len(standin.sent)}
    assert (await http.get(f"tickets/{ticket}/notes", params={"text": "psst"})).json() == {"count": 1}
    look = (await http.get(f"tickets/{ticket}")).json()
    assert (look["status"], look["priority"], look["tags"]) == ("solved", "high", ["x", "y"])
    state = (await http.get("state")).json()
    assert state["tickets"][0]["status"] == "solved"
    assert [sent["type"] for sent in state["deliveries"]][-4:] == ["ticket.viewed", "raw", "ticket.viewed", "raw"]
    await ask(f"tickets/{ticket}/delete")
    assert standin.tickets() == []


def test_a_closed_ticket_is_not_touched(standin: PlainStandIn) -> None:
    closed, other = standin.open_ticket("a", "b"), standin.open_ticket("c", "d")
    standin.set_status(closed, "closed")
    standin.comment(other, "And?")
    standin.touch()
    assert (standin.notes(closed), standin.notes(other)) == (0, 1)


async def test_what_the_vendor_has_not_is_told(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    ticket = standin.open_ticket("a", "b")
    with pytest.raises(UnsupportedError, match="in Plaindesk nobody can merge tickets"):
        standin.merge(ticket, ticket)
    assert (await http.post(f"tickets/{ticket}/merge", json={"into": ticket})).status_code == 501
    assert (await http.post("tickets/none/status", json={"status": "solved"})).status_code == 404
    assert (await http.post("tickets", json={"colour": "red"})).status_code == 400
    assert (await http.post("tickets", content=b"{")).status_code == 400


async def test_faults_receiver_and_tokens_are_set(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    fault = {"kind": "drop_after", "method": "PUT", "path": "/tags", "times": 2}
    assert (await http.post("faults", json=fault)).json() == {"faults": 1}
    assert (await http.get("state")).json()["faults"][0]["kind"] == "drop_after"
    assert (await http.post("faults", json={"kind": "flood"})).status_code == 400
    assert (await http.delete("faults")).json() == {"faults": 0}
    token = standin.api.token
    await http.post("tokens/revoke")
    assert standin.api.token != token
    await http.post("receiver", json={"url": "http://127.0.0.1:9/x", "secret": "new"})
    assert (standin.sender.receiver, standin.sender.secret) == ("http://127.0.0.1:9/x", "new")
    assert (await http.post("check")).json() == {"answer": "connection"}
    await standin.sender.aclose()


async def test_too_many_requests_are_turned_away_and_control_is_not_counted(
    standin: PlainStandIn, http: httpx.AsyncClient
) -> None:
    standin.limit.now = lambda: 120.0
    headers = {"authorization": f"Bearer {standin.api.token}"}
    answers = [await http.get("http://desk.example/v1/me", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "60"
    assert answers[0].headers["x-ratelimit-limit"] == "3"
    assert (await http.get("state")).status_code == 200


async def test_it_runs_as_a_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cornerdesk.testing.plaindesk.standin", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("stand-in of Plaindesk ready at http://127.0.0.1:")
        async with httpx.AsyncClient(base_url=line.split()[-1], trust_env=False) as http:
            assert (await http.get("/_standin/state")).json()["tickets"] == []
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0
