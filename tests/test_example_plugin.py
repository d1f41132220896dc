"""The example plugin as its reader would use it: built, installed beside Cornerdesk, and run; by public names only."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cornerdesk
import httpx
import pytest
from cornerdesk import sign
from cornerdesk.testing.processes import Process, free_port, wait_until

FOLDER = Path(__file__).parents[1] / "docs" / "example-plugin"
SECRET = "for-trying"
CONFIGURATION = """\
sources:
  letters: {adapter: postbox, webhook_secret: for-trying}
people:
  ceo: {name: Ada Park, notify: [journal]}
rules: rules.yaml
plugins:
  postbox: {praise: [thank you, splendid]}
"""
RULES = """\
rules:
  - rule: thank-them
    when: [ticket.created, message.added]
    if: [signals.praise]
    then:
      - thank: "Dear {{ customer.name }}, thank you for writing."
      - notify: {to: ceo, text: "{{ customer.name }} is pleased"}
    once: {per: ticket}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the built distribution, as `pip install --target` leaves it."""
    target = tmp_path_factory.mktemp("installed")
    wheels = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
        cwd=FOLDER, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture
def environment(installed: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def company(tmp_path: Path) -> Path:
    (tmp_path / "cornerdesk.yaml").write_text(CONFIGURATION)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def url(company: Path, environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    process = Process(
        ["-m", "cornerdesk", "serve", "--strict", "--port", str(port)],
        environment=environment, output=company / "serve.log", directory=company,
    )  # fmt: skip
    process.start()
    try:
        process.wait_until_answers(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def command(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cornerdesk", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def letter(number: int, text: str, *, about: str = "12") -> bytes:
    sender = {"id": "7", "name": "Hank", "email": "hank@globex.example"}
    content = {"letter": f"L-{number}", "about": about, "sent": datetime.now(UTC).isoformat(), "first": True}
    return json.dumps({**content, "from": sender, "subject": "Hello", "text": text}).encode()


def send(url: str, body: bytes, *, secret: str = SECRET) -> int:
    signature = sign(secret, body, encoding="hex")
    return httpx.post(f"{url}/webhooks/letters", content=body, headers={"x-postbox-signature": signature}).status_code


@pytest.mark.timeout(120)
def test_a_letter_becomes_a_card_and_a_line_in_the_journal(
    url: str, company: Path, environment: dict[str, str]
) -> None:
    def cards() -> list[dict[str, Any]]:
        return [json.loads(line) for line in command(company, environment, "thanks", "--json").splitlines()]

    assert send(url, letter(1, "Hello"), secret="wrong") == 401
    assert send(url, letter(1, "That was splendid!")) == 200
    assert send(url, letter(2, "Thank you once more.", about="13")) == 200

    journal = company / "journal.txt"
    wait_until(lambda: journal.exists() and len(journal.read_text().splitlines()) == 2, seconds=30, what="two lines")
    [card] = cards()
    assert (card["customer"], card["state"], card["text"]) == (
        "hank@globex.example", "written", "Dear Hank, thank you for writing.",
    )  # fmt: skip
    assert "Hank is pleased" in json.loads(journal.read_text().splitlines()[0])["text"]

    assert "is sent" in command(company, environment, "thanks", "sent", card["id"])
    assert [row["state"] for row in cards()] == ["sent"]
    explained = command(company, environment, "explain", "12", "--rule", "thank-them")
    assert 'signals.praise = true   (signal: "splendid")' in explained


def test_it_is_listed_checked_and_completed(company: Path, environment: dict[str, str]) -> None:
    rows = {
        row["name"]: row
        for row in map(json.loads, command(company, environment, "plugins", "list", "--json").splitlines())
    }
    assert rows["postbox"]["distribution"] == "cornerdesk-postbox"
    assert rows["postbox"]["problem"] is None
    assert "1 source" in command(company, environment, "check")
    assert "  thanks " in command(company, environment, "--help")
    schema = json.loads(command(company, environment, "schema", "rules"))
    assert "thank" in json.dumps(schema)


def test_its_own_tests_pass(installed: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(FOLDER)],
        cwd=FOLDER, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.py")), ids=lambda path: path.name)
def test_it_uses_public_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cornerdesk":
            assert node.module == "cornerdesk", f"{path.name}:{node.lineno}"
            assert {alias.name for alias in node.names} <= set(cornerdesk.__all__)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cornerdesk_escalation"):
            assert node.module == "cornerdesk_escalation", f"{path.name}:{node.lineno}"
