"""An adapter's calls, and its stand-in's answers, beside the vendor's own OpenAPI text.

Vendors' texts are large (reading all of one takes ten seconds) and are no part of this repository. Needs jsonschema.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft4Validator
from ruamel.yaml import YAML

from cornerdesk.model import JSON

_PATH = re.compile(r'^  "?(/[^"\s]*?)"?:\n((?:    .*\n|\n)+)', re.MULTILINE)
_NAMED = re.compile(r'^    "?(\w+)"?:\n((?:      .*\n|\n)+)', re.MULTILINE)
_REFERENCE = re.compile(r"#/components/schemas/(\w+)")
_NOT_CHECKED = ("example", "format", "nullable")


class OpenApiText:
    """The parts of an OpenAPI 3.0 text in YAML, indented by two, that are asked for.

    Args:
        text: all of it.
    """

    def __init__(self, text: str) -> None:
        components = text[text.index("\ncomponents:") :]
        self._paths: dict[str, str] = dict(_PATH.findall(text))
        self._schemas: dict[str, str] = dict(_NAMED.findall(components[components.index("\n  schemas:") :]))
        self._parameters: dict[str, str] = dict(_NAMED.findall(components))

    def operation(self, method: str, path: str) -> Any:
        """What the text says of a call, with the parameters that all calls of its path share; None: it does not know
        the call. `/tickets/show_many` comes before `/tickets/{id}`."""
        for known in sorted(self._paths, key=lambda known: known.count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
                item = _load(self._paths[known])
                if operation := item.get(method.lower()):
                    shared = [*item.get("parameters", []), *operation.get("parameters", [])]
                    return {**operation, "parameters": shared}
        return None

    def query(self, operation: JSON) -> set[str]:
        """Names of the query's parameters."""
        found = [self._parameter(each) for each in operation["parameters"]]
        return {each["name"] for each in found if each["in"] == "query"}

    def schema(self, name: str) -> JSON:
        """A schema of the text, by its name."""
        schema: JSON = _load(self._schemas[name])
        return schema

    def keys(self, schema: JSON) -> set[str]:
        """Every key that JSON of this schema may have at its top."""
        if "$ref" in schema:
            return self.keys(self.schema(_last(schema["$ref"])))
        inner = [self.keys(each) for kind in ("oneOf", "anyOf", "allOf") for each in schema.get(kind, [])]
        return set(schema.get("properties", {})).union(*inner)

    def check(self, schema: JSON, data: object) -> None:
        """Hold data against a schema of the text; formats are not checked.

        Raises:
            jsonschema.ValidationError: it is of another shape.
        """
        Draft4Validator({**_plain(schema), "definitions": self._definitions(schema)}).validate(data)

    def _parameter(self, told: JSON) -> JSON:
        return _load(self._parameters[_last(told["$ref"])]) if "$ref" in told else told

    def _definitions(self, schema: JSON) -> JSON:
        names, found = _names(schema), dict[str, Any]()
        while names:
            name = names.pop()
            if name not in found:
                parsed = self.schema(name)
                found[name] = _plain(parsed)
                names |= _names(parsed)
        return found


class CallRecorder(httpx.AsyncBaseTransport):
    """Passes requests on to an ASGI application, a stand-in's, and keeps them with their answers.

    Attributes:
        calls: request and answer, in order.
    """

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self.calls: list[tuple[httpx.Request, httpx.Response]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        self.calls.append((request, response))
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


def without_nulls(data: Any) -> Any:
    """For texts that forget that what is unset is null."""
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    return [without_nulls(item) for item in data] if isinstance(data, list) else data


@cache
def _load(block: str) -> Any:
    yaml = YAML(typ="safe")
    yaml.constructor.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)  # a bare `=`
    return yaml.load(block)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


def _names(schema: Any) -> set[str]:
    return set(_REFERENCE.findall(json.dumps(schema, default=str)))


def _plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: references moved, `nullable` said by type."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(item) for key, item in schema.items() if key not in _NOT_CHECKED}
    if isinstance(plain.get("$ref"), str):
        return {"$ref": f"#/definitions/{_last(plain['$ref'])}"}
    if schema.get("nullable") and "type" in plain:
        return {"anyOf": [plain, {"type": "null"}]}
    return plain
