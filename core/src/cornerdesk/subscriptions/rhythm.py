"""When a source sent, out of `deliveries`. Reads only.

Ids sort by time, so that one look into an index finds the first delivery after a moment; from there it goes on with the
next hour. However many there were, a source's four weeks take no more looks than they have hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select

from cornerdesk.model import ActorKind, EventKind, Origin
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction
from cornerdesk.subscriptions.silence import WEEKS, Rhythm, hour_of, start_of

SOON = timedelta(hours=3)
"""Of a source that was heard within this time nothing more has to be known: three hours can prove nothing."""
_ON_THE_WAY = timedelta(minutes=15)
"""So long a webhook may take; of what happened later than that after the last one, one should have told."""

_WEBHOOKS = tables.deliveries


async def read_rhythm(tx: Transaction, source: str, now: datetime) -> Rhythm:
    """When this source sent, as far as it matters now."""
    last = await last_delivery(tx, source)
    if last is None:
        return Rhythm()
    first = await tx.value(_of(source).order_by(_WEBHOOKS.c.id).limit(1))
    missed = await _missed(tx, source, last)
    hours = frozenset({hour_of(last)}) if now - last < SOON else await _hours(tx, source, last)
    return Rhythm(first, last, hours, missed)


async def last_delivery(tx: Transaction, source: str) -> datetime | None:
    """When a webhook of this source last came."""
    found = await tx.value(_of(source).order_by(_WEBHOOKS.c.id.desc()).limit(1))
    assert found is None or isinstance(found, datetime)
    return found


def _of(source: str) -> Select[tuple[datetime]]:
    return select(_WEBHOOKS.c.received_at).where(_WEBHOOKS.c.source == source, tables.WEBHOOKS)


async def _hours(tx: Transaction, source: str, last: datetime) -> frozenset[int]:
    """The hours in which something came, of the weeks that end with `last`."""
    hours = set()
    hour = hour_of(last - timedelta(weeks=WEEKS))
    ids = select(_WEBHOOKS.c.id).where(_WEBHOOKS.c.source == source, tables.WEBHOOKS).order_by(_WEBHOOKS.c.id).limit(1)
    while hour <= hour_of(last):
        found = await tx.value(ids.where(_WEBHOOKS.c.id >= _first_id(start_of(hour))))
        if found is None:
            break
        hour = max(hour, hour_of(_time_of(found)))
        hours.add(hour)
        hour += 1
    return frozenset(hours)


async def _missed(tx: Transaction, source: str, last: datetime) -> int:
    """Messages of customers that only the API has told since."""
    events = tables.events.c
    told = select(func.count()).where(
        events.received_at > last,
        events.source + "" == source,  # as no index knows it: few are so new, and many of this source
        events.origin == Origin.RECONCILE.value,
        events.kind.in_([EventKind.TICKET_CREATED.value, EventKind.MESSAGE_ADDED.value]),
        events.actor_kind == ActorKind.CUSTOMER.value,
        events.occurred_at > last + _ON_THE_WAY,
    )
    return int(await tx.value(told))


def _first_id(moment: datetime) -> str:
    """The least UUIDv7 of this time: its first 48 bits are the milliseconds since 1970."""
    return str(UUID(int=int(moment.timestamp() * 1000) << 80))


def _time_of(id: str) -> datetime:
    return datetime.fromtimestamp((UUID(id).int >> 80) / 1000, UTC)
