"""What the doctor finds and mends."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cornerdesk import Capability, CredentialsError, RejectedError, RetryableError, UnsupportedError
from cornerdesk.adapters.subscriptions import SubscriptionState
from cornerdesk.configuration import Configuration, Server
from cornerdesk.intake.runs import HistoryRuns
from cornerdesk.model import Origin
from cornerdesk.storage import Storage, open_storage
from cornerdesk.subscriptions.doctor import examine
from cornerdesk.subscriptions.findings import Trouble
from pydantic import SecretStr

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Account, Came, MoodyDesk, World

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)
ADDRESS = "https://desk.acme.example/webhooks/support"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def storage(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Storage]:
    """On SQLite: what depends on the database is in test_doctor_tables.py."""
    shutil.copy(migrated_file, tmp_path / "cornerdesk.db")
    async with await open_storage(f"sqlite:///{tmp_path / 'cornerdesk.db'}") as opened:
        yield opened


async def test_a_good_source_is_fine(world: World, account: Account, came: Came) -> None:
    account.has()
    await came([NOW - timedelta(minutes=5)])
    await world.reconciled(finished_at=NOW - timedelta(minutes=10))
    assert await world.examine() == replace(
        await world.examine(), source="support", line="signed in as user 7", findings=(), remarks=()
    )


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (CredentialsError("moody refuses the token of 'support': renew it"), Trouble.CREDENTIALS),
        (RetryableError("moody answers 503"), Trouble.UNREACHABLE),
        (ZeroDivisionError("a customer's words"), Trouble.UNREACHABLE),
    ],
)
async def test_one_that_does_not_answer_is_told_once_and_nothing_else_is_guessed(
    world: World, account: Account, error: Exception, trouble: Trouble
) -> None:
    account.line = account.listing = error
    examination = await world.examine()
    assert [finding.what for finding in examination.findings] == [trouble]
    assert "customer's words" not in examination.findings[0].detail
    assert examination.judgement is None
    assert Trouble.MISSING in examination.unjudged


async def test_credentials_that_end_are_told_with_the_day(world: World, account: Account) -> None:
    account.has()
    account.line = "signed in; with an API token, which moody ends on 30 April 2027: change to oauth"
    [finding] = (await world.examine()).findings
    assert finding.what is Trouble.CREDENTIALS_END
    assert "before 30 April 2027" in finding.to_do


async def test_what_an_adapter_cannot_tell_is_a_remark(
    world: World, account: Account, moody: type[MoodyDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moody, "capabilities", frozenset())
    account.line = UnsupportedError("moody cannot check its credentials")
    examination = await world.examine()
    assert examination.findings == ()
    assert "cannot check" in examination.remarks[0]
    assert "only silence can be noticed" in examination.remarks[1]


async def test_without_a_public_url_nobody_knows_which_is_ours(adapter: MoodyDesk, storage: Storage) -> None:
    examination = await examine(adapter, Configuration(server=Server()), storage, NOW)
    assert examination.findings == ()
    assert any("public_url" in remark for remark in examination.remarks)


async def test_a_source_that_fell_silent_is_told_since_its_last_delivery(
    world: World, account: Account, came: Came
) -> None:
    account.has()
    last = NOW - DAY
    await came([last - number * HOUR for number in range(24 * 30)])
    [finding] = (await world.examine()).findings
    assert finding.what is Trouble.SILENT
    assert finding.since == last
    assert finding.detail.startswith("nothing has come for 1d; in the 4 weeks before, such a time had 24 hours")


async def test_one_that_was_never_heard_is_not_called_silent(world: World, account: Account) -> None:
    account.has()
    examination = await world.examine()
    assert examination.findings == ()
    assert any("no webhook has come yet" in remark for remark in examination.remarks)


# ── repair ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_missing_one_is_made(world: World, account: Account) -> None:
    examination = await world.repair()
    assert [(finding.what, finding.repaired) for finding in examination.findings] == [(Trouble.MISSING, True)]
    assert account.calls == [f"register {ADDRESS}"]


async def test_none_is_made_where_the_vendors_secret_would_be_lost(
    world: World, account: Account, moody: type[MoodyDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moody, "vendor_chooses_secret", True)
    account.secret = SecretStr("vendor's")
    examination = await world.repair()
    assert [finding.repaired for finding in examination.findings] == [False]
    assert account.calls == []


async def test_what_the_vendor_refuses_stays_a_finding_with_the_reason(world: World, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    account.writing = RejectedError("moody refuses: the address does not answer")
    examination = await world.repair()
    assert [finding.repaired for finding in examination.findings] == [False]
    assert "the address does not answer" in examination.remarks[-1]


async def test_nothing_is_written_to_the_vendor_when_all_is_well_or_cannot_be_mended(
    world: World, account: Account
) -> None:
    account.has()
    await world.repair()
    account.has("s2")
    assert [finding.what for finding in (await world.repair()).findings] == [Trouble.DOUBLED]
    assert account.calls == []


async def test_another_installations_subscription_is_left_alone(world: World, account: Account) -> None:
    account.has(url="https://other.acme.example/webhooks/support")
    examination = await world.repair()
    assert [(finding.what, finding.repaired) for finding in examination.findings] == [(Trouble.ELSEWHERE, False)]
    assert account.calls == []


async def test_of_a_silent_source_with_nothing_to_mend_the_api_is_asked(
    world: World, account: Account, came: Came
) -> None:
    account.has()
    await came([NOW - DAY - number * HOUR for number in range(24 * 30)])
    await world.reconciled(finished_at=NOW, attempted_at=NOW)
    examination = await world.repair()
    assert [(finding.what, finding.repaired) for finding in examination.findings] == [(Trouble.SILENT, False)]
    run = await HistoryRuns(world.storage, world.clock).find("support", Origin.RECONCILE)
    assert run is not None
    assert run.attempted_at is None


async def test_a_gap_that_nothing_can_fill_is_said(
    world: World, account: Account, moody: type[MoodyDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moody, "capabilities", moody.capabilities - {Capability.HISTORY})
    account.has(state=SubscriptionState.DISABLED)
    assert "no reconcile" in (await world.repair()).remarks[-1]
