"""Plaindesk's API over the stand-in's desk."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from starlette.requests import Request
from starlette.routing import BaseRoute

from cornerdesk import JSON
from cornerdesk.testing.desk import Api, RateLimit, bearer, page_of
from cornerdesk.testing.plaindesk.standin.desk import CHANGEABLE, Desk, Hook, Ticket, refusal


class PlainApi(Api):
    """Routes of the API. Whatever it writes, it writes as `desk.own`.

    Args:
        token: the one it lets in; may be replaced later.
    """

    def __init__(self, desk: Desk, token: str, limit: RateLimit) -> None:
        super().__init__(limit)
        self.desk = desk
        self.token = token

    def routes(self) -> Sequence[BaseRoute]:
        ticket = "/v1/tickets/{ticket}"
        return [
            self.at("/v1/me", self._me),
            self.at("/v1/tickets", self._tickets),
            self.at(ticket, self._ticket),
            self.at(ticket, self._change, "PATCH"),
            self.at(f"{ticket}/notes", self._add_note, "POST", status=201),
            self.at("/v1/webhooks", self._hooks),
            self.at("/v1/webhooks", self._subscribe, "POST", status=201),
            self.at("/v1/webhooks/{hook}", self._mend, "PATCH"),
        ]

    def admit(self, request: Request) -> None:
        if bearer(request.headers.get("authorization")) != self.token:
            raise refusal(401, "unauthorized")

    def revoke_tokens(self) -> None:
        """A new one is made instead."""
        self.token = secrets.token_hex(16)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _me(self, request: Request) -> JSON:
        return asdict(self.desk.own)

    async def _ticket(self, request: Request) -> JSON:
        return _record(self._named(request))

    async def _tickets(self, request: Request) -> JSON:
        """By version. `cursor`: the version of the last ticket seen."""
        asked = request.query_params
        cursor = int(asked.get("cursor", "0"))
        since = datetime.fromisoformat(asked["since"]) if "since" in asked else None
        every = [
            ticket
            for ticket in self.desk.by_version()
            if since is None or datetime.fromisoformat(ticket.updated_at) >= since
        ]
        rows = [ticket for ticket in every if ticket.version > cursor]
        page = page_of(request, rows, 0, int(asked.get("limit", "50")))
        after = page.rows[-1].version if page.rows else cursor
        return {
            "tickets": [_record(ticket) for ticket in page.rows],
            "cursor": str(after),
            "more": page.next is not None,
            "total": len(every),
        }

    async def _hooks(self, request: Request) -> JSON:
        return {"webhooks": [hook.show() for hook in self.desk.hooks.values()]}

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _add_note(self, request: Request) -> JSON:
        ticket, body = self._named(request), await request.json()
        event = self.desk.write(ticket, self.desk.own, body["text"], internal=True, key=body.get("key"))
        self.note(request, ticket.id, note=body["text"], public=False, marker=body.get("key"))
        return {"ticket": ticket.show(), "event": event}

    async def _change(self, request: Request) -> JSON:
        ticket, body = self._named(request), await request.json()
        changes = {name: body[name] for name in CHANGEABLE if name in body}
        add, remove = body.get("add_tags", ()), body.get("remove_tags", ())
        key = body.get("key")
        event = self.desk.change(ticket, self.desk.own, changes, add_tags=add, remove_tags=remove, key=key)
        self.note(request, ticket.id, marker=key, tags=(*add, *remove), changes=changes)
        return {"ticket": ticket.show(), "event": event}

    async def _subscribe(self, request: Request) -> JSON:
        body = await request.json()
        hook = self.desk.subscribe(body["url"], body.get("name", ""), body["events"])
        return {**hook.show(), "secret": hook.secret}

    async def _mend(self, request: Request) -> JSON:
        hook, body = self._hook(request), await request.json()
        for name in ("url", "state", "events", "name"):
            setattr(hook, name, body.get(name, getattr(hook, name)))
        hook.failed = 0
        return hook.show()

    def _named(self, request: Request) -> Ticket:
        return self.desk.ticket(request.path_params["ticket"])

    def _hook(self, request: Request) -> Hook:
        hook = self.desk.hooks.get(request.path_params["hook"])
        if hook is None:
            raise refusal(404, "not_found")
        return hook


def _record(ticket: Ticket) -> JSON:
    return {"ticket": ticket.show(), "messages": ticket.messages, "events": ticket.events}
