"""What the tests of Zendesk share: a stand-in on loopback, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cornerdesk.testing import no_pause
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import SECRET, make_settings


@pytest.fixture
async def standin() -> AsyncIterator[ZendeskStandIn]:
    """A stand-in that keeps its webhooks to itself; `base_url` is its address."""
    made = ZendeskStandIn(secret=SECRET)
    async with made.serving() as url:
        made.base_url = url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
async def connect(standin: ZendeskStandIn) -> AsyncIterator[Callable[..., ZendeskAdapter]]:
    """Makes adapters that talk to the stand-in."""
    made: list[ZendeskAdapter] = []

    def make(**changes: Any) -> ZendeskAdapter:
        settings = make_settings(base_url=standin.base_url, **changes)  # type: ignore[attr-defined]
        made.append(ZendeskAdapter("support", settings, sleep=no_pause))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.aclose()


@pytest.fixture
def adapter(connect: Callable[..., ZendeskAdapter]) -> ZendeskAdapter:
    return connect()
