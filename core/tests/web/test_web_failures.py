"""What a visitor sees when something fails, and what the log keeps of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from cornerdesk import ConfigurationError
from cornerdesk.storage import StorageUnavailable
from structlog.testing import capture_logs

GONE = StorageUnavailable("the database sqlite:///desk.db cannot be used: the disk is full; make room")
PAGES = ["/", "/events", "/wishes", "/explain/7"]
SECRET = "hank@globex.example said <b>so</b>"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_its_database_says_so_and_when_to_come_again(
    browser: httpx.AsyncClient, break_storage: Any, path: str
) -> None:
    break_storage(GONE)
    answer = await browser.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["content-type"].startswith("text/html")
    assert "the disk is full; make room" in answer.text
    assert "content-security-policy" in answer.headers


async def test_the_api_without_its_database_says_so_in_json(api: httpx.AsyncClient, break_storage: Any) -> None:
    break_storage(GONE)
    for answer in (await api.get("/api/v1/events"), await api.post("/api/v1/wishes/1/grant-it")):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert "the disk is full" in answer.json()["error"]


async def test_a_verb_without_its_database_says_so(browser: httpx.AsyncClient, break_storage: Any) -> None:
    break_storage(GONE)
    answer = await browser.post("/wishes/1/grant-it", headers={"origin": "http://127.0.0.1:8484"})
    assert answer.status_code == 503


async def test_an_unexpected_failure_tells_the_visitor_nothing_and_the_log_where(
    browser: httpx.AsyncClient, board: Any
) -> None:
    board.failure = ZeroDivisionError(SECRET)
    with capture_logs() as logs:
        answer = await browser.get("/wishes")
    assert answer.status_code == 500
    assert "globex" not in answer.text
    assert "ZeroDivision" not in answer.text
    [line] = [line for line in logs if line["event"] == "page_failed"]
    assert line["error"] == "ZeroDivisionError"
    assert line["at"].startswith("conftest.py:")
    assert "globex" not in str(logs)


async def test_an_unexpected_failure_of_the_api_is_json(api: httpx.AsyncClient, board: Any) -> None:
    board.failure = ZeroDivisionError(SECRET)
    answer = await api.get("/api/v1/wishes")
    assert answer.status_code == 500
    assert answer.json()["error"]
    assert "globex" not in answer.text


async def test_a_plugins_public_page_fails_as_plainly_and_its_token_is_not_logged(visit: Any, board: Any) -> None:
    for failure, status in ((GONE, 503), (ConfigurationError("say <who>"), 500), (KeyError(SECRET), 500)):
        board.failure = failure
        with capture_logs() as logs:
            answer = await visit(client="192.0.2.7").get("/failing/unguessable")
        assert answer.status_code == status
        assert "globex" not in answer.text
        assert "<who>" not in answer.text
        assert logs
        assert "unguessable" not in str(logs)


async def test_a_page_that_does_not_exist_says_so(browser: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/nothing/at", "/static/nothing.css"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "content-security-policy" in answer.headers
    assert (await browser.put("/wishes", headers={"origin": "http://127.0.0.1:8484"})).status_code == 405
