"""From a handler of ours to an entrypoint of PgQueuer's: what its errors mean."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pgqueuer.domain import models
from pgqueuer.errors import RetryRequested

from cornerdesk.engine.jobs import Handler, Job, RetryJob
from cornerdesk.errors import CornerdeskError
from cornerdesk.storage import StorageUnavailable

_LONGEST_WAIT = 60.0


class HandlerFailedError(Exception):
    """A handler failed for good. Its message is kept beside the held job, so it says where and not what was read."""


def entrypoint(handler: Handler, running: set[asyncio.Task[Any]]) -> Callable[[models.Job], Awaitable[None]]:
    """`handler` as PgQueuer calls it. `running` holds the tasks of handlers while they run; one that is cancelled gives
    its job back."""

    async def run(job: models.Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await handler(Job(job.id, job.entrypoint, job.payload or b"", job.attempts))
        except asyncio.CancelledError:
            # PgQueuer takes a cancelled handler's job for done and drops it; it was only interrupted.
            task.uncancel()
            raise RetryRequested(timedelta(0), "interrupted") from None
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and its job is to be held then
            raise _verdict(error, job) from None
        finally:
            running.discard(task)

    return run


def _verdict(error: Exception, job: models.Job) -> Exception:
    delay = _wished_delay(error, job.attempts)
    log = structlog.get_logger().bind(job=job.id, name=job.entrypoint, attempts=job.attempts)
    if delay is not None:
        log.info("job_will_run_again", delay=round(delay, 3), reason=_saying(error))
        return RetryRequested(timedelta(seconds=max(delay, 0.0)), _saying(error))
    log.error("job_held", reason=_saying(error), frames=_frames(error))
    return HandlerFailedError(_saying(error))


def _wished_delay(error: Exception, attempts: int) -> float | None:
    """Seconds until the job is to run again; None: it is to be held.

    A database that is away is nobody's failure: its jobs would otherwise all be held by one restart of the server.
    A task group's error counts when everything in it wants another run.
    """
    if isinstance(error, RetryJob):
        return error.delay
    if isinstance(error, StorageUnavailable):
        return min(2.0 ** min(attempts, 10), _LONGEST_WAIT)
    if isinstance(error, ExceptionGroup):
        wishes = [_wished_delay(one, attempts) for one in error.exceptions]
        known = [wish for wish in wishes if wish is not None]
        return max(known) if len(known) == len(wishes) else None
    return None


def _saying(error: Exception) -> str:
    """Our own errors' messages hold no secret and nobody's words; of others only the kind and the place are told."""
    if isinstance(error, CornerdeskError):
        return str(error)
    frames = _frames(error)
    return f"{type(error).__name__} at {frames[-1]}" if frames else type(error).__name__


def _frames(error: Exception) -> list[str]:
    found = traceback.extract_tb(error.__traceback__)[1:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in found]
