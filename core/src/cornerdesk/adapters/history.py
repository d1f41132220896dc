"""A help desk's past, page by page, as its API tells it. Data only: adapters make it, intake stores and settles it.

A page's records are stored like deliveries before anything else is done with them, together with the cursor that the
next page begins at. So a run may end anywhere and go on from there, what cannot be read waits among the dead letters,
and today's code can read it all again.
"""

from __future__ import annotations

from pydantic import Field

from cornerdesk.model import FrozenModel


class HistoryRecord(FrozenModel):
    """One ticket, or a part of its history, in the vendor's own JSON.

    Attributes:
        key: a name for this state of this record that is the same whenever it is told again, such as
            `ticket:77:1707271741`: a ticket's id and its version. A key that was stored before is not stored again.
        ticket_id: what the vendor's API calls the ticket.
        body: JSON: all that `Adapter.read_history` needs, people and names that the ticket only points at included.
        parts: how many parts (messages, and whatever else the vendor counts with them) `body` holds.
        parts_counted: how many the vendor says there are; None where it does not say. The two are compared when a
            backfill ends, ticket by ticket. A ticket may also come apart: a record with a count and no parts, and
            records with parts and no count, which are added up.
    """

    key: str = Field(min_length=1, max_length=400)
    ticket_id: str = Field(min_length=1)
    body: bytes
    parts: int = 0
    parts_counted: int | None = None


class SkippedRecord(FrozenModel):
    """A record of no known shape: `body` as it came, `reason` without a customer's words."""

    key: str = Field(min_length=1, max_length=400)
    body: bytes
    reason: str


class HistoryPage(FrozenModel):
    """What one call of `Adapter.fetch_history` brings.

    Attributes:
        records: in any order.
        cursor: where to go on, as the adapter wants it to be handed back: behind this page, or, on the last one, where
            what happens from now on begins. Opaque to the core, which keeps it.
        end: nothing newer is to be had now. An empty page is no end, and a last page need not be empty.
        total: how many tickets there are in all, where the vendor says; for progress.
        skipped: tickets that the vendor showed and that cannot even be made a record of, with the reason; they become
            dead letters.
    """

    records: tuple[HistoryRecord, ...] = ()
    cursor: str
    end: bool = False
    total: int | None = None
    skipped: tuple[SkippedRecord, ...] = ()
