"""What has to be done now and then, whatever comes in: old echoes, held jobs, the account directory, reconciling."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import delete

from cornerdesk.accounts import Directory
from cornerdesk.errors import CornerdeskError
from cornerdesk.intake.reconcile import JOB as RECONCILE_JOB
from cornerdesk.intake.reconcile import Reconciler
from cornerdesk.storage import tables
from cornerdesk.store import Store

log = structlog.get_logger()

ECHOES_KEPT = timedelta(days=30)
"""A vendor's report of a write of ours comes within seconds, or after an outage within days."""

DIRECTORY_EVERY = 300.0
"""Seconds between two readings of an account directory that is a query; a file is reread when it changes."""


def register_housekeeping(store: Store) -> None:
    """Have it done on time, once across all workers."""

    async def forget_echoes() -> None:
        async with store.storage.transaction() as tx:
            await tx.execute(delete(tables.echoes).where(tables.echoes.c.at < store.clock.now() - ECHOES_KEPT))

    async def take_up_held_jobs() -> None:
        # Handlers end every failure they know of in our own rows; a held job is one they did not know. Its rows are
        # still open and count their attempts, so that trying again ends in a dead letter and not in a circle.
        held = await store.jobs.failed()
        for job in held:
            log.warning("job_held", job=job.id, name=job.name, reason=job.reason)
        await store.jobs.requeue([job.id for job in held])

    store.jobs.cron("forget-echoes", "17 3 * * *", forget_echoes)
    store.jobs.cron("take-up-held-jobs", "*/5 * * * *", take_up_held_jobs)


def register_reconciling(store: Store, reconciler: Reconciler) -> None:
    """Have every source that tells its history asked for what its webhooks lost, when that is due, by one worker."""
    store.jobs.handle(RECONCILE_JOB, reconciler.handle)
    # Each minute: a source's own interval is kept by its row, which all workers and all restarts share.
    store.jobs.cron("reconcile", "* * * * *", reconciler.tick)


async def keep_directory_fresh(directory: Directory, stop: asyncio.Event) -> None:
    """Read the directory again every few minutes, until `stop` is set; the old one is kept when it cannot be read."""
    while not stop.is_set():
        try:
            async with asyncio.timeout(DIRECTORY_EVERY):
                await stop.wait()
        except TimeoutError:
            try:
                await directory.refresh()
            except CornerdeskError as error:
                log.warning("accounts_kept", reason=str(error))
