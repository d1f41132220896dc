"""What the command line prints: tables for people, JSON lines for programs, errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from cornerdesk.errors import ConfigurationError
from cornerdesk.listings import heading

STATES = {
    "confirmed": "green", "done": "green", "acknowledged": "green", "counted": "green", "won": "green",
    "dead": "red", "failed": "yellow", "unknown": "yellow", "exhausted": "red",
    "waiting": "yellow", "sent": "cyan", "planned": "cyan", "open": "cyan", "suppressed": "dim", "ignored": "dim",
}  # fmt: skip


def out() -> Console:
    """The console for results. Made anew: tests redirect standard output."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def error(message: str) -> None:
    """One error, on standard error."""
    click.secho("Error: ", fg="red", nl=False, err=True)
    click.echo(message, err=True)


def problems(found: ConfigurationError) -> None:
    """Every problem of the configuration, with its place and a caret."""
    if not found.problems:
        error(str(found))
        return
    for problem in found.problems:
        click.echo(str(problem), err=True)
    count = len(found.problems)
    click.secho(f"{count} problem{'s' if count != 1 else ''} found.", fg="red", err=True)


def json_lines(rows: Iterable[BaseModel | Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    for row in rows:
        click.echo(row.model_dump_json(by_alias=True) if isinstance(row, BaseModel) else json.dumps(row, default=str))


def table(rows: Sequence[BaseModel], columns: Sequence[str], *, title: str | None = None) -> None:
    """Rows as a table of these columns (dots reach into nested objects)."""
    shown = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        shown.add_column(heading(column), overflow="fold", no_wrap=column == "id")
    for row in rows:
        data = row.model_dump(mode="python", by_alias=True)
        shown.add_row(*(cell(_reach(data, column), column) for column in columns))
    out().print(shown)


def cell(value: Any, column: str = "") -> str:
    """A value as people read it, safe for rich's markup."""
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
    text = text.replace("[", r"\[")
    return f"[{STATES[text]}]{text}[/]" if column.rsplit(".", 1)[-1] == "state" and text in STATES else text


def when(moment: datetime) -> str:
    """A time, to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _reach(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data.get(part) if isinstance(data, Mapping) else None
    return data
