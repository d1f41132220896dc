"""Writing back: notes, tags, assignment, status, on conversations and on tickets.

What has one id may be a conversation, a ticket, or both, and each has calls of its own; so a write begins by asking
whether there is a ticket of this id. No call may carry a key that would keep it from being done twice (fact sheet
intercom.md 4): a note carries our marker, and everything else is the same when it is done again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from cornerdesk import (
    ApiAnswer,
    ApiRejectedError,
    Receipt,
    RejectedError,
    Status,
    UnsupportedError,
    field_hint,
    message_hint,
    tag_hint,
)
from cornerdesk.wire import M, parse_answer

from cornerdesk_intercom.client import IntercomClient, Kind, part_of_note
from cornerdesk_intercom.mapping import VENDOR_CATEGORIES, map_state, map_ticket_state
from cornerdesk_intercom.notes import holds_marker, note_html
from cornerdesk_intercom.schemas import Conversation, Part, Person, Tag, TicketState, VendorTicket

_CLOSING = frozenset({Status.CLOSED, Status.SOLVED})
_SNOOZING = frozenset({Status.PENDING, Status.ON_HOLD})
_log = structlog.get_logger()


class Writer:
    """What is written to one source.

    Args:
        own_id: tells the teammate whom we write as.
        snooze: how long a conversation is snoozed.
    """

    def __init__(
        self, source: str, client: IntercomClient, own_id: Callable[[], Awaitable[str]], snooze: timedelta
    ) -> None:
        self._source = source
        self._client = client
        self._own_id = own_id
        self._snooze = snooze
        self._markers_kept = True

    # ── notes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        admin_id, ticket = await self._own_id(), await self._ticket(ticket_id)
        kind: Kind = "conversations" if ticket is None else "tickets"
        answer = await self._client.add_note(kind, ticket_id, admin_id, note_html(text, marker))
        part = part_of_note(answer, lambda part: holds_marker(part.body, marker))
        if part is None:
            return Receipt(detail="the answer does not show the note")
        if not holds_marker(part.body, marker):
            self._markers_kept = False
            _log.warning("intercom_marker_lost", source=self._source, ticket=ticket_id)
        return _note_receipt(part)

    async def find_note(self, ticket_id: str, marker: str) -> Receipt | None:
        """Among the parts that the API shows, which are the 500 latest.

        Raises:
            UnsupportedError: Intercom did not keep the marker of an earlier note, so that finding none says nothing.
        """
        for part in reversed(await self._parts(ticket_id)):
            if holds_marker(part.body, marker):
                return _note_receipt(part)
        if not self._markers_kept:
            raise UnsupportedError(
                f"Intercom ({self._source}) does not keep the marker in our notes; look at the conversation by hand"
            )
        return None

    async def _parts(self, ticket_id: str) -> Sequence[Part]:
        if (conversation := await self._conversation(ticket_id)) is not None:
            return conversation.conversation_parts
        ticket = await self._ticket(ticket_id)
        return ticket.ticket_parts if ticket else ()

    # ── tags ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        """Tags one by one, by id; what is on it already is left alone, for what a second time does is not known."""
        admin_id, kind, there = await self._own_id(), await self._kind(ticket_id), await self._tags(ticket_id)
        names = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
        for name in names:
            if name.casefold() in there:
                continue
            tag = await self._tag(name)
            try:
                await self._client.attach_tag(kind, ticket_id, tag.id or "", admin_id)
            except ApiRejectedError:
                if name.casefold() not in await self._tags(ticket_id):
                    raise
        return Receipt(echoes=tuple(tag_hint(name, added=True) for name in names), detail=f"{len(names)} tags")

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        admin_id, kind, there = await self._own_id(), await self._kind(ticket_id), await self._tags(ticket_id)
        names = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
        for name in names:
            if (tag := there.get(name.casefold())) is not None and tag.id is not None:
                await self._client.detach_tag(kind, ticket_id, tag.id, admin_id)
        return Receipt(echoes=tuple(tag_hint(name, added=False) for name in names), detail=f"{len(names)} tags")

    async def _tags(self, ticket_id: str) -> dict[str, Tag]:
        """The tags on it by name, whatever their case. A ticket does not show its own: its conversation does."""
        conversation = await self._conversation(ticket_id)
        return {tag.name.casefold(): tag for tag in conversation.tags} if conversation else {}

    async def _tag(self, name: str) -> Tag:
        """The tag of this name, whatever its case, made where there is none."""
        known = {tag.name.casefold(): tag for tag in await self._client.tags(name)}
        return known.get(name.casefold()) or await self._client.create_tag(name)

    # ── assignment ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def assign(self, ticket_id: str, agent: str | None, team: str | None) -> Receipt:
        """The team first: assigning to one must not take the ticket from the agent again."""
        if agent is None and team is None:
            raise RejectedError("assign names neither an agent nor a team")
        to_team = await self._person("teams", team) if team is not None else None
        to_agent = await self._person("admins", agent) if agent is not None else None
        ticket = await self._ticket(ticket_id)
        hints = list[str]()
        if to_team is not None:
            await self._assign(ticket_id, "team", to_team.id, ticket)
            hints.append(field_hint("team", to_team.name or to_team.id))
        if to_agent is not None:
            await self._assign(ticket_id, "admin", to_agent.id, ticket)
            hints.append(field_hint("assignee", to_agent.id))
        return Receipt(echoes=tuple(hints))

    async def _assign(self, ticket_id: str, kind: str, assignee_id: str, ticket: VendorTicket | None) -> None:
        """A closed ticket stays closed: a write to it may open it (section 4)."""
        admin_id = await self._own_id()
        if ticket is None:
            await self._client.act(ticket_id, admin_id, message_type="assignment", type=kind, assignee_id=assignee_id)
            return
        closed = {"open": False} if ticket.open is False else {}
        await self._client.update_ticket(ticket_id, admin_id, assignee_id=assignee_id, **closed)

    async def _person(self, kind: Any, named: str) -> Person:
        """A teammate by id or address, a team by id or name, whatever the case."""
        people = await self._client.people(kind, *([named] if named.isdigit() else []))
        word = "email" if kind == "admins" else "name"
        for fresh in (False, True):
            for person in people:
                if named == person.id or named.casefold() == (getattr(person, word) or "").casefold():
                    return person
            if not fresh:
                people = await self._client.people(kind, "")  # nobody has this id: they are read again
        known = ", ".join(sorted(getattr(person, word) or person.id for person in people))
        raise RejectedError(f"Intercom ({self._source}) has no {named!r} among its {kind}; there are: {known[:500]}")

    # ── status ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def set_status(self, ticket_id: str, status: Status) -> Receipt:
        ticket = await self._ticket(ticket_id)
        if ticket is None:
            return await self._set_conversation(ticket_id, status)
        return await self._set_ticket(ticket, status)

    async def _set_conversation(self, conversation_id: str, status: Status) -> Receipt:
        """A conversation is open, snoozed or closed: what is solved is closed, and what waits is snoozed."""
        what: dict[str, Any]
        if status in _CLOSING:
            what = {"message_type": "close", "type": "admin"}
        elif status is Status.OPEN:
            what = {"message_type": "open"}
        elif status in _SNOOZING:
            what = {"message_type": "snoozed", "snoozed_until": self._snoozed_until()}
        else:
            raise UnsupportedError(
                f"in Intercom a conversation is open, snoozed (pending) or closed, and cannot be {status.value}"
            )
        conversation = await self._client.act(conversation_id, await self._own_id(), **what)
        return _status_receipt(map_state(conversation)[0], status)

    async def _set_ticket(self, ticket: VendorTicket, status: Status) -> Receipt:
        """`open` is said every time: a write to a closed ticket may open it (section 4)."""
        what: dict[str, Any] = {"open": status is not Status.CLOSED}
        if status is Status.ON_HOLD:
            what["snoozed_until"] = self._snoozed_until()
        elif status in VENDOR_CATEGORIES:
            what["ticket_state_id"] = await self._state_id(ticket, VENDOR_CATEGORIES[status])
            if status is Status.SOLVED:
                what["open"] = ticket.open is not False
        elif status is not Status.CLOSED:
            raise UnsupportedError(f"in Intercom a ticket's status cannot be set to {status.value}")
        changed = await self._client.update_ticket(ticket.id, await self._own_id(), **what)
        return _status_receipt(map_ticket_state(changed)[0], status)

    async def _state_id(self, ticket: VendorTicket, category: str) -> str:
        """The first state of this category that tickets of this type may have."""
        kind = ticket.ticket_type
        if ticket.ticket_state is not None and ticket.ticket_state.category == category and ticket.ticket_state.id:
            return ticket.ticket_state.id
        own = kind.ticket_states if kind else []
        for state in (*own, *await self._states_of(kind.id if kind else None)):
            if state.category == category and state.id and not state.archived:
                return state.id
        raise RejectedError(f"tickets of this type have no state of the category {category} in Intercom")

    async def _states_of(self, type_id: str | None) -> list[TicketState]:
        states = await self._client.ticket_states()
        return [state for state in states if type_id in {each.id for each in state.ticket_types}]

    def _snoozed_until(self) -> int:
        return int((self._client.clock.now() + self._snooze).timestamp())

    # ── what it is ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _kind(self, ticket_id: str) -> Kind:
        return "conversations" if await self._ticket(ticket_id) is None else "tickets"

    async def _ticket(self, ticket_id: str) -> VendorTicket | None:
        return _parsed(VendorTicket, await self._client.ticket(ticket_id))

    async def _conversation(self, ticket_id: str) -> Conversation | None:
        return _parsed(Conversation, await self._client.conversation(ticket_id))


def _parsed(model: type[M], answer: ApiAnswer | None) -> M | None:
    return parse_answer(model, answer) if answer is not None else None


def _note_receipt(part: Part) -> Receipt:
    return Receipt(id=part.id, echoes=(message_hint(part.id),), detail=f"part {part.id}")


def _status_receipt(now: Status, wanted: Status) -> Receipt:
    """What it became is what its delivery will tell: solved rather than closed, say."""
    return Receipt(echoes=tuple(dict.fromkeys((field_hint("status", now), field_hint("status", wanted)))))
