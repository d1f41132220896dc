"""The HTTP client that adapters share: limits, retries that repeat nothing twice, and errors by what to do next.

Knows no vendor. Credentials go to the configured host and nowhere else; no redirect is followed; no answer is trusted
to be JSON or small. A worker is held for seconds, never for a vendor's whole pause: then the error carries the wait.

    what happened                             request may be repeated       request may not (a note, a reply)
    cannot connect, 429, 409, 503 + when      RetryableError                RetryableError
    sent, and no or half an answer came       RetryableError                UnknownOutcomeError
    500, 502, 503, 504                        RetryableError                UnknownOutcomeError
    401, 403                                  CredentialsError              CredentialsError
    404, 410, 422, other 4xx, redirects       ApiRejectedError              ApiRejectedError

Before the first line's 429, the third's codes but 500, and lost connections become an error, a request that may be
repeated is, a few times, with growing waits and within a budget of time.
"""

from __future__ import annotations

import asyncio
import functools
import json
import random
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import structlog
import tenacity

from cornerdesk.clock import Clock, SystemClock
from cornerdesk.errors import (
    ConfigurationError,
    CornerdeskError,
    CredentialsError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)

Sleep = Callable[[float], Awaitable[None]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PASSING = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LOST = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")
_CONNECTIONS = httpx.Limits(max_keepalive_connections=8, keepalive_expiry=30)
_log = structlog.get_logger()


class ApiRejectedError(RejectedError):
    """The vendor understood and said no. `status` is the HTTP status, `code` the vendor's own name of the error."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ApiConflictError(RetryableError):
    """409: somebody else was writing. It did not take place; read again, then try again."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long one call may be repeated before its worker is let go. All times in seconds.

    Attributes:
        attempts: requests at most, the first included.
        budget: from the first request to the end of the last, waits included.
        first_wait, longest_wait: waits grow from one to the other, each drawn at random below its bound.
        default_retry_after: for a 429 that names no time, or 0.
        longest_retry_after: a longer wait than this is not believed.
    """

    attempts: int = 4
    budget: float = 25.0
    first_wait: float = 0.5
    longest_wait: float = 8.0
    default_retry_after: float = 10.0
    longest_retry_after: float = 900.0


@dataclass(frozen=True)
class Limits:
    """What one request may take: seconds to connect, to wait for bytes and for the whole; bytes of an answer after
    decompression; requests at the same time."""

    connect: float = 5.0
    read: float = 15.0
    whole: float = 30.0
    answer: int = 10_000_000
    concurrency: int = 8


@dataclass(frozen=True)
class ApiAnswer:
    """An answer that was accepted: 2xx, or a status the caller asked for. `what` names the request in messages."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    what: str
    repeatable: bool

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            RetryableError: it is something else, such as a proxy's page; UnknownOutcomeError where the request may not
                be repeated, for then it may have taken place.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            raise _unanswered(self.repeatable)(f"{self.what}: {self.status} with {kind} instead of JSON") from None


class ApiClient:
    """Talks to one API for one source. Opened at the first request; `aclose` at shutdown.

    Args:
        base_url: the API's address; the only host that is talked to. May have a path.
        name: how messages call the vendor: `Zendesk`.
        auth: adds credentials to requests.
        headers: sent with each request.
        policy, limits: see there.
        code_of: the vendor's error code in a refusal's JSON; must return none of the customer's words.
        transport: instead of the network; for tests.
        sleep, clock, monotonic: time; for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        policy: RetryPolicy | None = None,
        limits: Limits | None = None,
        code_of: Callable[[Any], str | None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = _base(base_url, name)
        self.name = name
        self.sleep = sleep
        self._auth = auth
        self._headers = {"accept": "application/json", "user-agent": "cornerdesk", **(headers or {})}
        self._policy = policy or RetryPolicy()
        self._limits = limits or Limits()
        self._code_of = code_of or error_code
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    @property
    def host(self) -> str:
        """The only host that is talked to."""
        return self._base.host

    async def aclose(self) -> None:
        """Close connections. Harmless when none was opened."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        accept: Collection[int] = (),
    ) -> ApiAnswer:
        """One call, repeated where that is harmless.

        Args:
            path: from the root of the base address, beginning with one slash.
            json, form: the body, as either.
            repeatable: doing it twice is the same as doing it once. Default: only for GET, HEAD and OPTIONS.
            accept: statuses beside 2xx that the caller wants to see rather than have raised.

        Raises:
            RetryableError, UnknownOutcomeError, CredentialsError, ApiRejectedError, ApiConflictError: see the table in
                this module's docstring.
        """
        what = f"{self.name} {method} {path}"
        if repeatable is None:
            repeatable = method in _SAFE_METHODS
        body = {"data": form} if form is not None else {"json": json}
        response = await self._send(method, path, what, repeatable, params=params, headers=headers, **body)
        answer = ApiAnswer(response.status_code, response.headers, response.content, what, repeatable)
        if not response.is_success and response.status_code not in accept:
            raise self._error(response, what, repeatable)
        return answer

    async def _send(self, method: str, path: str, what: str, repeatable: bool, **parts: Any) -> httpx.Response:
        client = self._open()
        try:
            request = client.build_request(
                method,
                self._address(path),
                extensions={"repeatable": repeatable, "what": what},
                **parts,
            )
            return await client.send(request, auth=self._auth)
        except _NOT_SENT as error:
            raise RetryableError(f"{what}: no connection to {self.host} ({type(error).__name__})") from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise RejectedError(f"{what}: cannot be sent as it is ({type(error).__name__})") from None
        except httpx.RequestError as error:
            if repeatable and isinstance(error, _TooLargeError):
                raise RejectedError(f"{what}: answered with more than {self._limits.answer} bytes") from None
            raise _unanswered(repeatable)(f"{what}: sent, and no answer came ({type(error).__name__})") from None

    def _address(self, path: str) -> httpx.URL:
        if not path.startswith("/") or path.startswith("//") or "\\" in path:
            raise RejectedError(f"{self.name}: {path!r} is no path on {self.host}")
        url = httpx.URL(str(self._base).rstrip("/") + path)
        if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
            raise RejectedError(f"{self.name}: {path!r} is no path on {self.host}")
        return url

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = self._limits
            self._client = httpx.AsyncClient(
                transport=_RetryTransport(
                    self._transport or httpx.AsyncHTTPTransport(verify=_trusted(), limits=_CONNECTIONS),
                    self._policy,
                    limits,
                    self.sleep,
                    self._clock,
                    self._monotonic,
                ),
                headers=self._headers,
                timeout=httpx.Timeout(limits.read, connect=limits.connect),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # an API needs no session
                follow_redirects=False,
            )
        return self._client

    def _error(self, response: httpx.Response, what: str, repeatable: bool) -> CornerdeskError:
        status = response.status_code
        code = self._code(response)
        said = f"{what}: {status}" + (f" {code}" if code else "")
        if status in (401, 403):
            return CredentialsError(f"{said}; check this source's credentials and what they are allowed to do")
        if status == 409:
            return ApiConflictError(said, retry_after=self._retry_after(response))
        if status == 429 or (status == 503 and self._retry_after(response)):
            wait = self._retry_after(response) or self._policy.default_retry_after
            return RetryableError(f"{said}; asked to wait {wait:.0f} s", retry_after=wait)
        if status >= 500 or status in (408, 425):
            return _unanswered(repeatable or status in (408, 425))(said)
        if response.is_redirect:
            place = _host_of(response.headers.get("location", ""))
            return ApiRejectedError(f"{said}: moved to {place}, which is not followed; set base_url", status=status)
        return ApiRejectedError(said, status=status, code=code)

    def _code(self, response: httpx.Response) -> str | None:
        with suppress(ValueError, RecursionError):
            return self._code_of(json.loads(response.content))
        return None

    def _retry_after(self, response: httpx.Response) -> float | None:
        return retry_after(response.headers, self._clock.now(), self._policy.longest_retry_after)


class _TooLargeError(httpx.RequestError):
    """An answer of more bytes than are read."""


class _RetryTransport(httpx.AsyncBaseTransport):
    """Sends, reads the whole answer, and repeats what may be repeated while there is time."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        policy: RetryPolicy,
        limits: Limits,
        sleep: Sleep,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._policy = policy
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._monotonic = monotonic
        self._places = asyncio.Semaphore(limits.concurrency)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.extensions.get("repeatable"):
            return await self._attempt(request, self._limits.whole)
        end = self._monotonic() + self._policy.budget
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_LOST)
            | tenacity.retry_if_result(lambda response: response.status_code in _PASSING),
            wait=self._wait,
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._policy.attempts),
                _OutOfTime(self._monotonic, end),
            ),
            sleep=self._sleep,
            before_sleep=_tell,
            retry_error_callback=_last,
        )
        response: httpx.Response = await retrying(self._attempt_until, request, end)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _attempt_until(self, request: httpx.Request, end: float) -> httpx.Response:
        return await self._attempt(request, max(1.0, min(self._limits.whole, end - self._monotonic())))

    async def _attempt(self, request: httpx.Request, seconds: float) -> httpx.Response:
        try:
            await asyncio.wait_for(self._places.acquire(), seconds)
        except TimeoutError:
            raise httpx.PoolTimeout("too many requests at once", request=request) from None
        try:
            async with asyncio.timeout(seconds):  # httpx's own time-outs start anew with each byte that trickles in
                return await self._exchange(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no whole answer within {seconds:.0f} s", request=request) from None
        finally:
            self._places.release()

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        response.request = request
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._limits.answer:
                    raise _TooLargeError(f"more than {self._limits.answer} bytes", request=request)
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in ("content-encoding", "content-length")]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        response = None if state.outcome is None or state.outcome.failed else state.outcome.result()
        if response is not None:
            asked = retry_after(response.headers, self._clock.now(), self._policy.longest_retry_after)
            if asked is None and response.status_code == 429:
                asked = self._policy.default_retry_after
            if asked is not None:
                return asked + random.uniform(0, min(1.0, asked / 10))  # noqa: S311 - spreads callers, guards nothing
        bound = min(self._policy.longest_wait, self._policy.first_wait * 2 ** (state.attempt_number - 1))
        return random.uniform(bound / 2, bound)  # noqa: S311


class _OutOfTime(tenacity.stop.stop_base):
    """No use in waiting past the end."""

    def __init__(self, monotonic: Callable[[], float], end: float) -> None:
        self._monotonic = monotonic
        self._end = end

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return self._monotonic() + retry_state.upcoming_sleep >= self._end


def _tell(state: tenacity.RetryCallState) -> None:
    failed = state.outcome is not None and state.outcome.failed
    seen = type(state.outcome.exception()).__name__ if failed else state.outcome.result().status_code  # type: ignore[union-attr]
    _log.info(
        "request_repeated", what=state.args[0].extensions["what"], after=seen, wait=round(state.upcoming_sleep, 2)
    )


def _last(state: tenacity.RetryCallState) -> Any:
    """After the last attempt its own answer or error stands, not tenacity's."""
    assert state.outcome is not None
    return state.outcome.result()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted: reading them takes longer than a request, so every client shares them."""
    return httpx.create_ssl_context()


def _unanswered(repeatable: bool) -> type[RetryableError]:
    return RetryableError if repeatable else UnknownOutcomeError


def _base(url: str, name: str) -> httpx.URL:
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host or base.userinfo or base.query or base.fragment:
        raise ConfigurationError(f"{name}: base_url must look like https://host/path, without a user, ? or #")
    return base


def _host_of(location: str) -> str:
    with suppress(httpx.InvalidURL):
        return repr(httpx.URL(location).host[:253]) if httpx.URL(location).host else "another path"
    return "an unreadable address"


def retry_after(headers: Mapping[str, str], now: datetime, longest: float = 900.0) -> float | None:
    """Seconds to wait by the header `Retry-After`, given in seconds or as an HTTP date; at most `longest`.

    None when the header is missing, 0, past or unreadable.
    """
    text = headers.get("retry-after", "").strip()
    seconds = 0.0
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text[:12])
    else:
        with suppress(ValueError, OverflowError):
            when = parsedate_to_datetime(text)
            seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return min(seconds, longest) if seconds > 0 else None


def error_code(data: Any) -> str | None:
    """The name a vendor gives its error, out of the shapes in use: `error`, `code`, `errors[0].code`, `logRef`.

    Only a single word counts, so that no sentence and no customer's text gets into a message.
    """
    if isinstance(data, list):
        return error_code(data[0]) if data else None
    if not isinstance(data, dict):
        return _CODE.fullmatch(data)[0] if isinstance(data, str) and _CODE.fullmatch(data) else None  # type: ignore[index]
    for key in ("code", "error", "errors", "title", "type", "logRef"):
        if (found := error_code(data.get(key))) is not None:
            return found
    return None
