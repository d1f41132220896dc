"""The tables of escalations. The revisions under `migrations/` make them; a test holds the two equal."""

from __future__ import annotations

from cornerdesk import Json, UtcDateTime
from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

escalations = Table(
    "escalations",
    metadata,
    Column("id", String, primary_key=True),
    Column("effect", String, nullable=False, unique=True),  # what opened it: an effect opens one, ever
    Column("rule", String, nullable=False),
    Column("source", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("event", String),
    Column("chain", Json, nullable=False),
    Column("within", Integer, nullable=False),  # seconds
    Column("reason", Text, nullable=False),
    Column("facts", Json, nullable=False),
    Column("note", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("step", Integer),  # place in the chain, from 0, of the one it waits on; null: nobody was told yet
    Column("turn", Integer, nullable=False),  # counts what was decided; a timer of an earlier turn is void
    Column("waits_for", String),  # who is told at `due_at`, when nobody could be told at once
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("acknowledged_by", String),
    Column("answer", Text),
    Index("escalations_of_ticket", "source", "ticket"),
    Index("escalations_by_state", "state"),
    Index("escalations_by_opening", "opened_at"),
)

tells = Table(
    "escalation_tells",
    metadata,
    Column("token", String, primary_key=True),  # in clear: the link must be shown again in lists and reminders
    Column("escalation", String, ForeignKey("escalations.id", ondelete="CASCADE"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("person", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", String, nullable=False),  # planned, told, failed, quiet
    Column("told_at", UtcDateTime),
    Column("channel", String),
    UniqueConstraint("escalation", "step", name="escalation_tells_once"),
    Index("escalation_tells_of_person", "person", "at"),
)

history = Table(
    "escalation_history",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # the order, where many share one moment
    Column("escalation", String, ForeignKey("escalations.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String, nullable=False),
    Column("person", String),
    Column("text", Text),
    Index("escalation_history_of", "escalation", "number"),
)
