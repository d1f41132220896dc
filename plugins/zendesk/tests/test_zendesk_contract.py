"""Our calls, and the stand-in's answers, beside Zendesk's own OpenAPI text.

The text is not part of the repository; it is looked for beside the checkout, in `shared/specs/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cornerdesk import Priority, Status
from cornerdesk.testing.openapi import CallRecorder, OpenApiText, without_nulls
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings

SPEC = Path(__file__).parents[4] / "shared" / "specs" / "zendesk-support.yaml"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason=f"Zendesk's OpenAPI text is not at {SPEC}")

UNDOCUMENTED = re.compile(r"/oauth/tokens|/api/v2/webhooks(/\w+(/signing_secret)?)?")
"""Documented elsewhere (fact sheet zendesk.md 1.7, 2.5), not in this text."""

BY_FACT_SHEET = {  # what the fact sheet says of the webhooks API (1.7): parts of bodies
    ("POST", "/api/v2/webhooks"): {
        "name", "endpoint", "http_method", "request_format", "status", "subscriptions", "description",
    },
    ("PATCH", "/api/v2/webhooks/"): {"status", "endpoint", "subscriptions"},
}  # fmt: skip

Call = tuple[httpx.Request, httpx.Response]


@pytest.fixture(scope="module")
def spec() -> OpenApiText:
    return OpenApiText(SPEC.read_text())


@pytest.fixture
async def calls() -> AsyncIterator[list[Call]]:
    """Everything that the adapter can do, once."""
    standin = ZendeskStandIn()
    recorder = CallRecorder(standin.app)
    adapter = ZendeskAdapter("support", make_settings(), transport=recorder)
    ticket = str(standin.open_ticket("Export", "It stops.", organization="Example", fields={"Plan": "pro"}))
    for _ in range(100):
        standin.comment(ticket, "Still.")
    await adapter.check()
    await adapter.fetch_ticket(ticket)
    await adapter.add_note(ticket, "A note.", "marker")
    await adapter.add_tags(ticket, ("vip",), "marker")
    await adapter.remove_tags(ticket, ("vip",), "marker")
    await adapter.assign(ticket, str(standin.desk.agent.id), "Tier 2", "marker")
    await adapter.assign(ticket, "agnes@desk.example.com", None, "marker")
    await adapter.set_priority(ticket, Priority.HIGH, "marker")
    await adapter.set_status(ticket, Status.ON_HOLD, "marker")
    await adapter.find_write(ticket, "marker")
    made = await adapter.register_webhook("https://cornerdesk.example.com/webhooks/support")
    (subscription,) = await adapter.list_webhooks()
    await adapter.repair_webhook(subscription, "https://corner.example.com/webhooks/support")
    standin.api.subscriptions.offered.clear()
    made = await adapter.register_webhook("https://cornerdesk.example.com/webhooks/triggers")
    for trigger in standin.api.subscriptions.triggers.values():
        trigger["active"] = False
    *_, subscription = await adapter.list_webhooks()
    assert subscription.id == made.id
    await adapter.repair_webhook(subscription, subscription.url)
    standin.api.exports.most = 20
    page = await adapter.fetch_history(None, None)
    while not page.end:
        page = await adapter.fetch_history(None, page.cursor)
    standin.desk.organizations[standin.desk.organizations.copy().popitem()[0]].domain_names = ["example.com"]
    yield recorder.calls
    await adapter.aclose()


async def test_every_call_is_one_that_zendesk_documents(spec: OpenApiText, calls: list[Call]) -> None:
    asked = {(request.method, request.url.path) for request, _ in calls}
    unknown = {path for method, path in asked if not spec.operation(method, path)}
    assert unknown
    assert {path for path in unknown if not UNDOCUMENTED.fullmatch(path)} == set()


async def test_webhooks_are_asked_for_as_the_fact_sheet_has_it(spec: OpenApiText, calls: list[Call]) -> None:
    """Zendesk's OpenAPI text has no webhooks API (checked in the fact sheet, 5.1): these calls are held against what
    recorded traffic shows of it (1.7)."""
    checked = set()
    for request, response in calls:
        path = request.url.path
        for (method, prefix), known in BY_FACT_SHEET.items():
            if request.method == method and path.startswith(prefix):
                webhook = json.loads(request.content)["webhook"]
                assert set(webhook) <= known
                assert webhook.get("http_method", "POST") == "POST"
                assert webhook["status"] == "active"
                # An account that does not offer these events refuses them.
                assert response.status_code in ((201, 400) if method == "POST" else (204,))
                checked.add(method)
        if path == "/api/v2/webhooks" and request.method == "GET":
            assert set(request.url.params) <= {"page[size]", "page[after]"}
            checked.add("GET")
        if path.endswith("/signing_secret"):
            assert request.method == "GET"  # POST would change it, and every delivery on its way were refused
            checked.add("signing_secret")
    assert checked == {"GET", "POST", "PATCH", "signing_secret"}


async def test_exports_are_asked_for_as_the_fact_sheet_has_it(spec: OpenApiText, calls: list[Call]) -> None:
    """The text lacks what was recorded: `per_page`, side-loads, and a cursor without `start_time` (2.1). Its example of
    a ticket event is one of a metric event, so the stand-in's answers are not held against it."""
    exports = [request for request, _ in calls if "/incremental/" in request.url.path]
    assert {request.url.path for request in exports} == {
        "/api/v2/incremental/tickets/cursor",
        "/api/v2/incremental/ticket_events",
    }
    for request in exports:
        names = set(request.url.params)
        assert len(names & {"start_time", "cursor"}) == 1
        assert names - {"start_time", "cursor"} <= {"per_page", "include"}
        assert request.url.params["include"] in ("users,organizations,groups,comment_count", "comment_events")


async def test_every_body_has_the_documented_shape(spec: OpenApiText, calls: list[Call]) -> None:
    checked = 0
    for request, _ in calls:
        operation = spec.operation(request.method, request.url.path)
        if operation and "requestBody" in operation:
            spec.check(operation["requestBody"]["content"]["application/json"]["schema"], json.loads(request.content))
            checked += 1
    assert checked >= 5


async def test_every_parameter_is_documented(spec: OpenApiText, calls: list[Call]) -> None:
    paging = {"page[size]", "page[after]", "sort"}  # told in prose (fact sheet zendesk.md 2.2, 2.3)
    for request, _ in calls:
        operation = spec.operation(request.method, request.url.path)
        if operation:
            beyond = set(request.url.params) - spec.query(operation) - paging
            # side-loads of a ticket stand on a page of their own; exports have a test of their own
            beside = re.fullmatch(r"/api/v2/(tickets/\d+|incremental/.*)", request.url.path)
            assert beyond <= ({"include", "per_page"} if beside else set())


async def test_updates_say_no_more_than_is_documented_and_the_marker(spec: OpenApiText, calls: list[Call]) -> None:
    known = set(spec.schema("TicketUpdateInput")["properties"])
    updates = [json.loads(request.content)["ticket"] for request, _ in calls if request.content[:9] == b'{"ticket"']
    assert updates
    for update in updates:
        assert set(update) - known == {"metadata"}
        assert update.get("comment", {}).get("public", False) is False


async def test_the_stand_ins_answers_have_the_documented_shape(spec: OpenApiText, calls: list[Call]) -> None:
    for request, response in calls:
        operation = spec.operation(request.method, request.url.path)
        documented = (operation or {}).get("responses", {}).get(str(response.status_code), {}).get("content")
        if documented and not request.url.path.endswith("/incremental/ticket_events"):
            spec.check(documented["application/json"]["schema"], without_nulls(response.json()))
