"""What the engine says to SQLite: plain functions over sqlite3's connection, each within one short transaction.

Times are microseconds since 1970. `INDEXED BY` is deliberate: without it the planner takes, for a queue full of
timers, an index that walks over all of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cornerdesk.engine.jobs import HeldJob, JobRequest

SECOND = 1_000_000

_DUE_AT_ONCE = 1_000
"""Timers that come due together are let into the queue in portions, so that the writer is not kept long."""

_INSERT = """
INSERT INTO engine_jobs (name, payload, rank, status, execute_after, dedupe_key, created)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_LET_IN = """
UPDATE engine_jobs SET status = 'queued' WHERE id IN (
    SELECT id FROM engine_jobs INDEXED BY ix_engine_jobs_deferred
    WHERE status = 'deferred' AND name = ? AND execute_after <= ? ORDER BY execute_after LIMIT ?)
"""
_NEXT = """
SELECT rank, id FROM engine_jobs INDEXED BY ix_engine_jobs_queued
WHERE status = 'queued' AND name = ? ORDER BY rank, id LIMIT ?
"""
_ABANDONED = """
SELECT rank, id, name FROM engine_jobs INDEXED BY ix_engine_jobs_picked
WHERE status = 'picked' AND heartbeat < ?
"""
_DROP_DUPLICATE = """
DELETE FROM engine_jobs AS held WHERE id = ? AND status = 'failed' AND EXISTS (
    SELECT 1 FROM engine_jobs AS other WHERE other.dedupe_key = held.dedupe_key AND other.status <> 'failed')
"""
_HELD_BY = "SELECT count(*) FROM engine_jobs INDEXED BY ix_engine_jobs_picked WHERE status = 'picked' AND worker = ?"
_PICK = """
UPDATE engine_jobs SET status = 'picked', worker = ?, heartbeat = ? WHERE id = ?
RETURNING id, name, payload, rank, attempts, execute_after, created
"""
_SOONEST = """
SELECT min(execute_after) FROM engine_jobs INDEXED BY ix_engine_jobs_deferred WHERE status = 'deferred' AND name = ?
"""
_ANY = "SELECT 1 FROM engine_jobs INDEXED BY ix_engine_jobs_queued WHERE status = 'queued' AND name = ? LIMIT 1"
_FAILED = """
SELECT id, name, payload, attempts, reason FROM engine_jobs INDEXED BY ix_engine_jobs_failed
WHERE status = 'failed' ORDER BY created LIMIT ?
"""


class PickedRow(NamedTuple):
    """A job as it was taken from the queue."""

    id: int
    name: str
    payload: bytes
    rank: int
    attempts: int
    execute_after: int
    created: int


@dataclass(frozen=True)
class Outlook:
    """What the queue held when nothing was taken: `ready`: there is work but no room; `soonest`: when the next timer
    comes due, or None."""

    ready: bool = False
    soonest: int | None = None


@dataclass(frozen=True)
class Taking:
    """Who takes how much of what: `names` of jobs, `batch` at once, `limit` held in all, `stale` a dead worker's."""

    names: tuple[str, ...]
    worker: str
    batch: int
    limit: int
    stale: int


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def insert_jobs(connection: sqlite3.Connection, requests: Sequence[JobRequest]) -> None:
    """Insert jobs within the transaction that is open; one whose key waits or runs is left out."""
    moment = now()
    rows = []
    for one in requests:
        after = moment if one.not_before is None else int(one.not_before.timestamp() * SECOND)
        status = "deferred" if after > moment else "queued"
        rows.append((one.name, one.payload, -one.priority, status, after, one.dedupe_key, moment))
    connection.executemany(_INSERT, rows)


def take_jobs(connection: sqlite3.Connection, taking: Taking) -> tuple[list[PickedRow], Outlook]:
    """Take the next jobs; when there are none, also what is to be expected."""
    moment = now()
    for name in taking.names:
        connection.execute(_LET_IN, (name, moment, _DUE_AT_ONCE))
    held = connection.execute(_HELD_BY, (taking.worker,)).fetchone()[0]
    room = min(taking.batch, taking.limit - held)
    chosen = sorted(_candidates(connection, taking, moment, room))[:room] if room > 0 else []
    picked = [
        PickedRow(*row)
        for _, one in chosen
        for row in connection.execute(_PICK, (taking.worker, moment, one)).fetchall()
    ]
    return picked, Outlook() if picked else _outlook(connection, taking.names)


def _candidates(connection: sqlite3.Connection, taking: Taking, moment: int, room: int) -> Iterable[tuple[int, int]]:
    for name in taking.names:
        yield from connection.execute(_NEXT, (name, room))
    for rank, one, name in connection.execute(_ABANDONED, (moment - taking.stale,)):
        if name in taking.names:
            yield rank, one


def _outlook(connection: sqlite3.Connection, names: Sequence[str]) -> Outlook:
    ready = any(connection.execute(_ANY, (name,)).fetchone() for name in names)
    times = [connection.execute(_SOONEST, (name,)).fetchone()[0] for name in names]
    return Outlook(ready, min((one for one in times if one is not None), default=None))


def finish_jobs(
    connection: sqlite3.Connection, done: Sequence[tuple[int, str]], held: Sequence[tuple[str | None, int, str]]
) -> None:
    """Delete what is done (id, worker) and hold what failed (reason, id, worker).

    A worker that was taken for dead and comes back changes nothing: the job is another's by then.
    """
    connection.executemany("DELETE FROM engine_jobs WHERE id = ? AND worker = ?", done)
    connection.executemany(
        "UPDATE engine_jobs SET status = 'failed', worker = NULL, reason = ? WHERE id = ? AND worker = ?", held
    )


def retry_job(connection: sqlite3.Connection, one: int, worker: str, delay: int) -> None:
    """Put a job back, `delay` microseconds from now."""
    connection.execute(
        "UPDATE engine_jobs SET status = ?, execute_after = ?, attempts = attempts + 1, worker = NULL"
        " WHERE id = ? AND worker = ?",
        ("deferred" if delay > 0 else "queued", now() + delay, one, worker),
    )


def beat(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """These jobs' worker is alive."""
    moment = now()
    connection.executemany("UPDATE engine_jobs SET heartbeat = ? WHERE id = ?", [(moment, one) for one in ids])


def requeue_jobs(connection: sqlite3.Connection, ids: Iterable[int]) -> list[int]:
    """Put held jobs back; those whose key waits or runs already are dropped and returned."""
    dropped = []
    for one in ids:
        changed = connection.execute(
            "UPDATE OR IGNORE engine_jobs SET status = 'queued', execute_after = ?, attempts = 0, reason = NULL"
            " WHERE id = ? AND status = 'failed'",
            (now(), one),
        ).rowcount
        if not changed and connection.execute(_DROP_DUPLICATE, (one,)).rowcount:
            dropped.append(one)
    return dropped


def cancel_jobs(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Delete waiting jobs with these keys."""
    connection.executemany(
        "DELETE FROM engine_jobs WHERE dedupe_key = ? AND status IN ('queued', 'deferred')", [(key,) for key in keys]
    )


def failed_jobs(connection: sqlite3.Connection, limit: int) -> list[HeldJob]:
    """Held jobs, oldest first."""
    return [HeldJob(*row) for row in connection.execute(_FAILED, (limit,))]


def waiting_jobs(connection: sqlite3.Connection) -> dict[str, int]:
    """How many jobs of each name wait or run."""
    return dict(connection.execute("SELECT name, count(*) FROM engine_jobs WHERE status <> 'failed' GROUP BY name"))


def take_over(connection: sqlite3.Connection) -> None:
    """Put back what a process that is gone held; only for who serves the file alone."""
    if has_tables(connection):
        connection.execute("UPDATE engine_schedules SET heartbeat = 0 WHERE status = 'picked'")
        connection.execute("UPDATE engine_jobs SET status = 'queued', worker = NULL WHERE status = 'picked'")


def has_tables(connection: sqlite3.Connection) -> bool:
    """Whether `migrate` has made the engine's tables."""
    found: Any = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'engine_jobs'").fetchone()
    return found is not None
