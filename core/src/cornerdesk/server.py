"""One process of `serve`: the HTTP server and the worker, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from typing import Any

import structlog
import uvicorn

from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError
from cornerdesk.plugins import Plugins
from cornerdesk.runtime import Runtime, open_runtime
from cornerdesk.storage import open_storage
from cornerdesk.web.app import make_app

log = structlog.get_logger()
SHUTDOWN_SECONDS = 25


class Role(StrEnum):
    """What one process of `serve` does."""

    ALL = "all"
    RECEIVER = "receiver"
    WORKER = "worker"


async def serve_until_stopped(configuration: Configuration, plugins: Plugins, role: Role, *, listen: bool) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is held.

    Raises:
        ConfigurationError: cannot start; says what to do.
    """
    sqlite = configuration.database_url.startswith("sqlite")
    if sqlite and role is not Role.ALL:
        raise ConfigurationError(
            f"a SQLite database belongs to one process, so --role {role} has no use on it;"
            " start `serve` without --role, or move to PostgreSQL"
        )
    with _listening_socket(configuration) if listen else contextlib.nullcontext() as listener:
        await _migrate(configuration, plugins, exclusive=sqlite)
        async with open_runtime(configuration, plugins, exclusive=sqlite) as runtime:
            await _run(runtime, role, listener)


async def _migrate(configuration: Configuration, plugins: Plugins, *, exclusive: bool) -> None:
    """A database without tables gets them; so does a SQLite file of an older version, which is ours alone. Tables that
    other processes use are migrated by the operator."""
    storage = await open_storage(configuration.database_url, plugin_tables=plugins.tables(), exclusive=exclusive)
    try:
        status = await storage.migration_status()
        if exclusive or all(branch.current is None for branch in status.branches):
            await storage.migrate()
    finally:
        await storage.aclose()


async def _run(runtime: Runtime, role: Role, listener: socket.socket | None) -> None:
    stop = asyncio.Event()
    with _stopping_on_signals(stop):
        async with asyncio.TaskGroup() as tasks, _receiving(runtime):
            if listener is not None:
                tasks.create_task(_serve_http(runtime, role, listener, stop))
            if role is not Role.RECEIVER:
                tasks.create_task(_work(runtime, stop))
            await _say_where(runtime, role, listener)
            await stop.wait()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _receiving(runtime: Runtime) -> AsyncIterator[None]:
    runtime.inbox.start()
    try:
        yield
    finally:
        # Last: whoever still waits for an answer gets it once the group is committed.
        await runtime.inbox.aclose()


async def _work(runtime: Runtime, stop: asyncio.Event) -> None:
    try:
        await runtime.work(stop)
    finally:
        stop.set()


async def _serve_http(runtime: Runtime, role: Role, listener: socket.socket, stop: asyncio.Event) -> None:
    server = _Server(
        uvicorn.Config(
            make_app(runtime, role=role),
            log_config=None,
            lifespan="off",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            proxy_headers=False,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    server.should_exit = True
    await serving
    stopping.cancel()


class _Server(uvicorn.Server):
    """Signals are ours: HTTP stops together with the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _listening_socket(configuration: Configuration) -> Iterator[socket.socket]:
    """Taken before anything else is opened: a port in use is said at once."""
    host, port = configuration.server.host, configuration.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.set_inheritable(True)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port or server.port"
        ) from None
    with contextlib.closing(listener):
        yield listener


@contextlib.contextmanager
def _stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)
    for each in caught:
        loop.add_signal_handler(each, stop.set)
    try:
        yield
    finally:
        for each in caught:
            loop.remove_signal_handler(each)


async def _say_where(runtime: Runtime, role: Role, listener: socket.socket | None) -> None:
    details: dict[str, Any] = {"role": role.value, "database": runtime.store.configuration.shown_database}
    if listener is not None:
        host, port = listener.getsockname()[:2]
        details["url"] = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("ready", sources=",".join(sorted(runtime.adapters)) or "none", rules=len(runtime.book.rules), **details)
