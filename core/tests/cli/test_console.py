"""How results look: on a terminal, beside one, and when customers wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from cornerdesk.cli import console
from pydantic import BaseModel

TEXT = "We have waited since Monday and nobody has told us what is going on with the export."
ID = "01a20157-6a62-74c9-a6d6-e7a4600f9bd7"


class Row(BaseModel):
    id: str = ID
    at: datetime = datetime(2026, 3, 4, 12, tzinfo=UTC)
    state: str = "dead"
    reason: str | None = TEXT


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    def show(row: Row, width: int | None) -> str:
        output = Terminal() if width else StringIO()
        monkeypatch.setattr("sys.stdout", output)
        monkeypatch.setenv("COLUMNS", str(width or 40))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        console.table([row], ["id", "at", "state", "reason"])
        return output.getvalue()

    return show


def test_beside_a_terminal_a_row_is_a_line(shown: Any) -> None:
    heading, row = shown(Row(), None).splitlines()
    assert heading.split() == ["id", "at", "state", "reason"]
    assert row.split(maxsplit=1)[0] == ID
    assert TEXT in row


def test_on_a_terminal_long_text_is_broken_and_nothing_else(shown: Any) -> None:
    lines = shown(Row(), 110).splitlines()
    assert all(len(line) <= 110 for line in lines)
    assert f"{ID}  2026-03-04 12:00:00  dead" in lines[1]


def test_on_a_narrow_terminal_a_row_stands_one_below_the_other(shown: Any) -> None:
    lines = [line.rstrip() for line in shown(Row(), 60).splitlines()]
    assert f"id      {ID}" in lines
    assert "state   dead" in lines
    assert all(len(line) <= 60 for line in lines)


def test_what_a_customer_wrote_neither_colours_nor_moves_the_cursor(shown: Any) -> None:
    output = shown(Row(reason="\x1b[2J\x1b]0;gone\x07 [red]not red[/red] \u202etxt.exe\nnext"), 120)
    assert "\x1b" not in output
    assert "\x07" not in output
    assert "\u202e" not in output
    assert "[red]not red[/red]" in output
    assert "txt.exe next" in output


def test_nobody_is_coloured_who_asked_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console.colour() is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert console.colour() is False


def test_json_keeps_every_letter(capsys: pytest.CaptureFixture[str]) -> None:
    console.json_lines([{"name": "Bücher"}, Row(reason="Grüße")])
    first, second = capsys.readouterr().out.splitlines()
    assert first == '{"name": "Bücher"}'
    assert "Grüße" in second
