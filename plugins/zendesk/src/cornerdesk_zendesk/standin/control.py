"""Driving the stand-in from another process, as JSON under `/_standin/`. Needs no credentials: loopback only.

GET  /_standin/state                        everything: tickets with comments and audits, writes, deliveries
POST /_standin/tickets                      {subject, text, requester?, name?, phone?, organization?, domains?,
                                             organization_external_id?, channel?, tags?, priority?, fields?}
POST /_standin/tickets/{id}                 {status?, priority?, type?, subject?, assignee_id?, group_id?,
                                             add_tags?, remove_tags?, fields?, by?}
POST /_standin/tickets/{id}/comments        {text, by?, public?}       by: "customer" (default), "agent", an address
POST /_standin/tickets/{id}/status          {status, by?}
POST /_standin/tickets/{id}/rating          {score, comment?}
POST /_standin/tickets/{id}/merge           {into}
POST /_standin/tickets/{id}/delete          {}
GET  /_standin/tickets/{id}/notes?text=     {count}: internal notes that hold this text
POST /_standin/deliver                      {type, ticket, event?}: an event of any type
POST /_standin/trigger                      {ticket, what?}: our trigger template
POST /_standin/raw                          {body, headers?}: any text as body, signed unless headers say otherwise
POST /_standin/redeliver                    {last?}: the last webhooks again; all of them without a number
POST /_standin/settled                      {}: answers when every webhook was taken or given up
POST, DELETE /_standin/faults               a `Fault`'s fields; DELETE clears all
POST /_standin/receiver                     {url?, secret?}
POST /_standin/tokens/revoke                {}: access tokens given so far are refused from now on
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cornerdesk import JSON
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cornerdesk_zendesk.standin.desk import RefusedError
from cornerdesk_zendesk.standin.faults import Fault

if TYPE_CHECKING:
    from cornerdesk_zendesk.standin import StandIn

Doing = Callable[[Request, JSON], Awaitable[JSON]]


def control_routes(standin: StandIn) -> list[Route]:
    """The routes listed above."""
    control = _Control(standin)
    ticket = "/_standin/tickets/{ticket:int}"
    return [
        _route("/_standin/state", control.state, "GET"),
        _route("/_standin/tickets", control.open),
        _route(ticket, control.change),
        _route(f"{ticket}/comments", control.comment),
        _route(f"{ticket}/status", control.change),
        _route(f"{ticket}/rating", control.rate),
        _route(f"{ticket}/merge", control.merge),
        _route(f"{ticket}/delete", control.delete),
        _route(f"{ticket}/notes", control.notes, "GET"),
        _route("/_standin/deliver", control.deliver),
        _route("/_standin/trigger", control.trigger),
        _route("/_standin/raw", control.raw),
        _route("/_standin/redeliver", control.redeliver),
        _route("/_standin/settled", control.settled),
        _route("/_standin/faults", control.fail),
        _route("/_standin/faults", control.heal, "DELETE"),
        _route("/_standin/receiver", control.receiver),
        _route("/_standin/tokens/revoke", control.revoke),
    ]


def _route(path: str, do: Doing, method: str = "POST") -> Route:
    async def endpoint(request: Request) -> Response:
        body: Any = await request.json() if await request.body() else {}
        try:
            return JSONResponse(await do(request, body))
        except RefusedError as refused:
            return JSONResponse(refused.body, refused.status)
        except (TypeError, KeyError, ValueError) as error:
            return JSONResponse({"error": "BadControl", "description": f"{type(error).__name__}: {error}"}, 400)

    return Route(path, endpoint, methods=[method])


class _Control:
    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    async def state(self, request: Request, body: JSON) -> JSON:
        return self._standin.state()

    async def open(self, request: Request, body: JSON) -> JSON:
        return {"id": self._standin.open_ticket(**body)}

    async def change(self, request: Request, body: JSON) -> JSON:
        self._standin.change(_ticket(request), **body)
        return {"id": _ticket(request)}

    async def comment(self, request: Request, body: JSON) -> JSON:
        return {"id": self._standin.comment(_ticket(request), **body)}

    async def rate(self, request: Request, body: JSON) -> JSON:
        self._standin.rate(_ticket(request), **body)
        return {"id": _ticket(request)}

    async def merge(self, request: Request, body: JSON) -> JSON:
        self._standin.merge(_ticket(request), int(body["into"]))
        return {"id": _ticket(request)}

    async def delete(self, request: Request, body: JSON) -> JSON:
        self._standin.delete(_ticket(request))
        return {"id": _ticket(request)}

    async def notes(self, request: Request, body: JSON) -> JSON:
        return {"count": self._standin.notes(_ticket(request), request.query_params.get("text", ""))}

    async def deliver(self, request: Request, body: JSON) -> JSON:
        return self._standin.deliver(body["type"], int(body["ticket"]), body.get("event")).show()

    async def trigger(self, request: Request, body: JSON) -> JSON:
        return self._standin.deliver_trigger(int(body["ticket"]), body.get("what", "updated")).show()

    async def raw(self, request: Request, body: JSON) -> JSON:
        return self._standin.deliver_raw(str(body["body"]).encode(), body.get("headers")).show()

    async def redeliver(self, request: Request, body: JSON) -> JSON:
        return {"deliveries": [sent.show() for sent in self._standin.redeliver(body.get("last"))]}

    async def settled(self, request: Request, body: JSON) -> JSON:
        await self._standin.settled()
        return {"deliveries": len(self._standin.sent)}

    async def fail(self, request: Request, body: JSON) -> JSON:
        self._standin.faults.append(Fault(**body))
        return {"faults": len(self._standin.faults)}

    async def heal(self, request: Request, body: JSON) -> JSON:
        self._standin.faults.clear()
        return {"faults": 0}

    async def receiver(self, request: Request, body: JSON) -> JSON:
        sender = self._standin.sender
        sender.receiver = body.get("url", sender.receiver)
        sender.secret = body.get("secret", sender.secret)
        return {"url": sender.receiver}

    async def revoke(self, request: Request, body: JSON) -> JSON:
        self._standin.api.revoke_tokens()
        return {}


def _ticket(request: Request) -> int:
    ticket: int = request.path_params["ticket"]
    return ticket
