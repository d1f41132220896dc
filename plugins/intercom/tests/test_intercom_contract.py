"""Our calls, and the stand-in's answers, beside Intercom's own OpenAPI text; and our client against Prism.

The text is not part of the repository; it is looked for beside the checkout, in `shared/specs/`. Prism, which answers
out of that text, is looked for on PATH and in $CORNERDESK_PRISM; `npm install --prefix DIR @stoplight/prism-cli` puts
it at `DIR/node_modules/.bin/prism`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from cornerdesk import ApiRejectedError, Status
from cornerdesk.testing.openapi import CallRecorder, OpenApiText, without_nulls
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.client import VERSION
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import make_settings

SPEC = Path(__file__).parents[4] / "shared" / "specs" / f"intercom-{VERSION}.yaml"
PRISM = os.environ.get("CORNERDESK_PRISM") or shutil.which("prism")
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason=f"Intercom's OpenAPI text is not at {SPEC}")

UNDOCUMENTED = {"sort"}
"""Keys of our bodies that the text does not know: conversation search keeps an order all the same (2.3)."""

Call = tuple[httpx.Request, httpx.Response]


@pytest.fixture(scope="module")
def spec() -> OpenApiText:
    return OpenApiText(SPEC.read_text())


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Everything that the adapter can do, once on a conversation and once on a ticket."""
    return asyncio.run(_every_call())


async def _every_call() -> list[Call]:
    standin = IntercomStandIn()
    recorder = CallRecorder(standin.app)
    adapter = IntercomAdapter("chat", make_settings(), transport=recorder)
    await adapter.check()
    for tickets in (False, True):
        standin.opens_tickets = tickets
        ticket = standin.open_ticket("Export", "It stops.", organization="Example", fields={"Plan": "pro"})
        standin.change(ticket, assignee="815", team="Support")
        await adapter.fetch_ticket(ticket)
        await adapter.add_note(ticket, "A note.", "marker")
        await adapter.find_write(ticket, "marker")
        await adapter.add_tags(ticket, ("vip",), "marker")
        await adapter.remove_tags(ticket, ("vip",), "marker")
        await adapter.assign(ticket, "815", "Tier 2", "marker")
        for status in (Status.PENDING, Status.ON_HOLD, Status.OPEN, Status.SOLVED, Status.CLOSED):
            await adapter.set_status(ticket, status, "marker")
    page = await adapter.fetch_history(None, None)
    while not page.end:
        page = await adapter.fetch_history(None, page.cursor)
    await adapter.aclose()
    return recorder.calls


def test_every_call_is_one_that_intercom_documents(spec: OpenApiText, calls: list[Call]) -> None:
    asked = {(request.method, request.url.path) for request, _ in calls}
    assert {call for call in asked if not spec.operation(*call)} == set()
    assert len({request.method for request, _ in calls}) == 4


def test_every_call_pins_the_version_and_signs_in(calls: list[Call]) -> None:
    assert {request.headers["intercom-version"] for request, _ in calls} == {VERSION}
    assert {request.headers["authorization"] for request, _ in calls} == {"Bearer access-token"}


def test_every_body_has_the_documented_shape(spec: OpenApiText, calls: list[Call]) -> None:
    checked = set()
    for request, _ in calls:
        if not request.content:
            continue
        schema = spec.operation(request.method, request.url.path)["requestBody"]["content"]["application/json"][
            "schema"
        ]
        body = json.loads(request.content)
        spec.check(schema, body)
        assert set(body) - spec.keys(schema) <= UNDOCUMENTED
        checked.add(re.sub(r"\d+", "N", f"{request.method} {request.url.path}"))
    assert len(checked) >= 10


def test_every_parameter_is_documented(spec: OpenApiText, calls: list[Call]) -> None:
    for request, _ in calls:
        assert set(request.url.params) <= spec.query(spec.operation(request.method, request.url.path))


def test_the_stand_ins_answers_have_the_documented_shape(spec: OpenApiText, calls: list[Call]) -> None:
    checked = 0
    for request, response in calls:
        responses = spec.operation(request.method, request.url.path)["responses"]
        documented = responses.get(str(response.status_code), {}).get("content")
        if documented:
            spec.check(documented["application/json"]["schema"], without_nulls(response.json()))
            checked += 1
    assert checked >= 20


# ── Prism ───────────────────────────────────────────────────────────────────────────────────────────────────────────

needs_prism = pytest.mark.skipif(PRISM is None, reason="prism is neither on PATH nor in $CORNERDESK_PRISM")


@contextlib.asynccontextmanager
async def prism() -> AsyncIterator[str]:
    """Prism on a free port, which answers with the text's own examples and refuses what the text does not allow."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(PRISM), "mock", "--port", str(port), str(SPEC),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(60):
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                await client.get(f"{url}/me")
                return
            await asyncio.sleep(0.2)
    raise AssertionError(f"prism ended with {process.returncode}")


@needs_prism
@pytest.mark.timeout(100)
async def test_prism_takes_every_call_of_ours_and_we_read_every_answer() -> None:
    async with prism() as url:
        adapter = IntercomAdapter("chat", make_settings(base_url=url, admin_id="991267715"))
        client = adapter._client
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "who we are": adapter._own_user,
            "a conversation with its people": lambda: adapter.fetch_ticket("503"),
            "a ticket": lambda: client.ticket("503"),
            "a note on a conversation": lambda: client.add_note("conversations", "503", "3156780", "<p>x</p>"),
            "a note on a ticket": lambda: client.add_note("tickets", "503", "3156780", "<p>x</p>"),
            "a tag": lambda: client.create_tag("vip"),
            "a tag on a conversation": lambda: client.attach_tag("conversations", "503", "86", "3156780"),
            "a tag on a ticket": lambda: client.attach_tag("tickets", "503", "86", "3156780"),
            "a tag taken off": lambda: client.detach_tag("conversations", "503", "86", "3156780"),
            "closed": lambda: client.act("503", "3156780", message_type="close", type="admin"),
            "a ticket opened": lambda: client.update_ticket("503", "3156780", open=True, ticket_state_id="1"),
            "teams": lambda: client.people("teams"),
            "tags": client.tags,
            "states": client.ticket_states,
            "deleted": lambda: client.deleted_conversations(1),
            "tickets": lambda: client.search("tickets", {"field": "updated_at", "operator": ">", "value": 1}, 5, None),
            "conversations": lambda: adapter.fetch_history(None, None),
        }
        failed = {}
        for what, ask in asked.items():
            try:
                await ask()
            except Exception as error:  # noqa: BLE001 - all of them are told at once
                failed[what] = f"{type(error).__name__}: {error}"
        with pytest.raises(ApiRejectedError, match="422"):  # so what was taken was looked at
            await client.api.request("POST", "/conversations/503/reply", json={"message_type": "note"})
        await adapter.aclose()
        assert failed == {}
