"""The account directory: who is a customer. Looked up in memory; read again when its file changes.

Never invents an account: a company that the directory does not know stays what the vendor says of it, or unknown.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from cornerdesk.accounts.index import Index, make_index
from cornerdesk.accounts.query import read_query
from cornerdesk.accounts.records import Record, Row, make_records, read_csv
from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError, CornerdeskError, Problem
from cornerdesk.model import Account, AccountStatus, Customer

log = structlog.get_logger()

LARGEST = 100_000_000
"""Bytes of a CSV file at most."""
_PLAIN = ("name", "tier", "plan", "since", "cancelled_at", "owner")


@dataclass(frozen=True)
class Match:
    """The customer's account, and where its values came from, by path (`account.tier`: `directory accounts.csv:4`).

    Paths that are absent came from the vendor. `account` is None when neither knows the company.
    """

    account: Account | None
    origins: dict[str, str] = field(default_factory=dict)


class Directory:
    """The directory. Made by `open_directory`.

    Args:
        read: reads all rows anew.
        csv: the file whose change makes it read again by itself, and its name for people.
    """

    def __init__(
        self, read: Callable[[], Awaitable[tuple[Sequence[Row], Sequence[Problem]]]] | None = None,
        *, csv: tuple[Path, str] | None = None,
    ) -> None:  # fmt: skip
        self._read, self._csv = read, csv
        self._index = Index()
        self._stamp: tuple[int, int, int] | None = None
        self._accounts: tuple[Account, ...] = ()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Every account in it, in its own order."""
        return self._accounts

    def find(self, customer: Customer | None, vendor_account: Account | None) -> Match:
        """The customer's account: by external ids, then by the vendor's organisation, then by the e-mail domain.

        What the directory says replaces what the vendor says. Does no I/O but to see whether the CSV file changed;
        one that cannot be read leaves the directory as it was.
        """
        self._notice_change()
        found = self._index.find(customer, vendor_account)
        if found is None:
            return Match(vendor_account)
        return merge(found[0], vendor_account, found[1])

    async def refresh(self) -> None:
        """Read everything anew.

        Raises:
            ConfigurationError: something in it is wrong; the directory stays as it was.
            RetryableError: the database does not answer; the same.
        """
        if self._csv is not None:
            self._stamp = _stamp(self._csv[0])
            self._take(*_read_file(*self._csv))
        elif self._read is not None:
            self._take(*await self._read())

    def _notice_change(self) -> None:
        if self._csv is None or (stamp := _stamp(self._csv[0])) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._take(*_read_file(*self._csv))
        except CornerdeskError as error:
            problems = [str(problem) for problem in getattr(error, "problems", ())][:5]
            log.warning("accounts_kept", reason="the changed file is not right", problems=problems)
        else:
            log.info("accounts_read", accounts=len(self._accounts))

    def _take(self, rows: Sequence[Row], problems: Sequence[Problem]) -> None:
        records, found = make_records(rows)
        index, twice = make_index(records, rows)
        wrong = [*problems, *found, *twice]
        if wrong:
            raise ConfigurationError(sorted(wrong, key=lambda problem: problem.line or 0))
        self._index, self._accounts = index, tuple(record.account for record in records)


async def open_directory(configuration: Configuration) -> Directory:
    """The directory that the configuration names, read; an empty one when it names none.

    Raises:
        ConfigurationError: with every problem in it, each by file, line and column name.
        RetryableError: the database of its query does not answer.
    """
    source = configuration.accounts
    if source is None:
        return Directory()
    if source.csv is not None:
        directory = Directory(csv=(configuration.directory / source.csv, source.csv))
    else:
        directory = Directory(lambda: read_query(configuration))
    await directory.refresh()
    return directory


def merge(record: Record, vendor: Account | None, how: str) -> Match:
    """The vendor's account with all that the directory knows better."""
    known = record.account
    if vendor is None:
        vendor = Account(id=known.id)
    values: dict[str, Any] = {"id": known.id, "opted_out": known.opted_out or vendor.opted_out}
    values |= {name: value for name in _PLAIN if (value := getattr(known, name)) is not None}
    if known.status is not AccountStatus.UNKNOWN:
        values["status"] = known.status
    if known.revenue is not None:  # an amount and its currency belong together
        values |= {"revenue": known.revenue, "currency": known.currency}
    if known.external_id is not None:
        values["external_id"] = known.external_id
    if known.domains:
        values["domains"] = tuple(dict.fromkeys(known.domains + vendor.domains))
    origins = {f"account.{name}": record.where for name in values if name != "opted_out" or known.opted_out}
    origins |= {f"account.fields.{name}": record.where for name in known.fields}
    origins["account"] = f"{record.where}, by {how}"
    values["fields"] = {**vendor.fields, **known.fields}
    return Match(vendor.model_copy(update=values), origins)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_file(path: Path, name: str) -> tuple[list[Row], list[Problem]]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise ConfigurationError([Problem(name, None, None, f"it cannot be read: {reason}", "a CSV file")]) from None
    if len(content) > LARGEST:
        raise ConfigurationError([Problem(name, None, None, "the file is too large", f"at most {LARGEST} bytes")])
    return read_csv(content, name)
