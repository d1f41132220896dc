"""When a source sent, as `deliveries` tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cornerdesk.model import new_id
from cornerdesk.storage import Storage, tables
from cornerdesk.subscriptions.rhythm import read_rhythm
from cornerdesk.subscriptions.silence import Rhythm, hour_of
from sqlalchemy import insert

if TYPE_CHECKING:
    from core.tests.subscriptions.conftest import Came

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def rhythm(storage: Storage) -> Rhythm:
    async with storage.reading() as tx:
        return await read_rhythm(tx, "support", NOW)


async def test_one_that_was_never_heard(storage: Storage, came: Came) -> None:
    await came([NOW], source="sales")
    await came([NOW], origin="backfill")
    assert await rhythm(storage) == Rhythm()


async def test_hours_count_once_and_only_webhooks_of_this_source(storage: Storage, came: Came) -> None:
    mine = [NOW - 40 * DAY, NOW - 3 * DAY, NOW - DAY - timedelta(minutes=1), NOW - DAY]
    await came(mine)
    await came([NOW - 2 * DAY], source="sales")
    await came([NOW - 2 * HOUR], origin="reconcile")
    heard = await rhythm(storage)
    assert (heard.first, heard.last) == (mine[0], mine[-1])
    assert heard.hours == {hour_of(NOW - 3 * DAY), hour_of(NOW - DAY)}


async def test_hours_begin_four_weeks_before_the_last(storage: Storage, came: Came) -> None:
    last = NOW - DAY
    times = [last - timedelta(days=29), last - timedelta(days=28), last - timedelta(days=27), last]
    await came(times)
    heard = await rhythm(storage)
    assert heard.hours == {hour_of(time) for time in times[1:]}


async def test_messages_that_only_the_api_told_are_counted(storage: Storage, came: Came) -> None:
    last = NOW - DAY
    await came([last])
    known = {"source": "support", "helpdesk": "moody", "ticket": "1", "snapshot": {}, "origin": "reconcile"}
    told = {**known, "kind": "message.added", "actor_kind": "customer", "occurred_at": last + HOUR, "received_at": NOW}
    others: list[dict[str, Any]] = [
        {"actor_kind": "agent"},
        {"kind": "ticket.changed"},
        {"origin": "webhook"},
        {"source": "sales"},
        {"occurred_at": last + timedelta(minutes=1)},
        {"occurred_at": last - HOUR, "received_at": last - timedelta(minutes=5)},
    ]
    rows = [{**told, "id": new_id()}, *({**told, **other, "id": new_id()} for other in others)]
    async with storage.transaction() as tx:
        await tx.execute(insert(tables.events), rows)
    assert (await rhythm(storage)).missed == 1
