"""`/api/v1`: every listing as JSON and every verb as a POST, with an OpenAPI description. Needs a bearer token."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from cornerdesk.errors import RejectedError
from cornerdesk.web.access import token_is_valid
from cornerdesk.web.asking import ask_rows, ask_verb
from cornerdesk.web.openapi import MAX_ROWS, describe

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

Endpoint = Callable[[Request], Awaitable[Response]]
LARGEST_BODY = 65_536


class _Refused(Exception):
    """A request that is answered with this status instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def api_routes(runtime: Runtime) -> Mount:
    """The API's routes; nothing else may answer below them. What fails on the way is answered by `failures`."""
    tokens = tuple(token.get_secret_value() for token in runtime.store.configuration.server.api_tokens)
    listings = runtime.store.listings

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            if not token_is_valid(request, tokens):
                what = (
                    "a bearer token" if any(tokens) else "a bearer token, and none is configured: set server.api_tokens"
                )
                return JSONResponse({"error": f"needs {what}"}, 401, {"www-authenticate": "Bearer"})
            try:
                return await endpoint(request)
            except _Refused as refused:
                return JSONResponse({"error": str(refused)}, refused.status)

        return guard

    async def rows(request: Request) -> Response:
        listing = listings.get(request.path_params["listing"])
        if listing is None:
            raise _Refused(404, f"there is no list {request.path_params['listing']!r}; there are {', '.join(listings)}")
        found = await ask_rows(runtime, listing, request.query_params.multi_items(), limit_at_most=MAX_ROWS)
        text = ",".join(row.model_dump_json(by_alias=True) for row in found)
        return Response(f"[{text}]", media_type="application/json")

    async def verb(request: Request) -> Response:
        listing = listings.get(request.path_params["listing"])
        named = request.path_params["verb"]
        if listing is None or named not in {each.name for each in listing.verbs}:
            raise _Refused(404, f"there is no verb {named!r} here")
        options = await _read_options(request)
        return JSONResponse(
            {"done": await ask_verb(runtime, listing, named, request.path_params["id"], options, by="api")}
        )

    async def description(request: Request) -> Response:
        return JSONResponse(describe(listings))

    routes = [
        Route("/v1/openapi.json", guarded(description)),
        Route("/v1/{listing}", guarded(rows)),
        Route("/v1/{listing}/{id:path}/{verb}", guarded(verb), methods=["POST"]),
    ]
    return Mount("/api", routes=routes)


async def _read_options(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise _Refused(413, f"the body is larger than {LARGEST_BODY} bytes")
    try:
        options = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise _Refused(400, "the body is not readable JSON") from None
    if not isinstance(options, dict):
        raise RejectedError("the body must be a JSON object of options")
    return options
