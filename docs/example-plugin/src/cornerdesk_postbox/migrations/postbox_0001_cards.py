"""Cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from cornerdesk import UtcDateTime

revision = "postbox_0001"
down_revision = None
branch_labels = ("postbox",)
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "postbox_cards",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("customer", sa.String, nullable=False, unique=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("ticket", sa.String),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("sent_by", sa.String),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("postbox_cards")
