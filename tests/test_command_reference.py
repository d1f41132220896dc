"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

from cornerdesk.cli.reference import write_reference

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_reference(), (
        "run `python -m cornerdesk.cli.reference > docs/commands.md`"
    )
