"""A stand-in that is watched, on loopback, and an adapter that talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cornerdesk.adapters.interface import Adapter, Delivery, Fact

if TYPE_CHECKING:
    from cornerdesk.testing.desk import StandIn


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move it on."""
        self._now += by


@dataclass(frozen=True)
class Asked:
    """A request that reached the API: `credentials` is its `Authorization`."""

    method: str
    path: str
    credentials: str | None


class Watch:
    """ASGI in front of a stand-in: keeps what was asked, and lets something happen just before a request is done.

    Attributes:
        asked: every request, in order.
        meanwhile: called with each before it is answered.
        rewrite: (from, to) in bodies of answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: list[Asked] = []
        self.meanwhile: Callable[[Asked], None] = lambda asked: None
        self.rewrite: tuple[bytes, bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Asked(scope["method"], scope["path"], headers.get("authorization"))
        self.asked.append(asked)
        self.meanwhile(asked)
        await self._app(scope, receive, self._rewriting(send) if self.rewrite else send)

    def credentials(self, since: int = 0) -> list[str]:
        """The different credentials that came, in order."""
        return list(dict.fromkeys(asked.credentials for asked in self.asked[since:] if asked.credentials))

    def _rewriting(self, send: Send) -> Send:
        """Lengths may change, so the answer is sent without."""
        assert self.rewrite is not None
        old, new = self.rewrite

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            else:
                message["body"] = message.get("body", b"").replace(old, new)
            await send(message)

        return changed


@dataclass
class Bench:
    """What a test works with.

    Attributes:
        standin: the help desk.
        url: its API's address.
        adapter: talks to it.
        watch: what it was asked.
        clock: the help desk's.
        connect: makes another adapter that talks to it.
    """

    standin: StandIn
    url: str
    watch: Watch
    clock: HandClock
    connect: Callable[[], Adapter]
    adapter: Adapter = field(init=False)

    def __post_init__(self) -> None:
        self.adapter = self.connect()

    def open_ticket(self, text: str = "The export stops at row 500.", **more: Any) -> str:
        """A customer writes for the first time."""
        details = {"requester": "bo@example.com", "name": "Bo Lind", "tags": ["export"], **more}
        return self.standin.open_ticket("Export stops", text, **details)

    def deliveries(self, since: int = 0) -> list[Delivery]:
        """The webhooks that were sent, from that number on."""
        return [self.standin.delivery_of(sent) for sent in self.standin.sent[since:]]

    def facts(self, since: int = 0) -> list[Fact]:
        """What the adapter reads in them."""
        return [fact for delivery in self.deliveries(since) for fact in self.adapter.read(delivery).facts]


@asynccontextmanager
async def opened(
    make_standin: Callable[[HandClock], StandIn], make_adapter: Callable[[str], Adapter], now: datetime
) -> AsyncIterator[Bench]:
    """A bench for one test."""
    clock = HandClock(now)
    standin = make_standin(clock)
    watch = Watch(standin.app)
    vars(standin)["app"] = watch  # what will be served
    made: list[Adapter] = []

    async with standin.serving() as url:

        def connect() -> Adapter:
            made.append(make_adapter(url))
            return made[-1]

        try:
            yield Bench(standin, url, watch, clock, connect)
        finally:
            await close(made)


async def close(adapters: Iterable[Adapter]) -> None:
    """Close them all."""
    for adapter in adapters:
        await adapter.aclose()


class Trap:
    """A server that nobody should talk to.

    Attributes:
        url: its address.
        caught: the first line and the headers of each request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.caught: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            self.caught.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def trapped() -> AsyncIterator[Trap]:
    """A `Trap` that listens."""
    trap = Trap()
    server = await asyncio.start_server(trap.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    trap.url = f"http://{host}:{port}"
    try:
        yield trap
    finally:
        server.close()
        await server.wait_closed()


Call = Callable[[Adapter], Awaitable[object]]
