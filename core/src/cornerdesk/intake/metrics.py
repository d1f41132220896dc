"""What intake counts, for /metrics. Counts only: nothing here decides anything.

Each class registers its own metrics once in the registry it is given; without one it counts into a registry of its own
that nobody reads. Labels hold names from the configuration and fixed words, never anything a sender chose.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
AGES = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 21600.0)
REASON_LENGTH = 60


class ReceiverMetrics:
    """Deliveries by source and outcome, and when each source was last heard of."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        registry = registry or CollectorRegistry()
        self._deliveries = Counter(
            "cornerdesk_deliveries",
            "Webhook requests by what became of them",
            ("source", "outcome"),
            registry=registry,
        )
        self._last_seen = Gauge(
            "cornerdesk_source_last_seen_timestamp_seconds",
            "When a delivery of this source was last stored, as Unix time",
            ("source",),
            registry=registry,
        )
        # `labels` takes a lock and builds a tuple for every call; this is the hot path.
        self._counters: dict[tuple[str, str], Counter] = {}
        self._gauges: dict[str, Gauge] = {}

    def count(self, source: str, outcome: str) -> None:
        """`source` is empty for an unknown one, whose name the sender chose."""
        counter = self._counters.get((source, outcome))
        if counter is None:
            counter = self._counters[source, outcome] = self._deliveries.labels(source, outcome)
        counter.inc()

    def seen(self, source: str, at: datetime) -> None:
        gauge = self._gauges.get(source)
        if gauge is None:
            gauge = self._gauges[source] = self._last_seen.labels(source)
        gauge.set(at.timestamp())


class InboxMetrics:
    """How full the waiting room is and how the group commit does."""

    def __init__(self, registry: CollectorRegistry | None, waiting: Callable[[], float]) -> None:
        registry = registry or CollectorRegistry()
        Gauge(
            "cornerdesk_inbox_waiting", "Deliveries that wait for the commit they go with", registry=registry
        ).set_function(waiting)
        self.group = Histogram(
            "cornerdesk_inbox_group_size",
            "Deliveries stored by one commit",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
            registry=registry,
        )
        self.commit = Histogram(
            "cornerdesk_inbox_commit_seconds", "How long one commit took", buckets=SECONDS, registry=registry
        )


class ProcessingMetrics:
    """What became of stored deliveries, and how old they were by then."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        registry = registry or CollectorRegistry()
        self.processed = Counter(
            "cornerdesk_deliveries_processed",
            "Stored deliveries by what processing made of them",
            ("source", "state"),
            registry=registry,
        )
        self._ignored = Counter(
            "cornerdesk_deliveries_ignored",
            "Deliveries that tell nothing of interest, by the adapter's reason",
            ("source", "reason"),
            registry=registry,
        )
        self.events = Counter("cornerdesk_events", "Events made", ("source", "kind"), registry=registry)
        self.fetches = Counter(
            "cornerdesk_ticket_fetches", "Tickets fetched from the vendor", ("source", "outcome"), registry=registry
        )
        self.age = Histogram(
            "cornerdesk_delivery_age_seconds",
            "From receiving a delivery to having its events decided",
            ("source",),
            buckets=AGES,
            registry=registry,
        )

    def ignored(self, source: str, reason: str) -> None:
        self._ignored.labels(source, reason[:REASON_LENGTH]).inc()
