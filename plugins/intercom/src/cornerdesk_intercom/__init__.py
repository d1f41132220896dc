"""Intercom for Cornerdesk: deliveries, hydration, history, write-back."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Adapter, hookimpl

from cornerdesk_intercom.adapter import IntercomAdapter


@hookimpl
def cornerdesk_adapters() -> Sequence[type[Adapter]]:
    return (IntercomAdapter,)
