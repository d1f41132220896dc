"""Our copy of a ticket, put together from everything that was told of it, in whatever order it came.

Pure. Every value carries a stamp: the vendor's `updated_at` of the state it was told in, then when that was told. A
value never gives way to one with an older stamp, so any order of the same tellings ends in the same ticket. What a
delivery is about is merged with its own, finer time (`ToldFact.changed_at`): the rest of it may be older. What is
said once and not as state (who waits since when, how many messages) is kept so that it, too, does not depend on order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from cornerdesk.intake.diff import flattened, is_compared, same_value
from cornerdesk.model import JSON, ActorKind, Direction, FrozenModel, Message, Status, Ticket

COMPLETE = "*"
"""The stamp of every value that has none of its own: the last complete state."""

OBJECTS = ("customer", "assignee", "account")
COUNTED = ("waiting_since", "message_count")
"""Told by some vendors; counted by us until the vendor tells them."""

FINISHED = frozenset({Status.SOLVED, Status.CLOSED, Status.SPAM, Status.DELETED})
WAITING_KEPT = 50
"""Inbound messages remembered of one wait. Only the first sets `waiting_since`; the others matter when an answer comes
late, between them."""


class Told(FrozenModel):
    """What merging needs to know beyond the state; the column `told` of `tickets`.

    Attributes:
        stamps: of when a value is, by field (`fields.NAME` for custom ones).
        untold: what a field was when an event last told it, for those that changed since without one.
        inbound: when the customer wrote since the last answer, oldest first.
        answered: when the customer was last answered or the ticket finished.
        messages: messages counted.
        first: the vendor's id of the message that opened the ticket.
        opening: a hint of that message's direction and text.
        vendor_counts: fields of COUNTED that the vendor tells.
    """

    stamps: dict[str, str] = Field(default_factory=dict)
    untold: dict[str, Any] = Field(default_factory=dict)
    inbound: tuple[str, ...] = ()
    answered: str | None = None
    messages: int = 0
    first: str | None = None
    opening: str | None = None
    vendor_counts: tuple[str, ...] = ()


def stamp_of(as_of: datetime, told_at: datetime) -> str:
    """Sorts by text. `told_at` decides between states of one second, which is as fine as most vendors tell time."""
    return f"{_iso(as_of)}/{_iso(told_at)}"


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


class TicketCopy:
    """A ticket while a transaction changes it.

    Attributes:
        state: the ticket's fields as JSON.
        as_of: the newest `updated_at` seen, or None when nothing was told yet.
        complete: a complete state was told once.
    """

    def __init__(self, ticket_id: str, row: Mapping[str, Any] | None) -> None:
        self.id = ticket_id
        self.state: JSON = dict(row["state"]) if row else {}
        self.as_of: datetime | None = row["as_of"] if row else None
        self.complete: bool = bool(row["complete"]) if row else False
        self.last_event_at: datetime | None = row["last_event_at"] if row else None
        told = Told.model_validate(row["told"] or {}) if row else Told()
        self._stamps = dict(told.stamps)
        self._untold = dict(told.untold)
        self._inbound = set(told.inbound)
        self._answered = told.answered
        self._messages = told.messages
        self._vendor_counts = set(told.vendor_counts)
        self.first = told.first
        self.opening = told.opening

    def merge(self, fields: Mapping[str, Any], as_of: datetime, told_at: datetime, *, complete: bool = False) -> None:
        """Take over what is newer than what is known. `fields` is JSON, by the names of `model.Ticket`."""
        stamp = stamp_of(as_of, told_at)
        newest = complete and stamp >= self._stamps.get(COMPLETE, "")
        for path, value in flattened(fields):
            self._take(path, value, stamp)
        if newest:
            self._forget_what_is_no_more(fields, stamp)
            self._stamps = {path: known for path, known in self._stamps.items() if known > stamp}
            self._stamps[COMPLETE] = stamp
        self.complete = self.complete or complete
        self.as_of = max(self.as_of, as_of) if self.as_of else as_of
        if fields.get("status") in FINISHED:
            self._note_answered(_iso(as_of))

    def note_message(self, message: Message, at: datetime) -> None:
        """Count a new message and see who waits for whom now."""
        self._messages += 1
        time = _iso(message.created_at or at)
        if message.direction is Direction.INBOUND:
            self._inbound.add(time)
        elif message.direction is Direction.OUTBOUND and message.author.kind not in (
            ActorKind.BOT,
            ActorKind.AUTOMATION,
        ):
            self._note_answered(time)

    def take_untold(self) -> dict[str, Any]:
        """What fields were before they changed without an event having told it; from now on they are told."""
        untold, self._untold = self._untold, {}
        return untold

    def tell(self, field: str) -> Any:
        """The same for one field; `state`'s own value when nothing is untold."""
        return self._untold.pop(field, self.value(field))

    def knows(self, field: str) -> bool:
        """Whether anything was ever told of this field."""
        return field in self._stamps or COMPLETE in self._stamps

    def stamp(self, field: str) -> str:
        """The vendor's time of the state that a field's value is from."""
        return (self._stamps.get(field) or self._stamps.get(COMPLETE, "")).partition("/")[0]

    def value(self, path: str) -> Any:
        if path.startswith("fields."):
            return self.state.get("fields", {}).get(path.removeprefix("fields."))
        return self.state.get(path)

    def fields(self, told: Mapping[str, Any] | None = None) -> JSON:
        """The ticket's fields, with what one delivery told laid over them."""
        fields: JSON = {**self.state, "id": self.id}
        for path, value in flattened(told or {}):
            if path.startswith("fields."):
                fields["fields"] = {**fields.get("fields", {}), path.removeprefix("fields."): value}
            elif path not in COUNTED:
                fields[path] = _joined(value, fields.get(path)) if path in OBJECTS else value
        counted = {"waiting_since": self._waiting_since(), "message_count": self._messages or None}
        for path, value in counted.items():
            if path not in self._vendor_counts:
                fields[path] = value
        return fields

    def ticket(self, told: Mapping[str, Any] | None = None) -> Ticket:
        return Ticket.model_validate(self.fields(told))

    def told(self) -> Told:
        """What to keep beside the state."""
        return Told(
            stamps=self._stamps,
            untold=self._untold,
            inbound=tuple(sorted(self._open_inbound())[:WAITING_KEPT]),
            answered=self._answered,
            messages=self._messages,
            first=self.first,
            opening=self.opening,
            vendor_counts=tuple(sorted(self._vendor_counts)),
        )

    def _take(self, path: str, value: Any, stamp: str) -> None:
        if path in COUNTED:
            if value is None and path not in self._vendor_counts:
                return
            self._vendor_counts.add(path)
        before = self.value(path)
        known = self._stamps.get(path) or self._stamps.get(COMPLETE, "")
        wins = stamp > known or (stamp == known and _order(value) > _order(before))
        if path in OBJECTS:
            value = _joined(value, before) if wins else _joined(before, value)
        elif not wins:
            return
        self._set(path, value)
        if wins:
            self._note_untold(path, before, value, known)
            self._stamps[path] = stamp

    def _set(self, path: str, value: Any) -> None:
        if path.startswith("fields."):
            self.state["fields"] = {**self.state.get("fields", {}), path.removeprefix("fields."): value}
        else:
            self.state[path] = value

    def _note_untold(self, path: str, before: Any, value: Any, known: str) -> None:
        """Learning what was never told is not a change; going back to what was told last is none either."""
        if not known or not is_compared(path):
            return
        if not same_value(path, before, value):
            self._untold.setdefault(path, before)
        if path in self._untold and same_value(path, self._untold[path], value):
            del self._untold[path]

    def _forget_what_is_no_more(self, fields: Mapping[str, Any], stamp: str) -> None:
        if "fields" not in fields:
            return
        kept = fields["fields"] or {}
        for name in set(self.state.get("fields", {})) - set(kept):
            if self._stamps.get(f"fields.{name}", "") <= stamp:
                before = self.state["fields"][name]
                self.state["fields"] = {key: item for key, item in self.state["fields"].items() if key != name}
                self._note_untold(f"fields.{name}", before, None, "known")

    def _note_answered(self, time: str) -> None:
        self._answered = max(self._answered or "", time)

    def _open_inbound(self) -> list[str]:
        return [time for time in self._inbound if time > (self._answered or "")]

    def _waiting_since(self) -> str | None:
        return min(self._open_inbound(), default=None)


def _joined(winner: Any, other: Any) -> Any:
    """A person or company told in parts: gaps are filled from the other telling, if it is of the same one."""
    if not isinstance(winner, dict) or not isinstance(other, dict):
        return winner
    if winner.get("id") != other.get("id"):
        return winner
    told = {key: item for key, item in winner.items() if item not in (None, "unknown", [], {})}
    return {**other, **told}


def _order(value: Any) -> str:
    """Any order will do, as long as it is the same everywhere: two states of one instant."""
    return json.dumps(value, sort_keys=True, default=str)
