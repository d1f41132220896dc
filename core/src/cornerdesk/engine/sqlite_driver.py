"""PgQueuer's driver for one process on SQLite: no statements go through it, only word that there is work."""

from __future__ import annotations

import asyncio

from pgqueuer.core.tm import TaskManager
from pgqueuer.ports.driver import NotifyCallback

from cornerdesk.engine.backend import CHANNEL, table_changed


class SqliteDriver:
    """PgQueuer's `Driver`."""

    def __init__(self) -> None:
        self._callbacks: list[tuple[str, NotifyCallback]] = []
        self._rung = False
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    def ring(self) -> None:
        """There is work. Once is enough until the worker looks again (`answered`): each ring makes it look."""
        if not self._rung:
            self._rung = True
            self._say(CHANNEL, table_changed())

    def answered(self) -> None:
        """The worker looks at the queue now: what comes in from here on needs another ring."""
        self._rung = False

    def _say(self, channel: str, payload: str) -> None:
        for wanted, callback in self._callbacks:
            if wanted == channel:
                callback(payload)

    async def notify(self, channel: str, payload: str) -> None:
        self._say(channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self._callbacks.append((channel, callback))

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        raise NotImplementedError("the SQLite repository runs its own statements")

    async def execute(self, query: str, *args: object) -> str:
        raise NotImplementedError("the SQLite repository runs its own statements")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> SqliteDriver:
        return self

    async def __aexit__(self, *_: object) -> None: ...
