"""The one small face of the engine."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cornerdesk.errors import RetryableError
from cornerdesk.storage.transaction import Transaction


@dataclass(frozen=True)
class JobRequest:
    """A job to be run at least once, by some worker, at or after `not_before` (aware; None: now).

    `payload` is the handler's own. `dedupe_key`: while a job with this key waits or runs, another is not taken on.
    `priority`: higher first.
    """

    name: str
    payload: bytes
    not_before: datetime | None = None
    dedupe_key: str | None = None
    priority: int = 0


@dataclass(frozen=True)
class Job:
    """A job being run. `attempts` counts the runs before this one that asked for a retry."""

    id: int
    name: str
    payload: bytes
    attempts: int


@dataclass(frozen=True)
class HeldJob:
    """A job that failed for good and waits for a person. `reason` says why, as far as it is still known."""

    id: int
    name: str
    payload: bytes
    attempts: int
    reason: str | None = None


class RetryJob(RetryableError):
    """Raised by a handler: run me again after `delay` seconds."""

    def __init__(self, reason: str, *, delay: float) -> None:
        super().__init__(reason, retry_after=delay)
        self.delay = delay


Handler = Callable[[Job], Awaitable[None]]


class Jobs(ABC):
    """Durable jobs. A handler may run more than once for one job (a crash before completion is noted): what it does
    must be made once by the state of our own rows."""

    @abstractmethod
    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        """Take jobs on within the caller's transaction: they exist if and only if it commits. One batch per call."""

    @abstractmethod
    def handle(self, name: str, handler: Handler) -> None:
        """Run `handler` for jobs of this name. Before `run`."""

    @abstractmethod
    def cron(self, name: str, expression: str, handler: Callable[[], Awaitable[None]]) -> None:
        """Run `handler` at the times of a cron expression (UTC), once across all workers. Before `run`."""

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is held and return. Jobs of a worker that died are taken over.

        A handler's `RetryJob` runs the job again after its delay; any other exception holds it (see `failed`).
        """

    @abstractmethod
    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        """Drop waiting jobs with these keys. Tidiness only: a handler must cope with a job that is no longer wanted."""

    @abstractmethod
    async def failed(self, limit: int = 100) -> Sequence[HeldJob]:
        """Held jobs, oldest first."""

    @abstractmethod
    async def requeue(self, ids: Sequence[int]) -> None:
        """Put held jobs back in the queue. One whose key waits or runs already is dropped, as `enqueue` would do."""

    @abstractmethod
    async def waiting(self) -> dict[str, int]:
        """How many jobs of each name wait or run."""
