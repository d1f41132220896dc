"""How far each source's past was asked for, and what the vendor counts of it."""

import sqlalchemy as sa
from alembic import op
from cornerdesk.storage.types import UtcDateTime

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None

WEBHOOKS = sa.text("origin = 'webhook'")
UNREAD = sa.text("state = 'stored' AND origin <> 'webhook'")


def upgrade() -> None:
    for name, condition in (("ix_deliveries_webhooks", WEBHOOKS), ("ix_deliveries_unread", UNREAD)):
        op.create_index(name, "deliveries", ["source", "id"], sqlite_where=condition, postgresql_where=condition)
    _runs()
    op.create_table(
        "history_tickets",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer()),
        sa.PrimaryKeyConstraint("source", "ticket", name="pk_history_tickets"),
    )


def _runs() -> None:
    op.create_table(
        "history_runs",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("since", UtcDateTime()),
        sa.Column("asked", sa.String()),
        sa.Column("act", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("cursor", sa.String()),
        sa.Column("ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("pages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("records", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tickets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("attempted_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("holder", sa.String()),
        sa.Column("lease_until", UtcDateTime()),
        sa.PrimaryKeyConstraint("source", "origin", name="pk_history_runs"),
    )
