"""The directory's CSV file: what it may hold, and how its mistakes are told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cornerdesk.accounts import open_directory
from cornerdesk.configuration import AccountsSource, Configuration
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.model import Account, AccountStatus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


async def read(folder: Path, content: str | bytes) -> tuple[Account, ...]:
    (folder / "accounts.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    configuration = Configuration(path=folder / "cornerdesk.yaml", accounts=AccountsSource(csv="accounts.csv"))
    return (await open_directory(configuration)).accounts


async def problems(folder: Path, content: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        await read(folder, content)
    return caught.value.problems


async def test_every_column_is_read(tmp_path: Path) -> None:
    (account,) = await read(
        tmp_path,
        "id,name,domains,status,tier,plan,revenue,currency,since,cancelled_at,owner,external_ids,opted_out,CSM name\n"
        'A-1,"Globex, Inc.",Globex.example;@globex.co.uk,Active,canary,big,240000.50,eur,2019-03-01,'
        "2026-01-31T12:00:00+01:00,sales,zd-1 hs-2,yes,Iris\n",
    )
    assert account == Account(
        id="A-1",
        name="Globex, Inc.",
        domains=("globex.example", "globex.co.uk"),
        status=AccountStatus.ACTIVE,
        tier="canary",
        plan="big",
        revenue=240000.50,
        currency="EUR",
        since=datetime(2019, 3, 1, tzinfo=UTC),
        cancelled_at=datetime(2026, 1, 31, 11, tzinfo=UTC),
        owner="sales",
        external_id="zd-1",
        opted_out=True,
        fields={"csm_name": "Iris"},
    )


@pytest.mark.parametrize(
    "content", ["id;name\r\nA;B\r\n", "\ufeffid,name\nA,B\n", "ID\tName\n\nA\tB\n", "id,name,\nA,B,\n"]
)
async def test_files_as_spreadsheets_write_them_are_read(tmp_path: Path, content: str) -> None:
    (account,) = await read(tmp_path, content)
    assert (account.id, account.name) == ("A", "B")


async def test_what_is_left_empty_is_not_known(tmp_path: Path) -> None:
    (account,) = await read(tmp_path, "id,status,revenue,opted_out,note\nA,,,,\n")
    assert account == Account(id="A")


@pytest.mark.parametrize(
    ("content", "line", "message", "nearest"),
    [
        ("name\nB\n", 1, 'the column "id" is missing', None),
        ("idd,name\nA,B\n", 1, 'the column "id" is missing', "idd"),
        ("id,name,Name\nA,B,C\n", 1, 'the column "name" is there twice', None),
        ("id,name\nA,B,C\n", 2, "the row has 3 cells and the heading 2", None),
        ("id,name\n,B\n", 2, 'column "id" is empty', None),
        ("id,name\nA,B\n\na,C\n", 4, 'column "id" holds a name, which stands in accounts.csv:2 too', None),
        (
            "id,external_ids\nA,x\nB,y;X\n",
            3,
            '"external_ids" holds a name, which stands in accounts.csv:2',
            None,
        ),
        (
            "id,domains\nA,x.example\nB,y.example X.example\n",
            3,
            "holds x.example, which stands in",
            None,
        ),
        ("id,domains\nA,nowhere\n", 2, 'column "domains" holds something that is no domain', None),
        ("id,domains\nA,https://x.example/\n", 2, "no domain", None),
        ("id,domains\nA,co.uk\n", 2, "under which anybody may have a name", None),
        ("id,domains\nA,gmail.com\n", 2, "where anybody may have an address", None),
        ("id,status\nA,actve\n", 2, 'column "status" cannot be "actve"', "active"),
        ('id,name,revenue\nA,"two\nlines",1\nB,x,"1,000"\n', 4, 'column "revenue" is no number', None),
        ("id,revenue\nA,inf\n", 2, 'column "revenue" is no number', None),
        ("id,currency\nA,Euro\n", 2, 'column "currency" is no currency', None),
        ("id,since\nA,1.2.2026\n", 2, 'column "since" is no date', None),
        ("id,cancelled_at\nA,0001-01-01T00:00:00+14:00\n", 2, "is no date", None),
        ("id,opted_out\nA,perhaps\n", 2, "neither yes nor no", None),
        ('id,name\nA,"B\n', 2, "not CSV", None),
        ("", 1, "the file has no heading", None),
        (b"id,name\nA,\xfc\n", 2, "not UTF-8", None),
    ],
)
async def test_a_mistake_is_told_with_line_and_column_name(
    tmp_path: Path, content: str | bytes, line: int, message: str, nearest: str | None
) -> None:
    (problem,) = await problems(tmp_path, content)
    assert (problem.file, problem.line) == ("accounts.csv", line)
    assert message in problem.message
    assert problem.nearest == nearest


async def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = await problems(tmp_path, "id,status,revenue\nA,x,y\nA,active,1\nB,active,z\n")
    assert [problem.line for problem in found] == [2, 2, 3, 4]


async def test_no_mistake_shows_what_customers_are_called(tmp_path: Path) -> None:
    found = await problems(
        tmp_path, "id,name,revenue,since,owner\nHush-1,Hush Inc,hush,hush,hush@x.example\nHush-1,,,,\n"
    )
    assert "hush" not in " ".join(map(str, found)).lower()


async def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    configuration = Configuration(path=tmp_path / "cornerdesk.yaml", accounts=AccountsSource(csv="gone.csv"))
    with pytest.raises(ConfigurationError, match="cannot be read: no such file"):
        await open_directory(configuration)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=2000)
@given(st.text(st.sampled_from('id,;\n\r"\t aA1.é\x00-'), max_size=60).map(lambda text: "id,name,domains\n" + text))
async def test_any_text_is_a_directory_or_a_configuration_error(tmp_path: Path, text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        await read(tmp_path, text)
    except ConfigurationError as caught:
        problems = caught.problems
    assert all(problem.message for problem in problems)
