"""Jobs and schedules on SQLite. On PostgreSQL these are PgQueuer's own, see `cornerdesk.engine.schema`."""

import sqlalchemy as sa
from alembic import op

revision = "engine_0001"
down_revision = None
branch_labels = ("engine",)


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    op.create_table(
        "engine_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("execute_after", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dedupe_key", sa.String()),
        sa.Column("worker", sa.String()),
        sa.Column("heartbeat", sa.Integer()),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    indexes: tuple[tuple[str, list[str], str], ...] = (
        ("ix_engine_jobs_queued", ["name", "rank", "id"], "status = 'queued'"),
        ("ix_engine_jobs_deferred", ["name", "execute_after"], "status = 'deferred'"),
        ("ix_engine_jobs_picked", ["heartbeat"], "status = 'picked'"),
        ("ix_engine_jobs_failed", ["created"], "status = 'failed'"),
    )
    for name, columns, where in indexes:
        op.create_index(name, "engine_jobs", columns, sqlite_where=sa.text(where))
    op.create_index(
        "uq_engine_jobs_dedupe_key",
        "engine_jobs",
        ["dedupe_key"],
        unique=True,
        sqlite_where=sa.text("dedupe_key IS NOT NULL AND status <> 'failed'"),
    )
    op.create_table(
        "engine_schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("expression", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("next_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer()),
        sa.Column("heartbeat", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "expression"),
    )
