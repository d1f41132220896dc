"""Finding a customer's account."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cornerdesk.accounts import Directory, open_directory
from cornerdesk.configuration import AccountsSource, Configuration
from cornerdesk.errors import ConfigurationError
from cornerdesk.model import Account, AccountStatus, Customer

ROWS = """\
id,name,domains,status,tier,plan,revenue,currency,owner,external_ids,opted_out,csm
A-1,Globex,globex.example,active,canary,enterprise,240000,EUR,sales,zd-9;crm-1,,Iris
A-2,Umbra,umbra.example;umbra.co.uk,trial,,,,,,,yes,
A-3,Twin,twin-a.example,active,,,,,,,,
A-4,Twin,twin-b.example,active,,,,,,,,
"""


@pytest.fixture
async def directory(tmp_path: Path) -> Directory:
    (tmp_path / "accounts.csv").write_text(ROWS)
    return await open_directory(
        Configuration(path=tmp_path / "cornerdesk.yaml", accounts=AccountsSource(csv="accounts.csv"))
    )


def customer(email: str | None = None, external_id: str | None = None) -> Customer:
    return Customer(id="c-1", email=email, external_id=external_id)


def found(directory: Directory, who: Customer | None, vendor: Account | None = None) -> str | None:
    account = directory.find(who, vendor).account
    return account.id if account else None


@pytest.mark.parametrize(
    ("who", "vendor", "account"),
    [
        (customer("a@globex.example"), None, "A-1"),
        (customer("a@eu.mail.globex.example"), None, "A-1"),
        (customer("a@sub.umbra.co.uk"), None, "A-2"),
        (customer(external_id="CRM-1"), None, "A-1"),
        (customer("a@umbra.example"), Account(id="77", external_id="zd-9"), "A-1"),
        (customer("a@umbra.example"), Account(id="zd-9"), "A-1"),
        (customer("a@umbra.example"), Account(id="77", name="globex "), "A-1"),
        (customer("a@umbra.example"), Account(id="77", domains=("x.example", "mail.globex.example")), "A-1"),
        (None, Account(id="A-2"), "A-2"),
        (customer("a@twin-b.example"), Account(id="77", name="Twin"), "A-4"),
        (customer("a@gmail.com"), Account(id="77", domains=("gmail.com",)), "77"),
        (customer("a@new.example"), None, None),
        (customer("a@co.uk"), None, None),
        (customer("a@notglobex.example"), None, None),
        (customer("a@gmail.com"), None, None),
        (customer(), None, None),
        (None, None, None),
    ],
)
async def test_what_tells_most_is_asked_first(
    directory: Directory, who: Customer | None, vendor: Account | None, account: str | None
) -> None:
    assert found(directory, who, vendor) == account


async def test_the_directory_knows_better_and_says_from_where(directory: Directory) -> None:
    vendor = Account(
        id="zd-9",
        name="globex gmbh",
        tier="vip",
        plan="old",
        revenue=1,
        currency="USD",
        domains=("globex.test", "globex.example"),
        fields={"region": "EU", "csm": "nobody"},
    )
    match = directory.find(customer("a@gmail.com"), vendor)
    assert match.account is not None
    assert match.account.model_dump(exclude_defaults=True) == {
        "id": "A-1",
        "name": "Globex",
        "domains": ("globex.example", "globex.test"),
        "status": AccountStatus.ACTIVE,
        "tier": "canary",
        "plan": "enterprise",
        "revenue": 240000,
        "currency": "EUR",
        "owner": "sales",
        "external_id": "zd-9",
        "fields": {"region": "EU", "csm": "Iris"},
    }
    assert match.origins["account.tier"] == "directory accounts.csv:2"
    assert match.origins["account.fields.csm"] == "directory accounts.csv:2"
    assert match.origins["account"] == "directory accounts.csv:2, by organisation"
    assert "account.fields.region" not in match.origins
    assert "account.opted_out" not in match.origins


async def test_what_the_directory_leaves_open_the_vendor_may_say(directory: Directory) -> None:
    vendor = Account(id="77", tier="vip", revenue=5, currency="USD", status=AccountStatus.ACTIVE)
    match = directory.find(customer("a@umbra.example"), vendor)
    assert match.account is not None
    assert (match.account.tier, match.account.revenue, match.account.currency) == ("vip", 5, "USD")
    assert match.account.status is AccountStatus.TRIAL
    assert match.account.opted_out
    assert "account.tier" not in match.origins


async def test_who_opted_out_at_either_side_has_opted_out(directory: Directory) -> None:
    account = directory.find(customer("a@globex.example"), Account(id="77", opted_out=True)).account
    assert account is not None
    assert account.opted_out


async def test_finding_again_what_was_found_changes_nothing(directory: Directory) -> None:
    first = directory.find(customer("a@globex.example"), Account(id="77", fields={"a": 1}))
    assert directory.find(customer("a@globex.example"), first.account).account == first.account


async def test_an_unknown_company_stays_what_the_vendor_says(directory: Directory) -> None:
    vendor = Account(id="77", name="Unheard")
    match = directory.find(customer("a@unheard.example"), vendor)
    assert match.account == vendor
    assert match.account is not None
    assert match.account.status is AccountStatus.UNKNOWN
    assert match.origins == {}


async def test_without_a_directory_nobody_is_known() -> None:
    directory = await open_directory(Configuration())
    assert found(directory, customer("a@globex.example")) is None
    await directory.refresh()


async def test_a_changed_file_is_read_again(tmp_path: Path, directory: Directory) -> None:
    (tmp_path / "accounts.csv").write_text("id,domains,tier\nB-1,new.example,key\n")
    assert found(directory, customer("a@new.example")) == "B-1"
    assert found(directory, customer("a@globex.example")) is None


async def test_a_file_of_the_same_size_is_told_by_its_time(tmp_path: Path, directory: Directory) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text(ROWS.replace("A-1", "Z-1"))
    os.utime(path, (1, 1))
    assert found(directory, customer("a@globex.example")) == "Z-1"


@pytest.mark.parametrize("content", ["id,status\nA-1,broken\n", None])
async def test_a_file_that_breaks_leaves_the_directory_as_it_was(
    tmp_path: Path, directory: Directory, content: str | None
) -> None:
    path = tmp_path / "accounts.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert found(directory, customer("a@globex.example")) == "A-1"
    with pytest.raises(ConfigurationError):
        await directory.refresh()
    assert found(directory, customer("a@globex.example")) == "A-1"
    path.write_text(ROWS.replace("A-1", "Z-1"))
    assert found(directory, customer("a@globex.example")) == "Z-1"
