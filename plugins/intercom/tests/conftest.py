"""What the tests of Intercom share: a stand-in on loopback, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cornerdesk.testing import no_pause
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import SECRET, make_settings


@pytest.fixture
async def standin() -> AsyncIterator[IntercomStandIn]:
    """A stand-in that keeps its webhooks to itself; `base_url` is its address."""
    made = IntercomStandIn(secret=SECRET)
    async with made.serving() as url:
        made.base_url = url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
async def connect(standin: IntercomStandIn) -> AsyncIterator[Callable[..., IntercomAdapter]]:
    """Makes adapters that talk to the stand-in."""
    made: list[IntercomAdapter] = []

    def make(**changes: Any) -> IntercomAdapter:
        settings = make_settings(base_url=standin.base_url, **changes)  # type: ignore[attr-defined]
        made.append(IntercomAdapter("chat", settings, sleep=no_pause))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.aclose()


@pytest.fixture
def adapter(connect: Callable[..., IntercomAdapter]) -> IntercomAdapter:
    return connect()
