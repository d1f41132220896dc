"""Leads and the tickets they come from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from cornerdesk import UtcDateTime

revision = "leads_0001"
down_revision = None
branch_labels = ("leads",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "leads",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("slot", sa.String, unique=True),
        sa.Column("party", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("company", sa.String),
        sa.Column("domain", sa.String),
        sa.Column("customer", sa.String),
        sa.Column("account", sa.String),
        sa.Column("account_status", sa.String, nullable=False),
        sa.Column("credited_to", sa.String),
        sa.Column("value", sa.Float),
        sa.Column("currency", sa.String),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("changed_by", sa.String),
        sa.Column("closed_at", UtcDateTime),
    )
    op.create_index("leads_of_party", "leads", ["party", "kind"])
    op.create_index("leads_by_state", "leads", ["state"])
    op.create_index("leads_by_creation", "leads", ["created_at"])
    op.create_table(
        "lead_tickets",
        sa.Column("lead", sa.String, sa.ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("ticket", sa.String, primary_key=True),
        sa.Column("number", sa.String),
        sa.Column("url", sa.Text),
        sa.Column("customer", sa.String),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
    )
    op.create_index("lead_tickets_of_ticket", "lead_tickets", ["source", "ticket"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("lead_tickets")
    op.drop_table("leads")
