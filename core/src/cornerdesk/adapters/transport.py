"""Below the HTTP client: sends when it is a request's turn, reads the whole answer within bounds, repeats what may be
repeated, and keeps the pauses that vendors ask for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx
import structlog
import tenacity

from cornerdesk.adapters.pacing import AllowanceOf, NotNowError, Pace, Places, read_allowance
from cornerdesk.clock import Clock
from cornerdesk.errors import RetryableError

Sleep = Callable[[float], Awaitable[None]]

_PASSING = frozenset({429, 502, 503, 504})
_LOST = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
_log = structlog.get_logger()


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


class TooLargeError(httpx.RequestError):
    """An answer of more bytes than are read."""


class RetryTransport(httpx.AsyncBaseTransport):
    """Sends, reads the whole answer, and repeats what may be repeated while there is time."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        policy: RetryPolicy,
        limits: Limits,
        allowance_of: AllowanceOf,
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
        self._allowance_of = allowance_of
        self._pace = Pace(sleep, monotonic)
        self._places = Places(limits.concurrency)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._turn(request, self._monotonic() + self._policy.budget)
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
            sleep=partial(self._pause, request, end),
            before_sleep=_tell,
            retry_error_callback=_last,
        )
        response: httpx.Response = await retrying(self._attempt_until, request, end)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _attempt_until(self, request: httpx.Request, end: float) -> httpx.Response:
        return await self._attempt(request, max(1.0, min(self._limits.whole, end - self._monotonic())))

    async def _pause(self, request: httpx.Request, end: float, seconds: float) -> None:
        await self._sleep(seconds)
        await self._turn(request, end)

    async def _turn(self, request: httpx.Request, end: float) -> None:
        try:
            await self._pace.turn(_is_background(request), end)
        except NotNowError as late:
            raise RetryableError(
                f"{request.extensions['what']}: not sent, the vendor leaves room for it in {late.wait:.0f} s",
                retry_after=late.wait,
            ) from None

    async def _attempt(self, request: httpx.Request, seconds: float) -> httpx.Response:
        try:
            await asyncio.wait_for(self._places.acquire(_is_background(request)), seconds)
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
                    raise TooLargeError(f"more than {self._limits.answer} bytes", request=request)
        finally:
            await response.aclose()
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in ("content-encoding", "content-length")]
        answer = httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)
        self._note(answer)
        return answer

    def _note(self, answer: httpx.Response) -> None:
        """What it tells of limits is for the client's other requests, too."""
        allowance = read_allowance(self._allowance_of, answer.headers)
        if allowance is not None:
            self._pace.told(allowance)
        if answer.status_code in (429, 503) and not (allowance and allowance.remaining >= 1):
            # Where something is left, only a smaller limit is reached, such as that of one ticket: others may go on.
            self._pace.hold(self._asked(answer) or 0.0)

    def _asked(self, response: httpx.Response) -> float | None:
        return asked_wait(response, self._clock.now(), self._policy, self._allowance_of)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        response = None if state.outcome is None or state.outcome.failed else state.outcome.result()
        if response is not None:
            asked = self._asked(response)
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


def _is_background(request: httpx.Request) -> bool:
    return bool(request.extensions.get("background"))


def asked_wait(response: httpx.Response, now: datetime, policy: RetryPolicy, allowance_of: AllowanceOf) -> float | None:
    """Seconds that an answer asks us to wait: what it says, else, for a 429, until its limit is counted anew, else the
    policy's default. None: it asks for nothing."""
    asked = retry_after(response.headers, now, policy.longest_retry_after)
    if asked is not None or response.status_code != 429:
        return asked
    allowance = read_allowance(allowance_of, response.headers)
    if allowance is not None and allowance.remaining < 1 and allowance.resets > 0:
        return min(allowance.resets, policy.longest_retry_after)
    return policy.default_retry_after


def retry_after(headers: Mapping[str, str], now: datetime, longest: float = 900.0) -> float | None:
    """Seconds to wait by the header `Retry-After`, or `X-RateLimit-Retry-After` as some call it (fact sheet
    helpscout.md 2.7), given in seconds or as an HTTP date; at most `longest`.

    None when the header is missing, 0, past or unreadable.
    """
    text = (headers.get("retry-after") or headers.get("x-ratelimit-retry-after") or "").strip()
    seconds = 0.0
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text[:12])
    else:
        with suppress(ValueError, OverflowError):
            when = parsedate_to_datetime(text)
            seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return min(seconds, longest) if seconds > 0 else None
