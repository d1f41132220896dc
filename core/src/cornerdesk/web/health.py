"""Liveness, readiness and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cornerdesk.errors import CornerdeskError

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime


def health_routes(runtime: Runtime) -> list[Route]:
    """`/healthz`: the process answers. `/readyz`: database, plugins and rules are usable. `/metrics`: Prometheus."""

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        database = await _database_problem(runtime)
        broken = {report.name: report.problem for report in runtime.store.plugins.reports if report.problem}
        ready = database is None
        detail = {
            "ready": ready,
            "database": database or "ok",
            "plugins": broken or "ok",
            "rules": len(runtime.book.rules),
            "rules_version": runtime.book.version,
        }
        return JSONResponse(detail, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(runtime.registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _database_problem(runtime: Runtime) -> str | None:
    try:
        await runtime.store.storage.ping()
    except CornerdeskError as error:
        return str(error)
    return None
