"""Votes and the tickets they come from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from cornerdesk import UtcDateTime

revision = "votes_0001"
down_revision = None
branch_labels = ("votes",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "votes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("feature", sa.String, nullable=False),
        sa.Column("voter", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("customer", sa.String),
        sa.Column("customer_name", sa.String),
        sa.Column("customer_id", sa.String),
        sa.Column("account", sa.String),
        sa.Column("account_name", sa.String),
        sa.Column("account_status", sa.String, nullable=False),
        sa.Column("company", sa.String),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("changed_by", sa.String),
        sa.UniqueConstraint("feature", "voter", name="votes_once"),
    )
    op.create_index("votes_by_state", "votes", ["state"])
    op.create_index("votes_by_creation", "votes", ["created_at"])
    op.create_table(
        "vote_tickets",
        sa.Column("vote", sa.String, sa.ForeignKey("votes.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("ticket", sa.String, primary_key=True),
        sa.Column("number", sa.String),
        sa.Column("url", sa.Text),
        sa.Column("quote", sa.Text),
        sa.Column("added_at", UtcDateTime, nullable=False),
    )
    op.create_index("vote_tickets_of_ticket", "vote_tickets", ["source", "ticket"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("vote_tickets")
    op.drop_table("votes")
