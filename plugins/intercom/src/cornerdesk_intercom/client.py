"""Intercom's API, call by call: addresses, bodies and which calls may be repeated. Maps nothing.

Every address and body stands in Intercom's OpenAPI text of the version that each request pins, which the tests compare
them with; `sort` of a conversation search alone does not (fact sheet intercom.md 2.3).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import httpx
from cornerdesk import Allowance, ApiAnswer, ApiClient, Clock, RejectedError, SystemClock
from cornerdesk.wire import parse_answer

from cornerdesk_intercom.schemas import (
    Conversation,
    DeletedAnswer,
    Found,
    Me,
    Part,
    PeopleAnswer,
    Person,
    StatesAnswer,
    Tag,
    TagsAnswer,
    TicketState,
    VendorTicket,
)
from cornerdesk_intercom.settings import IntercomSettings

VERSION = "2.16"
"""The version of the API that we speak; without it Intercom would answer as the app's setting says (2.1)."""

NAMES_KEPT = 600.0
"""Seconds for which teammates, teams and tags are kept."""

WINDOW = 10.0
"""Seconds; limits are counted in windows of this length (2.4)."""

_MERGES = 3  # a merged contact may lead to another merged one, so often at most (2.1)
_CANONICAL = re.compile(r"</contacts/([0-9A-Za-z_-]{1,64})>\s*;\s*rel=\"?canonical\"?")

Kind = Literal["conversations", "tickets"]

_HIDDEN: Mapping[Kind, set[int]] = {"conversations": set(), "tickets": {403}}
"""What a search is refused with where the app lacks a permission that it may lack."""


class BearerAuth(httpx.Auth):
    """Signs requests with the access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Any:
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


class IntercomClient:
    """The calls we make, for one source.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    def __init__(
        self,
        source: str,
        settings: IntercomSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.api = ApiClient(
            settings.address,
            name=f"Intercom ({source})",
            auth=BearerAuth(settings.access_token.get_secret_value()),
            headers={"intercom-version": VERSION},
            code_of=refusal,
            allowance_of=self._allowance,
            transport=transport,
            sleep=sleep,
            clock=clock,
            monotonic=monotonic,
        )
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, list[Any]]] = {}

    async def aclose(self) -> None:
        await self.api.aclose()

    def _allowance(self, headers: Mapping[str, str]) -> Allowance | None:
        return allowance_of(headers, self.clock.now().timestamp())

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def me(self) -> Me:
        """Whom the token belongs to, and of which workspace."""
        return parse_answer(Me, await self.api.request("GET", "/me"))

    async def conversation(self, conversation_id: str, *, background: bool = False) -> ApiAnswer | None:
        """A conversation with its 500 latest parts; None where there is none of this id."""
        path = f"/conversations/{vendor_id(conversation_id)}"
        answer = await self.api.request("GET", path, accept={404}, background=background)
        return answer if answer.status == 200 else None

    async def ticket(self, ticket_id: str, *, background: bool = False) -> ApiAnswer | None:
        """A ticket; None where there is none of this id, or we may not read tickets."""
        path = f"/tickets/{vendor_id(ticket_id)}"
        answer = await self.api.request("GET", path, accept={403, 404}, background=background)
        return answer if answer.status == 200 else None

    async def contact(self, contact_id: str, *, background: bool = False) -> ApiAnswer | None:
        """A contact, or the one it was merged into; None where it is gone."""
        for _ in range(_MERGES + 1):
            path = f"/contacts/{vendor_id(contact_id)}"
            answer = await self.api.request("GET", path, accept={404, 410}, background=background)
            if answer.status == 200:
                return answer
            found = _CANONICAL.search(answer.headers.get("link", ""))
            if answer.status == 404 or found is None:
                return None
            contact_id = found[1]
        return None

    async def company(self, company_id: str, *, background: bool = False) -> ApiAnswer | None:
        """A company by Intercom's own id; None where it is gone, or we may not read companies."""
        path = f"/companies/{vendor_id(company_id)}"
        answer = await self.api.request("GET", path, accept={403, 404}, background=background)
        return answer if answer.status == 200 else None

    async def search(
        self, kind: Kind, query: Mapping[str, Any], size: int, after: str | None, *, background: bool = False
    ) -> Found:
        """One page of `conversations` or `tickets`, those that changed first first; no tickets where we may not read
        them.

        `after` is sent only when it is there: an empty one is answered with 500 (section 6).
        """
        body = {
            "query": query,
            "sort": {"field": "updated_at", "order": "ascending"},
            "pagination": {"per_page": size, **({"starting_after": after} if after else {})},
        }
        answer = await self.api.request(
            "POST", f"/{kind}/search", json=body, repeatable=True, background=background, accept=_HIDDEN[kind]
        )
        return parse_answer(Found, answer) if answer.status == 200 else Found()

    async def deleted_conversations(self, page: int) -> DeletedAnswer:
        """A page of deleted conversations, those deleted last first; none where we may not see them."""
        params = {"page": str(page), "per_page": "60", "order": "desc"}
        answer = await self.api.request(
            "GET", "/conversations/deleted", params=params, accept={400, 403, 404}, background=True
        )
        return parse_answer(DeletedAnswer, answer) if answer.status == 200 else DeletedAnswer()

    async def people(self, kind: Literal["admins", "teams"], *wanted: str) -> list[Person]:
        """Teammates or teams; kept for a while, and read again when one of the ids `wanted` is not among them."""

        async def ask() -> list[Person]:
            answer = await self.api.request("GET", f"/{kind}", accept={403, 404})
            found = parse_answer(PeopleAnswer, answer).people if answer.status == 200 else []
            return [person for person in found if person is not None]

        return await self._kept_or(kind, ask, lambda people: {each.id for each in people}.issuperset(wanted))

    async def tags(self, wanted: str | None = None) -> list[Tag]:
        """Every tag; kept for a while, and read again when the name `wanted` is not among them."""

        async def ask() -> list[Tag]:
            return parse_answer(TagsAnswer, await self.api.request("GET", "/tags")).data

        folded = wanted.casefold() if wanted else None
        return await self._kept_or("tags", ask, lambda tags: folded in (None, *(tag.name.casefold() for tag in tags)))

    async def ticket_states(self) -> list[TicketState]:
        return parse_answer(StatesAnswer, await self.api.request("GET", "/ticket_states")).data

    async def _kept_or(
        self, kind: str, ask: Callable[[], Awaitable[list[Any]]], enough: Callable[[list[Any]], bool]
    ) -> list[Any]:
        read_at, rows = self._kept.get(kind, (float("-inf"), []))
        age = self._monotonic() - read_at
        if age > NAMES_KEPT or (age > 30 and not enough(rows)):
            rows = await ask()
            self._kept[kind] = (self._monotonic(), rows)
        return rows

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, kind: Kind, ticket_id: str, admin_id: str, html: str) -> ApiAnswer:
        """An internal note. Nothing keeps it from being written twice but that we look first (section 4)."""
        body = {"message_type": "note", "type": "admin", "admin_id": admin_id, "body": html}
        path = f"/{kind}/{vendor_id(ticket_id)}/reply"
        return await self.api.request("POST", path, json=body, repeatable=False)

    async def create_tag(self, name: str) -> Tag:
        """A tag, or the one of this name that there is."""
        made = parse_answer(Tag, await self.api.request("POST", "/tags", json={"name": name}, repeatable=True))
        self._kept.pop("tags", None)
        return made

    async def attach_tag(self, kind: Kind, ticket_id: str, tag_id: str, admin_id: str) -> None:
        body = {"id": tag_id, "admin_id": admin_id}
        await self.api.request("POST", f"/{kind}/{vendor_id(ticket_id)}/tags", json=body, repeatable=True)

    async def detach_tag(self, kind: Kind, ticket_id: str, tag_id: str, admin_id: str) -> None:
        """Harmless where the tag, or its place, is gone. The body on DELETE is required (section 4)."""
        path = f"/{kind}/{vendor_id(ticket_id)}/tags/{vendor_id(tag_id)}"
        await self.api.request("DELETE", path, json={"admin_id": admin_id}, repeatable=True, accept={404})

    async def act(self, conversation_id: str, admin_id: str, **what: Any) -> Conversation:
        """Assigns, closes, opens or snoozes a conversation; doing it twice is the same as doing it once."""
        path = f"/conversations/{vendor_id(conversation_id)}/parts"
        body = {"admin_id": admin_id, **what}
        return parse_answer(Conversation, await self.api.request("POST", path, json=body, repeatable=True))

    async def update_ticket(self, ticket_id: str, admin_id: str, **what: Any) -> VendorTicket:
        """Sets fields of a ticket. Since 2.14 the two ids stand at the top, and whose writes it are is a number."""
        path = f"/tickets/{vendor_id(ticket_id)}"
        body = {"admin_id": int(admin_id), **what}
        return parse_answer(VendorTicket, await self.api.request("PUT", path, json=body, repeatable=True))


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def part_of_note(answer: ApiAnswer, is_ours: Callable[[Part], bool]) -> Part | None:
    """The part that a note became: a ticket answers with it, a conversation with all of them, the new one last.

    Raises:
        UnknownOutcomeError: the answer has another shape.
    """
    data = answer.json()
    if isinstance(data, dict) and ("part_type" in data or data.get("type") == "ticket_part"):
        return parse_answer(Part, answer)
    parts = parse_answer(Conversation, answer).conversation_parts
    notes = [part for part in parts if part.part_type == "note"]
    return next((part for part in reversed(notes) if is_ours(part)), notes[-1] if notes else None)


def vendor_id(written: str) -> str:
    """An id of Intercom's, for an address.

    Raises:
        RejectedError: it is none; nothing else gets into an address.
    """
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", written, re.ASCII):
        raise RejectedError("Intercom's ids are letters and digits, and this is none")
    return written


def allowance_of(headers: Mapping[str, str], now: float) -> Allowance | None:
    """What is left of the window of ten seconds, as the answer tells (2.4); `now` in seconds since 1970."""
    try:
        limit, left = float(headers["x-ratelimit-limit"]), float(headers["x-ratelimit-remaining"])
    except (KeyError, ValueError):
        return None
    try:
        resets = float(headers.get("x-ratelimit-reset", "")) - now
    except ValueError:
        resets = WINDOW
    if not (limit > 0 and left >= 0):
        return None
    return Allowance(limit=limit, remaining=left, resets=min(max(resets, 0.0), WINDOW))


def refusal(data: Any) -> str | None:
    """Intercom's error code, and the field that it minds; never a message, which may quote a customer.

    Errors come as `{type: error.list, errors: [{code, message, field?}]}` (2.1).
    """
    errors = data.get("errors") if isinstance(data, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict) or not isinstance(first.get("code"), str):
        return None
    code = re.sub(r"[^A-Za-z0-9_.-]", "", first["code"])[:64] or "refused"
    field = first.get("field")
    return f"{code} about {field}" if isinstance(field, str) and field.isidentifier() and len(field) < 64 else code
