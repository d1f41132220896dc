"""Zendesk's API, call by call: addresses, bodies and which calls may be repeated. Maps nothing.

Every address and body stands in Zendesk's OpenAPI text, which the tests compare them with; `metadata` alone does not
(fact sheet zendesk.md 4.2).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import httpx
import structlog
from cornerdesk import (
    ApiAnswer,
    ApiClient,
    BearerAuth,
    Clock,
    Limits,
    OAuthTokens,
    RejectedError,
    UnsupportedError,
)
from cornerdesk.wire import M, parse_answer, parse_part, read_id

from cornerdesk_zendesk.limits import TicketUpdates, allowance_of
from cornerdesk_zendesk.schemas import (
    ApiTicket,
    Audit,
    AuditsAnswer,
    CommentsAnswer,
    CountAnswer,
    Named,
    Organization,
    OrganizationAnswer,
    TicketAnswer,
    UpdateAnswer,
    User,
    UserAnswer,
    UsersAnswer,
)
from cornerdesk_zendesk.settings import ZendeskSettings

MARKER = "cornerdesk"
"""The key under `ticket.metadata` that a write's marker is kept under; customers never see it."""

NAMES_KEPT = 600.0
"""Seconds for which the names of groups, fields and statuses are kept."""

EXPORT_LIMITS = Limits(read=45, whole=90, answer=40_000_000, concurrency=1)
"""A page of an export is large and slow. Its own client, for its limit of ten a minute is nobody else's."""

PEOPLE_KEPT = 20_000
"""Users kept in memory at most, at about a kilobyte each."""

PAGE = {"page[size]": "100"}
_MOST_PAGES = 100
_log = structlog.get_logger()


class ZendeskClient:
    """The calls we make, for one source.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.

    Attributes:
        tokens: where OAuth tokens come from; None with an API token.
    """

    def __init__(
        self,
        source: str,
        settings: ZendeskSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        def api(auth: httpx.Auth | None, limits: Limits | None = None) -> ApiClient:
            return ApiClient(
                settings.address,
                name=f"Zendesk ({source})",
                auth=auth,
                limits=limits,
                code_of=refusal,
                allowance_of=allowance_of,
                transport=transport,
                sleep=sleep,
                clock=clock,
                monotonic=monotonic,
            )

        self._source = source
        self._monotonic = monotonic
        self._names: dict[str, tuple[float, dict[str, str]]] = {}
        self._updates = TicketUpdates(monotonic)
        self._people: dict[str, tuple[float, User]] = {}
        self._clients = [api(None)]
        self.tokens: OAuthTokens | None = None
        auth: httpx.Auth
        if settings.oauth is not None:
            self.tokens = OAuthTokens(self._clients[0], "/oauth/tokens", settings.oauth.client, clock=clock)
            auth = BearerAuth(self.tokens)
        else:
            assert settings.api_token is not None
            auth = httpx.BasicAuth(f"{settings.email}/token", settings.api_token.get_secret_value())
        self.api = api(auth)
        self._exports = api(auth, EXPORT_LIMITS)
        self._clients += [self.api, self._exports]

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def me(self) -> User:
        """The user we write as. An anonymous one has no id."""
        return (await self._get(UserAnswer, "/api/v2/users/me")).user

    async def ticket(self, ticket_id: str) -> TicketAnswer:
        """A ticket with its people and company beside it, where Zendesk adds them."""
        path = ticket_path(ticket_id)
        return await self._get(TicketAnswer, path, {"include": "users,organizations"})

    async def comments(self, ticket_id: str, *, newest_first: bool = False) -> CommentsAnswer:
        """Up to 100 comments with their authors, the oldest first unless asked; none where we may not see them."""
        params = {**PAGE, **({"sort": "-created_at"} if newest_first else {}), "include": "users"}
        answer = await self.api.request("GET", f"{ticket_path(ticket_id)}/comments", params=params, accept={403, 404})
        return self.parse(CommentsAnswer, answer) if answer.status == 200 else CommentsAnswer(comments=[])

    async def comment_count(self, ticket_id: str) -> int:
        return (await self._get(CountAnswer, f"{ticket_path(ticket_id)}/comments/count")).count.value

    async def users(self, ids: Iterable[str], *, background: bool = False) -> list[User]:
        """Those of these users that exist; whoever may not list them sees them one by one, or not at all."""
        hundreds = [await self._hundred_users(each, background) for each in _hundreds(ids)]
        return [user for found in hundreds for user in found]

    async def _hundred_users(self, wanted: list[str], background: bool) -> list[User]:
        answer = await self.api.request(
            "GET",
            "/api/v2/users/show_many",
            params={"ids": ",".join(wanted)},
            accept={403, 404},
            background=background,
        )
        if answer.status == 200:
            return self.parse(UsersAnswer, answer).users
        found = [
            await self.api.request("GET", f"/api/v2/users/{each}", accept={403, 404}, background=background)
            for each in wanted
        ]
        return [self.parse(UserAnswer, each).user for each in found if each.status == 200]

    async def people(self, ids: Iterable[str]) -> dict[str, User]:
        """For history: those of these users that exist, by id; remembered for a while, as a few agents write often."""
        wanted = dict.fromkeys(ids)
        now = self._monotonic()
        found: dict[str, User] = {}
        for user_id in wanted:
            read_at, user = self._people.get(user_id, (float("-inf"), None))
            if now - read_at <= NAMES_KEPT and user is not None:
                found[user_id] = user
        for hundred in _hundreds(wanted.keys() - found.keys()):
            for user in await self._hundred_users(hundred, background=True):
                if user.id is not None:
                    found[user.id] = user
                    self._people[user.id] = (now, user)
        while len(self._people) > PEOPLE_KEPT:
            self._people.pop(next(iter(self._people)))
        return found

    async def organization(self, organization_id: str) -> Organization | None:
        """None where it is gone. Agents may be kept from seeing it: then None too."""
        path = f"/api/v2/organizations/{_digits(organization_id)}"
        answer = await self.api.request("GET", path, accept={403, 404})
        return self.parse(OrganizationAnswer, answer).organization if answer.status == 200 else None

    async def names(self, kind: str, *, fresh: bool = False, background: bool = False) -> dict[str, str]:
        """Names by id of `groups`, `ticket_fields` or `custom_statuses`, kept for a while; empty where the account has
        none of the kind. `fresh` ones are half a minute old at most, so that nobody who asks often reads often."""
        read_at, names = self._names.get(kind, (float("-inf"), {}))
        if self._monotonic() - read_at > (30 if fresh else NAMES_KEPT):
            names = await self._read_names(kind, background)
            self._names[kind] = (self._monotonic(), names)
        return names

    async def names_of(self, kind: str, ids: Iterable[str | None], *, background: bool = False) -> dict[str, str]:
        """The same for these ids: read again when one of them is unknown, and not at all when there is none."""
        wanted = {each for each in ids if each is not None}
        if not wanted:
            return {}
        names = await self.names(kind, background=background)
        return names if wanted <= names.keys() else await self.names(kind, fresh=True, background=background)

    async def _read_names(self, kind: str, background: bool) -> dict[str, str]:
        size = PAGE if kind != "custom_statuses" else {}  # those have no pages
        names: dict[str, str] = {}
        async for answer in self.pages(f"/api/v2/{kind}", size, accept={403, 404}, background=background):
            data = answer.json() if answer.status == 200 else None
            rows = data.get(kind) if isinstance(data, dict) else None
            for row in rows if isinstance(rows, list) else []:
                named = parse_part(Named, row, answer)
                names[named.id] = named.name or named.id
        return names

    async def audits(self, ticket_id: str) -> list[Audit]:
        """All of a ticket's audits, oldest first.

        Raises:
            UnsupportedError: there are more than can be read.
        """
        audits: list[Audit] = []
        more = False
        async for answer in self.pages(f"{ticket_path(ticket_id)}/audits"):
            page = self.parse(AuditsAnswer, answer)
            audits += page.audits
            more = page.meta.has_more and page.meta.after_cursor is not None
        if more:
            raise UnsupportedError(f"ticket {ticket_id} has more than {len(audits)} audits; look there by hand")
        return audits

    async def ask_export(self, path: str, params: Mapping[str, str]) -> ApiAnswer:
        """One page of an export; 403 and 504 are the caller's to judge."""
        return await self._exports.request("GET", path, params=params, accept={403, 504}, background=True)

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def update(
        self, ticket_id: str, changes: Mapping[str, Any], marker: str, *, repeatable: bool
    ) -> UpdateAnswer:
        """One update, hence one audit, which keeps the marker."""
        body = {"ticket": {**changes, "metadata": {MARKER: marker}}}
        self._updates.check(ticket_id)
        answer = await self.api.request("PUT", ticket_path(ticket_id), json=body, repeatable=repeatable)
        self._updates.told(ticket_id, answer.headers)
        return self.parse(UpdateAnswer, answer)

    async def change_tags(self, method: str, ticket: ApiTicket, tags: Iterable[str]) -> None:
        """Adds (`PUT`) or removes (`DELETE`) tags, unless somebody changed the ticket since it was read (409).

        POST, which other APIs add with, would replace them all; the answer may have no body (zendesk.md 4.1).
        """
        stamp = ticket.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ") if ticket.updated_at else None
        safe = {"updated_stamp": stamp, "safe_update": True} if stamp else {}
        self._updates.check(ticket.id)
        answer = await self.api.request(
            method, f"{ticket_path(ticket.id)}/tags", json={"tags": list(tags), **safe}, repeatable=True
        )
        self._updates.told(ticket.id, answer.headers)

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def pages(
        self, path: str, size: Mapping[str, str] = PAGE, *, accept: Collection[int] = (), background: bool = False
    ) -> AsyncIterator[ApiAnswer]:
        """Every page of a list, by its cursor and never by an address out of an answer (fact sheet zendesk.md 2.3). One
        that is only accepted ends it."""
        params = dict(size)
        for _ in range(_MOST_PAGES):
            answer = await self.api.request("GET", path, params=params or None, accept=accept, background=background)
            yield answer
            cursor = _next_cursor(answer.json()) if answer.status == 200 else None
            if cursor is None or cursor == params.get("page[after]"):
                return
            params["page[after]"] = cursor

    async def _get(self, model: type[M], path: str, params: Mapping[str, str] | None = None) -> M:
        return self.parse(model, await self.api.request("GET", path, params=params))

    def parse(self, model: type[M], answer: ApiAnswer) -> M:
        if warning := answer.headers.get("x-zendesk-api-warn"):  # names of keys that were silently ignored
            _log.warning("zendesk_ignored_keys", source=self._source, what=answer.what, warning=warning[:200])
        return parse_answer(model, answer)


def ticket_path(ticket_id: str) -> str:
    """Where a ticket stands.

    Raises:
        RejectedError: no id of Zendesk's; nothing else gets into an address.
    """
    return f"/api/v2/tickets/{_digits(ticket_id)}"


def _digits(vendor_id: str) -> str:
    if not (vendor_id.isascii() and vendor_id.isdigit()):
        raise RejectedError("Zendesk's ids are whole numbers, and this is none")
    return vendor_id


def _hundreds(ids: Iterable[str]) -> Iterator[list[str]]:
    """As many as one request takes."""
    wanted = sorted(set(ids))
    yield from (wanted[start : start + 100] for start in range(0, len(wanted), 100))


def _next_cursor(data: Any) -> str | None:
    meta = data.get("meta") if isinstance(data, dict) else None
    if not isinstance(meta, dict) or not meta.get("has_more"):
        return None
    return meta["after_cursor"] if isinstance(meta.get("after_cursor"), str) else None


def refusal(data: Any) -> str | None:
    """Zendesk's error code, and the names of the fields that it minds; never their values.

    A closed ticket is refused with 422 and a detail on `status` (fact sheet zendesk.md 4.2).
    """
    if not isinstance(data, dict) or not isinstance(data.get("error"), str):
        return None
    code = data["error"] if data["error"].isidentifier() else "refused"
    details = data.get("details")
    if not isinstance(details, dict):
        return code
    if "closed prevents ticket update" in str(details.get("status")):
        return f"{code}, the ticket is closed and cannot be changed any more"
    fields = [key for key in details if isinstance(key, str) and key.isidentifier()]
    return f"{code} about {', '.join(fields[:10])}" if fields else code


def vendor_number(value: str) -> int | None:
    """The number that an id is in Zendesk's bodies; None when it is no id."""
    found = read_id(value) if value.isascii() and value.isdigit() else None
    return int(found) if found is not None else None
