"""The engine: durable jobs, retries, deferral, cron and taking over from the dead, by PgQueuer on either database.

Everything of ours reaches it through `Jobs`; only this room imports pgqueuer. It knows nothing of deliveries, rules or
effects: a job is a name and some bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cornerdesk.engine.jobs import HeldJob, Job, JobRequest, Jobs, RetryJob
from cornerdesk.engine.settings import EngineSettings

if TYPE_CHECKING:
    from cornerdesk.storage import Storage

__all__ = ["EngineSettings", "HeldJob", "Job", "JobRequest", "Jobs", "RetryJob", "open_jobs"]


def open_jobs(storage: Storage, *, settings: EngineSettings | None = None) -> Jobs:
    """Durable jobs in this database, whose tables `storage.migrate()` has made. Nothing to close."""
    # PgQueuer takes half a second to import: only who works with jobs pays for it.
    from cornerdesk.engine.worker import EngineJobs

    return EngineJobs(storage, settings or EngineSettings())
