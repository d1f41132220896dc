"""docs/adapters.md: its Python runs, in the order of the page, and what it shows is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cornerdesk.testing
import pytest
from click.testing import CliRunner
from cornerdesk.cli.app import cli

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")


def test_its_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {"__name__": "page"}
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "docs/adapters.md", "exec"), names)
    names["TestWebhooks"]().test_every_configured_secret_is_accepted()


def test_its_commands_are_there() -> None:
    for line in re.findall(r"^\$ cornerdesk (.+)$", PAGE, re.MULTILINE):
        words = line.split()
        command = words[:2] if words[0] == "new" else words[:1]
        told = CliRunner().invoke(cli, [*command, "--help"])
        assert told.exit_code == 0
        for option in re.findall(r"--\w+", line):
            assert option in told.output


def test_every_class_of_the_kit_is_in_its_table() -> None:
    classes = {name for name in cornerdesk.testing.__all__ if name.endswith("Tests")} - {"StandardTests"}
    assert classes == set(re.findall(r"^\| `(\w+Tests)`", PAGE, re.MULTILINE))


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
