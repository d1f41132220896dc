"""What stands between a client and a stand-in's API, and does what the `faults` say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cornerdesk.testing.desk.faults import EMPTY_PAGE, Fault

_CHUNK = b" " * 65536


class Faults:
    """ASGI middleware in front of the API.

    Args:
        pending: what will still go wrong.
        touch: changes a ticket, for `shifted_page`.
    """

    def __init__(self, app: ASGIApp, pending: list[Fault], touch: Callable[[], None]) -> None:
        self._app = app
        self._pending = pending
        self._touch = touch
        self._last: dict[str, list[Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_standin"):
            await self._app(scope, receive, send)
            return
        fault = self._next(scope)
        if fault is None:
            await _tell(await self._do(scope, receive), send)
        elif fault.kind in ("status", "silent", "drop", "huge"):
            await _instead(fault, scope, receive, send)
        elif fault.kind.endswith("_page"):
            await self._page(fault, scope, receive, send)
        else:
            await _spoil(fault, await self._do(scope, receive), scope, receive, send)

    def _next(self, scope: Scope) -> Fault | None:
        for fault in self._pending:
            if not fault.matches(scope["method"], scope["path"]):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.kind == "repeated_page" and scope["path"] not in self._last:
                continue
            fault.times -= 1
            self._pending[:] = [other for other in self._pending if other.times > 0]
            return fault
        return None

    async def _page(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "repeated_page":
            await _tell(self._last[scope["path"]], send)
            return
        if fault.kind == "shifted_page":
            self._touch()
        if fault.kind == "empty_page":
            scope[EMPTY_PAGE] = True
        await _tell(await self._do(scope, receive), send)

    async def _do(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        self._last[scope["path"]] = messages
        return messages


async def _tell(answer: list[Message], send: Send) -> None:
    for message in answer:
        await send(message)


async def _instead(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    """What is asked for is not done."""
    if fault.kind == "status":
        await _answer(fault, scope, receive, send)
    elif fault.kind == "huge":
        await _flood(fault.size, send)
    else:
        if fault.kind == "silent":
            await _pause(fault.seconds, receive)
        await _break(send)


async def _spoil(fault: Fault, answer: list[Message], scope: Scope, receive: Receive, send: Send) -> None:
    """It was done; the answer suffers."""
    if fault.kind == "status_after":
        await _answer(fault, scope, receive, send)
    elif fault.kind == "drop_after":
        await _break(send)
    elif fault.kind == "truncated":
        await send(answer[0])
        await send({"type": "http.response.body", "body": _body(answer)[: len(_body(answer)) // 2], "more_body": True})
    elif fault.kind == "trickle":
        await send(answer[0])
        for byte in _body(answer):
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(fault.seconds)
        await send({"type": "http.response.body", "body": b""})
    else:
        await _pause(fault.seconds, receive)
        await _tell(answer, send)


async def _answer(fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = fault.retry_after
    response = PlainTextResponse(fault.body, fault.status, headers, media_type=fault.content_type)
    await response(scope, receive, send)


async def _flood(size: int, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, size, len(_CHUNK)):
        await send({"type": "http.response.body", "body": _CHUNK[: size - start], "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _break(send: Send) -> None:
    """An answer that begins and never ends: the server closes the connection, and the client has half of nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def _pause(seconds: float, receive: Receive) -> None:
    """For so long, or until the client has gone: a stand-in that ends must not wait for it."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waiting = asyncio.ensure_future(gone())
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()


def _body(answer: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in answer)
