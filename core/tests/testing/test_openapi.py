"""Calls and answers are held against a vendor's OpenAPI text."""

from __future__ import annotations

import httpx
import pytest
from cornerdesk.testing.openapi import CallRecorder, OpenApiText, without_nulls
from cornerdesk.testing.plaindesk.standin import PlainStandIn
from jsonschema import ValidationError

TEXT = """\
openapi: 3.0.0
paths:
  /api/tickets/show_many:
    get:
      operationId: many
  "/api/tickets/{id}":
    parameters:
      - $ref: "#/components/parameters/Include"
      - {name: id, in: path}
    get:
      operationId: one
      parameters:
        - {name: page, in: query}
    put:
      operationId: change
components:
  parameters:
    Include:
      name: include
      in: query
  schemas:
    Ticket:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        note: {type: string, nullable: true, format: date}
        owner: {$ref: "#/components/schemas/Person"}
    Person:
      type: object
      required: [name]
      properties:
        name: {type: string}
    Either:
      oneOf:
        - $ref: "#/components/schemas/Ticket"
        - $ref: "#/components/schemas/Person"
"""


@pytest.fixture(scope="module")
def text() -> OpenApiText:
    return OpenApiText(TEXT)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/tickets/show_many", "many"),
        ("GET", "/api/tickets/7", "one"),
        ("PUT", "/api/tickets/7", "change"),
    ],
)
def test_a_call_is_found_by_method_and_path(text: OpenApiText, method: str, path: str, name: str) -> None:
    operation = text.operation(method, path)
    assert operation["operationId"] == name


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/tickets/7"), ("GET", "/api/tickets/7/more")])
def test_a_call_that_is_not_documented_is_none(text: OpenApiText, method: str, path: str) -> None:
    assert text.operation(method, path) is None


def test_parameters_are_the_calls_own_and_its_paths(text: OpenApiText) -> None:
    assert text.query(text.operation("GET", "/api/tickets/7")) == {"include", "page"}


def test_data_is_held_against_schemas_and_those_they_refer_to(text: OpenApiText) -> None:
    ticket = {"$ref": "#/components/schemas/Ticket"}
    text.check(ticket, {"id": 7, "note": None, "owner": {"name": "Ada"}})
    for wrong in ({"note": None}, {"id": "7"}, {"id": 7, "note": 1}, {"id": 7, "owner": {}}):
        with pytest.raises(ValidationError):
            text.check(ticket, wrong)


def test_keys_are_those_of_every_choice(text: OpenApiText) -> None:
    assert text.keys({"$ref": "#/components/schemas/Either"}) == {"id", "note", "owner", "name"}


def test_what_is_unset_can_be_left_out() -> None:
    assert without_nulls({"a": None, "b": [{"c": None}, 0]}) == {"b": [{}, 0]}


async def test_calls_are_passed_on_and_kept() -> None:
    recorder = CallRecorder(PlainStandIn().app)
    async with httpx.AsyncClient(transport=recorder, base_url="http://plain.example") as client:
        answer = await client.get("/v1/me")
    ((request, response),) = recorder.calls
    assert (request.url.path, response.status_code) == ("/v1/me", answer.status_code)
    assert response.content == answer.content
