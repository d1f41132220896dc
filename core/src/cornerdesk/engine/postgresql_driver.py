"""PgQueuer's driver on a pool of its own and a connection for LISTEN, neither of which an outage ends.

A statement that meets a lost connection is run again when the server is back: all that PgQueuer says through this
driver may be said twice, at worst a job is run again. The listener is connected anew as soon as it is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg
import structlog
from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback

from cornerdesk.engine.backend import delays, pause, table_changed
from cornerdesk.storage.errors import StorageUnavailable, reaching
from cornerdesk.storage.postgresql import PostgresqlStorage

log = structlog.get_logger()
T = TypeVar("T")

_POOL_SIZE = 4
_COMMAND_TIMEOUT = 30.0
_CLOSE_TIMEOUT = 5.0


class PostgresqlDriver:
    """PgQueuer's `Driver`. Use it within `opened()`."""

    def __init__(self, storage: PostgresqlStorage) -> None:
        self._storage = storage
        self._pool: Any = None
        self._listener: Any = None
        self._listening = asyncio.Event()
        self._callbacks: list[tuple[str, NotifyCallback]] = []
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[PostgresqlDriver]:
        """Connected, and kept so until the block ends."""
        self._pool = await self._storage.pool(size=_POOL_SIZE, command_timeout=_COMMAND_TIMEOUT)
        keeper = asyncio.create_task(self._keep_listening())
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._close()

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.terminate()
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_TIMEOUT)
        except (TimeoutError, OSError):
            self._pool.terminate()

    async def _keep_listening(self) -> None:
        waits = delays()
        while True:
            try:
                await self._listen()
                waits = delays()
            except (StorageUnavailable, OSError) as error:
                log.warning("listener_not_connected", error=type(error).__name__)
            self._listening.clear()
            await asyncio.sleep(next(waits))

    async def _listen(self) -> None:
        """Connect, listen, and return when the connection is lost."""
        connection = await self._storage.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            with reaching(self._storage.url):
                for channel, callback in self._callbacks:
                    await connection.add_listener(channel, _relay(callback))
            self._listener = connection
            # PgQueuer adds its callback a little after it begins to ask by `notify` whether it is heard.
            if self._callbacks:
                self._listening.set()
            self._wake()
            await lost.wait()
            log.warning("listener_lost")
        finally:
            self._listener = None
            connection.terminate()

    def _wake(self) -> None:
        """Jobs may have come in while nobody listened."""
        for _, callback in self._callbacks:
            callback(table_changed())

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._callbacks.append((channel, callback))
        if (connection := self._listener) is not None:
            # When this fails the connection is lost, and the next one gets the callback from the list.
            with suppress(StorageUnavailable), reaching(self._storage.url):
                await connection.add_listener(channel, _relay(callback))
                if connection is self._listener:
                    self._listening.set()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await self._outlast(lambda: self._pool.fetch(query, *args))]

    async def execute(self, query: str, *args: object) -> str:
        return await self._outlast(lambda: self._pool.execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        # PgQueuer asks by this whether the listener hears: before LISTEN, and while it is being connected anew, the
        # answer is not yet no.
        listening = asyncio.ensure_future(self._listening.wait())
        closing = asyncio.ensure_future(self._shutdown.wait())
        try:
            await asyncio.wait({listening, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            closing.cancel()
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def _outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        waits = delays()
        while True:
            try:
                with reaching(self._storage.url):
                    return await call()
            except StorageUnavailable as error:
                if self._shutdown.is_set():
                    raise
                log.warning("queue_unavailable", reason=str(error))
            except asyncpg.InterfaceError as error:
                # Each call has a connection of its own, so what is in its way is that this one has just ended.
                if self._shutdown.is_set():
                    raise
                log.warning("queue_unavailable", reason=type(error).__name__)
            await pause(next(waits), self._shutdown)

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> PostgresqlDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        """PgQueuer enters a driver once for each manager; `opened` is what closes it."""


def _relay(callback: NotifyCallback) -> Callable[[object, object, object, object], None]:
    def relay(_connection: object, _pid: object, _channel: object, payload: object) -> None:
        if isinstance(payload, str | bytes | bytearray):
            callback(payload)

    return relay
