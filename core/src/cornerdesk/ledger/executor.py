"""The one executor: takes a job that names effects, and sees to each of them. The only place where anything acts."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import Job, RetryJob
from cornerdesk.ledger.attempts import Attempts
from cornerdesk.ledger.ledger import Ledger
from cornerdesk.ledger.metrics import Meter
from cornerdesk.ledger.remote import RemoteExecution
from cornerdesk.ledger.verdicts import Patience
from cornerdesk.storage import Storage, tables
from cornerdesk.storage.errors import StorageUnavailable

log = structlog.get_logger()


class Executor:
    """Does effects.

    Args:
        storage, ledger: where effects stand.
        adapters: one for each source, by the source's name.
        configuration: what actions may look at.
        hooks: calls the plugins' own hooks.
        clock: what time it is.
        registry: where its metrics are registered; None: nobody looks at them.
        patience: time-outs, retries, and how many effects at a time.
        jitter: a number from 0 to 1.
    """

    def __init__(
        self,
        storage: Storage,
        ledger: Ledger,
        adapters: Mapping[str, Adapter],
        configuration: Configuration,
        hooks: Any,
        clock: Clock,
        *,
        registry: CollectorRegistry | None = None,
        patience: Patience | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        patience = patience or Patience()
        self._storage = storage
        self._jitter = jitter
        self._room = asyncio.Semaphore(patience.concurrency)
        meter = Meter(registry or CollectorRegistry())
        self._attempts = Attempts(storage, ledger, clock, configuration, patience, meter, jitter)
        self._remote = RemoteExecution(self._attempts, adapters, hooks)

    async def handle(self, job: Job) -> None:
        """Do the effects whose ids the job's payload lists: those of one ticket in their order, others side by side.

        An effect that fails gets a job of its own and holds up no other.

        Raises:
            RetryJob: the database was away; what was done is known by its rows, the rest is done then.
        """
        lanes = await self._lanes(json.loads(job.payload))
        ends = await asyncio.gather(*(self._follow(lane) for lane in lanes), return_exceptions=True)
        errors = [error for end in ends for error in (end if isinstance(end, list) else [end])]
        for error in errors:
            if not isinstance(error, StorageUnavailable):
                raise error
        if errors:
            raise RetryJob(str(errors[0]), delay=1 + 4 * self._jitter())

    async def _lanes(self, ids: Sequence[str]) -> list[list[str]]:
        if len(ids) < 2:
            return [list(ids)]
        effects = tables.effects.c
        async with self._storage.reading() as tx:
            rows = await tx.rows(select(effects.id, effects.source, effects.ticket).where(effects.id.in_(ids)))
        ways = {row["id"]: (row["source"], row["ticket"] or row["id"]) for row in rows}
        lanes: dict[tuple[str, str], list[str]] = {}
        for each in dict.fromkeys(ids):
            if each in ways:
                lanes.setdefault(ways[each], []).append(each)
        return list(lanes.values())

    async def _follow(self, lane: Iterable[str]) -> list[Exception]:
        """Do one effect after the other; what could not even be marked as failed is returned."""
        errors: list[Exception] = []
        for effect_id in lane:
            try:
                async with self._room:
                    await self._do(effect_id)
            except Exception as error:  # noqa: BLE001 - one effect must not hold up the next
                log.warning("effect_interrupted", effect=effect_id, error=type(error).__name__)
                errors.append(error)
        return errors

    async def _do(self, effect_id: str) -> None:
        try:
            attempt = await self._attempts.begin(effect_id)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin is run
            await self._attempts.refuse(effect_id, error)
            return
        if attempt is not None:
            await self._remote.go_on(attempt)
