"""A stand-in as a server, within an event loop or as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from cornerdesk.testing.desk.standin import StandIn


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serves `app` within this event loop; port 0 takes a free one. Gives its address.

    Raises:
        OSError: the port cannot be had.
    """
    config = uvicorn.Config(app, host=host, port=port, log_level="critical", lifespan="off", access_log=False)
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                task.result()
                raise OSError(f"port {port} cannot be served")
            await asyncio.sleep(0.01)
        name, bound = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{name}:{bound}"
    finally:
        server.end()
        await task


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the loop, and ends at once: tests serve hundreds of times."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Whoever still waits for an answer gets none."""
        self.should_exit = self.force_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(kind: type[StandIn], arguments: Sequence[str] | None = None) -> None:
    """The stand-in as a process: prints one line when it is ready, and serves until it is told to end.

    A plugin's `standin/__main__.py` is

        if __name__ == "__main__":
            main(ZendeskStandIn)
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {kind.__module__}", description=f"A stand-in of {kind.vendor}, for demos and tests."
    )
    _add_options(parser)
    kind.add_options(parser)
    options = parser.parse_args(arguments)
    standin = kind.of_options(
        options,
        receiver=options.receiver,
        secret=options.secret,
        retry_wait=options.retry_wait,
        rate_limit=options.rate_limit,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(standin, options.host, options.port))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the line printed names it")
    parser.add_argument("--receiver", help="where webhooks are sent to; without it they are only counted")
    parser.add_argument("--secret", default="stand-in", help="what webhooks are signed with")
    parser.add_argument("--retry-wait", type=float, help="seconds before a webhook's first retry")
    parser.add_argument("--rate-limit", type=int, help="requests the API takes in one window; more get a 429")


async def _serve(standin: StandIn, host: str, port: int) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with standin.serving(port, host) as url:
        print(f"stand-in of {standin.vendor} ready at {url}", flush=True)
        await ended.wait()
