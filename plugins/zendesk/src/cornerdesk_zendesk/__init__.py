"""Zendesk for Cornerdesk: deliveries, hydration, write-back."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Adapter, hookimpl

from cornerdesk_zendesk.adapter import ZendeskAdapter


@hookimpl
def cornerdesk_adapters() -> Sequence[type[Adapter]]:
    return (ZendeskAdapter,)
