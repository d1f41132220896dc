"""The part of Zendesk's API that the adapter uses, over the stand-in's desk: addresses, answers, refusals."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cornerdesk import JSON
from cornerdesk.testing.desk import Api, RateHeaders, RateLimit, RefusedError, Tokens, page_of
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cornerdesk_zendesk.standin.desk import Desk, Ticket, User, refusal, seconds
from cornerdesk_zendesk.standin.history import Exports
from cornerdesk_zendesk.standin.subscriptions import Subscriptions

RATE_HEADERS = RateHeaders(
    limit=("ratelimit-limit", "x-rate-limit"),
    remaining=("ratelimit-remaining", "x-rate-limit-remaining"),
    reset=("ratelimit-reset",),
)


@dataclass(frozen=True)
class Credentials:
    """What the API lets in; None lets any value in."""

    client_id: str | None = None
    client_secret: str | None = None
    email: str | None = None
    api_token: str | None = None


class ZendeskApi(Api):
    """Routes of the API. Without `side_loads` a ticket comes alone; `custom_statuses` are the account's own, by id.

    Args:
        credentials: what is let in; may be replaced later.
        token_lifetime: seconds that a token lasts; None: for ever, and no `expires_in` is told.
    """

    def __init__(
        self, desk: Desk, credentials: Credentials, limit: RateLimit, *, token_lifetime: float | None = None
    ) -> None:
        super().__init__(limit)
        self.desk = desk
        self.tokens = Tokens(
            lifetime=token_lifetime,
            refreshed=("authorization_code", "refresh_token", "client_credentials"),
            more={"scope": "read write"},
        )
        self.exports = Exports(desk)
        self.subscriptions = Subscriptions()
        self.side_loads = True
        self.custom_statuses: dict[int, str] = {}
        self.credentials = credentials

    def routes(self) -> list[Route]:
        at = self.at
        ticket = "/api/v2/tickets/{ticket:int}"
        return [
            Route("/oauth/tokens", self._give_token, methods=["POST"]),
            at("/api/v2/users/me", self._me),
            at("/api/v2/users/show_many", self._users),
            at("/api/v2/organizations/{organization:int}", self._organization),
            at("/api/v2/groups", self._groups),
            at("/api/v2/ticket_fields", self._fields),
            at("/api/v2/custom_statuses", self._statuses),
            at(ticket, self._ticket),
            at(ticket, self._update, "PUT"),
            at(f"{ticket}/comments", self._comments),
            at(f"{ticket}/comments/count", self._count),
            at(f"{ticket}/audits", self._audits),
            at(f"{ticket}/tags", self._tags),
            at(f"{ticket}/tags", self._add_tags, "PUT"),
            at(f"{ticket}/tags", self._set_tags, "POST", status=201),
            at(f"{ticket}/tags", self._remove_tags, "DELETE"),
            *self.exports.routes(self),
            *self.subscriptions.routes(self),
        ]

    # ── the way in ──────────────────────────────────────────────────────────────────────────────────────────────────

    def too_many(self, headers: dict[str, str]) -> Response:
        return Response("Sorry, too many requests.", 429, headers)

    def admit(self, request: Request) -> None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if not kind and request.url.path == "/api/v2/users/me":
            return
        if kind == "Bearer" and self.tokens.accepts(value):
            return
        if kind == "Basic" and self._is_known(value):
            return
        raise refusal(401, "Couldn't authenticate you", "")

    def _is_known(self, value: str) -> bool:
        user, _, token = base64.b64decode(value, validate=False).decode("utf-8", "replace").partition(":")
        email, _, mark = user.rpartition("/")
        wanted = self.credentials
        return mark == "token" and email == (wanted.email or email) != "" and token == (wanted.api_token or token) != ""

    async def _give_token(self, request: Request) -> Response:
        self.tokens.client_id = self.credentials.client_id
        self.tokens.client_secret = self.credentials.client_secret
        try:
            return JSONResponse(self.tokens.grant(await request.json()))
        except RefusedError as refused:
            return JSONResponse(refused.body, refused.status)

    @property
    def tokens_given(self) -> int:
        return self.tokens.given

    def new_token(self) -> JSON:
        """A token, as an answer of the token endpoint."""
        return self.tokens.new()

    def revoke_tokens(self) -> None:
        self.tokens.revoke()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _me(self, request: Request) -> JSON:
        if "authorization" not in request.headers:
            return {"user": {"id": None, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user"}}
        return {"user": self.desk.show_user(self.desk.own)}

    async def _users(self, request: Request) -> JSON:
        wanted = [int(part) for part in request.query_params.get("ids", "").split(",") if part.isdigit()]
        users = [self.desk.show_user(self.desk.users[user]) for user in wanted if user in self.desk.users]
        return {"users": users, "next_page": None, "previous_page": None, "count": len(users)}

    async def _organization(self, request: Request) -> JSON:
        organization = self.desk.organizations.get(request.path_params["organization"])
        if organization is None:
            raise refusal(404, "RecordNotFound", "Not found")
        return {"organization": self.desk.show_organization(organization)}

    async def _groups(self, request: Request) -> JSON:
        return _page(request, "groups", [{"id": id_, "name": name} for id_, name in self.desk.groups.items()])

    async def _fields(self, request: Request) -> JSON:
        rows = [{"id": id_, "title": title, "type": "text"} for id_, title in self.desk.fields.items()]
        return _page(request, "ticket_fields", rows)

    async def _statuses(self, request: Request) -> JSON:
        if not self.custom_statuses:  # the account has not switched them on
            raise refusal(404, "RecordNotFound", "Not found")
        rows = [{"id": status, "agent_label": label} for status, label in self.custom_statuses.items()]
        return {"custom_statuses": rows}

    async def _ticket(self, request: Request) -> JSON:
        ticket = self._named(request)
        answer: JSON = {"ticket": self.desk.show(ticket)}
        beside = request.query_params.get("include", "").split(",") if self.side_loads else []
        if "users" in beside:
            ids = {ticket.requester_id, ticket.submitter_id, ticket.assignee_id}
            answer["users"] = [self.desk.show_user(self.desk.users[user]) for user in ids if user in self.desk.users]
        if "organizations" in beside:
            company = self.desk.organizations.get(ticket.organization_id or 0)
            answer["organizations"] = [self.desk.show_organization(company)] if company else []
        return answer

    async def _comments(self, request: Request) -> JSON:
        ticket = self._named(request)
        rows = list(ticket.comments)
        if request.query_params.get("sort") == "-created_at":
            rows.reverse()
        answer = _page(request, "comments", rows)
        if request.query_params.get("include") == "users":
            authors = dict.fromkeys(comment["author_id"] for comment in answer["comments"])
            answer["users"] = [self.desk.show_user(self.desk.users[author]) for author in authors]
        return answer

    async def _count(self, request: Request) -> JSON:
        ticket = self._named(request)
        return {"count": {"value": len(ticket.comments), "refreshed_at": seconds(ticket.updated_at)}}

    async def _audits(self, request: Request) -> JSON:
        return _page(request, "audits", self._named(request).audits)

    async def _tags(self, request: Request) -> JSON:
        return {"tags": list(self._named(request).tags)}

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _update(self, request: Request) -> JSON:
        ticket, body = self._named(request), (await request.json()).get("ticket", {})
        self._keep_safe(ticket, body)
        comment = body.get("comment") or {}
        text = comment.get("body") or comment.get("html_body")
        changes = self._changes(body)
        tags = body.get("tags")
        custom = body.get("metadata") or {}
        audit = self.desk.update(
            ticket,
            self._author(comment),
            comment=text,
            public=comment.get("public"),
            changes=changes,
            add_tags=tags or (),
            remove_tags=[] if tags is None else set(ticket.tags) - set(tags),  # `tags` in here replaces them all
            custom=custom,
        )
        self.note(request, str(ticket.id), note=text, public=comment.get("public"), marker=custom.get("cornerdesk"),
                  changes=changes)  # fmt: skip
        return {"ticket": self.desk.show(ticket), "audit": audit}

    def _changes(self, body: Mapping[str, Any]) -> JSON:
        names = ("status", "priority", "type", "subject", "assignee_id", "group_id")
        changes = {name: body[name] for name in names if name in body}
        if (email := body.get("assignee_email")) is not None:
            found = [user.id for user in self.desk.users.values() if user.email == email and user.role != "end-user"]
            if not found:
                told = [{"description": "Assignee: is invalid"}]
                raise refusal(422, "RecordInvalid", "Record validation errors", {"assignee": told})
            changes["assignee_id"] = found[0]
        return changes

    def _author(self, comment: Mapping[str, Any]) -> User:
        return self.desk.users.get(comment.get("author_id") or 0, self.desk.own)

    async def _add_tags(self, request: Request) -> JSON:
        ticket, body = self._named(request), await request.json()
        self._keep_safe(ticket, body)
        return self._tagged(request, ticket, body["tags"], ())

    async def _set_tags(self, request: Request) -> JSON:
        ticket, tags = self._named(request), (await request.json())["tags"]
        return self._tagged(request, ticket, tags, set(ticket.tags) - set(tags))

    async def _remove_tags(self, request: Request) -> JSON:
        ticket, body = self._named(request), await request.json()
        self._keep_safe(ticket, body)
        return self._tagged(request, ticket, (), body["tags"])

    def _tagged(self, request: Request, ticket: Ticket, add: Any, remove: Any) -> JSON:
        self.desk.update(ticket, self.desk.own, add_tags=add, remove_tags=remove)
        self.note(request, str(ticket.id), tags=tuple(add) or tuple(remove))
        return {"tags": list(ticket.tags)}

    def _keep_safe(self, ticket: Ticket, body: Mapping[str, Any]) -> None:
        """`safe_update: false` counts as true, too (4.2)."""
        if "safe_update" in body and body.get("updated_stamp") != seconds(ticket.updated_at):
            raise refusal(409, "UpdateConflict", "Safe Update prevented the update due to outdated ticket data")

    def _named(self, request: Request) -> Ticket:
        return self.desk.ticket(request.path_params["ticket"])


def _page(request: Request, name: str, rows: list[JSON]) -> JSON:
    """By cursor, which is the place in the list; without `page[size]` all of it."""
    size = int(request.query_params.get("page[size]", "0"))
    if not size:
        return {name: rows, "next_page": None, "previous_page": None, "count": len(rows)}
    start = int(request.query_params.get("page[after]", "0"))
    page = page_of(request, rows, start, min(size, 100))
    after = None if page.next is None else str(page.next)
    return {
        name: page.rows,
        "meta": {"has_more": after is not None, "after_cursor": after, "before_cursor": None},
        "links": {"next": None, "prev": None},
    }
