"""Driving a stand-in from another process, as JSON under `/_standin/`. Needs no credentials: loopback only.

GET  /_standin/state                        everything: tickets with messages, writes, deliveries
POST /_standin/tickets                      {subject, text, requester?, name?, phone?, organization?, domains?,
                                             channel?, tags?, priority?, fields?}
GET  /_standin/tickets/{id}                 it as it stands, in the model's words (`Look`)
POST /_standin/tickets/{id}                 {status?, priority?, subject?, assignee?, team?, add_tags?, remove_tags?,
                                             fields?, by?} and what else the vendor has
POST /_standin/tickets/{id}/comments        {text, by?, public?}   by: "customer" (default), "agent", "own", an address
POST /_standin/tickets/{id}/status          {status, by?}
POST /_standin/tickets/{id}/rating          {score, comment?}
POST /_standin/tickets/{id}/merge           {into}
POST /_standin/tickets/{id}/delete          {}
POST /_standin/touch                        {}: somebody changes the ticket that was not changed for longest
GET  /_standin/tickets/{id}/notes?text=     {count}: internal notes that hold this text
POST /_standin/deliver                      {type, ticket, event?}: an event of any type
POST /_standin/raw                          {body, headers?}: any text as body, signed unless headers say otherwise
POST /_standin/redeliver                    {last?}: the last webhooks again; all of them without a number
POST /_standin/settled                      {}: answers when every webhook was taken or given up
POST /_standin/check                        {url?}: asks the receiver with HEAD; {answer}: status, timeout, connection
POST, DELETE /_standin/faults               a `Fault`'s fields; DELETE clears all
POST /_standin/receiver                     {url?, secret?}
POST /_standin/tokens/revoke                {}: access tokens given so far are refused from now on

What the vendor refuses or has not is answered with the vendor's own refusal or 501, what makes no sense with 400.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cornerdesk import JSON, UnsupportedError
from cornerdesk.testing.desk.faults import Fault
from cornerdesk.testing.desk.refusals import RefusedError

if TYPE_CHECKING:
    from cornerdesk.testing.desk.standin import StandIn

Doing = Callable[[Request, JSON], Awaitable[JSON]]


def control_routes(standin: StandIn) -> list[Route]:
    """The routes listed above."""
    control = _Control(standin)
    ticket = "/_standin/tickets/{ticket}"
    return [
        control_route("/_standin/state", control.state, "GET"),
        control_route("/_standin/tickets", control.open),
        control_route(ticket, control.look, "GET"),
        control_route(ticket, control.change),
        control_route(f"{ticket}/comments", control.comment),
        control_route(f"{ticket}/status", control.change),
        control_route(f"{ticket}/rating", control.rate),
        control_route(f"{ticket}/merge", control.merge),
        control_route(f"{ticket}/delete", control.delete),
        control_route(f"{ticket}/notes", control.notes, "GET"),
        control_route("/_standin/touch", control.touch),
        control_route("/_standin/deliver", control.deliver),
        control_route("/_standin/raw", control.raw),
        control_route("/_standin/redeliver", control.redeliver),
        control_route("/_standin/settled", control.settled),
        control_route("/_standin/check", control.check),
        control_route("/_standin/faults", control.fail),
        control_route("/_standin/faults", control.heal, "DELETE"),
        control_route("/_standin/receiver", control.receiver),
        control_route("/_standin/tokens/revoke", control.revoke),
    ]


def control_route(path: str, do: Doing, method: str = "POST") -> Route:
    """A route under `/_standin/`: JSON in, JSON out."""

    async def endpoint(request: Request) -> Response:
        try:
            body: Any = await request.json() if await request.body() else {}
            return JSONResponse(await do(request, body))
        except RefusedError as refused:
            return JSONResponse(refused.body, refused.status)
        except UnsupportedError as error:
            return JSONResponse({"error": "Unsupported", "description": str(error)}, 501)
        except (TypeError, KeyError, ValueError) as error:
            return JSONResponse({"error": "BadControl", "description": f"{type(error).__name__}: {error}"}, 400)

    return Route(path, endpoint, methods=[method])


class _Control:
    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    def _ticket(self, request: Request) -> str:
        return self._standin.read_id(request.path_params["ticket"])

    def _shown(self, vendor_id: str) -> JSON:
        return {"id": self._standin.shown_id(vendor_id)}

    async def state(self, request: Request, body: JSON) -> JSON:
        return self._standin.state()

    async def open(self, request: Request, body: JSON) -> JSON:
        return self._shown(self._standin.open_ticket(**body))

    async def look(self, request: Request, body: JSON) -> JSON:
        return asdict(self._standin.look(self._ticket(request)))

    async def change(self, request: Request, body: JSON) -> JSON:
        self._standin.change(self._ticket(request), **body)
        return self._shown(self._ticket(request))

    async def comment(self, request: Request, body: JSON) -> JSON:
        return self._shown(self._standin.comment(self._ticket(request), **body))

    async def rate(self, request: Request, body: JSON) -> JSON:
        self._standin.rate(self._ticket(request), **body)
        return self._shown(self._ticket(request))

    async def merge(self, request: Request, body: JSON) -> JSON:
        self._standin.merge(self._ticket(request), self._standin.read_id(body["into"]))
        return self._shown(self._ticket(request))

    async def delete(self, request: Request, body: JSON) -> JSON:
        self._standin.delete(self._ticket(request))
        return self._shown(self._ticket(request))

    async def notes(self, request: Request, body: JSON) -> JSON:
        return {"count": self._standin.notes(self._ticket(request), request.query_params.get("text", ""))}

    async def touch(self, request: Request, body: JSON) -> JSON:
        self._standin.touch()
        return {}

    async def deliver(self, request: Request, body: JSON) -> JSON:
        ticket = self._standin.read_id(body["ticket"])
        return self._standin.show_sent(self._standin.deliver(body["type"], ticket, body.get("event")))

    async def raw(self, request: Request, body: JSON) -> JSON:
        return self._standin.show_sent(self._standin.deliver_raw(str(body["body"]).encode(), body.get("headers")))

    async def redeliver(self, request: Request, body: JSON) -> JSON:
        return {"deliveries": [self._standin.show_sent(sent) for sent in self._standin.redeliver(body.get("last"))]}

    async def settled(self, request: Request, body: JSON) -> JSON:
        await self._standin.settled()
        return {"deliveries": len(self._standin.sent)}

    async def check(self, request: Request, body: JSON) -> JSON:
        return {"answer": await self._standin.sender.check(body.get("url"))}

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
