"""The part of Intercom's API that the adapter uses, over the desk: addresses, refusals and limits as the vendor's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cornerdesk import JSON
from cornerdesk.testing.desk import Api, RateLimit, bearer, page_of
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from cornerdesk_intercom.mapping import TITLE
from cornerdesk_intercom.notes import marker_in, without_marker
from cornerdesk_intercom.standin.desk import STATES, Admin, Conversation, Desk, epoch, refused
from cornerdesk_intercom.standin.showing import (
    category_of,
    show_company,
    show_contact,
    show_conversation,
    show_person,
    show_state,
    show_tags,
    show_ticket,
)

PACKAGE = "cornerdesk-private"
"""What parts made through the API are marked with."""


class IntercomApi(Api):
    """Routes of the API.

    Args:
        token: the only access token let in; None: any.
        app_id: the workspace's.

    Attributes:
        hides_tickets: the token may not read tickets.
    """

    def __init__(self, desk: Desk, rate: RateLimit, *, token: str | None, app_id: str) -> None:
        super().__init__(rate)
        self.desk = desk
        self.token = token
        self.app_id = app_id
        self.hides_tickets = False
        self.ignores_order = False
        self._revoked = False

    def routes(self) -> Sequence[BaseRoute]:
        conversation, ticket = "/conversations/{id}", "/tickets/{id}"
        return [
            self.at("/me", self._me),
            self.at("/admins", self._admins),
            self.at("/teams", self._teams),
            self.at("/tags", self._tags),
            self.at("/tags", self._make_tag, "POST"),
            self.at("/ticket_states", self._states),
            self.at("/contacts/{id}", self._contact),
            self.at("/companies/{id}", self._company),
            self.at("/conversations/search", self._search_conversations, "POST"),
            self.at("/conversations/deleted", self._deleted),
            self.at("/tickets/search", self._search_tickets, "POST"),
            self.at(conversation, self._conversation),
            self.at(f"{conversation}/reply", self._reply, "POST"),
            self.at(f"{conversation}/parts", self._act, "POST"),
            self.at(f"{conversation}/tags", self._tag, "POST"),
            self.at(f"{conversation}/tags/{{tag}}", self._untag, "DELETE"),
            self.at(ticket, self._ticket),
            self.at(ticket, self._update, "PUT"),
            self.at(f"{ticket}/reply", self._reply_ticket, "POST"),
            self.at(f"{ticket}/tags", self._tag, "POST"),
            self.at(f"{ticket}/tags/{{tag}}", self._untag, "DELETE"),
        ]

    def admit(self, request: Request) -> None:
        token = bearer(request.headers.get("authorization"))
        if not token or self._revoked or (self.token is not None and token != self.token):
            raise refused(401, "unauthorized", "Access Token Invalid")

    def revoke_tokens(self) -> None:
        self._revoked = True

    def too_many(self, headers: dict[str, str]) -> Response:
        error = {"code": "rate_limit_exceeded", "message": "Exceeded rate limit of 1666 in 10_seconds"}
        return JSONResponse({"type": "error.list", "errors": [error]}, 429, headers)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _me(self, request: Request) -> JSON:
        app = {"type": "app", "id_code": self.app_id, "name": "Acme", "region": "EU", "timezone": "Europe/Dublin"}
        return {**show_person(self.desk.own), "email_verified": True, "app": app}

    async def _admins(self, request: Request) -> JSON:
        return {"type": "admin.list", "admins": [show_person(admin) for admin in self.desk.admins.values()]}

    async def _teams(self, request: Request) -> JSON:
        rows = [{"type": "team", "id": team, "name": name, "admin_ids": []} for team, name in self.desk.teams.items()]
        return {"type": "team.list", "teams": rows}

    async def _tags(self, request: Request) -> JSON:
        return {"type": "list", "data": show_tags(self.desk, list(self.desk.tags))["tags"]}

    async def _make_tag(self, request: Request) -> JSON:
        tag = self.desk.tag_id(str((await request.json())["name"]))
        return {"type": "tag", "id": tag, "name": self.desk.tags[tag]}

    async def _states(self, request: Request) -> JSON:
        return {"type": "list", "data": [{**show_state(category), "archived": False} for category in STATES]}

    async def _contact(self, request: Request) -> JSON:
        contact = self.desk.contacts.get(request.path_params["id"])
        if contact is None:
            raise refused(404, "not_found", "User Not Found")
        companies = [self.desk.companies[contact.company]] if contact.company else []
        return show_contact(contact, companies)

    async def _company(self, request: Request) -> JSON:
        company = self.desk.companies.get(request.path_params["id"])
        if company is None:
            raise refused(404, "company_not_found", "Company Not Found")
        return show_company(company)

    async def _conversation(self, request: Request) -> JSON:
        """One that is a ticket only to whom may read tickets (2.5)."""
        conversation = self._named(request)
        if conversation.is_ticket:
            self._need_tickets()
        return show_conversation(self.desk, conversation, conversation.parts)

    async def _ticket(self, request: Request) -> JSON:
        return show_ticket(self.desk, self._named_ticket(request))

    # ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _search_conversations(self, request: Request) -> JSON:
        """Tickets, too, to whom may read them (2.5)."""
        rows = [each for each in self.desk.conversations.values() if not (each.is_ticket and self.hides_tickets)]
        return await self._found(request, "conversations", rows, lambda row: show_conversation(self.desk, row))

    async def _search_tickets(self, request: Request) -> JSON:
        self._need_tickets()
        rows = [each for each in self.desk.conversations.values() if each.is_ticket]
        return await self._found(request, "tickets", rows, lambda row: show_ticket(self.desk, row))

    async def _found(
        self, request: Request, name: str, rows: list[Conversation], show: Callable[[Conversation], JSON]
    ) -> JSON:
        """By `updated_at`; a cursor is a place in the list, so it shifts with it. `>` means "or equal" (2.3)."""
        asked = await request.json()
        paging, low = asked.get("pagination") or {}, int(asked["query"]["value"])
        if paging.get("starting_after") == "":
            raise refused(500, "server_error", "Server error")  # section 6
        found = [row for row in rows if epoch(row.updated_at) >= low]
        ascending = (asked.get("sort") or {}).get("order") == "ascending" and not self.ignores_order
        found.sort(key=lambda row: row.updated_at, reverse=not ascending)
        size = min(int(paging.get("per_page", 20)), 150)
        page = page_of(request, found, int(paging.get("starting_after", 0)), size)
        pages: JSON = {"type": "pages", "page": 1, "per_page": size, "total_pages": -(-len(found) // size)}
        if page.next is not None:
            pages["next"] = {"per_page": size, "starting_after": str(page.next)}
        return {
            "type": f"{name[:-1]}.list",
            name: list(map(show, page.rows)),
            "total_count": len(found),
            "pages": pages,
        }

    async def _deleted(self, request: Request) -> JSON:
        params = request.query_params
        number, size = int(params.get("page", 1)), min(int(params.get("per_page", 20)), 60)
        rows = sorted(self.desk.deleted, key=lambda row: row[1], reverse=True)
        shown = [
            {"type": "conversation", "id": deleted, "metrics_retained": True, "deleted_at": epoch(at)}
            for deleted, at in rows[(number - 1) * size : number * size]
        ]
        pages = {"type": "pages", "page": number, "per_page": size, "total_pages": max(1, -(-len(rows) // size))}
        return {"type": "conversation.list", "conversations": shown, "total_count": len(rows), "pages": pages}

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _reply(self, request: Request) -> JSON:
        conversation = self._named(request)
        await self._say(request, conversation)
        return show_conversation(self.desk, conversation, conversation.parts)

    async def _reply_ticket(self, request: Request) -> JSON:
        return {**await self._say(request, self._named_ticket(request)), "type": "ticket_part"}

    async def _say(self, request: Request, conversation: Conversation) -> JSON:
        body = await request.json()
        note, html = body["message_type"] == "note", str(body["body"])
        part = self.desk.say(conversation, self._admin(body), html, note=note, app_package_code=PACKAGE)
        self.note(request, conversation.id, note=without_marker(html), public=not note, marker=marker_in(html))
        return part

    async def _act(self, request: Request) -> JSON:
        conversation, body = self._named(request), await request.json()
        admin, what = self._admin(body), body["message_type"]
        if what == "assignment":
            assignee = body["assignee_id"] if body["assignee_id"] != "0" else None
            self.desk.assign(conversation, admin, body["type"], assignee)
        elif what == "snoozed":
            self.desk.set_state(conversation, admin, "snoozed", _time(body["snoozed_until"]))
        else:
            self.desk.set_state(conversation, admin, {"close": "closed", "open": "open"}[what])
        self.note(request, conversation.id, changes=_without(body, "admin_id"))
        return show_conversation(self.desk, conversation, conversation.parts)

    async def _tag(self, request: Request) -> JSON:
        conversation, body = self._named(request), await request.json()
        tag = str(body["id"])
        self.desk.tag(conversation, self._admin(body), tag)
        self.note(request, conversation.id, tags=(self.desk.tags[tag],))
        return {"type": "tag", "id": tag, "name": self.desk.tags[tag], "applied_at": epoch(conversation.updated_at)}

    async def _untag(self, request: Request) -> JSON:
        conversation, tag = self._named(request), request.path_params["tag"]
        self._admin(await request.json())
        self.desk.untag(conversation, tag)
        self.note(request, conversation.id, tags=(self.desk.tags[tag],))
        return {"type": "tag", "id": tag, "name": self.desk.tags[tag]}

    async def _update(self, request: Request) -> JSON:
        conversation, body = self._named_ticket(request), await request.json()
        admin = self._admin(body)
        if "assignee_id" in body:
            kind = "team" if body["assignee_id"] in self.desk.teams else "admin"
            self.desk.assign(conversation, admin, kind, body["assignee_id"])
        if "ticket_state_id" in body:
            category = category_of(body["ticket_state_id"])
            if category is None:
                raise refused(400, "parameter_invalid", "Ticket state is not valid for the type")
            self.desk.set_ticket_state(conversation, admin, category)
        if "snoozed_until" in body:
            self.desk.set_state(conversation, admin, "snoozed", _time(body["snoozed_until"]))
        elif body.get("open", True) is not (conversation.state != "closed"):
            # A write that does not say `open: false` opens a closed one (section 4).
            self.desk.set_state(conversation, admin, "open" if body.get("open", True) else "closed")
        if TITLE in (attributes := body.get("ticket_attributes") or {}):
            self.desk.set_title(conversation, admin, attributes[TITLE])
        self.note(request, conversation.id, changes=_without(body, "admin_id"))
        return show_ticket(self.desk, conversation)

    def _admin(self, body: Mapping[str, Any]) -> Admin:
        if "admin_id" not in body:
            raise refused(400, "parameter_not_found", "admin_id is required")
        return self.desk.find_admin(body["admin_id"])

    def _need_tickets(self) -> None:
        if self.hides_tickets:
            raise refused(403, "api_plan_restricted", "Active subscription needed.")

    def _named(self, request: Request) -> Conversation:
        return self.desk.find(request.path_params["id"])

    def _named_ticket(self, request: Request) -> Conversation:
        self._need_tickets()
        found = self.desk.conversations.get(request.path_params["id"])
        if found is None or not found.is_ticket:
            raise refused(404, "ticket_not_found", "Ticket not found")
        return found


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _without(body: Mapping[str, Any], *names: str) -> JSON:
    return {key: value for key, value in body.items() if key not in names}
