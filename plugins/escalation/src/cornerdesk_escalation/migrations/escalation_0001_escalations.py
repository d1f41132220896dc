"""Escalations, whom they told, and what happened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from cornerdesk import Json, UtcDateTime

revision = "escalation_0001"
down_revision = None
branch_labels = ("escalation",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "escalations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("effect", sa.String, nullable=False, unique=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("ticket", sa.String, nullable=False),
        sa.Column("event", sa.String),
        sa.Column("chain", Json, nullable=False),
        sa.Column("within", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("note", sa.Boolean, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("step", sa.Integer),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("waits_for", sa.String),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("acknowledged_by", sa.String),
        sa.Column("answer", sa.Text),
    )
    op.create_index("escalations_of_ticket", "escalations", ["source", "ticket"])
    op.create_index("escalations_by_state", "escalations", ["state"])
    op.create_index("escalations_by_opening", "escalations", ["opened_at"])
    op.create_table(
        "escalation_tells",
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("escalation", sa.String, sa.ForeignKey("escalations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("told_at", UtcDateTime),
        sa.Column("channel", sa.String),
        sa.UniqueConstraint("escalation", "step", name="escalation_tells_once"),
    )
    op.create_index("escalation_tells_of_person", "escalation_tells", ["person", "at"])
    op.create_table(
        "escalation_history",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("escalation", sa.String, sa.ForeignKey("escalations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("person", sa.String),
        sa.Column("text", sa.Text),
    )
    op.create_index("escalation_history_of", "escalation_history", ["escalation", "number"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("escalation_history")
    op.drop_table("escalation_tells")
    op.drop_table("escalations")
