"""For tests of plugins and of whole systems: the conformance kit, stand-ins of help desks, real processes on loopback.

The names below are public. They are imported when they are first asked for: the kit needs pytest and hypothesis
(`pip install cornerdesk[testing]`), which a running Cornerdesk does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornerdesk.testing.conformance.bench import Bench, HandClock
    from cornerdesk.testing.conformance.company import Company
    from cornerdesk.testing.conformance.credentials import CredentialsTests
    from cornerdesk.testing.conformance.faults import FaultTests
    from cornerdesk.testing.conformance.history import HistoryTests
    from cornerdesk.testing.conformance.hydration import HydrationTests
    from cornerdesk.testing.conformance.mapping import MappingTests
    from cornerdesk.testing.conformance.samples import Sample, Told
    from cornerdesk.testing.conformance.standard import NOW, NOWHERE, SECRET, StandardTests, no_pause
    from cornerdesk.testing.conformance.subscriptions import SubscriptionTests
    from cornerdesk.testing.conformance.webhooks import WebhookTests
    from cornerdesk.testing.conformance.whole import WholeTests
    from cornerdesk.testing.conformance.writing import WriteBackTests
    from cornerdesk.testing.desk import Fault, StandIn

_PLACES = {
    "Bench": "conformance.bench",
    "Company": "conformance.company",
    "CredentialsTests": "conformance.credentials",
    "Fault": "desk",
    "FaultTests": "conformance.faults",
    "HandClock": "conformance.bench",
    "HistoryTests": "conformance.history",
    "HydrationTests": "conformance.hydration",
    "MappingTests": "conformance.mapping",
    "NOW": "conformance.standard",
    "NOWHERE": "conformance.standard",
    "SECRET": "conformance.standard",
    "Sample": "conformance.samples",
    "StandIn": "desk",
    "StandardTests": "conformance.standard",
    "SubscriptionTests": "conformance.subscriptions",
    "Told": "conformance.samples",
    "WebhookTests": "conformance.webhooks",
    "WholeTests": "conformance.whole",
    "WriteBackTests": "conformance.writing",
    "no_pause": "conformance.standard",
}

__all__ = [
    "NOW",
    "NOWHERE",
    "SECRET",
    "Bench",
    "Company",
    "CredentialsTests",
    "Fault",
    "FaultTests",
    "HandClock",
    "HistoryTests",
    "HydrationTests",
    "MappingTests",
    "Sample",
    "StandIn",
    "StandardTests",
    "SubscriptionTests",
    "Told",
    "WebhookTests",
    "WholeTests",
    "WriteBackTests",
    "no_pause",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"cornerdesk.testing has no {name}")
    return getattr(importlib.import_module(f"cornerdesk.testing.{_PLACES[name]}"), name)
