"""What goes in comes out, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cornerdesk.storage import Storage
from cornerdesk.storage.tables import once_windows, rulebooks
from sqlalchemy import select
from sqlalchemy.exc import StatementError

NOON = datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC)


async def test_a_time_comes_back_aware_in_utc_and_exact(storage: Storage) -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    async with storage.transaction() as tx:
        await tx.execute(once_windows.insert(), {"key": "a", "anchor": berlin})
        found = await tx.value(select(once_windows.c.anchor))
    assert found == NOON
    assert found.utcoffset() == timedelta(0)


async def test_a_time_without_a_zone_is_refused(storage: Storage) -> None:
    with pytest.raises(StatementError, match="time zone"):
        async with storage.transaction() as tx:
            await tx.execute(once_windows.insert(), {"key": "a", "anchor": datetime(2026, 3, 1)})


async def test_times_sort_and_compare_as_times(storage: Storage) -> None:
    times = [NOON, NOON.replace(microsecond=0), NOON + timedelta(days=300), NOON - timedelta(seconds=1)]
    async with storage.transaction() as tx:
        await tx.execute(once_windows.insert(), [{"key": str(n), "anchor": time} for n, time in enumerate(times)])
        rows = await tx.rows(select(once_windows.c.anchor).order_by(once_windows.c.anchor))
        later = await tx.rows(select(once_windows).where(once_windows.c.anchor >= NOON))
    assert [row["anchor"] for row in rows] == sorted(times)
    assert {row["key"] for row in later} == {"0", "2"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"a": [1, None, {"b": "ä\u2028"}]}, {"a": [1, None, {"b": "ä\u2028"}]}),
        ({"a": "nul\x00 and half \ud83d"}, {"a": "nul\ufffd and half \ufffd"}),
        ({"a": "a backslash and \\u0000 as text"}, {"a": "a backslash and \\u0000 as text"}),
        ({"whole": "\U0001f600"}, {"whole": "\U0001f600"}),
    ],
)
async def test_json_comes_back_and_what_no_database_takes_is_replaced(
    storage: Storage, given: dict[str, object], kept: dict[str, object]
) -> None:
    async with storage.transaction() as tx:
        await tx.execute(rulebooks.insert(), {"version": "1", "files": given, "first_used_at": NOON})
        assert await tx.value(select(rulebooks.c.files)) == kept


async def test_a_field_inside_json_can_be_asked_for(storage: Storage) -> None:
    async with storage.transaction() as tx:
        await tx.execute(rulebooks.insert(), {"version": "1", "files": {"a": {"b": "deep"}}, "first_used_at": NOON})
        assert await tx.value(select(rulebooks.c.files["a"]["b"].as_string())) == "deep"
