"""What the doctor reads in our tables and leaves there, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import RetryableError
from cornerdesk.adapters.subscriptions import SubscriptionState
from cornerdesk.intake.reconcile import is_due
from cornerdesk.intake.runs import HistoryRuns, RunState
from cornerdesk.model import Origin, new_id
from cornerdesk.storage import tables
from cornerdesk.subscriptions.findings import Trouble
from cornerdesk.subscriptions.record import News, known_findings
from sqlalchemy import insert

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Account, Came, World

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
ADDRESS = "https://desk.acme.example/webhooks/support"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def test_dead_letters_are_counted_since_the_oldest(world: World, account: Account, came: Came) -> None:
    account.has()
    await came([NOW - DAY, NOW - HOUR], state="dead")
    await came([NOW - 2 * DAY], source="sales", state="dead")
    effect = {"key": "k", "rule": "r", "action": "tag", "target": "1", "payload": {}, "source": "support"}
    async with world.storage.transaction() as tx:
        dead = {**effect, "id": new_id(), "state": "dead", "planned_at": NOW - 3 * DAY, "done_at": NOW - 2 * HOUR}
        await tx.execute(insert(tables.effects), [dead])
    [finding] = (await world.examine()).findings
    assert (finding.what, finding.since) == (Trouble.DEAD_LETTERS, NOW - DAY)
    assert finding.detail.startswith("2 deliveries and 1 effect")


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        ({"state": "fine", "finished_at": NOW - timedelta(minutes=50)}, None),
        ({"state": "fine", "finished_at": NOW - timedelta(minutes=70)}, Trouble.RECONCILE_OVERDUE),
        ({"state": "behind", "started_at": NOW - 2 * HOUR}, Trouble.RECONCILE_OVERDUE),
        ({"state": "failing", "reason": "moody answers 503"}, Trouble.RECONCILE_FAILING),
    ],
)
async def test_how_reconcile_does(world: World, account: Account, row: dict[str, Any], trouble: Trouble | None) -> None:
    account.has()
    await world.reconciled(**row)
    assert await world.troubles() == ([trouble] if trouble else [])


async def test_a_finding_keeps_the_time_it_was_first_seen_until_it_is_gone(world: World, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    first, news = await world.remember(await world.examine(), NOW - DAY)
    assert [finding.since for finding in first.findings] == [NOW - DAY]
    assert [finding.what for finding in news.new] == [Trouble.DISABLED]
    again, news = await world.remember(await world.examine())
    assert [finding.since for finding in again.findings] == [NOW - DAY]
    assert news == News()
    assert await known_findings(world.storage, ["support"]) == {("support", "disabled"): 1}
    account.has()
    _, news = await world.remember(await world.examine())
    assert news == News(gone=("disabled",))
    assert await known_findings(world.storage, ["support"]) == {}


async def test_what_nobody_could_look_at_is_not_forgotten(world: World, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    await world.remember(await world.examine(), NOW - DAY)
    account.line = RetryableError("moody answers 503")
    await world.remember(await world.examine())
    known = await known_findings(world.storage, ["support"])
    assert known == {("support", "disabled"): 1, ("support", "unreachable"): 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": SubscriptionState.DISABLED},
        {"state": SubscriptionState.SUSPENDED, "missing": ("ticket.rated",)},
        {"missing": ("ticket.rated",)},
        {"url": "https://old.acme.example/webhooks/support"},
    ],
    ids=["disabled", "suspended and lacking", "lacking", "elsewhere"],
)
async def test_a_subscription_is_mended_and_the_gap_is_filled(
    world: World, account: Account, came: Came, wrong: dict[str, Any]
) -> None:
    account.has(**wrong)
    await came([NOW - HOUR])
    await world.reconciled(finished_at=NOW - timedelta(minutes=1), attempted_at=NOW - timedelta(minutes=1))
    examination = await world.repair()
    assert examination.findings
    assert all(finding.repaired for finding in examination.findings)
    assert account.calls == ["repair s1"]
    assert await world.troubles() == []
    run = await HistoryRuns(world.storage, world.clock).find("support", Origin.RECONCILE)
    assert run is not None
    assert run.state is RunState.FINE
    assert is_due(run, timedelta(minutes=15), NOW)
    assert "fetched within a minute" in examination.remarks[-1]
