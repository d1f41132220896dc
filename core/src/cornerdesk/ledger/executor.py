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

from cornerdesk.actions import RecordedAction, RemoteAction
from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import Job, RetryJob
from cornerdesk.errors import UnsupportedError
from cornerdesk.ledger.attempts import Attempts
from cornerdesk.ledger.ledger import Ledger
from cornerdesk.ledger.metrics import Meter
from cornerdesk.ledger.recorded import RecordedExecution
from cornerdesk.ledger.remote import RemoteExecution
from cornerdesk.ledger.verdicts import Patience
from cornerdesk.storage import Storage, tables
from cornerdesk.storage.errors import StorageUnavailable
from cornerdesk.storage.transaction import Row

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
        self._actions = ledger.actions
        self._jitter = jitter
        self._room = asyncio.Semaphore(patience.concurrency)
        self._attempts = Attempts(storage, ledger, clock, patience, Meter(registry or CollectorRegistry()), jitter)
        self._remote = RemoteExecution(self._attempts, adapters, configuration, hooks)
        self._recorded = RecordedExecution(self._attempts, configuration)

    async def handle(self, job: Job) -> None:
        """Do the effects whose ids the job's payload lists: those of one ticket in their order, others side by side.

        An effect that fails gets a job of its own and holds up no other.

        Raises:
            RetryJob: the database was away; what was done is known by its rows, the rest is done then.
        """
        lanes = _lanes(await self._find(json.loads(job.payload)))
        ends = await asyncio.gather(*(self._follow(lane) for lane in lanes), return_exceptions=True)
        errors = [error for end in ends for error in (end if isinstance(end, list) else [end])]
        for error in errors:
            if not isinstance(error, StorageUnavailable):
                raise error
        if errors:
            raise RetryJob(str(errors[0]), delay=1 + 4 * self._jitter())

    async def _find(self, ids: Sequence[str]) -> list[Row]:
        effects = tables.effects
        columns = (effects.c.id, effects.c.action, effects.c.source, effects.c.ticket)
        async with self._storage.reading() as tx:
            rows = {row["id"]: row for row in await tx.rows(select(*columns).where(effects.c.id.in_(ids)))}
        return [rows[each] for each in dict.fromkeys(ids) if each in rows]

    async def _follow(self, lane: Iterable[Row]) -> list[Exception]:
        """Do one effect after the other; what could not even be marked as failed is returned."""
        errors: list[Exception] = []
        for row in lane:
            try:
                async with self._room:
                    await self._do(row)
            except Exception as error:  # noqa: BLE001 - one effect must not hold up the next
                log.warning("effect_interrupted", effect=row["id"], error=type(error).__name__)
                errors.append(error)
        return errors

    async def _do(self, row: Row) -> None:
        match self._actions.get(row["action"]):
            case RemoteAction() as action:
                await self._remote.run(row["id"], action)
            case RecordedAction() as action:
                await self._recorded.run(row["id"], action)
            case _:
                missing = UnsupportedError(
                    f"no action {row['action']!r} is installed; install its plugin, then"
                    f" `cornerdesk deadletters retry {row['id']}`"
                )
                await self._attempts.refuse(row["id"], missing)


def _lanes(rows: Iterable[Row]) -> list[list[Row]]:
    lanes: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        lane = (row["source"] or "", row["ticket"]) if row["ticket"] else (row["id"],)
        lanes.setdefault(lane, []).append(row)
    return list(lanes.values())
