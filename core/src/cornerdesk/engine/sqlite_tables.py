"""The engine's tables on SQLite, where PgQueuer's own schema does not run. Times are microseconds since 1970.

`rank` is the negated priority: lowest first. A job's `status` is `queued` (to be run now), `deferred` (not before
`execute_after`), `picked` (being run by `worker`, who was alive at `heartbeat`) or `failed` (held). Deferred jobs are a
status of their own, so that a hundred thousand timers are never walked over when the next job is looked for.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint, text

metadata = MetaData()

_WAITING_KEY = text("dedupe_key IS NOT NULL AND status <> 'failed'")

jobs = Table(
    "engine_jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("execute_after", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("dedupe_key", String),
    Column("worker", String),
    Column("heartbeat", Integer),
    Column("created", Integer, nullable=False),
    Column("reason", String),
    Index("ix_engine_jobs_queued", "name", "rank", "id", sqlite_where=text("status = 'queued'")),
    Index("ix_engine_jobs_deferred", "name", "execute_after", sqlite_where=text("status = 'deferred'")),
    Index("ix_engine_jobs_picked", "heartbeat", sqlite_where=text("status = 'picked'")),
    Index("ix_engine_jobs_failed", "created", sqlite_where=text("status = 'failed'")),
    Index("uq_engine_jobs_dedupe_key", "dedupe_key", unique=True, sqlite_where=_WAITING_KEY),
    # An id is never used again: a job that ended must not be taken for a new one.
    sqlite_autoincrement=True,
)

schedules = Table(
    "engine_schedules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("expression", String, nullable=False),
    Column("status", String, nullable=False),
    Column("next_run", Integer, nullable=False),
    Column("last_run", Integer),
    Column("heartbeat", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    UniqueConstraint("name", "expression"),
)
