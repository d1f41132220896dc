"""From facts to events: which are new, which are one and the same, which change nothing. Pure.

A fact is the same as an earlier one when they share a key (`keys`). So a vendor action that arrives as several
deliveries, in any order, tells each thing once.

A ticket and its first message are one `ticket.created`. Whichever of the two arrives first becomes it; the other is
then the same fact.

A fact that is older than the stored ticket still becomes an event, but never changes newer values, and its event shows
the ticket as it is now: an old state would let rules act on what is no longer so. Any other event shows the ticket as
its delivery told it, whatever the vendor's API said since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cornerdesk.adapters.echo import hints_of, text_hint
from cornerdesk.adapters.interface import Fact, TicketState
from cornerdesk.intake.diff import change_key, same_value
from cornerdesk.intake.keys import created_key, first_key, message_key, told_change_key
from cornerdesk.intake.merging import TicketCopy
from cornerdesk.intake.people import actor_of, filled, is_person, known_person
from cornerdesk.intake.told import ToldFact, brings_messages, tells_all
from cornerdesk.model import (
    Actor,
    ActorKind,
    Change,
    Direction,
    EventKind,
    Message,
    Ticket,
)

OPENING = timedelta(seconds=5)
"""A message this close to the ticket's creation may be the one that opened it."""

CREATION = timedelta(seconds=60)
"""A state told this soon after the ticket's creation tells of the creation."""


@dataclass(frozen=True)
class Draft:
    """An event to be, before its account, signals and id."""

    told: ToldFact
    kind: EventKind
    occurred_at: datetime
    ticket: Ticket
    actor: Actor
    message: Message | None = None
    changes: dict[str, Change] = field(default_factory=dict)


@dataclass
class Settled:
    """What became of one fact: its new keys, and its event if it has one (more, where a state brings messages)."""

    told: ToldFact
    keys: list[str]
    drafts: list[Draft]


@dataclass(frozen=True)
class Surroundings:
    """What is known about a ticket besides its row.

    Attributes:
        hydrated: the ticket from the vendor's API, and when it was fetched.
        echoes: hints of our own writes to it.
        own_user: the vendor's id of the user we write as, or None.
        before_and_after: the vendor's deliveries tell old values.
    """

    hydrated: TicketState | None = None
    fetched_at: datetime | None = None
    echoes: frozenset[str] = frozenset()
    own_user: str | None = None
    before_and_after: bool = False

    @property
    def people(self) -> Mapping[str, Actor]:
        return self.hydrated.people if self.hydrated else {}


def settle(copy: TicketCopy, facts: Iterable[ToldFact], seen: set[str], surroundings: Surroundings) -> list[Settled]:
    """Take facts into a ticket's copy and find the events among them.

    Args:
        copy: changed in place.
        facts: of this ticket, in any order.
        seen: keys seen before; new ones are added.
    """
    return [*_Settlement(copy, seen, surroundings).settle(sorted(facts, key=lambda told: told.order))]


class _Settlement:
    def __init__(self, copy: TicketCopy, seen: set[str], surroundings: Surroundings) -> None:
        self._copy = copy
        self._seen = seen
        self._around = surroundings
        self._stored_as_of = copy.as_of
        self._take_hydrated()

    def settle(self, facts: Sequence[ToldFact]) -> Iterable[Settled]:
        for told in facts:
            known = not self._seen.isdisjoint(told.fact.keys)
            self._take_state(told)
            settled = Settled(told, [], [])
            self._see(settled, told.fact.keys)
            if not known:
                self._find_events(settled)
            yield settled

    def _take_hydrated(self) -> None:
        hydrated, fetched_at = self._around.hydrated, self._around.fetched_at
        if hydrated is None or fetched_at is None:
            return
        fields = hydrated.ticket.model_dump(mode="json")
        self._copy.merge(fields, hydrated.as_of, fetched_at, complete=True)
        if hydrated.first_message is not None:
            self._copy.first = self._copy.first or hydrated.first_message.id
            self._copy.opening = self._copy.opening or _opening(hydrated.first_message)

    def _take_state(self, told: ToldFact) -> None:
        if changed := told.changed:
            self._copy.merge(changed, told.as_of, told.changed_at)
        self._copy.merge(told.fields, told.as_of, told.fact.occurred_at, complete=tells_all(told))

    def _find_events(self, settled: Settled) -> None:
        fact = settled.told.fact
        if fact.kind is EventKind.TICKET_CREATED:
            self._created(settled, fact.message)
        elif fact.kind is EventKind.MESSAGE_ADDED:
            self._told_message(settled)
        elif fact.kind is EventKind.TICKET_CHANGED or fact.kind is None:
            self._state(settled)
        else:
            self._draft(settled, fact.kind, message=fact.message, changes=fact.changes)

    # ── creation and messages ───────────────────────────────────────────────────────────────────────────────────────

    def _created(self, settled: Settled, message: Message | None) -> None:
        ticket = self._copy.id
        if created_key(ticket) in self._seen:
            return
        self._see(settled, [created_key(ticket)])
        hydrated = self._around.hydrated.first_message if self._around.hydrated else None
        if hydrated is not None:
            message = hydrated
        elif message is not None and self._copy.first is not None:
            # Somebody else's look at the ticket has shown what the vendor calls this message.
            message = message.model_copy(update={"id": self._copy.first})
        if message is not None:
            self._copy.opening = self._copy.opening or _opening(message)
            self._see(settled, [message_key(ticket, message)])
            self._copy.note_message(message, settled.told.fact.occurred_at)
        self._draft(settled, EventKind.TICKET_CREATED, message=message)

    def _told_message(self, settled: Settled) -> None:
        """A message that the delivery tells; the API may know more of it, such as its attachments."""
        fact = settled.told.fact
        if fact.message is None:
            self._draft(settled, EventKind.MESSAGE_ADDED)
            return
        latest = self._around.hydrated.messages if self._around.hydrated else ()
        whole = next((each for each in latest if each.id == fact.message.id), fact.message)
        self._message(settled, whole, first=fact.first_message)

    def _found_messages(self, settled: Settled) -> None:
        """Messages that no delivery told, of about the time of a fact that only says "look", or since the last look."""
        hydrated, fact = self._around.hydrated, settled.told.fact
        if hydrated is None or not brings_messages(fact):
            return
        since = fact.occurred_at - CREATION
        if self._stored_as_of is not None:
            since = min(since, self._stored_as_of)
        for message in hydrated.messages:
            if message.created_at is not None and message.created_at > since:
                self._message(settled, message, first=False, actor=message.author, at=message.created_at)

    def _message(self, settled: Settled, message: Message, *, first: bool, **more: Any) -> None:
        ticket, at = self._copy.id, message.created_at or settled.told.fact.occurred_at
        if message_key(ticket, message) in self._seen:
            return
        first = first or self._opens_ticket(message, at)
        self._see(settled, [message_key(ticket, message)])
        if first:
            self._see(settled, [first_key(ticket)])
            self._copy.first = message.id
            if created_key(ticket) in self._seen:
                return
            self._see(settled, [created_key(ticket)])
            self._copy.opening = self._copy.opening or _opening(message)
        self._copy.note_message(message, at)
        kind = EventKind.TICKET_CREATED if first else EventKind.MESSAGE_ADDED
        self._draft(settled, kind, message=message, **more)

    def _opens_ticket(self, message: Message, at: datetime) -> bool:
        copy = self._copy
        if message.id == copy.first:
            return True
        if first_key(copy.id) in self._seen or not self._near_creation(at, OPENING) or self._is_another(message):
            return False
        if copy.opening is not None:
            return copy.opening == _opening(message)
        # Nobody told the opening yet. An answer by machine comes as soon as a first message, so people only.
        unknown = created_key(copy.id) not in self._seen and copy.first is None
        return unknown and message.direction is Direction.INBOUND and is_person(message.author)

    def _is_another(self, message: Message) -> bool:
        """Whether the vendor shows this message beside the first: however alike they are, they are two."""
        hydrated = self._around.hydrated
        if hydrated is None or hydrated.first_message is None or hydrated.first_message.id == message.id:
            return False
        return any(each.id == message.id for each in hydrated.messages)

    def _near_creation(self, time: datetime, tolerance: timedelta) -> bool:
        created = self._copy.value("created_at")
        return created is not None and abs(datetime.fromisoformat(created) - time) <= tolerance

    # ── changes ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _state(self, settled: Settled) -> None:
        fact = settled.told.fact
        if fact.kind is None and self._tells_creation(fact):
            self._created(settled, fact.message)
            self._copy.take_untold()
        if fact.kind is None and fact.message is not None:
            self._told_message(settled)
        self._found_messages(settled)
        changes = self._vendors_changes(settled.told) if fact.changes else self._changes_found()
        for by_one in self._parted(fact, self._new_changes(settled, changes)):
            self._draft(settled, EventKind.TICKET_CHANGED, changes=by_one)

    def _tells_creation(self, fact: Fact) -> bool:
        return created_key(self._copy.id) not in self._seen and self._near_creation(fact.occurred_at, CREATION)

    def _changes_found(self) -> dict[str, Change]:
        before = self._copy.take_untold()
        return {name: Change(before=before[name], after=self._copy.value(name)) for name in sorted(before)}

    def _vendors_changes(self, told: ToldFact) -> dict[str, Change]:
        """As the vendor tells them; old values it does not tell are ours. One we know to be told already is none."""
        changes: dict[str, Change] = {}
        for name, change in told.fact.changes.items():
            known = self._copy.knows(name)
            before = self._copy.tell(name)
            if change.before is not None or self._around.before_and_after or not known:
                changes[name] = change
            elif not same_value(name, before, change.after):
                changes[name] = change.model_copy(update={"before": before})
        return changes

    def _new_changes(self, settled: Settled, changes: Mapping[str, Change]) -> dict[str, Change]:
        new: dict[str, Change] = {}
        for name, change in changes.items():
            key = self._key_of_change(settled.told, name, change)
            if key not in self._seen:
                new[name] = change
                self._see(settled, [key])
        return new

    def _parted(self, fact: Fact, changes: Mapping[str, Change]) -> list[dict[str, Change]]:
        """Changes that nobody says who made may be of several: those we made are told apart, lest they hide others'."""
        if fact.actor.id is not None:
            return [dict(changes)] if changes else []
        ours = {name: change for name, change in changes.items() if self._is_echo(fact.actor, None, {name: change})}
        others = {name: change for name, change in changes.items() if name not in ours}
        return [part for part in (ours, others) if part]

    def _key_of_change(self, told: ToldFact, name: str, change: Change) -> str:
        if told.fact.changes:
            return told_change_key(told, name, change)
        return change_key(self._copy.id, name, change.after, self._copy.stamp(name))

    # ── common ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _see(self, settled: Settled, keys: Iterable[str]) -> None:
        new = [key for key in keys if key not in self._seen]
        self._seen.update(new)
        settled.keys += new

    def _draft(
        self,
        settled: Settled,
        kind: EventKind,
        *,
        message: Message | None = None,
        changes: Mapping[str, Change] | None = None,
        actor: Actor | None = None,
        at: datetime | None = None,
    ) -> None:
        told, changes = settled.told, dict(changes or {})
        stale = self._stored_as_of is not None and told.as_of < self._stored_as_of
        ticket = self._copy.ticket(None if stale else told.fields)
        if message is not None and (author := self._complete(message.author, ticket)) is not message.author:
            message = message.model_copy(update={"author": author})
        actor = self._complete(actor or actor_of(told.fact, message), ticket)
        if self._is_echo(actor, message, changes):
            actor = actor.model_copy(update={"kind": ActorKind.SELF})
        at = at or told.fact.occurred_at
        settled.drafts.append(Draft(told, kind, at, ticket, actor, message, changes))
        self._copy.last_event_at = max(self._copy.last_event_at or at, at)

    def _complete(self, actor: Actor, ticket: Ticket) -> Actor:
        if actor.kind is not ActorKind.UNKNOWN and actor.name and actor.email:
            return actor
        known = known_person(actor.id, ticket, self._around.people)
        return filled(actor, known) if known else actor

    def _is_echo(self, actor: Actor, message: Message | None, changes: Mapping[str, Change]) -> bool:
        """What we wrote, told back to us. Of somebody known not to be us it is none, however alike it looks; and of
        changes by nobody knows whom all have to be ours."""
        hints, own = hints_of(message, changes), self._around.own_user
        if self._around.echoes.isdisjoint(hints) or (
            actor.id is None and message is None and hints - self._around.echoes
        ):
            return False
        return actor.id is None or own is None or actor.id == own


def _opening(message: Message) -> str:
    return f"{message.direction}:{text_hint(message.text)}"
