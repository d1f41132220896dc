"""What goes wrong on demand goes wrong as it does in the world, seen from a client on loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from cornerdesk.testing.desk import Fault
from cornerdesk.testing.plaindesk.standin import PlainStandIn
from cornerdesk.testing.plaindesk.testing import TOKEN

CUT = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture
def standin() -> PlainStandIn:
    return PlainStandIn()


@pytest.fixture
async def http(standin: PlainStandIn) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with standin.serving() as url:
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=5) as client:
            yield client


async def note(http: httpx.AsyncClient, ticket: str) -> httpx.Response:
    return await http.post(f"/v1/tickets/{ticket}/notes", json={"text": "Seen."})


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.lost(), 0),
        (Fault.lost(after=True), 1),
        (Fault.truncated(), 1),
        (Fault.no_answer(0.01), 0),
    ],
    ids=["lost", "lost-after", "truncated", "no-answer"],
)
async def test_a_connection_breaks_before_or_after_the_write(
    standin: PlainStandIn, http: httpx.AsyncClient, fault: Fault, done: int
) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.faults.append(fault)
    with pytest.raises(CUT):
        await note(http, ticket)
    assert standin.notes(ticket) == done
    assert (await note(http, ticket)).status_code == 201


@pytest.mark.parametrize("after", [False, True])
async def test_no_answer_comes_while_the_client_waits(
    standin: PlainStandIn, http: httpx.AsyncClient, after: bool
) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.faults.append(Fault.no_answer(after=after))
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"/v1/tickets/{ticket}/notes", json={"text": "Seen."}, timeout=0.2)
    assert standin.notes(ticket) == int(after)


async def test_a_stand_in_that_ends_waits_for_nobody() -> None:
    standin = PlainStandIn()
    standin.faults.append(Fault.no_answer())
    began = time.monotonic()
    async with standin.serving() as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=0.1) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/v1/me")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("fault", "status", "kind", "words"),
    [
        (Fault.server_error(500), 500, "text/plain", "upstream error"),
        (Fault.html_page(), 502, "text/html", "<!doctype html>"),
        (Fault.not_json(), 200, "text/html", "<html>"),
        (Fault.expired_token(), 401, "application/json", "invalid_token"),
        (Fault.too_many(), 429, "application/json", "too_many_requests"),
        (Fault.too_many(plain=True), 429, "text/plain", "Sorry"),
    ],
)
async def test_an_answer_is_not_what_one_hopes_for(
    standin: PlainStandIn, http: httpx.AsyncClient, fault: Fault, status: int, kind: str, words: str
) -> None:
    standin.faults.append(fault)
    answer = await http.get("/v1/me")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, kind)
    assert words in answer.text
    assert "retry-after" not in answer.headers


async def test_a_pause_is_asked_for_in_seconds_or_by_date(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    until = datetime(2026, 10, 5, 12, tzinfo=UTC)
    standin.faults += [Fault.too_many(wait="17"), Fault.too_many(wait=until)]
    waits = [(await http.get("/v1/me")).headers["retry-after"] for _ in range(2)]
    assert waits == ["17", "Mon, 05 Oct 2026 12:00:00 GMT"]


async def test_a_redirect_points_elsewhere(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    standin.faults.append(Fault.redirect("https://elsewhere.example.com/v1/me"))
    answer = await http.get("/v1/me")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example.com/v1/me")


async def test_an_answer_trickles_or_floods(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    standin.faults += [Fault.trickle(0.001), Fault.huge(200_000)]
    async with http.stream("GET", "/v1/me") as answer:
        chunks = [chunk async for chunk in answer.aiter_raw()]
    assert len(chunks) > 10
    assert len((await http.get("/v1/me")).content) == 200_000


async def test_a_page_comes_again_shifts_or_is_empty(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    tickets = [standin.open_ticket(str(number), "x") for number in range(4)]

    async def page(cursor: str) -> tuple[list[str], str]:
        told = (await http.get("/v1/tickets", params={"limit": "2", "cursor": cursor})).json()
        return [row["ticket"]["id"] for row in told["tickets"]], told["cursor"]

    first, cursor = await page("0")
    assert first == tickets[:2]
    standin.faults += [Fault.repeated_page(skip=0), Fault.empty_page(), Fault.shifted_page(skip=0)]
    assert await page(cursor) == (first, cursor)
    assert await page(cursor) == ([], cursor)
    assert (await page("0"))[0] == tickets[1:3]  # somebody wrote on the first ticket, which is now the last


async def test_a_fault_hits_what_it_names_and_nothing_else(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.faults.append(Fault(method="POST", path="/tickets/*/notes", status=500, skip=1, times=2))
    assert (await http.get("/v1/me")).status_code == 200
    assert [(await note(http, ticket)).status_code for _ in range(4)] == [201, 500, 500, 201]
    assert standin.faults == []


async def test_a_path_may_name_a_list_without_what_is_in_it(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    ticket = standin.open_ticket("a", "b")
    standin.faults.append(Fault(path="/tickets$", status=500))
    assert (await http.get(f"/v1/tickets/{ticket}")).status_code == 200
    assert (await http.get("/v1/tickets")).status_code == 500


async def test_a_page_comes_again_only_where_one_came(standin: PlainStandIn, http: httpx.AsyncClient) -> None:
    tickets = [standin.open_ticket(name, "x") for name in "ab"]
    standin.faults.append(Fault.repeated_page(path="/tickets", skip=0))
    for ticket in tickets:
        assert (await http.get(f"/v1/tickets/{ticket}")).json()["ticket"]["id"] == ticket
    assert standin.faults, "used up by what had nothing to repeat"
    standin.comment(tickets[0], "More.")
    assert len((await http.get(f"/v1/tickets/{tickets[0]}")).json()["messages"]) == 1
    assert len((await http.get(f"/v1/tickets/{tickets[0]}")).json()["messages"]) == 2


def test_a_fault_of_no_known_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="trickle"):
        Fault("trikle")  # type: ignore[arg-type]
