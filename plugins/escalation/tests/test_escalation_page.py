"""The link in a message: looking changes nothing, the button does, and nobody guesses their way in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cornerdesk import WebContext
from cornerdesk_escalation.course import Scene, end
from cornerdesk_escalation.page import ack_route
from cornerdesk_escalation.records import State
from jinja2 import Environment, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

Stage = Any
PAGES = Environment(autoescape=True, undefined=StrictUndefined)


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the page as `serve` would."""
    context = WebContext(
        configuration=stage.configuration,
        now=lambda: stage.now,
        transaction=stage.transaction,
        reading=stage.transaction,
        plan=stage.plan,
        render=lambda template, **values: HTMLResponse(PAGES.from_string(template).render(**values)),
    )
    route = ack_route()
    assert route.public

    async def endpoint(request: Request) -> Response:
        return await route.endpoint(request, context)

    app = Starlette(routes=[Route(route.path, endpoint, methods=list(route.methods))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://desk.example.com") as client:
        yield client


async def open_one(stage: Stage, **settings: Any) -> str:
    await stage.escalate(**{"to": ["ceo", "coo"], "reason": "Globex talks of <leaving>", **settings})
    return str((await stage.row()).ack_url)


async def test_following_the_link_changes_nothing(stage: Stage, browser: httpx.AsyncClient) -> None:
    url = await open_one(stage)
    for method in ("GET", "HEAD", "GET"):
        answer = await browser.request(method, url)
        assert answer.status_code == 200
    assert "You are Ada Park (ceo)" in answer.text
    assert "Globex talks of &lt;leaving&gt;" in answer.text
    assert '<form method="post">' in answer.text
    assert (await stage.row()).state == "waiting"
    await stage.wait(timedelta(minutes=30))
    assert stage.told == ["ceo", "coo"]


async def test_the_button_answers_and_the_ticket_says_so(stage: Stage, browser: httpx.AsyncClient) -> None:
    url = await open_one(stage)
    answer = await browser.post(url, data={"answer": "I will <call> them today"})
    await stage.run()
    assert answer.status_code == 200
    assert "Thank you, Ada Park." in answer.text
    assert "I will &lt;call&gt; them today" in answer.text
    assert (await stage.row()).acknowledged_by == "ceo"
    assert stage.notes == [
        "Acknowledged by Ada Park (ceo) at 2026-03-03 09:00 UTC: Globex talks of <leaving>\n\nI will <call> them today"
    ]


async def test_the_button_works_without_a_word(stage: Stage, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(await open_one(stage))
    assert answer.status_code == 200
    assert (await stage.row()).answer is None


async def test_pressing_twice_is_the_same_as_once(stage: Stage, browser: httpx.AsyncClient) -> None:
    url = await open_one(stage)
    await browser.post(url, data={"answer": "first"})
    again = await browser.post(url, data={"answer": "second"})
    assert (again.status_code, "Acknowledged by Ada Park (ceo) already" in again.text) == (200, True)
    await stage.run()
    assert (await stage.row()).answer == "first"
    assert len(stage.notes) == 1


async def test_each_answers_in_their_own_name(stage: Stage, browser: httpx.AsyncClient) -> None:
    await open_one(stage)
    await stage.wait(timedelta(minutes=30))
    await browser.post(str((await stage.row()).ack_url))
    assert (await stage.row()).acknowledged_by == "coo"


async def test_the_first_persons_link_still_works_when_it_is_the_seconds_turn(
    stage: Stage, browser: httpx.AsyncClient
) -> None:
    url = await open_one(stage)
    await stage.wait(timedelta(hours=3))
    assert "Nobody has answered in time" in (await browser.get(url)).text
    await browser.post(url)
    assert (await stage.row()).acknowledged_by == "ceo"


async def test_who_comes_second_learns_who_was_first(stage: Stage, browser: httpx.AsyncClient) -> None:
    url = await open_one(stage)
    await stage.wait(timedelta(minutes=30))
    await browser.post(str((await stage.row()).ack_url))
    assert "Acknowledged by Ben Ode (coo) already" in (await browser.get(url)).text
    assert "<form" not in (await browser.get(url)).text


@pytest.mark.parametrize("token", ["short", "x" * 32, "x" * 500, "'%20OR%201=1--aaaaaaaaaaaaaaaa", "%00" * 20])
async def test_a_guessed_token_leads_nowhere(stage: Stage, browser: httpx.AsyncClient, token: str) -> None:
    await open_one(stage)
    for method in ("GET", "POST"):
        answer = await browser.request(method, f"/ack/{token}")
        assert answer.status_code == 404
        assert "Globex" not in answer.text
    assert (await stage.row()).state == "waiting"


async def test_tokens_are_long_and_never_the_same(stage: Stage, snapshots: Any) -> None:
    for number in range(20):
        await stage.escalate(snapshots(ticket=str(number)), to="ceo")
    tokens = {str(row.ack_url).rpartition("/")[2] for row in await stage.rows()}
    assert len(tokens) == 20
    assert all(len(token) >= 32 for token in tokens)


async def test_the_page_is_kept_by_nobody_and_leaks_to_nobody(stage: Stage, browser: httpx.AsyncClient) -> None:
    for url in (await open_one(stage), "/ack/" + "x" * 32):
        headers = (await browser.get(url)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "noindex" in headers["x-robots-tag"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


async def test_an_answer_of_any_size_and_shape_is_taken_as_far_as_it_is_one(
    stage: Stage, browser: httpx.AsyncClient, snapshots: Any
) -> None:
    bodies = [b"answer=" + b"x" * 5000, b"answer=" + b"x" * 100_000, b"\xff\xfe", b"answer=%00%FF", b"other=1"]
    for number, body in enumerate(bodies):
        await stage.escalate(snapshots(ticket=str(number)), to="ceo")
        answer = await browser.post(str((await stage.rows())[0].ack_url), content=body)
        assert answer.status_code == 200
    answers = [row.answer for row in reversed(await stage.rows())]
    assert answers == ["x" * 999 + "…", None, None, "\N{REPLACEMENT CHARACTER}", None]


async def test_what_is_over_says_so(stage: Stage, browser: httpx.AsyncClient) -> None:
    url, id = await open_one(stage), (await stage.row()).id
    async with stage.transaction() as tx:
        await end(Scene(tx, stage.now, stage.configuration), id, State.WITHDRAWN, "cli", None)
    for answer in (await browser.get(url), await browser.post(url)):
        assert (answer.status_code, "this escalation was withdrawn" in answer.text) == (200, True)
    assert stage.notes == []
