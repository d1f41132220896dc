"""Rows of the directory, from a CSV file or a query, made into accounts. Pure.

Must not show what a cell holds, but for a status or domain that is wrong: the file may be full of customers.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from cornerdesk.accounts.domains import is_free_mail, is_public_suffix, normal_domain
from cornerdesk.errors import Problem
from cornerdesk.model import Account, AccountStatus
from cornerdesk.nearest import nearest

COLUMNS = (
    "id", "name", "domains", "status", "tier", "plan", "revenue", "currency", "since", "cancelled_at", "owner",
    "external_ids", "opted_out",
)  # fmt: skip
"""Columns that mean something to us; any other becomes one of the account's `fields`."""

_SEVERAL = re.compile(r"[;,\s]+")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_CURRENCY = re.compile(r"[A-Za-z]{3}\Z")
_TRUE, _FALSE = frozenset({"true", "yes", "1", "x", "y"}), frozenset({"", "false", "no", "0", "n"})


@dataclass(frozen=True)
class Row:
    """A row as it was read. `where` names it in explanations; `line` counts from 1, where there are lines."""

    cells: Mapping[str, Any]
    where: str
    file: str
    line: int | None


@dataclass
class Record:
    """An account with its other names, and where it stands."""

    account: Account
    where: str
    external_ids: tuple[str, ...] = ()


class CellError(ValueError):
    """A cell that cannot be what its column says."""

    def __init__(self, message: str, expected: str, guess: str | None = None) -> None:
        super().__init__(message)
        self.expected, self.guess = expected, guess


def read_csv(content: bytes, name: str) -> tuple[list[Row], list[Problem]]:
    """The rows of a CSV file: UTF-8, a heading, and commas, semicolons or tabs between cells."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Problem(name, line, None, "this is not UTF-8", "a file saved as CSV UTF-8")]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[Row] = []
    problems: list[Problem] = []
    heading: list[str] | None = None
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if heading is None:
                heading = [_column(cell) for cell in cells]
                problems += heading_problems(heading, name, line)
            elif len(cells) > len(heading):
                message = f"the row has {len(cells)} cells and the heading {len(heading)}"
                problems.append(Problem(name, line, None, message, "quotes around a cell that holds a comma"))
            else:
                named = {column: cell for column, cell in zip(heading, cells, strict=False) if column}
                rows.append(Row(named, f"directory {name}:{line}", name, line))
    except csv.Error as error:
        problems.append(Problem(name, before + 1, None, f"this is not CSV: {error}", "cells in double quotes"))
    if heading is None and not problems:
        problems.append(Problem(name, 1, None, "the file has no heading", f"columns such as {','.join(COLUMNS[:5])}"))
    return rows, problems


def heading_problems(heading: Sequence[str], name: str, line: int | None) -> Iterator[Problem]:
    """What is wrong with the columns' names."""
    if "id" not in heading:
        yield Problem(
            name, line, None, 'the column "id" is missing', "one name for each account", nearest("id", heading)
        )
    for index, column in enumerate(heading):
        if column and column in heading[:index]:
            yield Problem(name, line, None, f'the column "{column}" is there twice', "every column once")


def _delimiter(text: str) -> str:
    heading = text.lstrip().partition("\n")[0]
    return max(",;\t", key=heading.count)


def _column(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", cell.strip().lower())


def make_records(rows: Sequence[Row]) -> tuple[list[Record], list[Problem]]:
    """An account of every row that has an id, as far as it is right, and what is wrong with all of them."""
    records: list[Record] = []
    problems: list[Problem] = []
    for row in rows:
        cells = _Cells(row)
        record = cells.record()
        problems += cells.problems
        if record is not None:
            records.append(record)
    return records, problems


@dataclass
class _Cells:
    row: Row
    problems: list[Problem] = field(default_factory=list)

    def record(self) -> Record | None:
        names = self._several("external_ids")
        account_id = self._text("id")
        if account_id is None and "id" in self.row.cells:
            self._problem("id", CellError("is empty", "a name of the account that no other has"))
        domains = [self._read("domains", word, read_domain) for word in self._several("domains")]
        values = {
            "name": self._text("name"),
            "domains": tuple(dict.fromkeys(domain for domain in domains if domain is not None)),
            "status": self._read("status", self._text("status"), read_status) or AccountStatus.UNKNOWN,
            "tier": self._text("tier"),
            "plan": self._text("plan"),
            "revenue": self._read("revenue", self._text("revenue"), read_number),
            "currency": self._read("currency", self._text("currency"), read_currency),
            "since": self._read("since", self._text("since"), read_time),
            "cancelled_at": self._read("cancelled_at", self._text("cancelled_at"), read_time),
            "owner": self._text("owner"),
            "opted_out": self._read("opted_out", self._text("opted_out") or "", read_flag) or False,
            "external_id": names[0] if names else None,
            "fields": {name: value for name, value in self.row.cells.items() if name not in COLUMNS and value != ""},
        }
        if account_id is None:
            return None
        return Record(Account(id=account_id, **values), self.row.where, names)

    def _text(self, column: str) -> str | None:
        return plain_text(self.row.cells.get(column)).strip() or None

    def _several(self, column: str) -> tuple[str, ...]:
        return tuple(word for word in _SEVERAL.split(plain_text(self.row.cells.get(column))) if word)

    def _read(self, column: str, text: str | None, read: Any) -> Any:
        if text is None:
            return None
        try:
            return read(text)
        except CellError as error:
            self._problem(column, error)
            return None

    def _problem(self, column: str, error: CellError) -> None:
        self.problems.append(cell_problem(self.row, column, str(error), error.expected, error.guess))


def cell_problem(row: Row, column: str, message: str, expected: str, guess: str | None = None) -> Problem:
    """A problem with one cell: `accounts.csv:4: column "status" ...`."""
    place = "" if row.line is not None else f"{row.where}, "
    return Problem(row.file, row.line, None, f'{place}column "{column}" {message}', expected, guess)


def plain_text(value: Any) -> str:
    """A cell as text: databases give numbers, dates, lists and NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join(plain_text(item) for item in value)
    return str(value)


def read_domain(text: str) -> str:
    """A company's own domain."""
    domain = normal_domain(text.removeprefix("@"))
    if domain is None:
        raise CellError("holds something that is no domain", "domains such as acme.example, with ; between several")
    if is_public_suffix(domain):
        raise CellError(f"holds {domain}, under which anybody may have a name", "the company's own domain")
    if is_free_mail(domain):
        raise CellError(f"holds {domain}, where anybody may have an address", "the company's own domain")
    return domain


def read_status(text: str) -> AccountStatus:
    """Where the company stands with us."""
    known = [status.value for status in AccountStatus]
    try:
        return AccountStatus(text.lower())
    except ValueError:
        raise CellError(
            f'cannot be "{text[:40]}"', f"one of {', '.join(known)}", nearest(text.lower(), known)
        ) from None


def read_number(text: str) -> float:
    """An amount of money."""
    if not _NUMBER.match(text) or not math.isfinite(float(text)):
        raise CellError("is no number", "digits only, such as 12000 or 12000.50")
    return float(text)


def read_currency(text: str) -> str:
    """An ISO 4217 code."""
    if not _CURRENCY.match(text):
        raise CellError("is no currency", "three letters such as EUR")
    return text.upper()


def read_time(text: str) -> datetime:
    """A date, or a time; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CellError("is no date", "a date such as 2026-01-31") from None


def read_flag(text: str) -> bool:
    """Yes or no."""
    if text.lower() not in _TRUE | _FALSE:
        raise CellError("is neither yes nor no", "yes, no, or nothing for no")
    return text.lower() in _TRUE
