"""The part of Help Scout's API that the adapter uses, over the stand-in's desk: addresses, answers, refusals."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from cornerdesk import JSON, html_to_text
from cornerdesk.testing.desk import Api, RateHeaders, RateLimit, RefusedError, Tokens, bearer, page_of
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cornerdesk_helpscout.standin.conversations import ADDRESS, Conversation, Person, refusal, seconds
from cornerdesk_helpscout.standin.desk import Desk

RATE_HEADERS = RateHeaders(
    limit=("x-ratelimit-limit-minute",),
    remaining=("x-ratelimit-remaining-minute",),
    wait=("x-ratelimit-retry-after",),
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class Hook:
    """A subscription. `secret` is never shown."""

    id: int
    url: str
    events: list[str]
    secret: str
    state: str = "enabled"
    label: str | None = None
    payloadVersion: str = "V2"
    notification: bool = False
    mailboxIds: list[int] = field(default_factory=list)
    discarded: int = 0

    def show(self) -> JSON:
        return {key: value for key, value in asdict(self).items() if key not in ("secret", "discarded")}


class HelpScoutApi(Api):
    """Routes of the API.

    Args:
        app_id, app_secret: the only app let in; None: any.
        token_lifetime: seconds that a token lasts.

    Attributes:
        page_size: rows of a page of conversations and of threads.
        hooks: subscriptions, by id.
        v3: whether v3 routes are offered.
    """

    def __init__(
        self,
        desk: Desk,
        limit: RateLimit,
        *,
        app_id: str | None = None,
        app_secret: str | None = None,
        token_lifetime: float | None = 172_800,
    ) -> None:
        super().__init__(limit)
        self.desk = desk
        self.tokens = Tokens(app_id, app_secret, lifetime=token_lifetime)
        self.page_size = 25
        self.v3 = True
        self.hooks: dict[int, Hook] = {}
        self._ids = itertools.count(501)

    def routes(self) -> list[Route]:
        at = self.at
        conversation = "/conversations/{conversation:int}"
        return [
            Route("/v2/oauth2/token", self._give_token, methods=["POST"]),
            at("/v2/users/me", self._me),
            at("/v2/users", self._users),
            at("/v2/teams", self._teams),
            at("/v2/customers/{person:int}", self._customer),
            at("/v2/organizations/{organization:int}", self._organization),
            at("/v2/conversations", self._list),
            at(f"/v2{conversation}", self._conversation),
            at(f"/v2{conversation}", self._patch, "PATCH"),
            at(f"/v2{conversation}/threads", self._threads),
            at(f"/v3{conversation}/threads", self._threads),
            at(f"/v2{conversation}/notes", self._note, "POST"),
            at(f"/v2{conversation}/tags", self._tags, "PUT"),
            at("/v2/webhooks", self._hooks),
            at("/v2/webhooks", self._make_hook, "POST"),
            at("/v2/webhooks/{hook:int}", self._hook),
            at("/v2/webhooks/{hook:int}", self._replace_hook, "PUT"),
        ]

    # ── the way in ──────────────────────────────────────────────────────────────────────────────────────────────────

    def too_many(self, headers: dict[str, str]) -> Response:
        return JSONResponse({"message": "API rate limit exceeded"}, 429, headers)

    def admit(self, request: Request) -> None:
        if request.method != "GET":
            self.rate.count()  # writes count twice (2.7)
        if not self.tokens.accepts(bearer(request.headers.get("authorization"))):
            raise RefusedError(401, {"error": "invalid_token", "error_description": "Access token is invalid"})

    async def _give_token(self, request: Request) -> Response:
        """As a form or as a query; whether JSON is taken is reported both ways (2.2), so here it is not."""
        form = parse_qsl((await request.body()).decode("utf-8", "replace"))
        asked: Mapping[str, Any] = {**dict(form), **request.query_params}
        try:
            return JSONResponse(self.tokens.grant(asked))
        except RefusedError as refused:
            if asked.get("grant_type") == "refresh_token" and refused.status == 400:
                told = {"error": "invalid_request", "error_description": "Invalid refresh_token"}
                return JSONResponse(told, 400)
            return JSONResponse(refused.body, refused.status)

    def revoke_tokens(self) -> None:
        self.tokens.revoke()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _me(self, request: Request) -> JSON:
        return _show_user(self.desk.own)

    async def _users(self, request: Request) -> JSON:
        """Teams stand among them (2.6)."""
        rows = [_show_user(one) for one in self.desk.people.values() if one.kind in ("user", "team")]
        return self._page(request, "users", rows)

    async def _teams(self, request: Request) -> JSON:
        return self._page(request, "teams", [{"id": team, "name": name} for team, name in self.desk.teams().items()])

    async def _customer(self, request: Request) -> JSON:
        person = self.desk.people.get(request.path_params["person"])
        if person is None or person.kind != "customer":
            raise refusal(404, "Not found")
        return self.desk.show_customer(person)

    async def _organization(self, request: Request) -> JSON:
        found = self.desk.organizations.get(request.path_params["organization"])
        if found is None:
            raise refusal(404, "Not found")
        return self.desk.show_organization(found)

    async def _list(self, request: Request) -> JSON:
        wanted = request.query_params
        status, since = wanted.get("status", "active"), wanted.get("modifiedSince")
        rows = [one for one in self.desk.in_order() if _listed(one, status)]
        if since is not None:
            if not _TIME.fullmatch(since):
                raise refusal(400, "Bad request", "modifiedSince")
            rows = [one for one in rows if seconds(one.modified_at) >= since]
        if wanted.get("sortOrder", "desc") == "desc":
            rows.reverse()
        embed = wanted.get("embed") == "threads"
        return self._page(request, "conversations", rows, lambda one: self._listed_as(one, embed))

    def _listed_as(self, conversation: Conversation, embed: bool) -> JSON:
        """With at most one page of threads (2.3)."""
        shown = self.desk.show(conversation)
        if embed:
            newest = list(reversed(conversation.threads))[:25]
            shown["_embedded"] = {"threads": [self.desk.show_thread(thread) for thread in newest]}
        return shown

    async def _conversation(self, request: Request) -> Any:
        return self._moved(request) or self.desk.show(self._named(request))

    async def _threads(self, request: Request) -> Any:
        v3 = request.url.path.startswith("/v3")
        if v3 and not self.v3:
            raise refusal(404, "Not found")
        if (moved := self._moved(request)) is not None:
            return moved
        rows = list(reversed(self._named(request).threads))
        return self._page(request, "threads", rows, lambda thread: self.desk.show_thread(thread, v3=v3))

    def _moved(self, request: Request) -> Response | None:
        """301 for one that was merged; only GET tells (2.8)."""
        found = self.desk.conversations.get(request.path_params["conversation"])
        if found is None or found.merged_into is None:
            return None
        place = request.url.path.replace(str(found.id), str(found.merged_into)).removeprefix("/v2")
        return Response(status_code=301, headers={"location": f"{ADDRESS}{place}"})

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _note(self, request: Request) -> Response:
        conversation, body = self._named(request), await request.json()
        html = body.get("text")
        if not isinstance(html, str) or not html:
            raise refusal(400, "Bad request", "text")
        text = html_to_text(html)
        thread = self.desk.write(conversation, self.desk.own, text, public=False, html=html, source="api")
        self.note(request, str(conversation.id), note=text, public=False)
        headers = {"resource-id": str(thread.id), "location": f"{ADDRESS}/conversations/{conversation.id}/threads"}
        return Response(status_code=201, headers=headers)

    async def _tags(self, request: Request) -> Response:
        conversation, tags = self._named(request), (await request.json()).get("tags")
        if not isinstance(tags, list):
            raise refusal(400, "Bad request", "tags")
        self.desk.set_tags(conversation, tags, self.desk.own)
        self.note(request, str(conversation.id), tags=tuple(tags))
        return Response(status_code=204)

    async def _patch(self, request: Request) -> Response:
        """One object (4.1)."""
        conversation, body = self._named(request), await request.json()
        if not isinstance(body, dict) or body.get("op") not in ("replace", "remove"):
            raise refusal(400, "Bad request", "op")
        path, value = body.get("path"), body.get("value")
        if path == "/status":
            self.desk.set_status(conversation, "active" if value == "open" else str(value), self.desk.own)
        elif path == "/assignTo":
            self.desk.assign(conversation, self._assignee(body), self.desk.own)
        elif path == "/subject":
            self.desk.set_subject(conversation, str(value), self.desk.own)
        else:
            raise refusal(400, "Bad request", "path")
        self.note(request, str(conversation.id), changes={path.removeprefix("/"): value})
        return Response(status_code=204)

    def _assignee(self, body: JSON) -> Person | None:
        if body["op"] == "remove":
            return None
        person = self.desk.people.get(body.get("value") or 0)
        if person is None or person.kind not in ("user", "team"):
            raise refusal(400, "Bad request", "value")
        return person

    def _named(self, request: Request) -> Conversation:
        return self.desk.named(request.path_params["conversation"])

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _hooks(self, request: Request) -> JSON:
        return self._page(request, "webhooks", [hook.show() for hook in self.hooks.values()])

    async def _hook(self, request: Request) -> JSON:
        return self._known_hook(request).show()

    async def _make_hook(self, request: Request) -> Response:
        hook = _hook_of(next(self._ids), await request.json())
        self.hooks[hook.id] = hook
        headers = {"resource-id": str(hook.id), "location": f"{ADDRESS}/webhooks/{hook.id}"}
        return Response(status_code=201, headers=headers)

    async def _replace_hook(self, request: Request) -> Response:
        """All of it, and it is on again (1.6)."""
        hook = _hook_of(self._known_hook(request).id, await request.json())
        self.hooks[hook.id] = hook
        return Response(status_code=204)

    def _known_hook(self, request: Request) -> Hook:
        found = self.hooks.get(request.path_params["hook"])
        if found is None:
            raise refusal(404, "Not found")
        return found

    # ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _page(self, request: Request, name: str, rows: list[Any], show: Callable[[Any], JSON] | None = None) -> JSON:
        """`_embedded` is absent on an empty page (2.7)."""
        number, size = max(1, int(request.query_params.get("page", "1"))), self.page_size
        page = page_of(request, rows, (number - 1) * size, size)
        answer: JSON = {
            "page": {
                "size": size,
                "totalElements": len(rows),
                "totalPages": -(-len(rows) // size),
                "number": number,
            },
            "_links": {"self": {"href": _link(request, number)}},
        }
        if page.rows:
            answer["_embedded"] = {name: [show(row) if show else row for row in page.rows]}
        if page.next is not None:
            answer["_links"]["next"] = {"href": _link(request, number + 1)}
        return answer


def _link(request: Request, page: int) -> str:
    """Links keep the query (2.7), and name Help Scout's own host."""
    url = request.url.include_query_params(page=page)
    return f"{ADDRESS.removesuffix('/v2')}{url.path}?{url.query}"


def _listed(conversation: Conversation, status: str) -> bool:
    """Whether `all` holds spam is not known (2.3): here it does not."""
    if status == "all":
        return conversation.status != "spam"
    return conversation.status == ("active" if status == "open" else status)


def _show_user(person: Person) -> JSON:
    shown: JSON = {"id": person.id, "firstName": person.first, "lastName": person.last, "type": person.kind}
    return shown | ({"email": person.email, "role": "user"} if person.kind == "user" else {})


def _hook_of(number: int, body: Any) -> Hook:
    missing = [name for name in ("url", "events", "secret") if not isinstance(body, dict) or not body.get(name)]
    if missing:
        raise refusal(400, "Bad request", *missing)
    if len(body["secret"]) > 40:
        raise refusal(400, "Bad request", "secret")
    names = ("url", "events", "secret", "label", "payloadVersion", "notification", "mailboxIds")
    return Hook(number, **{name: body[name] for name in names if name in body})
