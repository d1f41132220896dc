"""Things that go wrong on demand between a client and a stand-in's API.

standin.faults.append(Fault.too_many(wait="17", method="PUT"))
standin.faults.append(Fault.lost(after=True, path="/tickets/*/notes"))
standin.faults.append(Fault.shifted_page(path="/tickets", skip=1))     # before the second page
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cornerdesk import JSON

Kind = Literal[
    "status",
    "status_after",
    "slow",
    "silent",
    "drop",
    "drop_after",
    "truncated",
    "trickle",
    "huge",
    "repeated_page",
    "shifted_page",
    "empty_page",
]

_EMPTY_PAGE = "cornerdesk.empty_page"
_CHUNK = b" " * 65536


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match. Everything but `status`, `silent` and `drop` does
    what was asked for, writes included.

    The kinds:
        status: answers with `status`, `headers` and `body`, and does nothing.
        status_after: does it, and answers so.
        slow: does it, and answers after `seconds`.
        silent: does nothing, and breaks the connection after `seconds`.
        drop, drop_after: breaks the connection without doing it; having done it.
        truncated: breaks the connection in the middle of the answer.
        trickle: answers byte by byte, `seconds` apart.
        huge: answers with `size` bytes.
        repeated_page: gives the answer to the last request of this path again.
        shifted_page: somebody touches a ticket first, so that pages of a list shift (`StandIn.touch`).
        empty_page: a page without rows that is not the last (lists made with `page_of`).

    Attributes:
        kind: see there.
        method: only these requests; None: any.
        path: only paths that contain this; `*` stands for anything.
        status: of the answer.
        retry_after: the header's value; None: no such header.
        seconds, size: see the kinds.
        body, content_type: of the answer.
        headers: further ones.
        skip: how many that match go well first.
        times: how many it hits.
    """

    kind: Kind = "status"
    method: str | None = None
    path: str = ""
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    body: str = "Number of allowed API requests per minute exceeded"
    times: int = 1
    skip: int = 0
    size: int = 0
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault is called {self.kind!r}; there are: {', '.join(get_args(Kind))}")

    def matches(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in (None, method) and fnmatchcase(path, f"*{self.path}*")

    def on(self, method: str | None = None, path: str = "", *, times: int = 1, skip: int = 0) -> Fault:
        """The same fault for these requests only."""
        return replace(self, method=method, path=path, times=times, skip=skip)

    def show(self) -> JSON:
        """Its JSON form, which `/_standin/faults` takes."""
        return asdict(self)

    # ── by name ─────────────────────────────────────────────────────────────────────────────────────────────────────
    # `where` holds method, path, times and skip.

    @classmethod
    def too_many(cls, wait: str | datetime | None = None, *, plain: bool = False, **where: Any) -> Fault:
        """429. `wait` stands in `Retry-After`: seconds, or a time for the form of an HTTP date; None: no such header.
        The body is JSON, or text for `plain`."""
        asked = format_datetime(wait, usegmt=True) if isinstance(wait, datetime) else wait
        if plain:
            return cls(status=429, retry_after=asked, body="Sorry, too many requests.", **where)
        return cls._json(429, {"error": "too_many_requests"}, retry_after=asked, **where)

    @classmethod
    def server_error(cls, status: int = 502, *, after: bool = False, **where: Any) -> Fault:
        """5xx; `after` what was asked for took place."""
        return cls("status_after" if after else "status", status=status, body="upstream error", **where)

    @classmethod
    def html_page(cls, status: int = 502, **where: Any) -> Fault:
        """A proxy's error page."""
        page = "<!doctype html><html><body><h1>Bad gateway</h1></body></html>"
        return cls(status=status, body=page, content_type="text/html", **where)

    @classmethod
    def not_json(cls, *, after: bool = False, **where: Any) -> Fault:
        """200, with a page instead of JSON."""
        page = "<html><body>Scheduled maintenance</body></html>"
        return cls("status_after" if after else "status", status=200, body=page, content_type="text/html", **where)

    @classmethod
    def expired_token(cls, **where: Any) -> Fault:
        """401. A token that did expire, for every request: `Tokens.revoke`."""
        return cls._json(401, {"error": "invalid_token", "error_description": "The access token expired"}, **where)

    @classmethod
    def redirect(cls, to: str, status: int = 302, **where: Any) -> Fault:
        """To another address, where credentials must not go."""
        return cls(status=status, body="", headers={"location": to}, **where)

    @classmethod
    def lost(cls, *, after: bool = False, **where: Any) -> Fault:
        """The connection breaks before an answer; `after` what was asked for took place."""
        return cls("drop_after" if after else "drop", **where)

    @classmethod
    def no_answer(cls, seconds: float = 3600.0, *, after: bool = False, **where: Any) -> Fault:
        """No answer for so long that the client gives up; `after` what was asked for took place."""
        return cls("slow" if after else "silent", seconds=seconds, **where)

    @classmethod
    def truncated(cls, **where: Any) -> Fault:
        """Half an answer to what took place."""
        return cls("truncated", **where)

    @classmethod
    def trickle(cls, seconds: float = 0.1, **where: Any) -> Fault:
        """An answer byte by byte, `seconds` apart."""
        return cls("trickle", seconds=seconds, **where)

    @classmethod
    def huge(cls, size: int = 50_000_000, **where: Any) -> Fault:
        """An answer of `size` bytes, 200 and JSON by its header."""
        return cls("huge", size=size, **where)

    @classmethod
    def repeated_page(cls, **where: Any) -> Fault:
        """The answer to the last request of this path once more. `skip=1` hits the second page."""
        return cls("repeated_page", **{"skip": 1, **where})

    @classmethod
    def shifted_page(cls, **where: Any) -> Fault:
        """A ticket changes before this page is read, and its list shifts. `skip=1` hits the second page."""
        return cls("shifted_page", **{"skip": 1, **where})

    @classmethod
    def empty_page(cls, **where: Any) -> Fault:
        """An empty page that is not the last one."""
        return cls("empty_page", **where)

    @classmethod
    def _json(cls, status: int, body: Mapping[str, Any], **more: Any) -> Fault:
        return cls(status=status, body=json.dumps(body), content_type="application/json", **more)


def wants_empty_page(request: Request) -> bool:
    """Whether this request is to get an empty page."""
    return bool(request.scope.get(_EMPTY_PAGE))


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
            fault.times -= 1
            self._pending[:] = [other for other in self._pending if other.times > 0]
            return fault
        return None

    async def _page(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "repeated_page" and scope["path"] in self._last:
            await _tell(self._last[scope["path"]], send)
            return
        if fault.kind == "shifted_page":
            self._touch()
        if fault.kind == "empty_page":
            scope[_EMPTY_PAGE] = True
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
