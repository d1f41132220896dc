"""Things that go wrong on demand between a client and the stand-in's API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["status", "status_after", "slow", "drop", "drop_after"]


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match.

    Attributes:
        kind: `status` answers with `status` and does nothing; `status_after` does it first; `slow` does it and answers
            after `seconds`; `drop` breaks the connection without doing it; `drop_after` does it and breaks it.
        method: only these requests; None: any.
        path: only paths that contain this.
        retry_after: the header's value; None: no such header.
        body: the answer's text, which need not be JSON.
    """

    kind: Kind = "status"
    method: str | None = None
    path: str = ""
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    body: str = "Number of allowed API requests per minute exceeded"
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and self.path in path


class Faults:
    """ASGI middleware in front of the API; `pending` is what will still go wrong."""

    def __init__(self, app: ASGIApp, pending: list[Fault]) -> None:
        self._app = app
        self._pending = pending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._next(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.kind in ("slow", "drop_after", "status_after"):
            answer = await self._do(scope, receive)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            for message in answer:
                await send(message)
        elif fault.kind in ("drop", "drop_after"):
            await _break(send)
        else:
            headers = {"retry-after": fault.retry_after} if fault.retry_after is not None else {}
            await PlainTextResponse(fault.body, fault.status, headers)(scope, receive, send)

    def _next(self, scope: Scope) -> Fault | None:
        if scope["type"] != "http" or scope["path"].startswith("/_standin"):
            return None
        for fault in self._pending:
            if fault.matches(scope["method"], scope["path"]):
                fault.times -= 1
                self._pending[:] = [other for other in self._pending if other.times > 0]
                return fault
        return None

    async def _do(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages


async def _break(send: Send) -> None:
    """An answer that begins and never ends: the server closes the connection, and the client has half of nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
