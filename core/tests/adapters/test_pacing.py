"""Who may send when: background requests leave room, and a pause that a vendor asks for is kept by all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import pytest
from cornerdesk import Allowance, ApiClient, Limits, RetryableError
from cornerdesk.adapters.pacing import Places

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


class Time:
    """A clock that sleeping moves, one sleeper after the other."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + seconds
        await asyncio.sleep(0)
        self.at = max(self.at, until)


class Vendor:
    """Allows `limit` requests in each window of `window` seconds and tells what is left."""

    def __init__(self, time: Time, limit: int, window: float) -> None:
        self.time = time
        self.limit = limit
        self.window = window
        self.used: dict[int, int] = {}
        self.seen: list[tuple[str, float]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number, at = divmod(self.time.at, self.window)
        self.seen.append((request.url.path, self.time.at))
        used = self.used[int(number)] = self.used.get(int(number), 0) + 1
        headers = {"x-left": str(self.limit - used), "x-limit": str(self.limit), "x-reset": str(self.window - at)}
        return httpx.Response(200 if used <= self.limit else 429, headers=headers)


def told(headers: Mapping[str, str]) -> Allowance | None:
    if "x-limit" not in headers:
        return None
    return Allowance(float(headers["x-limit"]), float(headers["x-left"]), float(headers["x-reset"]))


def client(answer: Callable[[httpx.Request], httpx.Response], time: Time, **options: object) -> ApiClient:
    return ApiClient(
        "https://desk.example.com",
        name="Desk",
        transport=httpx.MockTransport(answer),
        allowance_of=told,
        sleep=time.sleep,
        clock=time,
        monotonic=time.monotonic,
        **options,  # type: ignore[arg-type]
    )


async def read(api: ApiClient, times: int, *, background: bool = True) -> None:
    for _ in range(times):
        await api.request("GET", "/tickets", background=background)


async def test_background_requests_leave_a_third_of_every_window() -> None:
    time = Time()
    vendor = Vendor(time, limit=30, window=10)
    await read(client(vendor, time), 90)
    full = list(vendor.used.values())[:-1]
    assert len(full) >= 3
    assert all(used <= 22 for used in full)
    assert all(used >= 15 for used in full), "and they use what they may"


async def test_background_requests_are_spread_over_the_window() -> None:
    time = Time()
    vendor = Vendor(time, limit=30, window=20)
    await read(client(vendor, time), 15)
    gaps = [after - before for (_, before), (_, after) in zip(vendor.seen[1:], vendor.seen[2:], strict=False)]
    assert all(0.9 < gap < 1.2 for gap in gaps)


async def test_those_who_wait_for_an_answer_are_not_slowed() -> None:
    time = Time()
    await read(client(Vendor(time, limit=30, window=20), time), 29, background=False)
    assert time.at == 0


async def test_background_requests_wait_when_others_have_used_the_window() -> None:
    time = Time()
    vendor = Vendor(time, limit=30, window=20)
    api = client(vendor, time)
    await read(api, 25, background=False)
    await read(api, 1)
    assert vendor.seen[-1] == ("/tickets", 20)


async def test_a_worker_is_held_for_seconds_and_not_for_a_window() -> None:
    time = Time()
    vendor = Vendor(time, limit=30, window=600)
    api = client(vendor, time)
    await read(api, 25, background=False)
    with pytest.raises(RetryableError) as late:
        await api.request("POST", "/notes", background=True)
    assert (late.value.retry_after, len(vendor.seen), time.at) == (600, 25, 0)


async def test_without_word_of_a_limit_nobody_waits() -> None:
    time = Time()
    await read(client(lambda request: httpx.Response(200), time), 50)
    assert time.at == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"x-limit": "many", "x-left": "0", "x-reset": "5"},
        {"x-limit": "10"},
        {"x-limit": "10", "x-left": "0", "x-reset": "inf"},
        {"x-limit": "10", "x-left": "nan", "x-reset": "5"},
        {"x-limit": "0", "x-left": "0", "x-reset": "5"},
        {"x-limit": "10", "x-left": "0", "x-reset": "-5"},
    ],
)
async def test_what_cannot_be_is_not_believed(headers: dict[str, str]) -> None:
    time = Time()
    await read(client(lambda request: httpx.Response(200, headers=headers), time), 5)
    assert time.at == 0


async def test_a_reset_far_away_is_believed_for_a_quarter_of_an_hour() -> None:
    headers = {"x-limit": "10", "x-left": "0", "x-reset": "86400"}
    api = client(lambda request: httpx.Response(200, headers=headers), Time())
    await read(api, 1)
    with pytest.raises(RetryableError) as late:
        await read(api, 1)
    assert late.value.retry_after == 900


async def test_what_was_told_of_each_of_several_limits_counts() -> None:
    time, seen = Time(), list[float]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(time.at)
        return httpx.Response(200, headers={"x-name": request.url.path})

    def allowance(headers: Mapping[str, str]) -> Allowance:
        return Allowance(9, 3, 7, name="/export") if headers["x-name"] == "/export" else Allowance(900, 899, 60)

    api = client(answer, time)
    api._allowance_of = allowance
    await api.request("GET", "/export", background=True)
    await api.request("GET", "/tickets")
    await api.request("GET", "/export", background=True)
    assert seen == [0, 0, 7]


class Busy:
    """Asks for a pause at its first request."""

    def __init__(self, *, status: int = 429, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.paths: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        first = len(self.paths) == 1
        return httpx.Response(self.status if first else 200, headers=self.headers if first else {})


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("background", [False, True])
async def test_a_pause_asked_of_one_request_is_kept_by_every_other(status: int, background: bool) -> None:
    time, vendor = Time(), Busy(status=status, headers={"retry-after": "12"})
    api = client(vendor, time)
    with pytest.raises(RetryableError):
        await api.request("POST", "/notes")
    await api.request("POST", "/replies", background=background)
    assert (vendor.paths, time.at) == (["/notes", "/replies"], 12)


async def test_a_long_pause_is_carried_by_the_error_of_every_other_request() -> None:
    time, vendor = Time(), Busy(headers={"x-ratelimit-retry-after": "400"})
    api = client(vendor, time)
    for seconds in (0, 100):
        time.at = seconds
        with pytest.raises(RetryableError) as later:
            await api.request("GET", f"/tickets/{seconds}")
        assert later.value.retry_after == 400 - seconds
    assert vendor.paths == ["/tickets/0"]


async def test_a_smaller_limit_that_is_reached_stops_nobody_else() -> None:
    left = {"x-limit": "100", "x-left": "70", "x-reset": "30", "retry-after": "400"}
    time, vendor = Time(), Busy(headers=left)
    api = client(vendor, time)
    with pytest.raises(RetryableError):
        await api.request("PUT", "/tickets/1")
    await api.request("PUT", "/tickets/2")
    assert time.at == 0


async def test_a_vendor_that_only_tells_its_reset_is_waited_for_until_then() -> None:
    time, vendor = Time(), Busy(headers={"x-limit": "100", "x-left": "0", "x-reset": "4"})
    await client(vendor, time).request("GET", "/tickets")
    assert 4 <= time.at <= 5


async def test_a_free_place_goes_to_those_who_wait_for_an_answer_first() -> None:
    time, order, free = Time(), list[str](), asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        order.append(request.url.path)
        await free.wait()
        return httpx.Response(200)

    api = client(answer, time, limits=Limits(concurrency=1))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as tasks:
        for path, background in (("/first", True), ("/later", True), ("/now", False)):
            tasks.create_task(api.request("GET", path, background=background))
            for _ in range(10):
                await asyncio.sleep(0)
        free.set()
    assert order == ["/first", "/now", "/later"]


async def test_whoever_stops_waiting_keeps_no_place() -> None:
    places = Places(1)
    await places.acquire(False)
    waiting = [asyncio.create_task(places.acquire(False)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    places.release()  # goes to the second
    waiting[1].cancel()  # who was just given it
    await asyncio.gather(*waiting[:2], return_exceptions=True)
    await waiting[2]
    places.release()
    await places.acquire(True)
