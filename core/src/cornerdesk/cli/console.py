"""What the command line prints: tables for people, JSON lines for programs, errors on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cornerdesk.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table

STATES = {
    "confirmed": "green", "done": "green", "acknowledged": "green", "counted": "green", "won": "green",
    "dead": "red", "failed": "yellow", "unknown": "yellow", "exhausted": "red",
    "waiting": "yellow", "sent": "cyan", "planned": "cyan", "open": "cyan", "suppressed": "dim", "ignored": "dim",
}  # fmt: skip

UNBOUND = 10_000
"""Columns of an output that is no terminal: a row is a line there, so that it can be searched."""


def colour() -> bool | None:
    """False when nobody wants colours (https://no-color.org), None to let the terminal decide."""
    return False if os.environ.get("NO_COLOR") else None


def out() -> Console:
    """The console for results. Made anew: tests redirect standard output."""
    from rich.console import Console

    return Console(
        highlight=False,
        width=shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUND,
        color_system="auto" if colour() is None else None,
    )


def error_output() -> Console:
    """The console for remarks and progress, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, color_system="auto" if colour() is None else None)


def error(message: str) -> None:
    """One error, on standard error."""
    click.secho("Error: ", fg="red", nl=False, err=True, color=colour())
    click.echo(message, err=True)


def note(message: str) -> None:
    """A remark that is no result, on standard error."""
    click.secho(message, dim=True, err=True, color=colour())


def problems(found: ConfigurationError) -> None:
    """Every problem of the configuration, with its place and a caret."""
    if not found.problems:
        error(str(found))
        return
    for problem in found.problems:
        click.echo(str(problem), err=True)
    count = len(found.problems)
    click.secho(f"{count} problem{'s' if count != 1 else ''} found.", fg="red", err=True, color=colour())


def json_lines(rows: Iterable[BaseModel | Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    for row in rows:
        if isinstance(row, Mapping):
            click.echo(json.dumps(row, default=str, ensure_ascii=False))
        else:
            click.echo(row.model_dump_json(by_alias=True))


def table(rows: Sequence[BaseModel], columns: Sequence[str]) -> None:
    """Rows as a table of these columns (dots reach into nested objects); one below the other where it is too wide."""
    from cornerdesk.listings import heading

    headings = [heading(column) for column in columns]
    data = [row.model_dump(mode="python", by_alias=True) for row in rows]
    cells = [[cell(_reach(each, column), column) for column in columns] for each in data]
    widths = [_width(name, [row[number] for row in cells]) for number, name in enumerate(headings)]
    console = out()
    fits = sum(least for least, _ in widths) + _GAP * (len(widths) - 1) <= console.width
    console.print(_as_table(headings, cells, widths) if fits else _as_records(headings, cells))


_LONG = 24
"""Characters of a cell from which it may be broken into lines."""
_GAP = 2


def _width(name: str, texts: Sequence[str]) -> tuple[int, bool]:
    """The least width of a column, and whether its text may be broken into lines to keep to it."""
    from rich.text import Text

    plain_texts = [Text.from_markup(text) for text in texts]
    widest = max([len(name), *(text.cell_len for text in plain_texts)])
    breakable = widest > _LONG and any(" " in text.plain for text in plain_texts)
    return (_LONG if breakable else widest, breakable)


def _as_table(headings: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[tuple[int, bool]]) -> Table:
    from rich.table import Table

    shown = Table(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP // 2))
    for name, (least, breakable) in zip(headings, widths, strict=True):
        shown.add_column(name, overflow="fold", no_wrap=not breakable, min_width=least)
    for row in cells:
        shown.add_row(*row)
    return shown


def _as_records(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    shown = Table(header_style="bold", box=None, pad_edge=False, show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for row in cells:
        for name, text in zip(headings, row, strict=True):
            shown.add_row(name, text)
        shown.add_row()
    return shown


def cell(value: Any, column: str = "") -> str:
    """A value as people read it, safe for rich's markup; what customers wrote moves no cursor."""
    from rich.markup import escape

    if value is None or value == "":
        return "[dim]-[/dim]"
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, list | tuple | set | frozenset):
        text = ", ".join(map(str, value)) if value else "-"
    elif isinstance(value, Mapping):
        text = json.dumps(value, default=str)
    else:
        text = str(value)
    text = escape(plain(text))
    return f"[{STATES[text]}]{text}[/]" if column.rsplit(".", 1)[-1] == "state" and text in STATES else text


def counted(count: int, thing: str) -> str:
    """So many of them: `1 ticket`, `1,204 tickets`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def plain(text: str) -> str:
    """Text on one line, without what would move the cursor or colour the terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def when(moment: datetime) -> str:
    """A time, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def close_output() -> None:
    """Let standard output go to nowhere: its reader has left, and the interpreter would flush into the closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.close(nowhere)


def _reach(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return data
