"""Windows of `once: {per: ..., every: ...}`: decided by one atomic statement, on either database.

A window opens with the first event in it and lasts `every` from then. An event older than the running window belongs
to it: deliveries come in any order, and a late one must not open a second window over the same hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction


@dataclass(frozen=True)
class Window:
    """The window that an event falls in; `opened` by this very event, or running since `anchor`."""

    anchor: datetime
    opened: bool


async def enter_window(tx: Transaction, key: str, occurred_at: datetime, every: timedelta) -> Window:
    """Open the window, or find the one that runs. Whoever else tries meanwhile waits for this transaction to end."""
    windows = tables.once_windows
    insert = tx.upsert(windows).values(key=key, anchor=occurred_at)
    statement = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={"anchor": insert.excluded.anchor},
        where=windows.c.anchor <= occurred_at - every,
    )
    anchor = await tx.value(statement.returning(windows.c.anchor))
    if anchor is not None:
        return Window(anchor, opened=True)
    return Window(await tx.value(select(windows.c.anchor).where(windows.c.key == key)), opened=False)
