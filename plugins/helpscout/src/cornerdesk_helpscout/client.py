"""Help Scout's API, call by call: addresses, bodies and which calls may be repeated. Maps nothing.

A conversation that was merged answers GET with 301 and everything else with 404 (fact sheet helpscout.md 2.8). No
redirect is followed: the id is read out of `Location`, and our own host is asked for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx
from cornerdesk import (
    JSON,
    Allowance,
    ApiAnswer,
    ApiClient,
    ApiRejectedError,
    BearerAuth,
    Clock,
    OAuthTokens,
    RejectedError,
    RetryableError,
    UnsupportedError,
    error_code,
)
from cornerdesk.wire import M, parse_answer, parse_part

from cornerdesk_helpscout.schemas import ApiUser, Conversation, Listing, Team, Webhook, id_in_address
from cornerdesk_helpscout.settings import HelpScoutSettings

KEPT = 600.0
"""Seconds for which customers, organisations, users and teams are kept."""

V = TypeVar("V")

_MOST_KEPT = 5_000
_MOST_PAGES = 200
_MOST_MERGES = 3
_GONE = frozenset({301, 403, 404})


class MergedError(RejectedError):
    """The conversation is gone: it was merged into `into`."""

    def __init__(self, conversation: str, into: str) -> None:
        super().__init__(f"conversation {conversation} was merged into {into}")
        self.into = into


class HelpScoutClient:
    """The calls we make, for one source.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    def __init__(
        self,
        source: str,
        settings: HelpScoutSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        def api(auth: httpx.Auth | None) -> ApiClient:
            return ApiClient(
                settings.address,
                name=f"Help Scout ({source})",
                auth=auth,
                code_of=refusal,
                allowance_of=allowance,
                transport=transport,
                sleep=sleep,
                clock=clock,
                monotonic=monotonic,
            )

        self._for_tokens = api(None)
        # Form encoding is accepted by every version of the token endpoint, JSON is not (2.2).
        self.tokens = OAuthTokens(self._for_tokens, "/v2/oauth2/token", settings.client, form=True, clock=clock)
        self.api = api(BearerAuth(self.tokens))
        self._kept = _Kept(monotonic)
        self._threads_of = ["v3", "v2"]

    async def aclose(self) -> None:
        await self._for_tokens.aclose()
        await self.api.aclose()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def me(self) -> ApiUser:
        """The user we write as."""
        return parse_answer(ApiUser, await self.api.request("GET", "/v2/users/me"))

    async def conversation(self, conversation: str) -> Conversation:
        """
        Raises:
            MergedError: it was merged into another.
        """
        answer = await self.api.request("GET", conversation_path(conversation), accept={301})
        if answer.status == 301:
            raise _merged(conversation, answer)
        return parse_answer(Conversation, answer)

    async def standing(self, conversation: str) -> Conversation:
        """The conversation, or the one that it was merged into.

        Raises:
            ApiRejectedError: it is gone.
        """
        current = conversation
        for _ in range(_MOST_MERGES):
            try:
                return await self.conversation(current)
            except MergedError as error:
                current = error.into
        raise RejectedError(f"conversation {conversation} was merged more than {_MOST_MERGES} times")

    async def threads(self, conversation: str, *, background: bool = False) -> list[JSON]:
        """Every thread, newest first, as it came. v3 tells agents that are no people apart, v2 does not (2.1); where
        the one is not offered, the other is asked.

        Raises:
            ApiRejectedError: the conversation is gone.
        """
        rows: list[JSON] = []
        for version in list(self._threads_of):
            path = f"{conversation_path(conversation, version)}/threads"
            try:
                rows = [row async for row, _ in self._rows(path, "threads", background=background)]
            except ApiRejectedError as error:
                if error.status != 404 or version == self._threads_of[-1]:
                    raise
                continue
            self._threads_of = [version] if version == "v2" else self._threads_of
            break
        return rows

    async def customer(self, customer: str, *, background: bool = False) -> JSON | None:
        """As it came; None where it is gone, or hidden from us."""
        return await self._one("customers", customer, background)

    async def organization(self, organization: str, *, background: bool = False) -> JSON | None:
        """As it came, with its properties; None where it is gone, or hidden from us."""
        return await self._one("organizations", organization, background)

    async def _one(self, kind: str, vendor_id: str, background: bool) -> JSON | None:
        known, found = self._kept.get((kind, vendor_id))
        if known:
            return found  # type: ignore[no-any-return]
        params = {"includeProperties": "true"} if kind == "organizations" else None
        path = f"/v2/{kind}/{_digits(vendor_id)}"
        answer = await self.api.request("GET", path, params=params, accept=_GONE, background=background)
        data = answer.json() if answer.status == 200 else None
        return self._kept.put((kind, vendor_id), data if isinstance(data, dict) else None)

    async def users(self, *, fresh: bool = False) -> Sequence[ApiUser]:
        """Every user; teams may stand among them (2.6)."""
        return await self._all(ApiUser, "users", fresh)

    async def teams(self, *, fresh: bool = False) -> Sequence[Team]:
        return await self._all(Team, "teams", fresh)

    async def _all(self, model: type[M], kind: str, fresh: bool) -> Sequence[M]:
        known, found = self._kept.get((kind, ""), 30.0 if fresh else KEPT)
        if known:
            return found  # type: ignore[no-any-return]
        rows = [parse_part(model, row, answer) async for row, answer in self._rows(f"/v2/{kind}", kind)]
        return self._kept.put((kind, ""), rows)

    async def conversations(self, params: Mapping[str, str]) -> tuple[Listing, ApiAnswer]:
        """One page of the list, in the background."""
        answer = await self.api.request("GET", "/v2/conversations", params=params, background=True)
        return parse_answer(Listing, answer), answer

    async def _rows(self, path: str, name: str, *, background: bool = False) -> AsyncIterator[tuple[JSON, ApiAnswer]]:
        """Every row of a list. Only the query of a `next` link is used, so that it leads nowhere else (2.4)."""
        params: dict[str, str] = {}
        asked: list[dict[str, str]] = []
        for _ in range(_MOST_PAGES):
            asked.append(params)
            answer = await self.api.request("GET", path, params=params or None, background=background)
            listing = parse_answer(Listing, answer)
            for row in listing.rows(name):
                if isinstance(row, dict):
                    yield row, answer
            following = next_params(listing)
            if following is None:
                return
            params = following
            if params in asked:
                raise RetryableError(f"{answer.what}: its pages go in circles")
        raise UnsupportedError(f"{path} has more than {_MOST_PAGES} pages; look there by hand")

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, conversation: str, html: str) -> str | None:
        """Adds a note; it cannot be taken back (4.1). Returns the thread's id, where the answer tells it."""
        answer = await self._write("POST", conversation, "/notes", {"text": html}, repeatable=False)
        thread = answer.headers.get("resource-id", "").strip()
        return thread if thread.isascii() and thread.isdigit() else None

    async def set_tags(self, conversation: str, tags: Sequence[str]) -> None:
        """Replaces them all: Help Scout can neither add nor remove one (4.2)."""
        await self._write("PUT", conversation, "/tags", {"tags": list(tags)}, repeatable=True)

    async def patch(self, conversation: str, path: str, value: Any) -> None:
        """One change; the body is one object, whatever other pages show (4.1)."""
        body = {"op": "replace", "path": path, "value": value}
        await self._write("PATCH", conversation, "", body, repeatable=True)

    async def _write(self, method: str, conversation: str, place: str, body: JSON, *, repeatable: bool) -> ApiAnswer:
        """A write, or the same on the conversation that this one was merged into: only GET tells which (2.8)."""
        try:
            answer = await self.api.request(
                method, conversation_path(conversation) + place, json=body, repeatable=repeatable
            )
        except ApiRejectedError as error:
            if error.status not in (301, 404):
                raise
            survivor = await self._survivor_or_none(conversation)
            if survivor is None:
                raise error from None
            path = conversation_path(survivor) + place
            answer = await self.api.request(method, path, json=body, repeatable=repeatable)
        if answer.body.strip():
            answer.json()  # every write is answered without a body (4.1); a proxy's page is no answer
        return answer

    async def _survivor_or_none(self, conversation: str) -> str | None:
        """Another conversation than this one."""
        with suppress(ApiRejectedError):
            found = (await self.standing(conversation)).id
            return found if found != conversation else None
        return None

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def webhooks(self) -> list[Webhook]:
        return [parse_part(Webhook, row, answer) async for row, answer in self._rows("/v2/webhooks", "webhooks")]

    async def webhook(self, webhook: str) -> Webhook:
        return parse_answer(Webhook, await self.api.request("GET", f"/v2/webhooks/{_digits(webhook)}"))

    async def make_webhook(self, body: JSON) -> str:
        """Returns its id."""
        answer = await self.api.request("POST", "/v2/webhooks", json=body, repeatable=False)
        found = answer.headers.get("resource-id") or answer.headers.get("location", "").rpartition("/")[2]
        return found.strip()[:40]

    async def replace_webhook(self, webhook: str, body: JSON) -> None:
        """All of it, the secret too; it is on again afterwards (1.6)."""
        await self.api.request("PUT", f"/v2/webhooks/{_digits(webhook)}", json=body, repeatable=True)


class _Kept:
    """What was read lately, the oldest forgotten first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._values: OrderedDict[tuple[str, str], tuple[float, Any]] = OrderedDict()

    def get(self, key: tuple[str, str], seconds: float = KEPT) -> tuple[bool, Any]:
        """Whether it is known, and what it is."""
        read_at, value = self._values.get(key, (float("-inf"), None))
        return self._monotonic() - read_at <= seconds, value

    def put(self, key: tuple[str, str], value: V) -> V:
        self._values[key] = (self._monotonic(), value)
        self._values.move_to_end(key)
        if len(self._values) > _MOST_KEPT:
            self._values.popitem(last=False)
        return value


def conversation_path(conversation: str, version: str = "v2") -> str:
    """Where a conversation stands.

    Raises:
        RejectedError: no id of Help Scout's; nothing else gets into an address.
    """
    return f"/{version}/conversations/{_digits(conversation)}"


def _digits(vendor_id: str) -> str:
    if not (vendor_id.isascii() and vendor_id.isdigit()):
        raise RejectedError("Help Scout's ids are whole numbers, and this is none")
    return vendor_id


def _merged(conversation: str, answer: ApiAnswer) -> RejectedError:
    into = id_in_address(answer.headers.get("location"))
    if into is None or into == conversation:
        return RejectedError(f"conversation {conversation} has moved, and the answer does not tell where to")
    return MergedError(conversation, into)


def next_params(listing: Listing) -> dict[str, str] | None:
    """The query that asks for the next page; None: there is none."""
    link = listing.links.next
    if link is None or not link.href:
        return None
    with suppress(httpx.InvalidURL):
        return dict(httpx.URL(link.href).params)
    return None


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """What is left of this minute, for all programs of the account together; writes count twice (2.7)."""
    with suppress(KeyError, ValueError):
        limit = float(headers["x-ratelimit-limit-minute"])
        return Allowance(limit, float(headers["x-ratelimit-remaining-minute"]), 60.0)
    return None


def refusal(data: Any) -> str | None:
    """The names of the fields that Help Scout minds, or its error code; never their values (2.8)."""
    embedded = data.get("_embedded") if isinstance(data, dict) else None
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    if not isinstance(errors, list):
        return error_code({key: data.get(key) for key in ("error", "code")}) if isinstance(data, dict) else None
    paths = [error.get("path") for error in errors if isinstance(error, dict)]
    named = [path for path in paths if isinstance(path, str) and path.replace(".", "").isidentifier()]
    return f"refused about {', '.join(named[:10])}" if named else "refused"
