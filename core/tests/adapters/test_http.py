"""The shared HTTP client: what is repeated, what never is, and which error says what to do next."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from cornerdesk import (
    ApiClient,
    ApiConflictError,
    ApiRejectedError,
    ConfigurationError,
    CredentialsError,
    Limits,
    RejectedError,
    RetryableError,
    RetryPolicy,
    UnknownOutcomeError,
    error_code,
    retry_after,
)

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
Step = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Server:
    """Answers by a list of steps, the last one for ever."""

    def __init__(self, *steps: Step) -> None:
        self.steps: Iterator[Step] = iter(steps)
        self.last: Step = httpx.Response(200, json={})
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        self.last = next(self.steps, self.last)
        if isinstance(self.last, Exception):
            raise self.last
        if callable(self.last):
            return self.last(request)
        body = self.last.content
        return httpx.Response(self.last.status_code, headers=self.last.headers, content=body)


def client(server: Server, time: Time | None = None, **options: object) -> ApiClient:
    time = time or Time()
    return ApiClient(
        "https://desk.example.com/prefix",
        name="Desk",
        transport=httpx.MockTransport(server),
        sleep=time.sleep,
        clock=time,
        monotonic=time.monotonic,
        **options,  # type: ignore[arg-type]
    )


LOST = [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.RemoteProtocolError("gone"), httpx.WriteError("cut")]


@pytest.mark.parametrize("fault", [httpx.Response(502), httpx.Response(503), httpx.ConnectError("no"), *LOST])
async def test_a_read_is_repeated_until_it_works(fault: Step) -> None:
    server, time = Server(fault, fault, httpx.Response(200, json={"a": 1})), Time()
    answer = await client(server, time).request("GET", "/tickets")
    assert answer.json() == {"a": 1}
    assert len(time.slept) == 2
    assert all(0.2 < wait <= 8 for wait in time.slept)


@pytest.mark.parametrize("fault", LOST)
async def test_a_write_whose_answer_never_came_is_never_repeated(fault: Step) -> None:
    server = Server(fault)
    with pytest.raises(UnknownOutcomeError):
        await client(server).request("POST", "/notes", json={})
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_gateways_error_leaves_a_writes_outcome_unknown(status: int) -> None:
    server = Server(httpx.Response(status))
    with pytest.raises(UnknownOutcomeError):
        await client(server).request("POST", "/notes", json={})
    assert len(server.seen) == 1


@pytest.mark.parametrize("fault", [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.Response(429)])
async def test_a_write_that_certainly_was_not_taken_may_be_tried_again_later(fault: Step) -> None:
    server = Server(fault)
    with pytest.raises(RetryableError) as raised:
        await client(server).request("POST", "/notes", json={})
    assert not isinstance(raised.value, UnknownOutcomeError)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("base", "place"),
    [
        ("https://desk.example.com", "desk.example.com"),
        ("https://desk.example.com:443", "desk.example.com"),
        ("http://127.0.0.1:8765", "127.0.0.1:8765"),
        ("http://[::1]:8765/prefix", "[::1]:8765"),
    ],
)
async def test_who_is_not_reached_is_named_with_a_port_that_is_not_the_usual(base: str, place: str) -> None:
    api = ApiClient(base, name="Desk", transport=httpx.MockTransport(Server(httpx.ConnectError("no"))))
    with pytest.raises(RetryableError, match=re.escape(f"no connection to {place} (ConnectError)")):
        await api.request("POST", "/notes", json={})


async def test_a_busy_vendors_wait_is_kept() -> None:
    server, time = Server(httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(200)), Time()
    await client(server, time).request("GET", "/tickets")
    assert 3 <= time.slept[0] <= 4


@pytest.mark.parametrize("headers", [{}, {"retry-after": "0"}, {"retry-after": "soon"}])
async def test_a_busy_vendor_that_names_no_time_gets_ten_seconds(headers: dict[str, str]) -> None:
    server, time = Server(httpx.Response(429, headers=headers, text="Too many"), httpx.Response(200)), Time()
    await client(server, time).request("GET", "/tickets")
    assert 10 <= time.slept[0] <= 11


async def test_a_long_wait_lets_the_worker_go_at_once() -> None:
    server, time = Server(httpx.Response(429, headers={"retry-after": "468"})), Time()
    with pytest.raises(RetryableError) as raised:
        await client(server, time).request("GET", "/tickets")
    assert raised.value.retry_after == 468
    assert time.slept == []
    assert len(server.seen) == 1


async def test_attempts_end() -> None:
    server = Server(httpx.Response(503))
    with pytest.raises(RetryableError):
        await client(server, policy=RetryPolicy(attempts=3)).request("GET", "/tickets")
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsError), (403, CredentialsError), (409, ApiConflictError)]
)
async def test_a_refusal_says_what_to_do(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await client(Server(httpx.Response(status))).request("PUT", "/tickets/1", json={})


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_a_rejection_carries_status_and_code_and_no_customers_words(status: int) -> None:
    body = {"error": "RecordInvalid", "description": "ada@example.com is furious"}
    with pytest.raises(ApiRejectedError) as raised:
        await client(Server(httpx.Response(status, json=body))).request("PUT", "/tickets/1")
    assert (raised.value.status, raised.value.code) == (status, "RecordInvalid")
    assert "ada" not in str(raised.value)


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, '{"error": {"title": "Some sentence here"}}'])
async def test_a_refusal_need_not_be_json(body: str) -> None:
    with pytest.raises(ApiRejectedError) as raised:
        await client(Server(httpx.Response(404, text=body))).request("GET", "/tickets/1")
    assert raised.value.code is None


async def test_a_status_the_caller_asked_for_is_an_answer() -> None:
    answer = await client(Server(httpx.Response(404))).request("GET", "/tickets/1", accept={404})
    assert answer.status == 404


async def test_a_redirect_is_not_followed_and_its_host_is_named() -> None:
    server = Server(httpx.Response(302, headers={"location": "https://evil.example/steal?x=1"}))
    with pytest.raises(ApiRejectedError, match=r"evil\.example"):
        await client(server).request("GET", "/tickets")
    assert [request.url.host for request in server.seen] == ["desk.example.com"]


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "tickets", "/\\evil.example"])
async def test_only_paths_of_the_configured_host_are_asked_for(path: str) -> None:
    server = Server()
    with pytest.raises(RejectedError):
        await client(server).request("GET", path)
    assert server.seen == []


@pytest.mark.parametrize("url", ["", "desk.example.com", "ftp://desk.example.com", "https://me:pw@desk.example.com"])
def test_a_base_address_that_cannot_work_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        ApiClient(url, name="Desk")


async def test_the_base_addresss_own_path_is_kept() -> None:
    server = Server()
    await client(server).request("GET", "/tickets", params={"page[size]": "1"})
    assert str(server.seen[0].url) == "https://desk.example.com/prefix/tickets?page%5Bsize%5D=1"


async def test_an_answer_is_read_up_to_a_limit_after_decompression() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Stream(gzip.compress(b"0" * 100_000)))

    with pytest.raises(RejectedError, match="more than 1000 bytes"):
        await client(Server(answer), limits=Limits(answer=1000)).request("GET", "/tickets")
    with pytest.raises(UnknownOutcomeError):
        await client(Server(answer), limits=Limits(answer=1000)).request("POST", "/tickets")


class _Stream(httpx.AsyncByteStream):
    def __init__(self, *chunks: bytes, hang: bool = False) -> None:
        self.chunks = chunks
        self.hang = hang

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        if self.hang:
            await asyncio.Event().wait()


async def test_an_answer_that_trickles_for_ever_is_given_up() -> None:
    server = Server(lambda request: httpx.Response(200, stream=_Stream(b"x", hang=True)))
    with pytest.raises(UnknownOutcomeError):
        await client(server, limits=Limits(whole=0.05)).request("POST", "/tickets")


async def test_a_page_instead_of_json_is_an_error_of_its_own() -> None:
    page = httpx.Response(200, html="<html>log in</html>")
    with pytest.raises(RetryableError, match="text/html"):
        (await client(Server(page)).request("GET", "/tickets")).json()
    with pytest.raises(UnknownOutcomeError):
        (await client(Server(page)).request("POST", "/notes")).json()


async def test_cookies_are_not_kept() -> None:
    server = Server(httpx.Response(200, headers={"set-cookie": "session=1"}), httpx.Response(200))
    api = client(server)
    await api.request("GET", "/tickets")
    await api.request("GET", "/tickets")
    assert "cookie" not in server.seen[1].headers
    await api.aclose()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", None),
        ("", None),
        ("-5", None),
        ("nonsense", None),
        ("99999999999", 900),
        ("Mon, 05 Oct 2026 12:00:30 GMT", 30),
        ("Mon, 05 Oct 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"error": "RecordNotFound", "description": "x"}, "RecordNotFound"),
        ({"error": {"title": "Forbidden"}}, "Forbidden"),
        ({"type": "error.list", "errors": [{"code": "token_unauthorized", "message": "x"}]}, "token_unauthorized"),
        ({"error": "a sentence of ada@example.com"}, None),
        ([], None),
        (7, None),
    ],
)
def test_an_errors_code_is_found_in_the_shapes_in_use(data: object, code: str | None) -> None:
    assert error_code(data) == code
