"""The core's own tables. What a row means is its room's business.

Migrations (`migrations/`) make them; a test holds that both say the same on both databases.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from cornerdesk.storage.types import Bytes, Json, UtcDateTime

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

DEAD = text("state = 'dead'")
WEBHOOKS = text("origin = 'webhook'")
UNREAD_HISTORY = text("state = 'stored' AND origin <> 'webhook'")
"""Conditions of partial indexes; a query uses one when it holds these very words."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("key", String, nullable=False),
    Column("ticket", String),
    Column("received_at", UtcDateTime, nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", Bytes, nullable=False),
    Column("state", String, nullable=False, server_default="stored"),
    Column("reason", String),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", UtcDateTime),
    Column("origin", String, nullable=False, server_default="webhook"),
    UniqueConstraint("source", "key"),
    # Partial, so that the hot path pays nothing for the list of dead letters.
    Index("ix_deliveries_dead", "id", sqlite_where=DEAD, postgresql_where=DEAD),
    # For "when did this source last send anything?", however much history was stored since.
    Index("ix_deliveries_webhooks", "source", "id", sqlite_where=WEBHOOKS, postgresql_where=WEBHOOKS),
    Index("ix_deliveries_unread", "source", "id", sqlite_where=UNREAD_HISTORY, postgresql_where=UNREAD_HISTORY),
)

tickets = Table(
    "tickets",
    metadata,
    Column("source", String, nullable=False),
    Column("id", String, nullable=False),
    Column("number", String),
    Column("state", Json, nullable=False),
    Column("as_of", UtcDateTime),
    Column("complete", Boolean, nullable=False, server_default=text("false")),
    Column("last_event_at", UtcDateTime),
    Column("status", String),
    Column("customer_email", String, index=True),
    Column("account", String, index=True),
    Column("updated_at", UtcDateTime),
    # What merging needs to know beyond the state: which of its values are of when (intake/merging.py).
    Column("told", Json),
    PrimaryKeyConstraint("source", "id"),
)

facts = Table(
    "facts",
    metadata,
    Column("source", String, nullable=False),
    Column("key", String, nullable=False),
    Column("event", String, nullable=False),
    PrimaryKeyConstraint("source", "key"),
)

events = Table(
    "events",
    metadata,
    Column("id", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("helpdesk", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
    Column("actor_kind", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("delivery", String),
    Column("rulebook", String),
    Column("snapshot", Json, nullable=False),
    Index("ix_events_ticket", "source", "ticket", "occurred_at"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", String, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("rule", String, nullable=False),
    Column("rule_version", String),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("payload", Json, nullable=False),
    Column("source", String),
    Column("ticket", String),
    Column("event", String, index=True),
    Column("parent", String),
    Column("state", String, nullable=False, index=True),
    Column("internal", Boolean, nullable=False, server_default=text("false")),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("planned_at", UtcDateTime, nullable=False, index=True),
    Column("not_before", UtcDateTime),
    Column("done_at", UtcDateTime),
    Column("reason", String),
    Column("receipt", Json),
    Column("marker", String),
    Index("ix_effects_ticket", "source", "ticket"),
)

once_windows = Table(
    "once_windows",
    metadata,
    Column("key", String, primary_key=True),
    Column("anchor", UtcDateTime, nullable=False),
)

echoes = Table(
    "echoes",
    metadata,
    Column("source", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("hint", String, nullable=False),
    Column("effect", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("source", "ticket", "hint"),
)

rulebooks = Table(
    "rulebooks",
    metadata,
    Column("version", String, primary_key=True),
    Column("files", Json, nullable=False),
    Column("first_used_at", UtcDateTime, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("source", String, primary_key=True),
    Column("ciphertext", Bytes),
    Column("updated_at", UtcDateTime),
    Column("holder", String),
    Column("lease_until", UtcDateTime),
)

history_runs = Table(
    "history_runs",
    metadata,
    Column("source", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("since", UtcDateTime),
    Column("asked", String),
    Column("act", Boolean, nullable=False, server_default=text("false")),
    Column("cursor", String),
    Column("ended", Boolean, nullable=False, server_default=text("false")),
    Column("pages", Integer, nullable=False, server_default="0"),
    Column("records", Integer, nullable=False, server_default="0"),
    Column("tickets", Integer, nullable=False, server_default="0"),
    Column("total", Integer),
    Column("started_at", UtcDateTime, nullable=False),
    Column("attempted_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("holder", String),
    Column("lease_until", UtcDateTime),
    PrimaryKeyConstraint("source", "origin"),
)

history_tickets = Table(
    "history_tickets",
    metadata,
    Column("source", String, nullable=False),
    Column("ticket", String, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("counted", Integer),
    PrimaryKeyConstraint("source", "ticket"),
)

findings = Table(
    "findings",
    metadata,
    Column("source", String, nullable=False),
    Column("what", String, nullable=False),
    # The subscription it is about, or empty.
    Column("subject", String, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("detail", String, nullable=False),
    PrimaryKeyConstraint("source", "what", "subject"),
)
