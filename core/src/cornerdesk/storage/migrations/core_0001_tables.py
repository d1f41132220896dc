"""The first tables."""

import sqlalchemy as sa
from alembic import op
from cornerdesk.storage.types import Bytes, Json, UtcDateTime

revision = "core_0001"
down_revision = None
branch_labels = ("core",)

DEAD = sa.text("state = 'dead'")


def upgrade() -> None:
    _intake()
    _tickets()
    _effects()


def _intake() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("ticket", sa.String()),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("state", sa.String(), server_default="stored", nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("events", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", UtcDateTime()),
        sa.Column("origin", sa.String(), server_default="webhook", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("source", "key", name="uq_deliveries_source_key"),
    )
    op.create_index("ix_deliveries_dead", "deliveries", ["id"], sqlite_where=DEAD, postgresql_where=DEAD)
    if op.get_context().dialect.name == "postgresql":
        # Bodies are short and written once: compressing them costs more than it saves.
        op.execute("ALTER TABLE deliveries ALTER COLUMN body SET STORAGE EXTERNAL")


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.String()),
        sa.Column("state", Json, nullable=False),
        sa.Column("as_of", UtcDateTime()),
        sa.Column("complete", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_event_at", UtcDateTime()),
        sa.Column("status", sa.String()),
        sa.Column("customer_email", sa.String()),
        sa.Column("account", sa.String()),
        sa.Column("updated_at", UtcDateTime()),
        sa.Column("told", Json),
        sa.PrimaryKeyConstraint("source", "id", name="pk_tickets"),
    )
    op.create_index("ix_tickets_customer_email", "tickets", ["customer_email"])
    op.create_index("ix_tickets_account", "tickets", ["account"])
    op.create_table(
        "facts",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_facts"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("helpdesk", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("delivery", sa.String()),
        sa.Column("rulebook", sa.String()),
        sa.Column("snapshot", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_ticket", "events", ["source", "ticket", "occurred_at"])
    op.create_index("ix_events_received_at", "events", ["received_at"])


def _effects() -> None:
    op.create_table(
        "effects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("rule_version", sa.String()),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("source", sa.String()),
        sa.Column("ticket", sa.String()),
        sa.Column("event", sa.String()),
        sa.Column("parent", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("internal", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("planned_at", UtcDateTime(), nullable=False),
        sa.Column("not_before", UtcDateTime()),
        sa.Column("done_at", UtcDateTime()),
        sa.Column("reason", sa.String()),
        sa.Column("receipt", Json),
        sa.Column("marker", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_effects"),
        sa.UniqueConstraint("key", name="uq_effects_key"),
    )
    op.create_index("ix_effects_event", "effects", ["event"])
    op.create_index("ix_effects_planned_at", "effects", ["planned_at"])
    op.create_index("ix_effects_state", "effects", ["state"])
    op.create_index("ix_effects_ticket", "effects", ["source", "ticket"])
    op.create_table(
        "once_windows",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("anchor", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_once_windows"),
    )
    op.create_table(
        "echoes",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "ticket", "hint", name="pk_echoes"),
    )
    op.create_table(
        "rulebooks",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("first_used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_rulebooks"),
    )
