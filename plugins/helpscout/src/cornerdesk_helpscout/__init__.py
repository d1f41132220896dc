"""Help Scout for Cornerdesk: deliveries, hydration, history, subscriptions, write-back."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Adapter, hookimpl

from cornerdesk_helpscout.adapter import HelpScoutAdapter


@hookimpl
def cornerdesk_adapters() -> Sequence[type[Adapter]]:
    return (HelpScoutAdapter,)
