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
repeated is, a few times, with growing waits and within a budget of time. While a vendor wants a pause nothing is sent,
and requests that have time (`background`) leave room for the others, see `pacing`.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from cornerdesk.adapters.pacing import AllowanceOf
from cornerdesk.adapters.transport import Limits, RetryPolicy, RetryTransport, Sleep, TooLargeError, asked_wait
from cornerdesk.clock import Clock, SystemClock
from cornerdesk.errors import (
    ConfigurationError,
    CornerdeskError,
    CredentialsError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,63}")
_CONNECTIONS = httpx.Limits(max_keepalive_connections=8, keepalive_expiry=30)


class ApiRejectedError(RejectedError):
    """The vendor understood and said no. `status` is the HTTP status, `code` the vendor's own name of the error."""

    def __init__(self, message: str, *, status: int, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ApiConflictError(RetryableError):
    """409: somebody else was writing. It did not take place; read again, then try again."""


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
        allowance_of: what an answer's headers tell of the vendor's limits; without it background requests know of none.
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
        allowance_of: AllowanceOf | None = None,
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
        self._allowance_of = allowance_of or (lambda headers: None)
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    @property
    def host(self) -> str:
        """The only host that is talked to."""
        return self._base.host

    @property
    def _place(self) -> str:
        """The host as people are told of it: with its port, where that is not the scheme's own."""
        return self._base.netloc.decode("ascii")

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
        background: bool = False,
    ) -> ApiAnswer:
        """One call, repeated where that is harmless.

        Args:
            path: from the root of the base address, beginning with one slash.
            json, form: the body, as either.
            repeatable: doing it twice is the same as doing it once. Default: only for GET, HEAD and OPTIONS.
            accept: statuses beside 2xx that the caller wants to see rather than have raised.
            background: nobody waits for it (backfill, reconcile): let everybody else go first, and leave them a reserve
                of what the vendor allows.

        Raises:
            RetryableError, UnknownOutcomeError, CredentialsError, ApiRejectedError, ApiConflictError: see the table in
                this module's docstring.
        """
        what = f"{self.name} {method} {path}"
        if repeatable is None:
            repeatable = method in _SAFE_METHODS
        body = {"data": form} if form is not None else {"json": json}
        extensions = {"repeatable": repeatable, "what": what, "background": background}
        response = await self._send(method, path, extensions, params=params, headers=headers, **body)
        answer = ApiAnswer(response.status_code, response.headers, response.content, what, repeatable)
        if not response.is_success and response.status_code not in accept:
            raise self._error(response, what, repeatable)
        return answer

    async def _send(self, method: str, path: str, extensions: dict[str, Any], **parts: Any) -> httpx.Response:
        client, what, repeatable = self._open(), extensions["what"], extensions["repeatable"]
        try:
            request = client.build_request(method, self._address(path), extensions=extensions, **parts)
            return await client.send(request, auth=self._auth)
        except _NOT_SENT as error:
            raise RetryableError(f"{what}: no connection to {self._place} ({type(error).__name__})") from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise RejectedError(f"{what}: cannot be sent as it is ({type(error).__name__})") from None
        except httpx.RequestError as error:
            if repeatable and isinstance(error, TooLargeError):
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
                transport=RetryTransport(
                    self._transport or httpx.AsyncHTTPTransport(verify=_trusted(), limits=_CONNECTIONS),
                    self._policy,
                    limits,
                    self._allowance_of,
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
            return ApiConflictError(said, retry_after=self._asked(response))
        if status in (429, 503) and (wait := self._asked(response)) is not None:
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

    def _asked(self, response: httpx.Response) -> float | None:
        return asked_wait(response, self._clock.now(), self._policy, self._allowance_of)


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
