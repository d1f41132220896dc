"""The stand-in's incremental exports: tickets by cursor, ticket events by time (fact sheet zendesk.md 2.1)."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from datetime import datetime

from cornerdesk import JSON
from cornerdesk.testing.desk import Api, page_of
from starlette.requests import Request
from starlette.routing import Route

from cornerdesk_zendesk.standin.desk import Desk, Ticket, refusal

Row = tuple[int, int, JSON]
"""When, which, and what."""


class Exports:
    """Routes of the exports.

    Attributes:
        withheld: seconds; what happened within the last of them is not shown. Zendesk's are 60, for which a test or a
            demo has no time.
        most: rows of a page.
        admins_only: whoever asks is no admin.
        system_updates: tickets that the system changed, by id, with the time (seconds since 1970): this moves
            `generated_timestamp` and not `updated_at`.
        scrubbed: tickets deleted for good.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._events: list[Row] = []
        self.withheld = 0
        self.most = 1000
        self.admins_only = False
        self.system_updates: dict[int, int] = {}
        self.scrubbed: set[int] = set()

    def routes(self, api: Api) -> list[Route]:
        return [
            api.at("/api/v2/incremental/tickets/cursor", self._tickets),
            api.at("/api/v2/incremental/ticket_events", self._ticket_events),
        ]

    # ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tickets(self, request: Request) -> JSON:
        self._admit()
        params = request.query_params
        start = _place(params["cursor"]) if "cursor" in params else (self._start(request), -1)
        told = sorted((self._generated(ticket), ticket.id) for ticket in self._desk.tickets.values())
        rows = [row for row in told if row > start and row[0] <= self._latest()]
        page = page_of(request, rows, 0, min(int(params.get("per_page", self.most)), self.most)).rows
        tickets = [self._desk.tickets[ticket_id] for _, ticket_id in page]
        answer: JSON = {
            "tickets": [self._show(ticket, generated) for (generated, _), ticket in zip(page, tickets, strict=True)],
            "after_cursor": _cursor(page[-1] if page else start),
            "after_url": "https://elsewhere.example.com/api/v2/incremental/tickets/cursor.json?cursor=x",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": len(page) == len(rows),  # an empty page is no end
        }
        return answer | self._beside(tickets, params.get("include", ""))

    def _show(self, ticket: Ticket, generated: int) -> JSON:
        shown = self._desk.show(ticket) | {"generated_timestamp": generated, "comment_count": len(ticket.comments)}
        if ticket.id in self.scrubbed:
            shown |= {"status": "deleted", "subject": "SCRUBBED", "raw_subject": "SCRUBBED", "description": "X"}
        return shown

    def _beside(self, tickets: list[Ticket], include: str) -> JSON:
        desk = self._desk
        users = {user for ticket in tickets for user in (ticket.requester_id, ticket.submitter_id, ticket.assignee_id)}
        companies = {ticket.organization_id for ticket in tickets}
        groups = {ticket.group_id for ticket in tickets}
        beside: JSON = {
            "users": [desk.show_user(desk.users[user]) for user in users if user in desk.users],
            "organizations": [
                desk.show_organization(desk.organizations[each]) for each in companies if each in desk.organizations
            ],
            "groups": [{"id": each, "name": desk.groups[each]} for each in groups if each in desk.groups],
        }
        return {name: rows for name, rows in beside.items() if name in include.split(",")}

    def _generated(self, ticket: Ticket) -> int:
        return max(int(ticket.updated_at.timestamp()), self.system_updates.get(ticket.id, 0))

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ticket_events(self, request: Request) -> JSON:
        self._admit()
        rows = self._happened()
        start = self._start(request)
        first, last = (bisect_left(rows, (time, -1, {})) for time in (start, self._latest() + 1))
        page = page_of(request, rows[first:last], 0, self.most).rows
        ended = first + len(page) >= last
        end = page[-1][0] + ended if page else start
        return {
            "ticket_events": [row for _, _, row in page],
            "count": len(page),
            "end_time": end,
            "next_page": f"https://elsewhere.example.com/api/v2/incremental/ticket_events.json?start_time={end}",
            "end_of_stream": ended,
        }

    def _happened(self) -> list[Row]:
        """Every audit, sorted; made anew only when there are more of them."""
        tickets = self._desk.tickets.values()
        if sum(len(ticket.audits) for ticket in tickets) != len(self._events):
            rows = (_event(ticket, audit) for ticket in tickets for audit in ticket.audits)
            self._events = sorted(((row["timestamp"], row["id"], row) for row in rows), key=lambda row: row[:2])
        return self._events

    # ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _latest(self) -> int:
        return int(self._desk.now().timestamp()) - self.withheld

    def _start(self, request: Request) -> int:
        start = request.query_params.get("start_time", "")
        if not start.isdigit() or int(start) >= int(self._desk.now().timestamp()) - 60:  # 60 itself is refused
            raise refusal(400, "InvalidValue", "Too recent start_time. Use a start_time older than 60 seconds")
        return int(start)

    def _admit(self) -> None:
        if self.admins_only:
            raise refusal(403, "Forbidden", "You do not have access to this page")


def _event(ticket: Ticket, audit: JSON) -> JSON:
    comments = {comment["id"]: comment for comment in ticket.comments}
    children = [_child(event, comments) for event in audit["events"]]
    return {
        "id": audit["id"],
        "ticket_id": ticket.id,
        "timestamp": int(datetime.fromisoformat(audit["created_at"]).timestamp()),
        "created_at": audit["created_at"],
        "updater_id": audit["author_id"],
        "via": "Web service",
        "system": {"client": "stand-in", "ip_address": "192.0.2.7", "location": "Nowhere"},
        "event_type": "Audit",
        "child_events": [
            *children,
            {"id": audit["id"] + 1, "event_type": "Notification", "subject": "Request received", "body": "..."},
        ],
    }


def _child(event: JSON, comments: dict[int, JSON]) -> JSON:
    kind, name = event["type"], event.get("field_name", "")
    if kind == "Comment":
        return {**comments[event["id"]], "event_type": kind, "via_reference_id": None}
    child: JSON = {"id": event["id"], "via": "Web service", "via_reference_id": None, "event_type": kind}
    value, before = event["value"], event.get("previous_value")
    if kind == "Create":
        return child | {name: value}
    if name == "tags":
        now, earlier = set(value or ()), set(before or ())
        child |= {"added_tags": sorted(now - earlier), "removed_tags": sorted(earlier - now)}
    return (
        child
        | ({"custom_ticket_fields": {name: value}} if name.isdigit() else {name: value})
        | {"previous_value": before}
    )


def _cursor(place: tuple[int, int]) -> str:
    return base64.b64encode(f"{place[0]}.0||{place[1]}|".encode()).decode()


def _place(cursor: str) -> tuple[int, int]:
    try:
        generated, _, ticket_id = base64.b64decode(cursor, validate=True).decode().rstrip("|").partition(".0||")
        return int(generated), int(ticket_id)
    except (ValueError, binascii.Error):
        raise refusal(400, "InvalidPaginationParameter", "cursor is not valid") from None
