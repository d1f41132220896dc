"""`/api/v1`: every listing as JSON and every verb as a POST, with an OpenAPI description. Needs a bearer token."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cornerdesk.errors import RejectedError, RetryableError
from cornerdesk.listings import Listing
from cornerdesk.web.access import token_is_valid
from cornerdesk.web.asking import ask_rows, ask_verb

if TYPE_CHECKING:
    from cornerdesk.runtime import Runtime

Endpoint = Callable[[Request], Awaitable[Response]]
MAX_ROWS = 1000


def api_routes(runtime: Runtime) -> list[Route]:
    """The API's routes."""
    tokens = tuple(token.get_secret_value() for token in runtime.store.configuration.server.api_tokens)
    listings = runtime.store.listings

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            if not token_is_valid(request, tokens):
                what = "a bearer token" if tokens else "a bearer token, and none is configured: set server.api_tokens"
                return JSONResponse({"error": f"needs {what}"}, 401, {"www-authenticate": "Bearer"})
            try:
                return await endpoint(request)
            except RejectedError as error:
                return JSONResponse({"error": str(error)}, 422)
            except RetryableError as error:
                return JSONResponse({"error": str(error)}, 503, {"retry-after": "5"})

        return guard

    async def rows(request: Request) -> Response:
        listing = listings.get(request.path_params["listing"])
        if listing is None:
            return JSONResponse({"error": f"there is no list {request.path_params['listing']!r}"}, 404)
        found = await ask_rows(runtime, listing, dict(request.query_params), limit_at_most=MAX_ROWS)
        return JSONResponse([json.loads(row.model_dump_json(by_alias=True)) for row in found])

    async def verb(request: Request) -> Response:
        listing = listings.get(request.path_params["listing"])
        named = request.path_params["verb"]
        if listing is None or named not in {each.name for each in listing.verbs}:
            return JSONResponse({"error": f"there is no verb {named!r} here"}, 404)
        body = await request.body()
        options = json.loads(body) if body else {}
        if not isinstance(options, dict):
            raise RejectedError("the body must be a JSON object of options")
        return JSONResponse(
            {"done": await ask_verb(runtime, listing, named, request.path_params["id"], options, by="api")}
        )

    async def description(request: Request) -> Response:
        return JSONResponse(describe(listings))

    return [
        Route("/api/v1/openapi.json", description),
        Route("/api/v1/{listing}", guarded(rows)),
        Route("/api/v1/{listing}/{id}/{verb}", guarded(verb), methods=["POST"]),
    ]


def describe(listings: dict[str, Listing]) -> dict[str, Any]:
    """The OpenAPI 3.1 description, made from the listings."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for listing in listings.values():
        schema = listing.row.model_json_schema(
            by_alias=True, mode="serialization", ref_template="#/components/schemas/{model}"
        )
        schemas |= schema.pop("$defs", {})
        schemas[listing.row.__name__] = schema
        paths[f"/api/v1/{listing.name}"] = {"get": _list_operation(listing)}
        for each in listing.verbs:
            paths[f"/api/v1/{listing.name}/{{id}}/{each.name}"] = {
                "post": _verb_operation(listing, each.name, each.about)
            }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cornerdesk", "version": importlib.metadata.version("cornerdesk")},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _list_operation(listing: Listing) -> dict[str, Any]:
    parameters = [
        {
            "name": each.name,
            "in": "query",
            "description": each.about,
            "schema": {"type": "string", **({"enum": list(each.choices)} if each.choices else {})},
        }
        for each in listing.filters
    ]
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": MAX_ROWS, "default": 50}}
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{listing.row.__name__}"}}
    return {
        "operationId": f"list_{listing.name}",
        "summary": listing.about,
        "parameters": [*parameters, limit],
        "responses": {"200": {"description": "rows", "content": {"application/json": {"schema": items}}}},
    }


def _verb_operation(listing: Listing, verb: str, about: str) -> dict[str, Any]:
    return {
        "operationId": f"{listing.name}_{verb.replace('-', '_')}",
        "summary": about,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {"200": {"description": "what was done"}, "422": {"description": "why it was not"}},
    }
