"""Liveness, readiness and metrics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cornerdesk.errors import CornerdeskError
from cornerdesk.web.access import at_this_machine

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

log = structlog.get_logger()
PATIENCE = 2.0
"""Seconds that `/readyz` waits for the database: a load balancer asks again soon and must get an answer."""


def health_routes(runtime: Runtime) -> list[Route]:
    """`/healthz`: the process answers. `/readyz`: database, plugins and rules are usable. `/metrics`: Prometheus."""
    database = _Database(runtime)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        problem = await database.problem()
        if problem:
            log.warning("not_ready", reason=problem)
        detail = _detail(runtime, problem, everything=at_this_machine(request))
        return JSONResponse(detail, status_code=503 if problem else 200)

    async def metrics(request: Request) -> Response:
        await runtime.watch_metrics.refresh()
        return Response(generate_latest(runtime.registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def _detail(runtime: Runtime, problem: str | None, *, everything: bool) -> dict[str, Any]:
    """Everybody may know whether it is ready; only this machine the reasons, which name hosts and files."""
    broken = {report.name: report.problem for report in runtime.store.plugins.reports if report.problem}
    return {
        "ready": problem is None,
        "database": "ok" if problem is None else problem if everything else "cannot be used",
        "plugins": "ok" if not broken else broken if everything else sorted(broken),
        "rules": len(runtime.book.rules),
        "rules_version": runtime.book.version,
    }


class _Database:
    """Asks the database, once at a time: one that hangs is not asked again until it has answered."""

    def __init__(self, runtime: Runtime) -> None:
        self.storage = runtime.store.storage
        self.asked: asyncio.Task[None] | None = None

    async def problem(self) -> str | None:
        if self.asked is None or self.asked.done():
            self.asked = asyncio.create_task(self.storage.ping())
            self.asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Not cancelled when it takes too long: taking back a connection that hangs may itself hang.
        await asyncio.wait({self.asked}, timeout=PATIENCE)
        if not self.asked.done():
            return f"the database {self.storage.url} does not answer within {PATIENCE:g} s"
        try:
            self.asked.result()
        except CornerdeskError as error:
            return str(error)
        return None
