"""`cornerdesk record`: a delivery becomes a fixture and a test, and nobody is recognised in them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cornerdesk.cli.app import cli
from cornerdesk.storage import open_storage, tables

CONFIGURATION = """\
database: sqlite:///{folder}/cornerdesk.db
sources:
  support: {{adapter: zendesk, subdomain: globex, email: hedwig@globex.com, api_token: hush, webhook_secret: hush}}
people: {{}}
"""
BODY: dict[str, Any] = {
    "account_id": 12345678,
    "id": "2b24ef10-19d5-4740-93cf-5f98ec4776c0",
    "type": "zen:event-type:ticket.created",
    "subject": "zen:ticket:5158",
    "time": "2026-10-05T11:58:02.672717000Z",
    "zendesk_event_version": "2022-11-06",
    "event": {},
    "detail": {
        "id": "5158", "subject": "Quillfeather cannot export", "status": "OPEN", "priority": "HIGH",
        "description": "Hedwig Quillfeather, +46 70 123 45 67: my invoices vanished.", "requester_id": "8447388090494",
        "actor_id": "8447388090494", "submitter_id": "8447388090494", "is_public": True, "tags": ["vip-globex"],
        "created_at": "2026-10-05T11:58:02Z", "updated_at": "2026-10-05T11:58:02Z", "via": {"channel": "mail"},
    },
}  # fmt: skip
SAID = [
    "Hedwig",
    "Quillfeather",
    "globex",
    "8447388090494",
    "5158",
    "invoices",
    "vanished",
    "123 45",
    "2b24ef10",
]


@pytest.fixture
def company(tmp_path: Path) -> Path:
    (tmp_path / "cornerdesk.yaml").write_text(CONFIGURATION.format(folder=tmp_path))
    (tmp_path / "body.json").write_text(json.dumps(BODY))
    return tmp_path


def record(company: Path, *arguments: str) -> Any:
    config = ["--config", str(company / "cornerdesk.yaml"), "--into", str(company / "tests" / "fixtures")]
    return CliRunner().invoke(cli, ["record", "support", *arguments, *config], catch_exceptions=False)


def written(company: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (company / "tests").rglob("*") if path.is_file()}


def test_a_file_becomes_a_fixture_with_its_test_and_its_origin(company: Path) -> None:
    done = record(company, "--file", str(company / "body.json"), "--name", "ticket_created")
    assert done.exit_code == 0, done.output
    files = written(company)
    assert {"ticket_created.json", "test_recorded_ticket_created.py", "PROVENANCE.md", ".gitignore"} <= set(files)
    for name, text in files.items():
        assert not [said for said in SAID if said.lower() in text.lower()], name
    data = json.loads(files["ticket_created.json"])
    assert data["type"] == BODY["type"]
    assert data["detail"]["status"] == "OPEN"
    assert "ticket_created.json" in files["PROVENANCE.md"]


def test_the_test_that_is_written_passes(company: Path) -> None:
    record(company, "--file", str(company / "body.json"), "--name", "ticket_created")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_recorded_ticket_created.py"],
        cwd=company / "tests", env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Told(EventKind.TICKET_CREATED" in written(company)["test_recorded_ticket_created.py"]


def test_a_stored_delivery_is_taken_by_its_id(company: Path) -> None:
    async def store() -> None:
        async with await open_storage(f"sqlite:///{company}/cornerdesk.db") as storage:
            row = {
                "id": "0190aa", "source": "support", "key": "k", "received_at": datetime(2026, 10, 5, 12, tzinfo=UTC),
                "headers": {"x-zendesk-webhook-signature": "c2lnbmF0dXJl", "x-forwarded-for": "10.9.8.7"},
                "body": json.dumps(BODY).encode(), "origin": "webhook",
            }  # fmt: skip
            async with storage.transaction() as tx:
                await tx.insert_new(tables.deliveries, [row], unique=["source", "key"], returning="id")

    migrated = CliRunner().invoke(cli, ["database", "migrate", "--config", str(company / "cornerdesk.yaml")])
    assert migrated.exit_code == 0, migrated.output
    asyncio.run(store())
    done = record(company, "0190aa", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [fact["kind"] for fact in told["facts"]] == ["ticket.created"]
    assert "c2lnbmF0dXJl" not in str(written(company))
    assert "10.9.8.7" not in str(written(company))


def test_the_same_person_is_the_same_in_the_whole_folder(company: Path) -> None:
    for name in ("first", "second"):
        record(company, "--file", str(company / "body.json"), "--name", name)
    files = written(company)
    assert files["first.json"] == files["second.json"]
    salt = company / "tests" / "fixtures" / ".recording-salt"
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600
    assert ".recording-salt" in files[".gitignore"]
    assert salt.read_text() not in files["first.json"] + files["PROVENANCE.md"]


def test_nothing_is_overwritten(company: Path) -> None:
    for _ in range(2):
        done = CliRunner().invoke(
            cli,
            ["record", "support", "--file", str(company / "body.json"), "--config", str(company / "cornerdesk.yaml"),
             "--into", str(company / "tests" / "fixtures")],
        )  # fmt: skip
    assert done.exit_code != 0
    assert "is there already" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "either a DELIVERY-ID or --file"), (("0190aa", "--file", "body.json"), "either a DELIVERY-ID or --file")],
)
def test_what_to_record_has_to_be_clear(company: Path, arguments: tuple[str, ...], said: str) -> None:
    given = [str(company / each) if each.endswith(".json") else each for each in arguments]
    done = record(company, *given)
    assert done.exit_code == 2
    assert said in done.output
