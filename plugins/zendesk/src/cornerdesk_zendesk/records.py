"""Records of history: what one row of Zendesk's exports tells. Pure; `history` fetches them.

A ticket's record tells how it looks now, that it was created, and whether it was rated, merged or deleted. A record of
an event tells what one update said and changed. The two together tell what webhooks would have told, under the names
that `webhooks` lists. How a ticket looks is never compared here with how it looked before: the events tell that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cornerdesk import (
    JSON,
    ActorKind,
    Change,
    EventKind,
    Fact,
    HistoryRecord,
    Reading,
    RejectedError,
    Score,
    Status,
    load_json,
)
from cornerdesk.wire import parse

from cornerdesk_zendesk import keys
from cornerdesk_zendesk.mapping import (
    account_of,
    actor_of,
    customer_of,
    direction_of,
    fields_of,
    map_score,
    ticket_of,
    told_message,
)
from cornerdesk_zendesk.schemas import EventRecord, ExportedTicket, TicketRecord, User
from cornerdesk_zendesk.updates import Update, person_of

MERGED = "closed_by_merge"
"""The tag that Zendesk gives a ticket which was closed because it was merged into another."""

UNFINISHED = frozenset({Status.NEW, Status.OPEN, Status.ON_HOLD})
"""Whose customer may be waiting for us. Since when, the export does not tell."""


def read_record(record: HistoryRecord, pages: str) -> Reading:
    """What the record tells.

    Args:
        pages: the address that an agent's page of a ticket begins with.

    Raises:
        RejectedError: JSON of no known shape; names the field.
    """
    data = load_json(record.body)
    if isinstance(data, dict) and isinstance(data.get("ticket"), dict):
        return Reading(facts=tuple(_ticket_facts(parse(TicketRecord, data), pages, data["ticket"])))
    if isinstance(data, dict) and isinstance(data.get("event"), dict):
        facts = tuple(Update(parse(EventRecord, data), pages, data["event"]).facts())
        return Reading(facts=facts, ignored=None if facts else "nothing that is part of the model")
    raise RejectedError("the record holds neither a `ticket` nor an `event`")


# ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ticket_facts(record: TicketRecord, pages: str, raw: JSON) -> Iterator[Fact]:
    ticket = record.ticket
    as_of = ticket.updated_at or ticket.created_at
    if as_of is None:
        raise RejectedError("the fields `ticket.updated_at` and `ticket.created_at` are missing")
    told = _told(record, pages)
    look = record.look and told["status"] in UNFINISHED
    common: dict[str, Any] = {
        "ticket_id": ticket.id,
        "as_of": as_of,
        "ticket": told,
        "needs": frozenset({"ticket"}) if look else frozenset(),
        "raw": raw,
    }
    if not is_scrubbed(ticket):
        yield _created(record, common)
    if (rating := _rating(ticket)) is not None:
        yield Fact(
            kind=EventKind.TICKET_RATED,
            keys=(keys.rated(ticket.id, rating),),
            occurred_at=as_of,
            actor=person_of(ticket.requester_id, record.users),
            rating=rating,
            **common,
        )
    if MERGED in ticket.tags and ticket.status == "closed":
        into = {"merged_into": Change()}  # the ticket itself does not tell
        named = (f"merged:{ticket.id}",)
        yield Fact(kind=EventKind.TICKET_MERGED, keys=named, occurred_at=as_of, changes=into, **common)
    if told["status"] is Status.DELETED:
        named = (keys.deleted(ticket.id, as_of),)
        yield Fact(kind=EventKind.TICKET_DELETED, keys=named, occurred_at=as_of, **common)


def is_scrubbed(ticket: ExportedTicket) -> bool:
    """Deleted for good: Zendesk has overwritten what was said and leaves a husk (fact sheet zendesk.md 2.1)."""
    scrubbed = ticket.subject == "SCRUBBED" and ticket.description == "X"
    return ticket.status == "scrubbed" or (ticket.status == "deleted" and scrubbed)


def _told(record: TicketRecord, pages: str) -> dict[str, Any]:
    """All but who waits since when and how many messages there are, which only the messages tell."""
    ticket = record.ticket
    people = {user_id: actor_of(user) for user_id, user in record.users.items()}
    customer = None
    if ticket.requester_id is not None:
        found = record.users.get(ticket.requester_id) or User(id=ticket.requester_id)
        customer = customer_of(found, ticket.requester_id)
    whole = ticket_of(
        ticket,
        pages,
        people=people,
        customer=customer,
        account=account_of(record.organization) if record.organization is not None else None,
        team=record.group,
        status_label="scrubbed" if is_scrubbed(ticket) else record.status_label,
        fields=fields_of(ticket.custom_fields, record.titles),
        messages=(),
        message_count=None,
    )
    return {name: value for name, value in whole if name not in ("waiting_since", "message_count")}


def _created(record: TicketRecord, common: Mapping[str, Any]) -> Fact:
    ticket = record.ticket
    at = ticket.created_at or common["as_of"]
    author_id = ticket.submitter_id or ticket.requester_id
    author = person_of(author_id, record.users)
    staff = author.kind is ActorKind.AGENT and author_id != ticket.requester_id
    direction = direction_of(ticket.is_public, staff)
    return Fact(
        kind=EventKind.TICKET_CREATED,
        keys=(f"created:{ticket.id}",),
        occurred_at=at,
        actor=author,
        message=told_message(f"first:{ticket.id}", ticket.description, direction, author, at),
        first_message=True,
        **common,
    )


def _rating(ticket: ExportedTicket) -> Any:
    """`offered` and `unoffered` are no ratings (fact sheet zendesk.md 3.1)."""
    given = ticket.satisfaction_rating
    if given is None or given.score is None:
        return None
    rating = map_score(given)
    return rating if isinstance(rating.score, Score) else None
