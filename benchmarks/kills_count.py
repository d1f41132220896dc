"""What is in the world and what is in the ledger after a run of `kills`, and where they differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cornerdesk.storage import open_storage
from sqlalchemy import text

BUSY = ("planned", "sent", "failed", "unknown")


@dataclass
class Line:
    """One line of the table: how many there should be, how many there are, which are missing or there twice."""

    what: str
    expected: int
    found: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Books:
    """Our own tables, as far as they are compared."""

    deliveries: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    effects: Sequence[Mapping[str, Any]]
    escalations: Sequence[Mapping[str, Any]]
    leads: Sequence[Mapping[str, Any]]
    votes: Sequence[Mapping[str, Any]]


_QUERIES = {
    "deliveries": "SELECT key, state, reason FROM deliveries",
    "events": "SELECT kind, ticket, actor_kind, snapshot FROM events",
    "effects": "SELECT id, action, state, attempts, reason, ticket, marker FROM effects",
    "escalations": "SELECT ticket, state FROM escalations",
    "leads": "SELECT domain FROM leads",
    "votes": "SELECT voter FROM votes",
}


async def read_books(url: str) -> Books:
    """Everything at once."""
    async with await open_storage(url) as storage, storage.reading() as tx:
        return Books(**{name: await tx.rows(text(query)) for name, query in _QUERIES.items()})


async def open_work(url: str) -> tuple[int, int]:
    """Deliveries and effects that are not at their end."""
    states = ", ".join(f"'{state}'" for state in BUSY)
    async with await open_storage(url) as storage, storage.reading() as tx:
        stored = await tx.rows(text("SELECT count(*) AS n FROM deliveries WHERE state = 'stored'"))
        busy = await tx.rows(text(f"SELECT count(*) AS n FROM effects WHERE state IN ({states})"))
        return stored[0]["n"], busy[0]["n"]


def compare(what: str, expected: Sequence[str], found: Sequence[str]) -> Line:
    """Each expected name once; what nobody expected counts as doubled, for it was done without being asked for."""
    counts, wanted = Counter(found), set(expected)
    return Line(
        what,
        len(wanted),
        len(found),
        lost=sorted(wanted - set(counts)),
        doubled=sorted(name for name, count in counts.items() if count > 1 or name not in wanted),
    )


def count(books: Books, desk: Mapping[str, Any], mails: Sequence[str]) -> list[Line]:
    """Every comparison of the table.

    Args:
        desk: the stand-in's state.
        mails: the Message-ID of every mail that arrived.
    """
    tickets = {str(ticket["id"]): ticket for ticket in desk["tickets"]}
    effects = [effect for effect in books.effects if effect["state"] not in ("suppressed",)]
    return [
        *_taken_in(books, desk, tickets),
        *_notes(desk, tickets, effects),
        compare(
            "tags", _tickets_of(effects, "tag"), [id for id, each in tickets.items() if "exec-watch" in each["tags"]]
        ),
        compare("escalations", _asked(tickets, "Leaving"), [row["ticket"] for row in books.escalations]),
        compare("leads", _companies(desk, tickets), [row["domain"] for row in books.leads]),
        compare("votes", [f"p@{name}" for name in _companies(desk, tickets)], [row["voter"] for row in books.votes]),
        # Mail cannot be looked up: one whose answer was lost is sent again under its own Message-ID, as it is meant to.
        compare("mails, by Message-ID", _letters(effects), sorted(set(mails))),
    ]


def _taken_in(books: Books, desk: Mapping[str, Any], tickets: Mapping[str, Any]) -> list[Line]:
    known = [row["key"] for row in books.deliveries]
    acknowledged = {f"event:{sent['event']}" for sent in desk["deliveries"] if sent["state"] == "delivered"}
    taken = compare("deliveries acknowledged", sorted(acknowledged), [key for key in known if key in acknowledged])
    dead = [f"{row['key']}: {row['reason']}" for row in books.deliveries if row["state"] not in ("done", "ignored")]
    created = compare(
        "tickets created", list(tickets), [row["ticket"] for row in books.events if row["kind"] == "ticket.created"]
    )
    told = [_message_of(row) for row in books.events]
    customers = [_name(id, comment["id"]) for id, each in tickets.items() for comment in _by_customer(each)]
    written = compare("customers' messages", customers, [name for name in told if name in set(customers)])
    return [taken, Line("deliveries dead or stuck", 0, len(dead), lost=dead), created, written]


def _notes(desk: Mapping[str, Any], tickets: Mapping[str, Any], effects: Sequence[Mapping[str, Any]]) -> list[Line]:
    seen = [f"seen {comment['id']}" for each in tickets.values() for comment in _by_customer(each)]
    notes = [comment["body"] for each in tickets.values() for comment in each["comments"] if not comment["public"]]
    by_marker = [write["marker"] for write in desk["writes"] if write["note"]]
    markers = [effect["marker"] for effect in effects if effect["action"] == "note"]
    unended = [f"{row['action']} {row['state']}: {row['reason']}" for row in effects if row["state"] != "confirmed"]
    return [
        compare("notes on messages", seen, [_plain(note) for note in notes if "seen " in note]),
        compare("notes, by marker", markers, by_marker),
        Line("effects dead or stuck", 0, len(unended), lost=unended),
    ]


def _by_customer(ticket: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [comment for comment in ticket["comments"] if comment["author_id"] == ticket["requester_id"]]


def _message_of(row: Mapping[str, Any]) -> str:
    snapshot = row["snapshot"]
    if isinstance(snapshot, str | bytes):
        snapshot = json.loads(snapshot)
    message = snapshot["event"]["message"]
    return _name(row["ticket"], message["id"] if message else "-")


def _name(ticket: str, message: object) -> str:
    return f"{ticket}/{message}"


def _tickets_of(effects: Sequence[Mapping[str, Any]], action: str) -> list[str]:
    return [effect["ticket"] for effect in effects if effect["action"] == action]


def _asked(tickets: Mapping[str, Any], subject: str) -> list[str]:
    return [id for id, ticket in tickets.items() if ticket["subject"] == subject]


def _companies(desk: Mapping[str, Any], tickets: Mapping[str, Any]) -> list[str]:
    addresses = {user["id"]: user["email"] for user in desk["users"]}
    return [addresses[tickets[id]["requester_id"]].partition("@")[2] for id in _asked(tickets, "SSO?")]


def _letters(effects: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"<{effect['marker']}@acme.example>" for effect in effects if effect["action"] in ("escalation.tell", "notify")
    ]


def _plain(note: str) -> str:
    return "seen " + note.partition("seen ")[2].split("<")[0].split()[0]
