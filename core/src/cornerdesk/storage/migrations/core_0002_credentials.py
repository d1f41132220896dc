"""Tokens that change, encrypted, and who is renewing them."""

import sqlalchemy as sa
from alembic import op
from cornerdesk.storage.types import Bytes, UtcDateTime

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ciphertext", Bytes),
        sa.Column("updated_at", UtcDateTime()),
        sa.Column("holder", sa.String()),
        sa.Column("lease_until", UtcDateTime()),
        sa.PrimaryKeyConstraint("source", name="pk_credentials"),
    )
