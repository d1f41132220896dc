"""How many effects ended how, and how long they took, for Prometheus."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from cornerdesk.actions import EffectState
from cornerdesk.ledger.rows import Held

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)


class Meter:
    """Counts what the executor made of effects; called once the transaction that made it true is committed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._states = Counter(
            "cornerdesk_effects_total",
            "Effects by action and the state they took",
            ["action", "state"],
            registry=registry,
        )
        self._seconds = Histogram(
            "cornerdesk_effect_seconds",
            "From the delivery's arrival (or from when it was due) until the effect was confirmed",
            ["action"],
            buckets=_SECONDS,
            registry=registry,
        )

    def count(self, held: Held, state: EffectState, now: datetime) -> None:
        """The effect took this state."""
        action = held.effect.action
        self._states.labels(action, state.value).inc()
        if state is EffectState.CONFIRMED:
            since = held.progress.not_before or held.received_at or held.effect.planned_at
            self._seconds.labels(action).observe(max(0.0, (now - since).total_seconds()))
