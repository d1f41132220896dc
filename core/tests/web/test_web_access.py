"""Who may come in: the dashboard is for this machine alone, plugins' public pages and health are for everybody."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PAGES = ["/", "/events", "/explain/7", "/wishes", "/closed", "/nothing", "/wishes/1/grant-it"]


@pytest.mark.parametrize("path", PAGES)
async def test_the_dashboard_is_closed_to_every_other_machine(visit: Any, path: str) -> None:
    answer = await visit(client="192.0.2.7").get(path)
    assert answer.status_code == 403
    assert "open to this machine only" in answer.text


@pytest.mark.parametrize("client", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8484", "localhost:8484", "LOCALHOST", "[::1]:8484"])
async def test_whoever_sits_at_this_machine_comes_in(visit: Any, client: str, host: str) -> None:
    assert (await visit(client=client).get("/wishes", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil@127.0.0.1", "[::1", "[", "", "10.0.0.1"],
)
async def test_another_name_for_this_machine_is_refused_so_that_rebinding_gains_nothing(
    browser: httpx.AsyncClient, host: str
) -> None:
    assert (await browser.get("/wishes", headers={"host": host})).status_code == 403


@pytest.mark.parametrize("client", ["", "testclient", "::ffff:192.0.2.7", "fe80::1%eth0"])
async def test_a_client_whose_address_is_none_of_ours_is_refused(visit: Any, client: str) -> None:
    assert (await visit(client=client).get("/wishes")).status_code == 403


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Via", "CDN-Loop"]
)
async def test_what_a_proxy_passes_on_is_refused_however_local_it_looks(
    browser: httpx.AsyncClient, header: str
) -> None:
    assert (await browser.get("/wishes", headers={header: "127.0.0.1"})).status_code == 403


async def test_a_proxy_that_adds_no_header_is_known_by_its_old_protocol(visit: Any) -> None:
    assert (await visit(http_version="1.0").get("/wishes")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8484"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8484"},
        {"origin": "null"},
        {"origin": "http://["},
        {},
    ],
)
async def test_a_form_from_any_other_page_is_refused_and_does_nothing(
    browser: httpx.AsyncClient, board: Any, headers: dict[str, str]
) -> None:
    answer = await browser.post("/wishes/1/grant-it", headers=headers)
    assert answer.status_code == 403
    assert board.done == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "http://127.0.0.1:8484"}])
async def test_a_form_from_our_own_page_is_taken(
    browser: httpx.AsyncClient, board: Any, headers: dict[str, str]
) -> None:
    assert (await browser.post("/wishes/1/grant-it", headers=headers)).status_code == 303
    assert len(board.done) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_plugins_public_page_is_open_to_everybody_through_any_proxy(visit: Any, method: str) -> None:
    headers = {"host": "desk.example.com", "x-forwarded-for": "192.0.2.7", "origin": "https://mail.example"}
    answer = await visit(client="10.0.0.1").request(method, "/open/token", headers=headers)
    assert (answer.status_code, answer.text) == (200, f"{method} answered")


async def test_a_public_page_is_open_for_its_own_methods_alone(visit: Any) -> None:
    assert (await visit(client="192.0.2.7").request("DELETE", "/open/token")).status_code == 403


@pytest.mark.parametrize("path", ["/open", "/open/", "/open/a/b", "//open/a", "/open/../wishes", "/static", "/api"])
async def test_a_path_that_only_resembles_a_public_one_is_closed(visit: Any, path: str) -> None:
    assert (await visit(client="192.0.2.7").get(path)).status_code == 403


async def test_health_is_open_and_webhooks_are_the_receivers_own(visit: Any) -> None:
    outside = visit(client="192.0.2.7")
    assert (await outside.get("/healthz")).text == "ok\n"
    assert (await outside.get("/readyz")).status_code == 200
    assert (await outside.get("/metrics")).status_code == 200
    assert (await outside.post("/webhooks/support", content=b"{}")).status_code == 401


async def test_a_worker_shows_health_and_nothing_else(visit: Any) -> None:
    from cornerdesk.server import Role

    worker = visit(role=Role.WORKER)
    assert (await worker.get("/readyz")).status_code == 200
    for path in ("/", "/wishes", "/api/v1/wishes", "/webhooks/support", "/open/token"):
        assert (await worker.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/healthz", "/open/token", "/nothing", "/api/v1/wishes", "/static/house.css"])
async def test_every_answer_carries_the_security_headers(browser: httpx.AsyncClient, path: str) -> None:
    headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


async def test_refusals_carry_the_security_headers_too(visit: Any) -> None:
    answer = await visit(client="192.0.2.7").get("/")
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/static/../access.py", "/static/%2e%2e/access.py", "/static/..%2faccess.py"])
async def test_static_files_come_from_their_folder_alone(visit: Any, path: str) -> None:
    assert (await visit(client="192.0.2.7").get(path)).status_code in {403, 404}
