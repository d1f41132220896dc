"""`cornerdesk doctor` and `check --online`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cornerdesk import CredentialsError, RejectedError
from cornerdesk.adapters.subscriptions import SubscriptionState

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Account, Run

ADDRESS = "https://desk.acme.example/webhooks/support"


def test_a_healthy_source_is_fine(cornerdesk: Run, account: Account) -> None:
    account.has()
    done = cornerdesk("doctor")
    assert (done.code, done.out) == (0, "support: fine (signed in as user 7)\n")
    assert "no webhook has come yet" in done.err


def test_a_finding_says_what_since_when_and_what_to_do(cornerdesk: Run, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED, state_label="inactive")
    done = cornerdesk("doctor", "support")
    assert done.code == 1
    head, detail, to_do = done.out.splitlines()
    assert head.startswith("support: disabled since 20")
    assert 'subscription s1 is switched off ("inactive")' in detail
    assert "cornerdesk doctor support --repair" in to_do


def test_as_json_a_finding_is_a_line(cornerdesk: Run, account: Account) -> None:
    account.has(missing=("ticket.rated",))
    account.has("s2", missing=("ticket.rated",))
    done = cornerdesk("doctor", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["what"] for row in rows] == ["doubled", "lacking"]
    assert all({"source", "since", "subscription", "detail", "to_do", "repairable"} <= set(row) for row in rows)
    assert all(row["since"] for row in rows)


def test_what_is_still_to_come_has_no_since(cornerdesk: Run, account: Account) -> None:
    account.has()
    account.line = "signed in; with an API token, which moody ends on 30 April 2027: change to oauth"
    done = cornerdesk("doctor")
    assert done.code == 1
    assert done.out.splitlines()[0] == "support: credentials end"
    online = cornerdesk("check", "--online")
    assert online.code == 1
    assert (online.out + online.err).count("signed in") == 1


def test_what_is_mended_is_said_and_the_next_look_is_fine(cornerdesk: Run, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    done = cornerdesk("doctor", "--repair")
    assert done.code == 0
    assert done.out.splitlines()[-1].strip() == "mended"
    assert cornerdesk("doctor").code == 0


def test_what_could_not_be_mended_still_fails(cornerdesk: Run, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    account.writing = RejectedError("moody refuses: the address does not answer")
    done = cornerdesk("doctor", "--repair")
    assert done.code == 1
    assert "the address does not answer" in done.err


def test_what_a_vendor_says_moves_no_cursor(cornerdesk: Run, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED, state_label="off\x1b[2J\nsupport: fine")
    done = cornerdesk("doctor")
    assert "\x1b" not in done.out
    assert "\nsupport: fine" not in done.out


def test_without_tables_it_says_what_to_do(cornerdesk: Run, company: Path) -> None:
    (company / "cornerdesk.db").unlink()
    done = cornerdesk("doctor")
    assert done.code == 2
    assert "cornerdesk database migrate" in done.err


def test_without_sources_there_is_nothing_to_examine(cornerdesk: Run, company: Path) -> None:
    (company / "cornerdesk.yaml").write_text("{}\n")
    done = cornerdesk("doctor")
    assert done.code == 0
    assert "no `sources`" in done.err


# ── check --online ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_online_all_is_well(cornerdesk: Run, account: Account) -> None:
    account.has()
    done = cornerdesk("check", "--online")
    assert (done.code, done.err.count("There are no rules")) == (0, 1)
    assert "support: signed in as user 7" in done.out
    assert "cornerdesk.yaml: fine. " in done.out


@pytest.mark.parametrize("tables", [True, False])
def test_online_a_subscription_is_judged_with_or_without_a_database(
    cornerdesk: Run, company: Path, account: Account, tables: bool
) -> None:
    if not tables:
        (company / "cornerdesk.db").unlink()
    done = cornerdesk("check", "--online")
    assert done.code == 1
    assert "fine" not in done.out
    assert "cornerdesk.yaml: right as written, but not all is well with support. " in done.out
    assert (
        f"support: no subscription sends to {ADDRESS}; make one with `cornerdesk webhooks register support`" in done.err
    )


def test_online_as_json_a_source_is_a_line(cornerdesk: Run, account: Account) -> None:
    account.line = CredentialsError("moody refuses the token of 'support': renew it")
    done = cornerdesk("check", "--online", "--json")
    [row] = (json.loads(line) for line in done.out.splitlines())
    assert done.code == 1
    assert (row["source"], row["fine"], row["findings"][0]["what"]) == ("support", False, "credentials")
    assert "refuses the token" in row["said"]


def test_offline_no_vendor_is_asked(cornerdesk: Run, account: Account) -> None:
    account.line = account.listing = CredentialsError("asked")
    assert cornerdesk("check").code == 0
