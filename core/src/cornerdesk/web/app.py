"""The HTTP application: deliveries go straight to the receiver, everything else to the dashboard and the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from cornerdesk.web.access import AccessMiddleware, HeadersMiddleware
from cornerdesk.web.api import api_routes
from cornerdesk.web.dashboard import Dashboard
from cornerdesk.web.failures import FailureMiddleware, say_refusal
from cornerdesk.web.health import health_routes
from cornerdesk.web.pages import STATIC, Pages
from cornerdesk.web.routes import WebContext, WebRoute

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from cornerdesk.runtime import Runtime

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
WEBHOOKS = "/webhooks/"


class Role(Protocol):
    """Which part of `serve` this process is."""

    @property
    def value(self) -> str: ...


def make_app(runtime: Runtime, *, role: Role) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The ASGI application of one process. A worker's has health and metrics only."""
    receiver = runtime.receiver
    site = _site(runtime, worker_only=role.value == "worker")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Deliveries skip the framework: it halves what one core can receive (benchmarks/intake.py).
        if scope["type"] == "http" and scope["path"].startswith(WEBHOOKS) and role.value != "worker":
            await receiver(scope, receive, send)
        else:
            await site(scope, receive, send)

    return app


def _site(runtime: Runtime, *, worker_only: bool) -> Starlette:
    pages = Pages()
    public = health_routes(runtime)
    routes: list[BaseRoute] = [*public]
    if not worker_only:
        context = _web_context(runtime, pages)
        plugin_routes: list[WebRoute] = runtime.store.plugins.routes()
        for each in plugin_routes:
            routes.append(route := _plugin_route(each, context))
            public += [route] if each.public else []
        routes += [Mount("/static", StaticFiles(directory=STATIC)), api_routes(runtime)]
        routes += Dashboard(runtime, pages).routes()
    # From the outside in: every answer carries the headers, refusals and failures too.
    middleware = [
        Middleware(HeadersMiddleware),
        Middleware(AccessMiddleware, public=public),
        Middleware(FailureMiddleware, pages=pages),
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={HTTPException: say_refusal(pages)})


def _web_context(runtime: Runtime, pages: Pages) -> WebContext:
    store = runtime.store
    return WebContext(
        configuration=store.configuration,
        now=store.clock.now,
        transaction=store.storage.transaction,
        reading=store.storage.reading,
        plan=store.ledger.plan_intents,
        render=pages.wrap,
    )


def _plugin_route(route: WebRoute, context: WebContext) -> Route:
    async def endpoint(request: Request) -> Response:
        return await route.endpoint(request, context)

    return Route(route.path, endpoint, methods=list(route.methods))
