"""What PgQueuer calls its tables here, and its repository over them. Importing it imports PgQueuer."""

from __future__ import annotations

from typing import Final

from pgqueuer.adapters.persistence import qb
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.db import Driver
from pgqueuer.domain.settings import DBSettings

# Every name is said here, because PgQueuer would take them from variables such as $CHANNEL or $FUNCTION.
SETTINGS: Final = DBSettings(
    prefix="",
    db_schema=None,
    channel="ch_pgqueuer",
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability="durable",
)


def pgqueuer_queries(driver: Driver) -> Queries:
    """PgQueuer's own repository over `driver`."""
    return Queries(driver, *pgqueuer_builders())


def pgqueuer_builders() -> tuple[qb.QueryBuilderEnvironment, qb.QueryQueueBuilder, qb.QuerySchedulerBuilder]:
    """What PgQueuer writes its SQL with, under our names."""
    return qb.QueryBuilderEnvironment(SETTINGS), qb.QueryQueueBuilder(SETTINGS), qb.QuerySchedulerBuilder(SETTINGS)
