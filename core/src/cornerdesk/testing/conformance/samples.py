"""Sample deliveries: a body as the vendor sends it, and what it means. Written by an adapter's author."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cornerdesk.adapters.interface import Fact
from cornerdesk.model import ActorKind, Direction, EventKind, Score

Place = tuple[str | int, ...]
"""Where a value stands in JSON: keys and positions from the outside in."""


@dataclass(frozen=True)
class Told:
    """What one fact of a sample has to say. Whatever is left out is not compared.

    Attributes:
        kind: None for a fact that only says how the ticket looks now.
        ticket_id: what the vendor's API calls the ticket.
        text: the message's, whole.
        direction: the message's.
        actor: who did it, as far as the delivery tells.
        ticket: fields of the ticket, as in `Fact.ticket`.
        changes: field to (before, after).
        score: of a rating.
        fact: a name for this fact; facts of two samples that are one and the same have the same.
    """

    kind: EventKind | None
    ticket_id: str
    text: str | None = None
    direction: Direction | None = None
    actor: ActorKind | None = None
    ticket: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    score: Score | None = None
    fact: str = ""

    def differences(self, fact: Fact) -> list[str]:
        """What `fact` says otherwise, each as `where: seen instead of wanted`."""
        said = fact.message
        pairs = [
            ("kind", fact.kind, self.kind),
            ("ticket_id", fact.ticket_id, self.ticket_id),
            *([("message.text", said and said.text, self.text)] if self.text is not None else []),
            *([("message.direction", said and said.direction, self.direction)] if self.direction else []),
            *([("actor.kind", fact.actor.kind, self.actor)] if self.actor else []),
            *([("rating.score", fact.rating and fact.rating.score, self.score)] if self.score else []),
            *((f"ticket.{name}", fact.ticket.get(name), wanted) for name, wanted in self.ticket.items()),
            *((f"changes.{name}", _sides(fact, name), tuple(wanted)) for name, wanted in self.changes.items()),
        ]  # fmt: skip
        return [f"{where}: {seen!r} instead of {wanted!r}" for where, seen, wanted in pairs if seen != wanted]


def _sides(fact: Fact, name: str) -> tuple[Any, Any] | None:
    change = fact.changes.get(name)
    return None if change is None else (change.before, change.after)


@dataclass(frozen=True)
class Sample:
    """One delivery.

    Attributes:
        name: what test reports call it.
        body: the exact bytes, JSON.
        tells: its facts, in any order; none when it is to be ignored.
        headers: those that say what the body is, such as an event's name; signatures and ids are `make_delivery`'s.
        enums: where values of the vendor's enums stand that become a status, priority or channel of ours:
            `("detail.status", "detail.via.channel")`.
    """

    name: str
    body: bytes = field(repr=False)
    tells: Sequence[Told] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    enums: Sequence[str] = ()

    @classmethod
    def load(
        cls, file: Path, *tells: Told, headers: Mapping[str, str] | None = None, enums: Sequence[str] = ()
    ) -> Sample:
        """A sample whose body is a file; its name is the file's."""
        return cls(file.stem, file.read_bytes(), tells, headers or {}, enums)

    @property
    def data(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)

    def with_data(self, data: Any) -> Sample:
        """The same with another body."""
        return replace(self, body=json.dumps(data).encode())


def leaves(data: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that holds no others, with its place."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*place, key))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from leaves(value, (*place, position))
    else:
        yield place, data


def put(data: Any, place: Place, value: Any) -> Any:
    """A copy of `data` with another value at `place`."""
    if not place:
        return value
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[place[0]] = put(data[place[0]], place[1:], value)
    return copy


def find(data: Any, path: str) -> Place:
    """The place of `detail.via.channel` or `events.0.status`.

    Raises:
        KeyError, IndexError: there is none.
    """
    place: list[str | int] = []
    for part in path.split("."):
        step = int(part) if isinstance(data, list) else part
        data = data[step]
        place.append(step)
    return tuple(place)
