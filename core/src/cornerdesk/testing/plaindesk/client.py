"""Plaindesk's API, call by call: addresses, bodies and which calls may be repeated. Maps nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from cornerdesk import Allowance, ApiClient, Clock
from cornerdesk.testing.plaindesk.schemas import Hook, Hooks, Listing, Person, Record, Written
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.wire import parse_answer

PAGE = 50
"""Tickets on a page of history."""


class PlainClient:
    """The calls we make, for one source.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    def __init__(
        self,
        source: str,
        settings: PlainSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api = ApiClient(
            settings.address,
            name=f"Plaindesk ({source})",
            auth=_Bearer(settings.api_token),
            allowance_of=allowance_of,
            transport=transport,
            sleep=sleep,
            clock=clock,
            monotonic=monotonic,
        )

    async def aclose(self) -> None:
        await self.api.aclose()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def me(self) -> Person:
        return parse_answer(Person, await self.api.request("GET", "/v1/me"))

    async def record(self, ticket_id: str) -> Record:
        """A ticket with its messages and events."""
        return parse_answer(Record, await self.api.request("GET", _ticket(ticket_id)))

    async def records(self, since: str | None, cursor: str | None) -> Listing:
        """A page of tickets by version, which grows with every change of any of them: pages cannot shift."""
        asked = {"since": since, "cursor": cursor, "limit": str(PAGE)}
        params = {name: value for name, value in asked.items() if value is not None}
        return parse_answer(Listing, await self.api.request("GET", "/v1/tickets", params=params, background=True))

    async def hooks(self) -> list[Hook]:
        return parse_answer(Hooks, await self.api.request("GET", "/v1/webhooks")).webhooks

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────
    # `key` is kept with the event and shown to nobody but the API.

    async def add_note(self, ticket_id: str, text: str, key: str) -> Written:
        """Twice is two notes."""
        body = {"text": text, "key": key}
        return parse_answer(Written, await self.api.request("POST", f"{_ticket(ticket_id)}/notes", json=body))

    async def change(self, ticket_id: str, changes: Mapping[str, Any], key: str) -> Written:
        """Sets what is named and leaves the rest; `add_tags` and `remove_tags` touch no other tag."""
        answer = await self.api.request("PATCH", _ticket(ticket_id), json={**changes, "key": key}, repeatable=True)
        return parse_answer(Written, answer)

    async def make_hook(self, url: str, events: Sequence[str]) -> Hook:
        body = {"url": url, "name": "Cornerdesk", "events": list(events)}
        return parse_answer(Hook, await self.api.request("POST", "/v1/webhooks", json=body))

    async def mend_hook(self, hook_id: str, url: str, events: Sequence[str]) -> None:
        body = {"url": url, "state": "enabled", "events": list(events)}
        await self.api.request("PATCH", f"/v1/webhooks/{quote(hook_id, safe='')}", json=body, repeatable=True)


class _Bearer(httpx.Auth):
    """The token of the settings; it stands in no message."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


def allowance_of(headers: Mapping[str, str]) -> Allowance | None:
    """What an answer says is left of our requests."""
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    told = [headers.get(name, "") for name in names]
    if not all(value.isascii() and value.isdigit() and len(value) < 10 for value in told):
        return None
    limit, remaining, resets = map(float, told)
    return Allowance(limit=limit, remaining=remaining, resets=resets)


def _ticket(ticket_id: str) -> str:
    return f"/v1/tickets/{quote(ticket_id, safe='')}"
