"""What `serve` does unasked: once an hour for all, told by log and by metric, whoever looked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import create_autospec

import pytest
import structlog
from cornerdesk import Adapter, RetryableError
from cornerdesk.adapters.subscriptions import SubscriptionState
from cornerdesk.configuration import Configuration
from cornerdesk.engine.jobs import Jobs
from cornerdesk.storage import Storage, StorageUnavailable
from cornerdesk.subscriptions.watch import EVERY_HOUR, Watch, WatchMetrics
from prometheus_client import CollectorRegistry

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Account, Came, MoodyDesk

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


def watch_of(adapters: dict[str, Adapter], configuration: Configuration, storage: Storage) -> Watch:
    return Watch(adapters, configuration, storage, FixedClock())


async def test_it_is_a_schedule_of_the_engine_which_runs_once_across_workers(
    adapter: MoodyDesk, configuration: Configuration, storage: Storage
) -> None:
    jobs = create_autospec(Jobs, instance=True)
    watch = watch_of({"support": adapter}, configuration, storage)
    watch.register(jobs)
    jobs.cron.assert_called_once_with("examine-sources", EVERY_HOUR, watch.examine_all)


async def test_trouble_is_logged_when_it_begins_and_when_it_is_over(
    adapter: MoodyDesk, account: Account, configuration: Configuration, storage: Storage
) -> None:
    watch = watch_of({"support": adapter}, configuration, storage)
    account.has(state=SubscriptionState.DISABLED)
    with structlog.testing.capture_logs() as logs:
        await watch.examine_all()
        await watch.examine_all()
        account.has()
        await watch.examine_all()
    assert [(line["event"], line["finding"]) for line in logs] == [
        ("source_in_trouble", "disabled"),
        ("source_trouble_over", "disabled"),
    ]
    assert logs[0]["since"] == NOW.isoformat()
    assert account.calls == []


async def test_one_source_in_trouble_holds_up_no_other(
    moody: type[MoodyDesk], adapter: MoodyDesk, account: Account, configuration: Configuration, storage: Storage
) -> None:
    class Broken(moody):  # type: ignore[misc, valid-type]
        async def check(self) -> str:
            raise RetryableError("moody answers 503")

    account.has()
    sales = Broken("sales", configuration.sources["sales"])
    with structlog.testing.capture_logs() as logs:
        await watch_of({"sales": sales, "support": adapter}, configuration, storage).examine_all()
    assert [(line["source"], line["finding"]) for line in logs] == [("sales", "unreachable")]


async def test_every_process_tells_what_one_has_found_and_when_a_source_was_last_heard(
    adapter: MoodyDesk, account: Account, configuration: Configuration, storage: Storage, came: Came
) -> None:
    registry, seen = CollectorRegistry(), dict[str, datetime]()
    metrics = WatchMetrics(storage, ["support"], registry, seen.__setitem__)

    def value(finding: str) -> float | None:
        return registry.get_sample_value("cornerdesk_source_findings", {"source": "support", "finding": finding})

    assert value("disabled") is None
    account.has(state=SubscriptionState.DISABLED)
    await came([NOW - timedelta(minutes=3)])
    await watch_of({"support": adapter}, configuration, storage).examine_all()
    await metrics.refresh()
    assert (value("disabled"), value("silent")) == (1.0, 0.0)
    assert seen == {"support": NOW - timedelta(minutes=3)}
    account.has()
    await watch_of({"support": adapter}, configuration, storage).examine_all()
    await metrics.refresh()
    assert value("disabled") == 0.0


async def test_a_database_that_is_away_leaves_what_was_known(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    metrics = WatchMetrics(storage, ["support"], registry, lambda source, at: None)
    silent = {"source": "support", "finding": "silent"}
    await metrics.refresh()
    assert registry.get_sample_value("cornerdesk_source_findings", silent) == 0.0
    asked = []

    def away() -> None:
        asked.append(True)
        raise StorageUnavailable("the database is away")

    monkeypatch.setattr(storage, "reading", away)
    await metrics.refresh()
    assert asked
    assert registry.get_sample_value("cornerdesk_source_findings", silent) == 0.0
