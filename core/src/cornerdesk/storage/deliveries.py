"""The hot path: a whole group of deliveries stored by one statement, written for each driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cornerdesk.storage.types import dump_json

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery on its way into the table `deliveries`.

    `id` is ours and new (UUIDv7); `source` and `key` together are what makes it the same delivery again. `received_at`
    is aware. `headers` are kept as they came, `body` are the exact bytes that were signed.
    """

    id: str
    source: str
    key: str
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    ticket: str | None = None
    origin: str = "webhook"


_COLUMNS = "id, source, key, ticket, received_at, headers, body, origin"

_POSTGRESQL = f"""
INSERT INTO deliveries ({_COLUMNS})
SELECT id, source, key, ticket, received_at, headers::jsonb, body, origin
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bytea[], $8::text[])
    AS t({_COLUMNS})
ON CONFLICT DO NOTHING
RETURNING id
"""

_SQLITE = f"INSERT INTO deliveries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


async def insert_postgresql(connection: Any, batch: Sequence[StoredDelivery]) -> set[str]:
    """Insert on asyncpg's own connection, within the transaction open on it; the ids that were new."""
    columns = zip(*((*_row(one), one.received_at) for one in batch), strict=True)
    ids, sources, keys, tickets, headers, bodies, origins, times = (list(column) for column in columns)
    rows = await connection.fetch(_POSTGRESQL, ids, sources, keys, tickets, times, headers, bodies, origins)
    return {row[0] for row in rows}


def insert_sqlite(connection: sqlite3.Connection, batch: Sequence[StoredDelivery]) -> set[str]:
    """Insert on sqlite3's own connection, in its thread, within the transaction open on it; the ids that were new."""
    new = set()
    for one in batch:
        id_, source, key, ticket, headers, body, origin = _row(one)
        row = (id_, source, key, ticket, _sqlite_time(one.received_at), headers, body, origin)
        if connection.execute(_SQLITE, row).rowcount:
            new.add(id_)
    return new


def _row(one: StoredDelivery) -> tuple[str, str, str, str | None, str, bytes, str]:
    return one.id, one.source, one.key, one.ticket, dump_json(dict(one.headers)), one.body, one.origin


def _sqlite_time(time: datetime) -> str:
    """As `UtcDateTime` writes it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
