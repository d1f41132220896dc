"""A small company's folder that needs nothing but the core, and a way to run commands in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cornerdesk.cli.app import run

CONFIGURATION = """\
database: sqlite:///desk.db
people:
  ceo: {name: Ada Park, email: ada@acme.example}
rules: rules.yaml
"""
RULES = """\
rules:
  - rule: urgent-is-tagged
    when: ticket.created
    if: [ticket.priority == "urgent"]
    then: [{tag: [urgent]}]
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The company's folder; we stand in it."""
    (tmp_path / "cornerdesk.yaml").write_text(CONFIGURATION)
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.delenv("CORNERDESK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cornerdesk(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; what it printed and how it ended."""

    def ran(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(arguments)
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return ran
