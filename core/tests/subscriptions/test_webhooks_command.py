"""`cornerdesk webhooks`: what is listed, what is made, and when nothing is."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cornerdesk import CredentialsError, UnknownOutcomeError
from cornerdesk.adapters.subscriptions import SubscriptionState
from pydantic import SecretStr

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Account, MoodyDesk, Run

ADDRESS = "https://desk.acme.example/webhooks/support"
SECRET = "chosen-by-the-vendor"


@pytest.fixture
def choosing(moody: type[MoodyDesk], account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A vendor that chooses the secret."""
    monkeypatch.setattr(moody, "vendor_chooses_secret", True)
    account.secret = SecretStr(SECRET)
    return account


def public_url(folder: Path, url: str, *, base_url: str | None = None) -> None:
    source = f'{{adapter: moody, base_url: "{base_url}"}}' if base_url else "{adapter: moody}"
    (folder / "cornerdesk.yaml").write_text(f'server: {{public_url: "{url}"}}\nsources: {{support: {source}}}\n')


# ── list ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_subscription_is_listed_with_whose_it_is_and_what_it_lacks(cornerdesk: Run, account: Account) -> None:
    account.has(missing=("ticket.rated",), state_label="active")
    account.has("s2", "https://bot.example.com/in?token=abc", name="Bot", state=SubscriptionState.SUSPENDED)
    done = cornerdesk("webhooks", "list", "--json")
    ours, other = (json.loads(line) for line in done.out.splitlines())
    assert (ours["id"], ours["url"], ours["ours"], ours["missing"]) == ("s1", ADDRESS, True, ["ticket.rated"])
    assert (ours["state"], ours["state_label"]) == ("enabled", "active")
    assert (other["ours"], other["state"], other["url"]) == (False, "suspended", "https://bot.example.com/in?...")
    assert (done.code, done.err) == (0, "")


def test_for_people_it_is_a_table(cornerdesk: Run, account: Account) -> None:
    account.has()
    done = cornerdesk("webhooks", "list", "support")
    assert "s1" in done.out
    assert "yes" in done.out
    assert ADDRESS in done.out


def test_no_subscriptions_are_said(cornerdesk: Run) -> None:
    assert cornerdesk("webhooks", "list").out == "No subscriptions.\n"


def test_without_a_public_url_nobody_knows_whose_they_are(cornerdesk: Run, company: Path, account: Account) -> None:
    account.has()
    (company / "cornerdesk.yaml").write_text("sources: {support: {adapter: moody}}\n")
    done = cornerdesk("webhooks", "list", "--json")
    assert json.loads(done.out)["ours"] is None
    assert "public_url" in done.err


def test_a_vendor_that_refuses_is_one_error(cornerdesk: Run, account: Account) -> None:
    account.listing = CredentialsError("moody refuses the token of 'support': renew it")
    done = cornerdesk("webhooks", "list")
    assert done.code == 1
    assert "support: moody refuses the token" in done.err
    assert done.out == ""


def test_one_that_cannot_list_is_passed_over_unless_it_was_named(
    cornerdesk: Run, moody: type[MoodyDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moody, "capabilities", frozenset())
    monkeypatch.delattr(moody.__base__, "list_webhooks")
    assert cornerdesk("webhooks", "list").code == 0
    named = cornerdesk("webhooks", "list", "support")
    assert named.code == 1
    assert "does not tell which subscriptions there are" in named.err


def test_a_misspelt_source_is_told_the_nearest(cornerdesk: Run) -> None:
    for command in (("webhooks", "list"), ("webhooks", "register"), ("doctor",)):
        done = cornerdesk(*command, "suport")
        assert done.code == 2
        assert "did you mean 'support'" in done.err


# ── register ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_is_made_that_takes_our_secret(cornerdesk: Run, account: Account) -> None:
    done = cornerdesk("webhooks", "register", "support")
    assert (done.code, account.calls) == (0, [f"register {ADDRESS}"])
    assert f"sends to {ADDRESS}; sends 12 kinds of events" in done.out
    assert "webhook_secret" not in done.out


def test_none_is_made_beside_a_good_one(cornerdesk: Run, account: Account) -> None:
    account.has(url="https://DESK.acme.example:443/webhooks/support/")
    done = cornerdesk("webhooks", "register", "support")
    assert (done.code, account.calls) == (0, [])
    assert "nothing to do" in done.out


def test_none_is_made_beside_one_that_needs_mending(cornerdesk: Run, account: Account) -> None:
    account.has(state=SubscriptionState.DISABLED)
    done = cornerdesk("webhooks", "register", "support")
    assert (done.code, account.calls) == (1, [])
    assert "doctor support --repair" in done.err


def test_the_vendors_secret_goes_into_a_file_of_our_own_and_nowhere_else(
    cornerdesk: Run, choosing: Account, company: Path
) -> None:
    done = cornerdesk("webhooks", "register", "support", "--secret-file", "support.secret")
    file = company / "support.secret"
    assert (done.code, file.read_text()) == (0, SECRET + "\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'webhook_secret: "${file:support.secret}"' in done.out
    assert SECRET not in done.out + done.err


def test_a_file_outside_the_folder_is_named_in_full(
    cornerdesk: Run, choosing: Account, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("secrets") / "x"
    done = cornerdesk("webhooks", "register", "support", "--secret-file", str(file))
    assert f'"${{file:{file}}}"' in done.out


@pytest.mark.parametrize("case", ["no file", "a file that is there", "a folder that is not"])
def test_nothing_is_made_when_the_secret_could_not_be_kept(
    cornerdesk: Run, choosing: Account, company: Path, case: str
) -> None:
    (company / "there").write_text("another secret")
    arguments = {
        "no file": [],
        "a file that is there": ["--secret-file", "there"],
        "a folder that is not": ["--secret-file", "nowhere/secret"],
    }[case]
    done = cornerdesk("webhooks", "register", "support", *arguments)
    assert (done.code, choosing.calls) == (2, [])
    assert "--secret-file" in done.err
    assert (company / "there").read_text() == "another secret"


def test_a_registration_that_fails_leaves_no_file(cornerdesk: Run, choosing: Account, company: Path) -> None:
    choosing.writing = UnknownOutcomeError("moody did not answer")
    done = cornerdesk("webhooks", "register", "support", "--secret-file", "support.secret")
    assert done.code == 1
    assert "webhooks list support" in done.err
    assert not (company / "support.secret").exists()


def test_a_secret_that_the_vendor_keeps_to_itself_is_to_be_looked_up(
    cornerdesk: Run, choosing: Account, company: Path
) -> None:
    choosing.secret = None
    done = cornerdesk("webhooks", "register", "support", "--secret-file", "support.secret")
    assert done.code == 1
    assert "subscription new1 was made, and its secret could not be had" in done.err
    assert not (company / "support.secret").exists()


def test_a_secret_that_nobody_announced_is_not_shown(cornerdesk: Run, account: Account) -> None:
    account.secret = SecretStr(SECRET)
    done = cornerdesk("webhooks", "register", "support")
    assert done.code == 2
    assert "vendor_chooses_secret" in done.err
    assert SECRET not in done.out + done.err


def test_where_only_a_person_can_the_adapter_says_how(
    cornerdesk: Run, moody: type[MoodyDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moody, "capabilities", frozenset())
    done = cornerdesk("webhooks", "register", "support")
    assert done.code == 1
    assert f"open Settings > Hooks and enter {ADDRESS}" in done.err


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://desk.acme.example", "not encrypted"),
        ("https://cornerdesk.example.com", "is an example"),
        ("https://127.0.0.1:8484", "this machine only"),
        ("http://localhost:8484", "this machine only"),
    ],
)
def test_an_address_that_the_vendor_should_not_send_to_is_refused(
    cornerdesk: Run, company: Path, account: Account, url: str, why: str
) -> None:
    public_url(company, url)
    done = cornerdesk("webhooks", "register", "support")
    assert (done.code, account.calls) == (2, [])
    assert why in done.err


def test_a_vendor_played_on_this_machine_may_send_to_it(cornerdesk: Run, company: Path, account: Account) -> None:
    public_url(company, "http://127.0.0.1:8484", base_url="http://127.0.0.1:9000")
    assert cornerdesk("webhooks", "register", "support").code == 0
    assert account.calls == ["register http://127.0.0.1:8484/webhooks/support"]


def test_without_a_public_url_nothing_is_made(cornerdesk: Run, company: Path, account: Account) -> None:
    (company / "cornerdesk.yaml").write_text("sources: {support: {adapter: moody}}\n")
    done = cornerdesk("webhooks", "register", "support")
    assert (done.code, account.calls) == (2, [])
    assert "server.public_url is not set" in done.err
