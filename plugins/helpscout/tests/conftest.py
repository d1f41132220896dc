"""What the tests of Help Scout share: a stand-in on loopback, and adapters that talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.testing import SECRET, make_settings


class Pauses:
    """Sleeping that takes no time, and lets others run. `monotonic` is what would have passed by."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def standin() -> AsyncIterator[HelpScoutStandIn]:
    """A stand-in that keeps its webhooks to itself; `base_url` is its address."""
    made = HelpScoutStandIn(secret=SECRET, rate_limit=100_000)
    async with made.serving() as url:
        made.base_url = url  # type: ignore[attr-defined]
        yield made


@pytest.fixture
async def connect(standin: HelpScoutStandIn) -> AsyncIterator[Callable[..., HelpScoutAdapter]]:
    """Makes adapters that talk to the stand-in."""
    made: list[HelpScoutAdapter] = []

    def make(**changes: Any) -> HelpScoutAdapter:
        settings = make_settings(base_url=standin.base_url, **changes)  # type: ignore[attr-defined]
        pauses = Pauses()
        made.append(HelpScoutAdapter("inbox", settings, sleep=pauses.sleep, monotonic=pauses.monotonic))
        return made[-1]

    yield make
    for adapter in made:
        await adapter.aclose()


@pytest.fixture
def adapter(connect: Callable[..., HelpScoutAdapter]) -> HelpScoutAdapter:
    return connect()
