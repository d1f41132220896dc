"""What differs between the databases: how jobs get into the queue, and PgQueuer's repository over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Final, Protocol

from pgqueuer.ports import RepositoryPort

from cornerdesk.engine.jobs import HeldJob, JobRequest
from cornerdesk.storage import Transaction

CHANNEL: Final = "ch_pgqueuer"


class Backend(Protocol):
    """One database's side of `Jobs`."""

    async def enqueue(self, tx: Transaction, requests: Sequence[JobRequest]) -> None:
        """Insert jobs within `tx`; one whose key waits or runs already is left out."""

    async def cancel(self, tx: Transaction, dedupe_keys: Sequence[str]) -> None:
        """Delete waiting jobs within `tx`."""

    async def failed(self, limit: int) -> Sequence[HeldJob]:
        """Held jobs, oldest first."""

    async def requeue(self, ids: Sequence[int]) -> list[int]:
        """Put held jobs back; those whose key waits or runs already are dropped, and their ids returned."""

    async def waiting(self) -> dict[str, int]:
        """Jobs of each name that wait or run."""

    async def prune(self, kept: float) -> None:
        """Forget finished jobs older than `kept` seconds."""

    def session(self) -> AbstractAsyncContextManager[RepositoryPort]:
        """PgQueuer's repository, for as long as a worker works."""


def table_changed() -> str:
    """What PgQueuer's trigger says when jobs came in; its listener looks at the queue at once."""
    sent_at = datetime.now(UTC).isoformat()
    return (
        f'{{"channel":"{CHANNEL}","operation":"insert","sent_at":"{sent_at}","table":"pgqueuer",'
        '"type":"table_changed_event"}'
    )


def delays(longest: float = 5.0) -> Iterator[float]:
    """Seconds to wait before one try and the next: doubling, with jitter so that workers do not come all at once."""
    delay = 0.1
    while True:
        yield delay * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        delay = min(2 * delay, longest)


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not longer than until `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
