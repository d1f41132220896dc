"""Every call of ours beside those that Help Scout documents. There is no OpenAPI text of it (fact sheet 5.2), so the
table here is the contract: the calls of 1.6, 2.2 to 2.6 and 4.1 that we make, with all that each may carry.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx
import pytest
from cornerdesk import MemoryCredentials, Status
from cornerdesk.testing import SECRET, no_pause
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.standin.conversations import Person
from cornerdesk_helpscout.testing import make_settings

Check = Callable[[object], bool]

HOST = "https://api.helpscout.net"
JSON_TYPE, FORM = "application/json", "application/x-www-form-urlencoded"
EVENTS = {
    *("convo.created", "convo.assigned", "convo.status", "convo.tags", "convo.custom-fields", "convo.moved"),
    *("convo.merged", "convo.deleted", "convo.customer.reply.created", "convo.agent.reply.created"),
    *("convo.note.created", "customer.created", "customer.updated", "customer.deleted", "organization.created"),
    *("organization.updated", "organization.deleted", "satisfaction.ratings", "tag.created", "tag.updated"),
    *("tag.deleted", "message.survey.response.received", "user.status.changed", "beacon.chat.created"),
    "beacon.chat.customer.replied",
}
"""Those that a subscription may ask for (1.3); the table of webhooks has more."""

STATUSES = {"active", "closed", "open", "pending", "spam"}
SORTS = {"createdAt", "customerEmail", "customerName", "mailboxid", "modifiedAt", "number", "score", "status"}


def one_of(words: Iterable[str]) -> Check:
    return set(words).__contains__


def like(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def of(kind: type) -> Check:
    """`bool` is no `int` here, as it is none in JSON."""
    return lambda value: type(value) is kind


def list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


TEXT, WHOLE, YES_OR_NO = like(r"(?s).+"), of(int), of(bool)
NUMBER = like(r"[1-9]\d*")


@dataclass(frozen=True)
class Documented:
    """One documented call: what it needs, and what else it may carry."""

    method: str
    path: str
    query: dict[str, Check] = field(default_factory=dict)
    needs: dict[str, Check] = field(default_factory=dict)
    may: dict[str, Check] = field(default_factory=dict)
    content: str | None = None

    def is_asked_by(self, request: httpx.Request) -> bool:
        path = re.escape(self.path).replace(r"\{id\}", r"[1-9]\d*")
        return request.method == self.method and re.fullmatch(path, request.url.path) is not None


SUBSCRIPTION = {"url": like(r"https?://.+"), "events": list_of(one_of(EVENTS)), "secret": like(r".{1,40}")}
SUBSCRIPTION_MORE = {
    "notification": YES_OR_NO,
    "label": TEXT,
    "payloadVersion": one_of(["V2"]),
    "mailboxIds": list_of(WHOLE),
}
LISTED = {
    "status": one_of({"all", *STATUSES}),
    "modifiedSince": like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),  # fractions are refused (2.3)
    "sortField": one_of(SORTS),
    "sortOrder": one_of(["asc", "desc"]),
    "embed": one_of(["threads"]),
    "page": NUMBER,
}
PAGE = {"page": NUMBER}
CALLS = (
    Documented(
        "POST",
        "/v2/oauth2/token",
        needs={"grant_type": one_of(["client_credentials", "refresh_token"]), "client_id": TEXT, "client_secret": TEXT},
        may={"refresh_token": TEXT},
        content=FORM,
    ),
    Documented("GET", "/v2/users/me"),
    Documented("GET", "/v2/users", PAGE),
    Documented("GET", "/v2/teams", PAGE),
    Documented("GET", "/v2/customers/{id}"),
    Documented("GET", "/v2/organizations/{id}", {"includeProperties": one_of(["true"])}),
    Documented("GET", "/v2/conversations", LISTED),
    Documented("GET", "/v2/conversations/{id}"),
    Documented("GET", "/v2/conversations/{id}/threads", PAGE),
    Documented("GET", "/v3/conversations/{id}/threads", PAGE),
    Documented("POST", "/v2/conversations/{id}/notes", needs={"text": TEXT}, content=JSON_TYPE),
    Documented("PUT", "/v2/conversations/{id}/tags", needs={"tags": list_of(TEXT)}, content=JSON_TYPE),
    Documented(
        "PATCH",
        "/v2/conversations/{id}",
        needs={"op": one_of(["replace"]), "path": one_of(["/status", "/assignTo"]), "value": lambda value: True},
        content=JSON_TYPE,
    ),
    Documented("GET", "/v2/webhooks", PAGE),
    Documented("GET", "/v2/webhooks/{id}"),
    Documented("POST", "/v2/webhooks", needs=SUBSCRIPTION, may=SUBSCRIPTION_MORE, content=JSON_TYPE),
    Documented("PUT", "/v2/webhooks/{id}", needs=SUBSCRIPTION, may=SUBSCRIPTION_MORE, content=JSON_TYPE),
)


def check(request: httpx.Request) -> Documented:
    """The documented call that this is; an AssertionError says what is not documented of it."""
    call = f"{request.method} {request.url.path}"
    known = [each for each in CALLS if each.is_asked_by(request)]
    assert len(known) == 1, f"{call} is not documented"
    (documented,) = known
    assert str(request.url).startswith(HOST), f"{call} goes elsewhere"
    _check_values(call, parse_qsl(request.url.query.decode(), keep_blank_values=True), documented.query)
    assert (request.headers.get("content-type") or "").partition(";")[0] == (documented.content or ""), call
    token = request.headers.get("authorization", "")
    assert token.startswith("Bearer ") is (documented.content != FORM), f"{call} authorizes itself wrongly"
    body = _body_of(request, documented)
    _check_values(call, body, documented.needs | documented.may)
    assert documented.needs.keys() <= {name for name, _ in body}, f"{call} lacks what it needs"
    if request.method == "PATCH":
        _check_patch(dict(body))
    return documented


def _body_of(request: httpx.Request, documented: Documented) -> list[tuple[str, object]]:
    if documented.content is None:
        assert request.content == b"", f"{documented.method} {documented.path} takes no body"
        return []
    if documented.content == FORM:
        return list(parse_qsl(request.content.decode()))
    body = json.loads(request.content)
    assert isinstance(body, dict), f"{documented.method} {documented.path} takes one object"  # whatever llms.txt shows
    return list(body.items())


def _check_values(call: str, told: Iterable[tuple[str, object]], allowed: dict[str, Check]) -> None:
    for name, value in told:
        assert name in allowed, f"{call} knows no {name!r}"
        assert allowed[name](value), f"{call}: {value!r} is no {name!r}"


def _check_patch(body: dict[str, object]) -> None:
    fits = one_of(STATUSES) if body["path"] == "/status" else WHOLE
    assert fits(body["value"]), f"{body['value']!r} is no value of {body['path']}"


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on to the stand-in and keeps them."""

    def __init__(self, standin: HelpScoutStandIn) -> None:
        self._inner = httpx.ASGITransport(standin.app)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        return await self._inner.handle_async_request(request)


@pytest.fixture(scope="module")
def requests() -> list[httpx.Request]:
    """Everything that the adapter can do."""
    return asyncio.run(_every_request())


async def _every_request() -> list[httpx.Request]:
    standin = HelpScoutStandIn(secret=SECRET, rate_limit=None)
    standin.api.page_size = 2
    recorder = Recorder(standin)
    for settings in (make_settings(), make_settings(refresh_token=standin.api.tokens.new()["refresh_token"])):
        adapter = HelpScoutAdapter("inbox", settings, transport=recorder, sleep=no_pause)
        adapter.use_credentials(MemoryCredentials())
        await _do_everything(adapter, standin)
        await adapter.aclose()
    return recorder.requests


async def _do_everything(adapter: HelpScoutAdapter, standin: HelpScoutStandIn) -> None:
    await adapter.check()
    ticket = standin.open_ticket("Export", "It stops.", organization="Example Ltd", fields={"Plan": "pro"})
    gone = standin.open_ticket("Again", "Still.", channel="chat")
    standin.merge(gone, ticket)
    for number in range(4):
        standin.open_ticket("More", str(number))
    standin.desk.write(standin.desk.named(int(ticket)), Person(77, "system_user", "AI"), "Have you tried the docs?")
    await adapter.fetch_ticket(ticket)
    await _write_everything(adapter, gone, standin.agent_id)
    await _write_everything(adapter, ticket, "ira@example.com")
    await _read_history(adapter)
    standin.api.v3 = False
    await adapter.fetch_ticket(ticket)
    standin.api.v3 = True
    made = await adapter.register_webhook("https://cornerdesk.example.com/webhooks/inbox")
    standin.api.hooks[int(made.id or 0)].mailboxIds = [85]
    (subscription, *_) = await adapter.list_webhooks()
    await adapter.repair_webhook(subscription, "https://cornerdesk.example.com/webhooks/inbox")


async def _write_everything(adapter: HelpScoutAdapter, ticket: str, agent: str) -> None:
    await adapter.add_note(ticket, "Told the CEO.", "cd-1")
    await adapter.find_write(ticket, "cd-1")
    await adapter.add_tags(ticket, ("vip", "VIP", " exec watch "), "cd-2")
    await adapter.remove_tags(ticket, ("vip", "exec watch"), "cd-3")
    await adapter.assign(ticket, agent, None, "cd-4")
    await adapter.assign(ticket, None, "Billing", "cd-5")
    for status in (Status.OPEN, Status.PENDING, Status.SPAM, Status.SOLVED):
        await adapter.set_status(ticket, status, "cd-6")


async def _read_history(adapter: HelpScoutAdapter) -> None:
    page = await adapter.fetch_history(None, None)
    for _ in range(50):
        if page.end:
            break
        page = await adapter.fetch_history(None, page.cursor)
    await adapter.fetch_history(None, page.cursor)


def test_every_call_is_documented_and_carries_nothing_else(requests: list[httpx.Request]) -> None:
    for request in requests:
        check(request)


def test_every_call_of_the_table_was_made(requests: list[httpx.Request]) -> None:
    made = {(call.method, call.path) for call in map(check, requests)}
    assert {(call.method, call.path) for call in CALLS} - made == set()


def test_nothing_that_a_customer_would_be_told_is_ever_asked_for(requests: list[httpx.Request]) -> None:
    told = ("/reply", "/customer", "/chats", "/phones")
    assert [str(each.url) for each in requests if each.url.path.endswith(told)] == []


def asked(method: str, path: str, body: object = None, **more: str) -> httpx.Request:
    headers = {"authorization": "Bearer t", **more}
    if body is None:
        return httpx.Request(method, HOST + path, headers=headers)
    return httpx.Request(method, HOST + path, json=body, headers=headers)


@pytest.mark.parametrize(
    "request_",
    [
        asked("POST", "/v2/conversations/7/reply", {"text": "x", "customer": {"id": 1}}),
        asked("PATCH", "/v2/conversations/7", [{"op": "replace", "path": "/status", "value": "closed"}]),
        asked("PATCH", "/v2/conversations/7", {"op": "replace", "path": "/tags", "value": ["x"]}),
        asked("PATCH", "/v2/conversations/7", {"op": "replace", "path": "/assignTo", "value": "12"}),
        asked("PATCH", "/v2/conversations/7", {"op": "replace", "path": "/status", "value": "solved"}),
        asked("POST", "/v2/conversations/7/notes", {"text": "x", "pinned": True}),
        asked("POST", "/v2/conversations/7/notes", {}),
        asked("PUT", "/v2/conversations/7/tags", {"tags": [""]}),
        asked("GET", "/v2/conversations?status=all&size=100"),
        asked("GET", "/v2/conversations?modifiedSince=2026-10-05T12:00:00.000Z"),
        asked("POST", "/v2/webhooks", {"url": "https://x", "events": ["convo.updated"], "secret": "s"}),
        asked("POST", "/v2/webhooks", {"url": "https://x", "events": [], "secret": "s" * 41}),
        asked("GET", "/v2/users/me", authorization="Basic x"),
    ],
)  # fmt: skip
def test_the_table_refuses_what_is_not_documented(request_: httpx.Request) -> None:
    with pytest.raises(AssertionError):
        check(request_)
