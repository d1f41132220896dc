"""PgQueuer's schedules on SQLite: what its scheduler asks of a repository."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from pgqueuer.domain import models
from pgqueuer.domain.types import CronEntrypoint, ScheduleId

from cornerdesk.engine.sqlite_statements import SECOND, now
from cornerdesk.storage.sqlite import SqliteStorage

_ABANDONED = 30 * SECOND
"""As PgQueuer has it on PostgreSQL."""

_COLUMNS = "id, expression, name AS entrypoint, status, next_run, last_run, heartbeat, created, updated"
_TIMES = ("next_run", "last_run", "heartbeat", "created", "updated")

Delays = Mapping[models.CronExpressionEntrypoint, timedelta]


class SqliteSchedules:
    """The schedules' part of PgQueuer's `RepositoryPort`."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage

    async def insert_schedule(self, schedules: dict[models.CronExpressionEntrypoint, timedelta]) -> None:
        await self._storage.write(partial(_insert, schedules=schedules), durable=False)

    async def fetch_schedule(
        self, entrypoints: dict[models.CronExpressionEntrypoint, timedelta]
    ) -> list[models.Schedule]:
        return await self._storage.write(partial(_fetch, delays=entrypoints))

    async def set_schedule_queued(self, ids: set[ScheduleId]) -> None:
        sql = "UPDATE engine_schedules SET status = 'queued', last_run = :now, updated = :now WHERE id = :id"
        await self._storage.write(partial(_each, sql, ids))

    async def update_schedule_heartbeat(self, ids: set[ScheduleId]) -> None:
        sql = "UPDATE engine_schedules SET heartbeat = :now, updated = :now WHERE id = :id"
        await self._storage.write(partial(_each, sql, ids), durable=False)

    async def peek_schedule(self) -> list[models.Schedule]:
        return await self._storage.read(lambda connection: _schedules(connection, "ORDER BY last_run", ()))

    async def delete_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        await self._storage.write(partial(_delete, ids=ids, names=entrypoints))

    async def clear_schedule(self) -> None:
        await self._storage.write(lambda connection: connection.execute("DELETE FROM engine_schedules"))


def _insert(connection: sqlite3.Connection, schedules: Delays) -> None:
    moment = now()
    connection.executemany(
        "INSERT INTO engine_schedules (name, expression, status, next_run, heartbeat, created, updated)"
        " VALUES (?, ?, 'queued', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (key.entrypoint, key.expression, _next_run(moment, delay), moment, moment, moment)
            for key, delay in schedules.items()
        ],
    )


def _fetch(connection: sqlite3.Connection, delays: Delays) -> list[models.Schedule]:
    moment = now()
    taken = []
    for key, delay in delays.items():
        row = connection.execute(
            "UPDATE engine_schedules SET status = 'picked', heartbeat = :now, updated = :now, next_run = :next"
            " WHERE name = :name AND expression = :expression AND ((status = 'queued' AND next_run <= :now)"
            " OR (status = 'picked' AND heartbeat < :abandoned)) RETURNING id",
            {
                "now": moment,
                "next": _next_run(moment, delay),
                "name": key.entrypoint,
                "expression": key.expression,
                "abandoned": moment - _ABANDONED,
            },
        ).fetchone()
        if row is not None:
            taken += _schedules(connection, "WHERE id = ?", row)
    return taken


def _schedules(connection: sqlite3.Connection, rest: str, parameters: tuple[object, ...]) -> list[models.Schedule]:
    cursor = connection.execute(f"SELECT {_COLUMNS} FROM engine_schedules {rest}", parameters)
    names = [column[0] for column in cursor.description]
    found = []
    for values in cursor:
        row = dict(zip(names, values, strict=True))
        row.update({name: time_of(row[name]) for name in _TIMES if row[name] is not None})
        found.append(models.Schedule.model_validate(row))
    return found


def _each(sql: str, ids: Iterable[ScheduleId], connection: sqlite3.Connection) -> None:
    moment = now()
    connection.executemany(sql, [{"now": moment, "id": one} for one in ids])


def _delete(connection: sqlite3.Connection, ids: Iterable[ScheduleId], names: Iterable[CronEntrypoint]) -> None:
    connection.executemany("DELETE FROM engine_schedules WHERE id = ?", [(one,) for one in ids])
    connection.executemany("DELETE FROM engine_schedules WHERE name = ?", [(name,) for name in names])


def _next_run(moment: int, delay: timedelta) -> int:
    """To the second, as PgQueuer has it: cron's moments are whole seconds."""
    return (moment + round(delay.total_seconds() * SECOND)) // SECOND * SECOND


def time_of(microseconds: int) -> datetime:
    """An aware time from the engine's."""
    return datetime.fromtimestamp(microseconds / SECOND, UTC)
