"""The project that `cornerdesk new adapter` writes passes its tests as it is, installed like any other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cornerdesk.cli.app import cli
from cornerdesk.errors import ConfigurationError
from cornerdesk.scaffold.adapters import write_adapter

METHODS = {
    "check", "own_user_id", "fetch_ticket", "fetch_history", "read_history", "list_webhooks", "register_webhook",
    "repair_webhook", "add_note", "add_tags", "remove_tags", "assign", "set_priority", "set_status", "find_write",
    "verify", "delivery_key", "read",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authors") / "cornerdesk-help-desk2"
    write_adapter("help_desk2", folder)
    return folder


@pytest.fixture(scope="module")
def environment(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """It is installed, into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(project)],
        check=True, capture_output=True,
    )  # fmt: skip
    return {**os.environ, "PYTHONPATH": str(target), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def test_its_tests_pass_and_what_it_does_not_declare_is_tested_too(project: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project)],
        cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 30
    assert "failed" not in done.stdout


def test_it_is_a_plugin_that_keeps_the_contract(project: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cornerdesk", "plugins", "list", "--json"],
        cwd=project, env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["help_desk2"]["distribution"] == "cornerdesk-help-desk2"
    assert rows["help_desk2"]["problem"] is None


def test_every_method_to_write_has_one_todo(project: Path) -> None:
    source = "\n".join(path.read_text() for path in sorted((project / "src").rglob("*.py")) if path.stem != "standin")
    todos = re.findall(r"TODO (\w+):", source)
    assert set(todos) >= METHODS
    assert len(todos) == len(set(todos)), "one each"


SIGNED = """\
from datetime import UTC, datetime
from cornerdesk import Delivery
from cornerdesk.testing.desk import Sent
from cornerdesk_help_desk2 import webhooks
from cornerdesk_help_desk2.standin import HelpDesk2StandIn

now = datetime.now(UTC)
body, headers = HelpDesk2StandIn(secret="s").pack(Sent("1", None, "x", None, b"{}"), "s", now)
webhooks.verify(Delivery(headers=headers, body=body, received_at=now), ("s",), now)
"""


def test_its_stand_in_signs_what_it_verifies(project: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNED],
        cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_no_placeholder_is_left(project: Path) -> None:
    files = [path for path in project.rglob("*") if path.suffix in (".py", ".toml", ".md", ".json")]
    assert len(files) >= 12
    for path in files:
        assert not re.search(r"@(name|NAME|Name|dashed)@", path.read_text()), path
    assert (project / ".gitignore").exists()


def test_nothing_is_overwritten(project: Path) -> None:
    before = (project / "README.md").read_text()
    with pytest.raises(ConfigurationError, match="is there already"):
        write_adapter("help_desk2", project)
    assert (project / "README.md").read_text() == before


@pytest.mark.parametrize("name", ["", "Acme", "a-b", "1a", "a__b", "a/../b", "x" * 31, "é"])
def test_a_name_that_can_be_none_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="small letters"):
        write_adapter(name, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["new", "adapter", "acme", str(tmp_path / "acme")])
    assert done.exit_code == 0
    assert "grep -rn TODO" in done.output
    assert (tmp_path / "acme" / "src" / "cornerdesk_acme" / "adapter.py").exists()
