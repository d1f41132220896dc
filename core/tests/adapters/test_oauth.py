"""OAuth tokens: had once however many ask, renewed when refused or over, and no pair of a rotating vendor is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from cornerdesk import (
    ApiClient,
    BearerAuth,
    ConfigurationError,
    CredentialsError,
    MemoryCredentials,
    OAuthClient,
    OAuthTokens,
    RetryableError,
    TokenPair,
    UnknownOutcomeError,
)
from pydantic import SecretStr

Answer = httpx.Response | Callable[[], Awaitable[httpx.Response]]


class Time:
    def __init__(self) -> None:
        self.at = datetime(2026, 10, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Vendor:
    """Gives tokens; each refresh makes the pair of before invalid, each pair replaces the one of before."""

    def __init__(self, *, lifetime: float | None = None, rotates: bool = True) -> None:
        self.lifetime = lifetime
        self.rotates = rotates
        self.asked: list[dict[str, str]] = []
        self.requests = 0
        self.access = ""
        self.refresh = "first"
        self.refuses_all = False
        self.next: Answer | None = None
        """What the token endpoint answers next, instead; a function is called once the pair was replaced."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return await self._give(request)
        self.requests += 1
        good = request.headers["authorization"] == f"Bearer {self.access}" and not self.refuses_all
        return httpx.Response(200 if good else 401)

    async def _give(self, request: httpx.Request) -> httpx.Response:
        kind, body = request.headers["content-type"], request.content.decode()
        asked = json.loads(body) if kind == "application/json" else dict(parse_qsl(body))
        self.asked.append(asked)
        planned, self.next = self.next, None
        if isinstance(planned, httpx.Response):
            return planned
        if asked["grant_type"] == "refresh_token" and asked["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "of ada@example.com"})
        answer = self.replace() | ({} if self.lifetime is None else {"expires_in": self.lifetime})
        return await planned() if planned is not None else httpx.Response(200, json=answer)

    def replace(self) -> dict[str, Any]:
        self.access = f"access-{len(self.asked)}"
        if not self.rotates:
            return {"access_token": self.access}
        self.refresh = f"refresh-{len(self.asked)}"
        return {"access_token": self.access, "refresh_token": self.refresh, "token_type": "bearer"}


class Source:
    """One process's client of the vendor."""

    def __init__(self, vendor: Vendor, time: Time | None = None, *, form: bool = False, **settings: Any) -> None:
        time = time or Time()
        known: dict[str, Any] = {"client_id": "cd", "client_secret": SecretStr("hush")} | settings
        store = known.pop("store", None)

        def api(auth: httpx.Auth | None) -> ApiClient:
            transport = httpx.MockTransport(vendor)
            return ApiClient(
                "https://desk.example.com", name="Desk (support)", auth=auth, transport=transport, sleep=time.sleep
            )

        self.tokens = OAuthTokens(api(None), "/token", OAuthClient(**known), form=form, store=store, clock=time)
        self.api = api(BearerAuth(self.tokens))

    async def read(self) -> None:
        await self.api.request("GET", "/tickets")


def person(**more: Any) -> dict[str, Any]:
    return {"refresh_token": SecretStr("first"), **more}


async def test_a_token_is_had_when_first_needed_and_once() -> None:
    vendor = Vendor()
    source = Source(vendor, fields={"scope": "read"})
    assert vendor.asked == []
    await asyncio.gather(*(source.read() for _ in range(10)))
    wanted = {"grant_type": "client_credentials", "scope": "read", "client_id": "cd", "client_secret": "hush"}
    assert vendor.asked == [wanted]


async def test_a_form_says_the_same() -> None:
    vendor = Vendor()
    await Source(vendor, form=True).read()
    assert vendor.asked == [{"grant_type": "client_credentials", "client_id": "cd", "client_secret": "hush"}]


async def test_a_refused_token_is_renewed_once_for_all_who_wait() -> None:
    vendor = Vendor()
    source = Source(vendor)
    await source.read()
    vendor.access = "another"
    await asyncio.gather(*(source.api.request("POST", "/notes") for _ in range(6)))
    assert len(vendor.asked) == 2


async def test_a_token_that_stays_refused_is_an_error_and_no_loop() -> None:
    vendor, time = Vendor(), Time()
    source = Source(vendor, time)
    await source.read()
    vendor.refuses_all = True
    with pytest.raises(CredentialsError):
        await source.read()
    assert (vendor.requests, len(vendor.asked)) == (3, 2)
    for _ in range(5):
        with pytest.raises(CredentialsError, match="the user they act for"):
            await source.read()
    assert len(vendor.asked) == 2, "a vendor that refuses whom it gives tokens to is not asked at each request"
    vendor.refuses_all = False
    await source.read()
    vendor.access = "another"
    time.at += timedelta(seconds=61)
    await source.read()
    assert len(vendor.asked) == 3


@pytest.mark.parametrize(("lifetime", "good_for"), [(172_800, 172_740), (300, 240), (60, 30)])
async def test_a_token_is_renewed_before_its_time_is_up(lifetime: float, good_for: float) -> None:
    vendor, time = Vendor(lifetime=lifetime), Time()
    source = Source(vendor, time)
    await source.read()
    time.at += timedelta(seconds=good_for - 1)
    await source.read()
    assert len(vendor.asked) == 1
    time.at += timedelta(seconds=2)
    await source.read()
    assert len(vendor.asked) == 2


async def test_each_refresh_uses_what_the_one_before_got() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    source = Source(vendor, **person(store=store))
    for _ in range(3):
        await source.read()
        vendor.access = "another"
    assert [asked["refresh_token"] for asked in vendor.asked] == ["first", "refresh-1", "refresh-2"]


async def test_a_vendor_that_leaves_the_refresh_token_as_it_is_gets_it_again() -> None:
    vendor, store = Vendor(rotates=False), MemoryCredentials()
    for _ in range(3):
        await Source(vendor, **person(store=store)).read()
        vendor.access = "another"
    assert {asked["refresh_token"] for asked in vendor.asked} == {"first"}


async def test_a_stored_pair_is_used_by_the_next_process() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    await Source(vendor, **person(store=store)).read()
    await Source(vendor, **person(store=store)).read()
    assert len(vendor.asked) == 1


async def test_two_processes_that_are_refused_at_once_refresh_once() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    one, other = Source(vendor, **person(store=store)), Source(vendor, **person(store=store))
    await asyncio.gather(one.read(), other.read())
    vendor.access = "another"
    await asyncio.gather(one.read(), other.read(), one.read(), other.read())
    assert len(vendor.asked) == 2


class Unsure(MemoryCredentials):
    """A store that may be away when a pair is to be stored."""

    away = True

    async def save(self, pair: TokenPair) -> None:
        if self.away:
            raise RetryableError("the database is away")
        await super().save(pair)


async def test_a_pair_is_stored_before_it_is_used() -> None:
    vendor, store = Vendor(), Unsure()
    source = Source(vendor, **person(store=store))
    with pytest.raises(RetryableError):
        await source.read()
    assert vendor.requests == 0
    store.away = False
    await source.read()
    assert len(vendor.asked) == 1, "the pair that could not be stored was kept for when it can be"
    assert (await store.load() or TokenPair(access_token="")).refresh_token == "refresh-1"


async def test_a_pair_that_could_not_be_stored_replaces_no_newer_one() -> None:
    vendor, store = Vendor(), Unsure()
    source = Source(vendor, **person(store=store))
    with pytest.raises(RetryableError):
        await source.read()
    store.away, vendor.refresh = False, "first"  # this vendor takes a refresh token again when nobody used its pair
    await Source(vendor, **person(store=store)).read()
    vendor.access = "another"
    await source.read()
    assert [asked["refresh_token"] for asked in vendor.asked] == ["first", "first", "refresh-2"]


async def test_a_pair_is_stored_even_when_whoever_asked_for_it_is_gone() -> None:
    vendor, store, answered, go_on = Vendor(), MemoryCredentials(), asyncio.Event(), asyncio.Event()

    async def slowly() -> httpx.Response:
        answered.set()
        await go_on.wait()
        return httpx.Response(200, json={"access_token": vendor.access, "refresh_token": vendor.refresh})

    vendor.next = slowly
    task = asyncio.create_task(Source(vendor, **person(store=store)).read())
    await answered.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await Source(vendor, **person(store=store)).read()
    assert len(vendor.asked) == 1


async def test_a_lost_pair_asks_for_a_new_refresh_token_and_takes_it() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    await Source(vendor, **person(store=store)).read()
    vendor.replace()  # by a process that was killed before it could store the pair
    vendor.access, vendor.refresh = "nobody's", "of a new consent"
    with pytest.raises(CredentialsError, match=r"Desk \(support\).*new refresh token into the configuration") as lost:
        await Source(vendor, **person(store=store)).read()
    assert not any(word in str(lost.value) for word in ("hush", "refresh-1", "ada"))
    again: dict[str, Any] = {"refresh_token": SecretStr("of a new consent"), "store": store}
    await Source(vendor, **again).read()
    await Source(vendor, **again).read()
    assert len(vendor.asked) == 3


async def test_a_refusal_by_a_race_with_a_slow_process_finds_that_ones_pair() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    await Source(vendor, **person(store=store)).read()
    vendor.access = "another"
    slow, fast = Source(vendor, **person(store=store)), Source(vendor, **person(store=store))

    async def meanwhile() -> httpx.Response:  # the slow one's lease ended, and the fast one refreshed
        vendor.refresh, vendor.access = "refresh-1", "another"
        async with asyncio.timeout(5):
            await store.save(await fast.tokens._fetch({"grant_type": "refresh_token", "refresh_token": "refresh-1"}))
        return httpx.Response(400, json={"error": "invalid_grant"})

    vendor.next = meanwhile
    await slow.read()
    assert vendor.requests == 3


async def test_other_credentials_do_not_use_what_was_stored() -> None:
    vendor, store = Vendor(), MemoryCredentials()
    await Source(vendor, store=store, fields={"scope": "read"}).read()
    await Source(vendor, store=store, fields={"scope": "read write"}).read()
    assert [asked["scope"] for asked in vendor.asked] == ["read", "read write"]


async def test_a_refresh_token_is_not_used_without_a_place_for_its_successor() -> None:
    vendor = Vendor()
    with pytest.raises(ConfigurationError, match="database"):
        await Source(vendor, **person()).read()
    assert vendor.asked == []


async def test_a_token_made_elsewhere_is_used_until_it_is_refused() -> None:
    vendor = Vendor()
    vendor.access = "made elsewhere"
    source = Source(vendor, client_id=None, client_secret=None, access_token=SecretStr("made elsewhere"))
    await source.read()
    vendor.access = "another"
    with pytest.raises(CredentialsError, match="no client_id"):
        await source.read()
    assert vendor.asked == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_wrong_client_is_told_without_its_secret(status: int) -> None:
    vendor = Vendor()
    vendor.next = httpx.Response(status, json={"error": "invalid_client", "error_description": "hush"})
    with pytest.raises(CredentialsError, match=r"Desk \(support\) gives no token.*client_id, client_secret") as refused:
        await Source(vendor).read()
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, text="<html>"), httpx.Response(429)])
@pytest.mark.parametrize("how", [{}, {"refresh_token": SecretStr("first")}])
async def test_an_endpoint_that_is_down_leaves_no_doubt_about_the_write_that_waits(
    answer: httpx.Response, how: dict[str, Any]
) -> None:
    vendor = Vendor()
    vendor.next = answer
    source = Source(vendor, store=MemoryCredentials(), **how)
    if answer.status_code != 429 or how:
        with pytest.raises(RetryableError) as down:
            await source.api.request("POST", "/notes")
        assert not isinstance(down.value, UnknownOutcomeError)
    await source.api.request("POST", "/notes")
    assert vendor.requests == 1


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": 7}, [], {"access_token": "hush", "x": 1}])
async def test_an_answer_of_another_shape_is_no_token(body: Any) -> None:
    vendor = Vendor()
    vendor.next = httpx.Response(200, json=body)
    if isinstance(body, dict) and "x" in body:
        assert await Source(vendor).tokens.access() == "hush"
    else:
        with pytest.raises(RetryableError, match="without an access_token"):
            await Source(vendor).read()


def test_no_secret_is_shown() -> None:
    client = OAuthClient(client_id="cd", client_secret=SecretStr("hush"), refresh_token=SecretStr("hush"))
    assert "hush" not in repr(client) + repr(TokenPair(access_token="hush", refresh_token="hush"))
