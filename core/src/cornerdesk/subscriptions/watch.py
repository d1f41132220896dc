"""Examines every source each hour while `serve` runs, so that nobody has to ask; tells it by log and by metric."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cornerdesk.adapters.interface import Adapter
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import Jobs
from cornerdesk.errors import CornerdeskError
from cornerdesk.storage import Storage
from cornerdesk.subscriptions.doctor import examine
from cornerdesk.subscriptions.findings import Trouble
from cornerdesk.subscriptions.record import News, known_findings, remember
from cornerdesk.subscriptions.rhythm import last_delivery

log = structlog.get_logger()

EVERY_HOUR = "7 * * * *"
PATIENCE = 2.0
"""Seconds that whoever collects metrics waits for the database."""


class Watch:
    """Examines the sources of one `serve`. Mends nothing: a person asks for that."""

    def __init__(
        self, adapters: Mapping[str, Adapter], configuration: Configuration, storage: Storage, clock: Clock
    ) -> None:
        self._adapters = adapters
        self._configuration = configuration
        self._storage = storage
        self._clock = clock

    def register(self, jobs: Jobs) -> None:
        """Have it done on time, once across all workers."""
        jobs.cron("examine-sources", EVERY_HOUR, self.examine_all)

    async def examine_all(self) -> None:
        """Examine every source, all at once: a vendor that takes its time holds up no other."""
        await asyncio.gather(*map(self._examine, self._adapters.values()))

    async def _examine(self, adapter: Adapter) -> None:
        now = self._clock.now()
        try:
            examination = await examine(adapter, self._configuration, self._storage, now)
            async with self._storage.transaction() as tx:
                _, news = await remember(tx, examination, now)
        except CornerdeskError as error:
            log.warning("source_not_examined", source=adapter.source, reason=str(error))
            return
        _tell(adapter.source, news)


def _tell(source: str, news: News) -> None:
    for finding in news.new:
        log.warning(
            "source_in_trouble",
            source=source,
            finding=finding.what.value,
            since=finding.since.isoformat() if finding.since else None,
            detail=finding.detail,
            to_do=finding.to_do,
        )
    for what in news.gone:
        log.info("source_trouble_over", source=source, finding=what)


class WatchMetrics(Collector):
    """What the last examination found, whichever process made it, and when each source was last heard of.

    Args:
        seen: is told of what other processes, or this one before it was started anew, have stored.
    """

    def __init__(
        self,
        storage: Storage,
        sources: Iterable[str],
        registry: CollectorRegistry,
        seen: Callable[[str, datetime], None],
    ) -> None:
        self._storage = storage
        self._sources = sorted(sources)
        self._seen = seen
        self._known: dict[tuple[str, str], int] | None = None
        self._reading: asyncio.Task[None] | None = None
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing until the database was read: a nought would say that all is well."""
        family = self._family()
        for source in self._sources if self._known is not None else ():
            for trouble in Trouble:
                family.add_metric((source, trouble.value), (self._known or {}).get((source, trouble.value), 0))
        yield family

    async def refresh(self) -> None:
        """Read anew what is known; what was known before stands while the database does not answer."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Not cancelled when it takes too long: taking back a connection that hangs may itself hang.
        await asyncio.wait({self._reading}, timeout=PATIENCE)

    async def _read(self) -> None:
        self._known = await known_findings(self._storage, self._sources)
        async with self._storage.reading() as tx:
            for source in self._sources:
                if (last := await last_delivery(tx, source)) is not None:
                    self._seen(source, last)

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "cornerdesk_source_findings",
            "What the last examination of each source found wrong, by its kind; see `cornerdesk doctor`",
            labels=("source", "finding"),
        )
