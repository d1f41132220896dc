"""What a listing is: one declaration from which come a CLI command, an API route and a dashboard page.

`cornerdesk NAME [--filter ...] [--json]`, `GET /api/v1/NAME?filter=...`, and the page `/NAME`. A verb is
`cornerdesk NAME VERB ID [--option ...]` and a button.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from cornerdesk.configuration import Configuration

if TYPE_CHECKING:
    from cornerdesk.storage.transaction import Transaction


@dataclass(frozen=True)
class Filter:
    """A filter of a listing: `--name VALUE`. `choices` empty: any text. `flag`: a switch without a value."""

    name: str
    about: str
    choices: tuple[str, ...] = ()
    flag: bool = False


@dataclass(frozen=True)
class Question:
    """What somebody asks of a listing: an open transaction, the filters given (by name), and how many at most."""

    tx: Transaction
    configuration: Configuration
    now: datetime
    filters: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 50


@dataclass(frozen=True)
class Request:
    """What somebody asks a verb to do to one row: `tx` is a writing transaction, committed when the verb returns.

    `by` is who asks, for the record. `enqueue` makes effects planned in the same transaction start at once: pass it
    the intents (each with a `scope`) and the source and ticket that they belong to.
    """

    tx: Transaction
    configuration: Configuration
    now: datetime
    id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    by: str = "cli"
    plan: Callable[..., Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True)
class Verb:
    """Something to do to one row, by id: a correction, an answer.

    `run` returns a sentence that says what was done; raises `RejectedError` with the reason when it cannot be done.
    """

    name: str
    about: str
    run: Callable[[Request], Awaitable[str]]
    options: tuple[Filter, ...] = ()


@dataclass(frozen=True)
class Listing:
    """A list that people read and correct.

    Attributes:
        name: plural, as typed: `escalations`.
        about: one line.
        row: the model of a row; its fields are the JSON's.
        columns: the fields that a table shows, in order.
        rows: answers a question, newest first.
        example: a command line for --help.
    """

    name: str
    about: str
    row: type[BaseModel]
    columns: tuple[str, ...]
    rows: Callable[[Question], Awaitable[Sequence[BaseModel]]]
    filters: tuple[Filter, ...] = ()
    verbs: tuple[Verb, ...] = ()
    example: str | None = None


def heading(column: str) -> str:
    """A column's heading as words: of `ticket.subject` it is subject, of `ticket.number` ticket."""
    parent, _, last = column.rpartition(".")
    name = parent.rpartition(".")[2] if parent and last in _TELLING_NOTHING else last
    return _WRITTEN_APART.get(name, name.replace("_", " "))


_TELLING_NOTHING = frozenset({"id", "kind", "name", "number"})
_WRITTEN_APART = {"deadletters": "dead letters", "number": "ticket"}
