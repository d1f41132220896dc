"""The OpenAPI description of the API, made from the listings. Pure."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from cornerdesk.listings import Filter, Listing, Verb

MAX_ROWS = 1000
_ERRORS = {
    "401": "no valid token",
    "422": "what is asked cannot be: says why",
    "503": "the database cannot be used: try again",
}


def describe(listings: Mapping[str, Listing]) -> dict[str, Any]:
    """The OpenAPI 3.1 description. Two plugins may name their models alike: each gets a name of its own here."""
    rows = {listing.row for listing in listings.values()}
    refs, schemas = models_json_schema(
        [(row, "serialization") for row in sorted(rows, key=lambda row: (row.__module__, row.__qualname__))],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, Any] = {}
    for listing in listings.values():
        paths[f"/api/v1/{listing.name}"] = {"get": _list_operation(listing, refs[listing.row, "serialization"])}
        for verb in listing.verbs:
            paths[f"/api/v1/{listing.name}/{{id}}/{verb.name}"] = {"post": _verb_operation(listing, verb)}
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cornerdesk", "version": importlib.metadata.version("cornerdesk")},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": error},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _list_operation(listing: Listing, row: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": each.name, "in": "query", "description": each.about, "schema": _option(each)}
        for each in listing.filters
    ]
    number = {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": 50}
    limit = {"name": "limit", "in": "query", "description": "how many rows at most", "schema": number}
    return {
        "operationId": f"list_{listing.name}",
        "summary": listing.about,
        "parameters": [*parameters, limit],
        "responses": {"200": _json("rows, newest first", {"type": "array", "items": row}), **_errors()},
    }


def _verb_operation(listing: Listing, verb: Verb) -> dict[str, Any]:
    options = {each.name: {"description": each.about, **_option(each)} for each in verb.options}
    body = {"type": "object", "properties": options, "additionalProperties": False}
    done = {"type": "object", "properties": {"done": {"type": "string"}}, "required": ["done"]}
    return {
        "operationId": f"{listing.name}_{verb.name.replace('-', '_')}",
        "summary": verb.about,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("says what was done", done), "400": _error("the body is not JSON"), **_errors()},
    }


def _option(each: Filter) -> dict[str, Any]:
    if each.flag:
        return {"type": "boolean"}
    return {"type": "string", **({"enum": [str(choice) for choice in each.choices]} if each.choices else {})}


def _errors() -> dict[str, Any]:
    return {status: _error(about) for status, about in _ERRORS.items()}


def _error(about: str) -> dict[str, Any]:
    return _json(about, {"$ref": "#/components/schemas/Error"})


def _json(about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}}}
