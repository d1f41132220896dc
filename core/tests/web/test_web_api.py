"""The API: with its token every list and verb, as JSON; without it nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pytest
from cornerdesk import Listing
from cornerdesk.runtime import Runtime
from cornerdesk.web.access import token_is_valid
from cornerdesk.web.openapi import describe
from starlette.requests import Request


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Basic only-for-these-tests", "only-for-these-tests", "Bearer caf\xe9"],
)
@pytest.mark.parametrize("path", ["/api/v1/wishes", "/api/v1/nothing", "/api/v1/openapi.json"])
async def test_without_its_token_the_api_tells_nothing(visit: Any, given: str, path: str) -> None:
    answer = await visit().get(path, headers=[(b"authorization", given.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "wishes" not in answer.text


async def test_a_verb_without_the_token_does_nothing(visit: Any, board: Any) -> None:
    assert (await visit().post("/api/v1/wishes/1/grant-it")).status_code == 401
    assert board.done == []


@pytest.mark.parametrize("tokens", [(), ("",)])
def test_where_no_token_is_configured_none_is_right(tokens: tuple[str, ...]) -> None:
    for given in (b"", b"Bearer", b"Bearer ", b"Bearer x"):
        request = Request({"type": "http", "headers": [(b"authorization", given)]})
        assert not token_is_valid(request, tokens)


def test_either_of_two_tokens_is_right_while_one_is_being_replaced() -> None:
    request = Request({"type": "http", "headers": [(b"authorization", b"bearer new")]})
    assert token_is_valid(request, ("old", "new"))


async def test_rows_come_as_json_with_the_models_names(api: httpx.AsyncClient, board: Any, wish: Any) -> None:
    board.wishes = [wish(id="1", text='a "quoted" </script> \u2028 word', tickets=("7",))]
    answer = await api.get("/api/v1/wishes")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [wish.model_validate(board.wishes[0]).model_dump(mode="json")]


async def test_the_lists_of_what_came_in_hold_the_event_model(api: httpx.AsyncClient, records: Any) -> None:
    id = await records.event(words="Hello")
    [event] = (await api.get("/api/v1/events", params={"ticket": "7"})).json()
    assert (event["id"], event["ticket"]["subject"], event["signals"][0]["name"]) == (id, "Hello", "churn_risk")
    assert (await api.get("/api/v1/events", params={"source": "chat"})).json() == []


async def test_filters_arrive_as_what_they_are(api: httpx.AsyncClient, board: Any, records: Any) -> None:
    query = {"state": "open", "text": "x", "since": "2026-11-22T09:00+01:00", "all": "yes", "limit": "1000"}
    assert (await api.get("/api/v1/wishes", params=query)).status_code == 200
    [asked] = board.asked
    assert asked.pop("since").isoformat() == "2026-11-22T08:00:00+00:00"
    assert asked == {"state": "open", "text": "x", "all": True, "limit": 1000}


async def test_empty_filters_are_none_and_fifty_rows_are_the_rule(api: httpx.AsyncClient, board: Any) -> None:
    await api.get("/api/v1/wishes?state=&text=&since=&all=")
    assert board.asked == [{"limit": 50}]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("colour=red", "there is no filter 'colour'; there are state, text, since, all"),
        ("state=lost", "state is one of open, granted"),
        ("state=open&state=granted", "given twice"),
        ("since=yesterday", "a time is written as"),
        ("since=99999999999999999999d", "a time is written as"),
        ("since=900000d", "a time is written as"),
        ("since=0001-01-01T00:00%2B14:00", "a time is written as"),
        ("text=%00", "no text"),
        ("text=" + "x" * 20_000, "longer than"),
        ("limit=0", "limit is a number from 1 to 1000"),
        ("limit=1001", "limit is a number from 1 to 1000"),
        ("limit=-1", "limit is a number from 1 to 1000"),
        ("limit=ten", "limit is a number from 1 to 1000"),
        ("limit=%C2%B2", "limit is a number from 1 to 1000"),
        ("limit=" + "9" * 5000, "limit is a number from 1 to 1000"),
    ],
)
async def test_a_filter_that_cannot_be_is_told_and_not_guessed(api: httpx.AsyncClient, query: str, told: str) -> None:
    answer = await api.get(f"/api/v1/wishes?{query}")
    assert answer.status_code == 422
    assert told in answer.json()["error"]


async def test_a_list_that_does_not_exist_is_told_with_those_that_do(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert "wishes" in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v2/wishes", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v1/wishes/1/grant-it", 405),
        ("POST", "/api/v1/wishes", 405),
        ("POST", "/api/v1/wishes/1/explode", 404),
        ("POST", "/api/v1/nothing/1/grant-it", 404),
        ("POST", "/api/v1/events/1/grant-it", 404),
    ],
)
async def test_what_is_not_there_is_refused_in_json(
    api: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await api.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_a_verb_gets_its_options_and_says_what_it_did(api: httpx.AsyncClient, board: Any) -> None:
    body = {"by": "ada", "how": "soon", "loudly": True}
    answer = await api.post("/api/v1/wishes/a%20b%2Fc/grant-it", json=body)
    assert (answer.status_code, answer.json()) == (200, {"done": "granted: ada"})
    [request] = board.done
    assert (request.id, request.options, request.by) == ("a b/c", body, "api")


async def test_a_verb_needs_no_body_and_empty_options_are_none(api: httpx.AsyncClient, board: Any) -> None:
    assert (await api.post("/api/v1/wishes/1/grant-it")).status_code == 200
    assert (await api.post("/api/v1/wishes/1/grant-it", json={"by": None, "how": ""})).status_code == 200
    assert [request.options for request in board.done] == [{}, {}]


@pytest.mark.parametrize(
    "body", [b"{bad", b"\xff\xfe", b"[" * 100_000, b'{"by": ' + b"9" * 5000 + b"}", b"{} {}"], ids=range(5)
)
async def test_a_body_that_is_no_json_is_a_clear_refusal(api: httpx.AsyncClient, board: Any, body: bytes) -> None:
    answer = await api.post("/api/v1/wishes/1/grant-it", content=body)
    assert answer.status_code in {400, 413}
    assert "body" in answer.json()["error"]
    assert board.done == []


async def test_a_body_too_large_is_not_read_to_its_end(api: httpx.AsyncClient, board: Any) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 10_000

    answer = await api.post("/api/v1/wishes/1/grant-it", content=endless())
    assert answer.status_code == 413
    assert sent < 20


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("[1]", "JSON object"),
        ('{"colour": "red"}', "has no option colour; it has by, how, loudly"),
        ('{"by": {"a": 1}}', "by is a text"),
        ('{"by": ["a"]}', "by is a text"),
        ('{"by": true}', "by is a text"),
        ('{"how": "never"}', "how is one of soon, later"),
        ('{"loudly": []}', "loudly is true or false"),
        ('{"by": "\\u0000"}', "no text"),
        ('{"by": "\\ud800"}', "no text"),
    ],
)
async def test_options_that_cannot_be_are_told(api: httpx.AsyncClient, board: Any, body: str, told: str) -> None:
    answer = await api.post("/api/v1/wishes/1/grant-it", content=body)
    assert answer.status_code == 422
    assert told in answer.json()["error"]
    assert board.done == []


async def test_a_verb_that_refuses_says_why(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/v1/wishes/none/grant-it")
    assert (answer.status_code, answer.json()) == (422, {"error": "there is no such wish"})


async def test_the_description_names_every_list_filter_verb_and_option(
    api: httpx.AsyncClient, runtime: Runtime
) -> None:
    told = (await api.get("/api/v1/openapi.json")).json()
    for name, listing in runtime.store.listings.items():
        parameters = {each["name"] for each in told["paths"][f"/api/v1/{name}"]["get"]["parameters"]}
        assert parameters == {each.name for each in listing.filters} | {"limit"}
        for verb in listing.verbs:
            body = told["paths"][f"/api/v1/{name}/{{id}}/{verb.name}"]["post"]["requestBody"]
            options = body["content"]["application/json"]["schema"]["properties"]
            assert set(options) == {each.name for each in verb.options}


async def test_the_description_is_sound(api: httpx.AsyncClient) -> None:
    told = (await api.get("/api/v1/openapi.json")).json()
    assert told["openapi"].startswith("3.1.")
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for reference in _references(told):
        assert reference.removeprefix("#/components/schemas/") in told["components"]["schemas"]
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_rows_are_as_described(api: httpx.AsyncClient, records: Any, board: Any, wish: Any) -> None:
    await records.event(words="Hello")
    await records.delivery()
    await records.effect("dead", reason="no")
    board.wishes = [wish(id="1")]
    told = (await api.get("/api/v1/openapi.json")).json()
    for name in ("events", "tickets", "deliveries", "effects", "deadletters", "wishes"):
        answer = told["paths"][f"/api/v1/{name}"]["get"]["responses"]["200"]
        schema = {**answer["content"]["application/json"]["schema"], "components": told["components"]}
        rows = (await api.get(f"/api/v1/{name}")).json()
        assert rows
        jsonschema.validate(rows, schema, cls=jsonschema.Draft202012Validator)


def test_models_of_one_name_in_two_lists_do_not_take_each_others_place(board: Any, wish: Any) -> None:
    class TicketLink(wish):  # type: ignore[misc]
        number: int

    class Other(wish):  # type: ignore[misc]
        links: tuple[TicketLink, ...]

    async def none(question: Any) -> list[Any]:
        return []

    def listing(name: str, row: Any) -> Listing:
        return Listing(name=name, about=name, row=row, columns=(), rows=none)

    schemas = describe({"a": listing("a", wish), "b": listing("b", Other)})["components"]["schemas"]
    links = [schema for schema in schemas.values() if schema.get("title") == "TicketLink"]
    assert [("number" in each["properties"]) for each in links].count(True) == 1
    assert len(links) == 2


def _references(value: Any) -> list[str]:
    text = json.dumps(value)
    return [part.split('"')[0] for part in text.split('"$ref": "')[1:]]
