"""What the last examination of each source found, so that every process can tell, and since when it is so."""

import sqlalchemy as sa
from alembic import op
from cornerdesk.storage.types import UtcDateTime

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "what", "subject", name="pk_findings"),
    )
