"""Writing back: notes, tags, assignment, priority, status, and the receipts by which their echo is known.

A note carries a marker, by which its audit is found again; everything else is the same when it is done again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from cornerdesk import (
    ApiConflictError,
    ApiRejectedError,
    Priority,
    Receipt,
    RejectedError,
    RetryableError,
    Status,
    UnsupportedError,
    field_hint,
    tag_hint,
)

from cornerdesk_zendesk.client import MARKER, ZendeskClient, vendor_number
from cornerdesk_zendesk.mapping import VENDOR_STATUSES, hints_of
from cornerdesk_zendesk.schemas import Audit, UpdateAnswer

_TAG_ATTEMPTS = 4
_log = structlog.get_logger()


class Writer:
    """What is written to one source.

    Args:
        sleep: see `cornerdesk.ApiClient`.
    """

    def __init__(self, source: str, client: ZendeskClient, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._source = source
        self._client = client
        self._sleep = sleep
        self._markers_kept = True

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        comment = {"body": text, "public": False}  # said every time: without it an earlier setting would stand
        answer = await self._update(ticket_id, {"comment": comment}, marker, repeatable=False)
        return await self._receipt(answer.audit, ticket_id)

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        return await self._change_tags("PUT", ticket_id, tags)

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        return await self._change_tags("DELETE", ticket_id, tags)

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        changes: dict[str, Any] = {}
        if agent is not None:
            changes |= _agent(agent)
        if team is not None:
            changes["group_id"] = await self._group(team)
        if not changes:
            raise RejectedError("assign names neither an agent nor a team")
        hint = "an agent takes tickets of the groups that they are a member of, and of no other"
        return await self._set(ticket_id, changes, marker, hint=hint)

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        return await self._set(ticket_id, {"priority": priority.value}, marker)

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        if status not in VENDOR_STATUSES:
            raise UnsupportedError(f"in Zendesk a ticket's status cannot be set to {status.value}")
        hint = "to be solved, a ticket may need fields that its form requires" if status is Status.SOLVED else ""
        return await self._set(ticket_id, {"status": VENDOR_STATUSES[status]}, marker, hint=hint)

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        """See `Adapter.find_write`.

        Raises:
            UnsupportedError: Zendesk did not keep the marker of an earlier update, so that finding none says nothing.
        """
        for audit in reversed(await self._client.audits(ticket_id)):
            if audit.metadata.custom.get(MARKER) == marker:
                return await self._receipt(audit, ticket_id)
        if not self._markers_kept:
            raise UnsupportedError(
                f"Zendesk ({self._source}) does not keep what our updates are known by; see on ticket {ticket_id}"
                " whether it was written"
            )
        return None

    async def _set(self, ticket_id: str, changes: Mapping[str, Any], marker: str, *, hint: str = "") -> Receipt:
        try:
            answer = await self._update(ticket_id, changes, marker, repeatable=True)
        except ApiRejectedError as error:
            if error.status != 422 or not hint or "closed" in str(error):
                raise
            raise ApiRejectedError(f"{error}; {hint}", status=error.status, code=error.code) from None
        receipt = await self._receipt(answer.audit, ticket_id)
        return receipt.model_copy(update={"echoes": tuple(dict.fromkeys((*receipt.echoes, *_now(answer, changes))))})

    async def _update(
        self, ticket_id: str, changes: Mapping[str, Any], marker: str, *, repeatable: bool
    ) -> UpdateAnswer:
        """That a single update's metadata is kept is not documented in so many words (fact sheet zendesk.md 4.2)."""
        answer = await self._client.update(ticket_id, changes, marker, repeatable=repeatable)
        audit = answer.audit
        if audit is not None and audit.events and MARKER not in audit.metadata.custom:
            self._markers_kept = False
            _log.warning("zendesk_marker_lost", source=self._source, ticket=ticket_id)
        return answer

    async def _receipt(self, audit: Audit | None, ticket_id: str) -> Receipt:
        if audit is None:
            return Receipt(detail=f"ticket {ticket_id}")
        teams: dict[str, str] = {}
        if any(event.field_name == "group_id" for event in audit.events):
            teams = await self._client.names("groups")
        comments = [event.id for event in audit.events if event.type == "Comment" and event.id]
        hints = hints_of(audit, teams)
        return Receipt(id=comments[0] if comments else audit.id, echoes=hints, detail=f"audit {audit.id}")

    async def _change_tags(self, method: str, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        """Reads, writes on what was read, and reads again: two writers at once must lose nobody's tag.

        Raises:
            RejectedError: written without conflict, and yet not there.
        """
        adding = method == "PUT"
        wanted = dict.fromkeys(tag for tag in map(_tag, tags) if tag)
        hints = tuple(tag_hint(tag, added=adding) for tag in wanted)
        written = 0
        for attempt in range(_TAG_ATTEMPTS):
            ticket = (await self._client.ticket(ticket_id)).ticket
            open_ones = [tag for tag in wanted if (tag in ticket.tags) is not adding]
            if not open_ones:
                return Receipt(echoes=hints, detail="tags as wanted" if attempt else "tags as wanted already")
            if written > 1:
                raise RejectedError(
                    f"Zendesk ({self._source}) took the change of {', '.join(open_ones)}, twice, and ticket {ticket_id}"
                    " does not show it: no tag of Zendesk's, or a trigger takes it back"
                )
            try:
                await self._client.change_tags(method, ticket, open_ones)
                written += 1
            except ApiConflictError:
                await self._sleep(random.uniform(0.2, 1.0) * (attempt + 1))  # noqa: S311 - two writers come apart
        raise RetryableError(f"ticket {ticket_id} was changed by others at each of {_TAG_ATTEMPTS} attempts to tag it")

    async def _group(self, team: str) -> int:
        """A group by id or by name, whatever its case."""
        number = vendor_number(team)
        if number is not None:
            return number
        for fresh in (False, True):
            names = await self._client.names("groups", fresh=fresh)
            for group_id, name in names.items():
                if name.casefold() == team.casefold():
                    return int(group_id)
        raise RejectedError(
            f"Zendesk ({self._source}) has no group {team!r}; groups: {', '.join(sorted(names.values()))}"
        )


def _agent(agent: str) -> dict[str, Any]:
    number = vendor_number(agent)
    if number is not None:
        return {"assignee_id": number}
    if "@" in agent:
        return {"assignee_email": agent}
    raise RejectedError(f"{agent!r} is neither the id nor the e-mail address of an agent")


def _now(answer: UpdateAnswer, changes: Mapping[str, Any]) -> list[str]:
    """What we set, by the values the ticket has now: also where it had them before, so that a repeat has its hints."""
    ticket = answer.ticket
    hints = []
    if "assignee_id" in changes or "assignee_email" in changes:
        hints.append(field_hint("assignee", ticket.assignee_id))
    if "priority" in changes:
        hints.append(field_hint("priority", changes["priority"]))
    if "status" in changes:
        hints.append(
            field_hint("status", next(ours for ours, word in VENDOR_STATUSES.items() if word == changes["status"]))
        )
    return hints


def _tag(text: str) -> str:
    """As Zendesk keeps tags: lower case, and no white space, which would make two of them."""
    return re.sub(r"\s+", "_", text.strip().lower())
