"""Health: quick and honest whatever the database does, and it tells strangers no names."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
from cornerdesk.storage import StorageUnavailable
from prometheus_client.parser import text_string_to_metric_families

GONE = StorageUnavailable("the database postgresql://desk:***@db.internal/desk cannot be used: it cannot be reached")


async def test_ready_says_what_runs(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["ready"], told["database"], told["rules"]) == (200, True, "ok", 1)
    assert "broken" in told["plugins"]


async def test_not_ready_when_the_database_is_gone_with_the_reason_for_this_machine(
    browser: httpx.AsyncClient, break_storage: Any
) -> None:
    break_storage(GONE)
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["database"]


async def test_strangers_learn_whether_but_not_why(visit: Any, break_storage: Any) -> None:
    break_storage(GONE)
    answer = await visit(client="192.0.2.7").get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "cannot be used"
    assert answer.json()["plugins"] == ["broken"]
    assert "internal" not in answer.text
    assert "/home" not in answer.text


async def test_a_database_that_hangs_makes_nobody_wait_and_is_asked_once(
    browser: httpx.AsyncClient, break_storage: Any
) -> None:
    asked = 0
    answers = asyncio.Event()

    async def hang() -> None:
        nonlocal asked
        asked += 1
        await answers.wait()

    break_storage(GONE, hang=hang)
    began = time.monotonic()
    first, second = await asyncio.gather(browser.get("/readyz"), browser.get("/readyz"))
    assert time.monotonic() - began < 4
    assert [first.status_code, second.status_code] == [503, 503]
    assert "does not answer within 2 s" in first.json()["database"]
    assert asked == 1
    answers.set()


async def test_alive_does_not_depend_on_the_database(browser: httpx.AsyncClient, break_storage: Any) -> None:
    break_storage(GONE)
    assert (await browser.get("/healthz")).status_code == 200
    assert (await browser.get("/metrics")).status_code == 200


async def test_metrics_can_be_read_by_prometheus(browser: httpx.AsyncClient) -> None:
    await browser.post("/webhooks/support", content=b"{}")
    answer = await browser.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert "cornerdesk_deliveries" in families
