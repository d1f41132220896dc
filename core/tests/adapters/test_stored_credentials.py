"""Tokens in the database: unreadable to whoever has only it, and renewed by one process of all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from cornerdesk import RetryableError, TokenPair
from cornerdesk.credentials import LEASE, PATIENCE, StoredCredentials
from cornerdesk.storage import Storage, StorageUnavailable, open_storage
from cornerdesk.storage.tables import credentials
from pydantic import SecretStr
from sqlalchemy import select

PAIR = TokenPair(access_token="access-1", refresh_token="refresh-1", renew_at=1.5, origin="configured")
SECRET = SecretStr("the OAuth client's secret")


class Time:
    def __init__(self) -> None:
        self.at = datetime(2026, 10, 5, 12, tzinfo=UTC)
        self.slept = 0.0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def keeping(storage: Storage, time: Time | None = None, *, source: str = "support", secret: SecretStr = SECRET) -> Any:
    time = time or Time()
    return StoredCredentials(storage, source, secret, clock=time, sleep=time.sleep)


async def save(store: StoredCredentials, pair: TokenPair = PAIR) -> None:
    async with store.renewing():
        await store.save(pair)


async def row(storage: Storage) -> Any:
    async with storage.reading() as tx:
        return await tx.row(select(credentials))


@pytest.fixture
async def other(migrated_url: str, storage: Storage) -> AsyncIterator[Storage]:
    """The same database, as another process has it open."""
    async with await open_storage(migrated_url) as opened:
        yield opened


async def test_what_was_stored_is_loaded_by_every_process(storage: Storage, other: Storage) -> None:
    assert await keeping(storage).load() is None
    await save(keeping(storage))
    assert await keeping(other).load() == PAIR
    await save(keeping(other), PAIR.model_copy(update={"access_token": "access-2"}))
    assert (await keeping(storage).load()).access_token == "access-2"


async def test_no_token_is_in_the_database_in_clear(storage: Storage) -> None:
    await save(keeping(storage))
    stored = await row(storage)
    assert stored["ciphertext"]
    assert not any(word in str(stored) for word in ("access-1", "refresh-1", "configured", SECRET.get_secret_value()))


@pytest.mark.parametrize("changed", [{"secret": SecretStr("another")}, {"source": "elsewhere"}])
async def test_tokens_of_another_secret_or_source_count_as_none(storage: Storage, changed: dict[str, Any]) -> None:
    await save(keeping(storage))
    if source := changed.get("source"):
        async with storage.transaction() as tx:
            await tx.execute(credentials.update().values(source=source))
    with structlog.testing.capture_logs() as logs:
        assert await keeping(storage, **changed).load() is None
    assert [(log["event"], log["log_level"]) for log in logs] == [("stored_tokens_unreadable", "warning")]
    await save(keeping(storage, **changed))
    assert await keeping(storage, **changed).load() == PAIR


async def test_one_renews_while_the_others_wait(storage: Storage, other: Storage) -> None:
    time, order = Time(), list[str]()
    waited = asyncio.Event()

    class Waiting(Time):
        async def sleep(self, seconds: float) -> None:
            waited.set()
            await asyncio.sleep(0.01)

    async def second() -> None:
        async with keeping(other, Waiting()).renewing():
            order.append("second")

    async with keeping(storage, time).renewing():
        task = asyncio.create_task(second())
        await waited.wait()
        order.append("first")
    await asyncio.wait_for(task, 10)
    assert order == ["first", "second"]


async def test_whoever_waits_for_too_long_tries_again_later(storage: Storage, other: Storage) -> None:
    time = Time()
    async with keeping(storage, time).renewing():
        with pytest.raises(RetryableError, match="'support'") as late:
            async with keeping(other, time).renewing():
                pytest.fail("two at once")
    assert late.value.retry_after == time.slept == PATIENCE
    async with keeping(other, time).renewing():
        pass


async def test_sources_do_not_wait_for_each_other(storage: Storage) -> None:
    time = Time()
    async with keeping(storage, time).renewing(), keeping(storage, time, source="inbox").renewing():
        assert time.slept == 0


async def test_the_lease_of_a_process_that_died_ends(storage: Storage, other: Storage) -> None:
    time = Time()
    async with keeping(storage, time).renewing():  # whose process is killed here, as far as the other one can tell
        time.at += LEASE
        async with keeping(other, time).renewing():
            await keeping(other, time).save(PAIR)
            held = (await row(storage))["holder"]
            assert time.slept == 0
    assert held
    assert (await row(storage))["holder"] is None


async def test_a_slow_process_does_not_give_back_what_another_has_taken_over(storage: Storage, other: Storage) -> None:
    time = Time()
    slow = keeping(storage, time).renewing()
    await slow.__aenter__()
    time.at += LEASE
    async with keeping(other, time).renewing():
        held = (await row(storage))["holder"]
        await slow.__aexit__(None, None, None)
        assert (await row(storage))["holder"] == held


async def test_an_error_gives_the_lease_back(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError):
        async with keeping(storage).renewing():
            raise ZeroDivisionError
    assert (await row(storage))["holder"] is None


async def test_a_database_that_goes_away_is_told(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise StorageUnavailable("gone")

    with structlog.testing.capture_logs() as logs:
        with pytest.raises(ZeroDivisionError):
            async with keeping(storage).renewing():
                monkeypatch.setattr(storage, "transaction", gone)
                raise ZeroDivisionError
    assert [log["event"] for log in logs] == ["token_lease_kept"]


# ── two real processes ──────────────────────────────────────────────────────────────────────────────────────────────

PROCESS = """
import asyncio, sys
from cornerdesk import ApiClient, BearerAuth, OAuthClient, OAuthTokens
from cornerdesk.credentials import StoredCredentials
from cornerdesk.storage import open_storage
from pydantic import SecretStr

async def main(url, vendor):
    client = OAuthClient(client_id="cd", client_secret=SecretStr("hush"), refresh_token=SecretStr("first"))
    async with await open_storage(url) as storage:
        store = StoredCredentials(storage, "support", client.client_secret)
        tokens = OAuthTokens(bare := ApiClient(vendor, name="Desk"), "/token", client, store=store)
        api = ApiClient(vendor, name="Desk", auth=BearerAuth(tokens))
        for _ in range(3):
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await asyncio.gather(*(api.request("GET", "/tickets") for _ in range(3)))
            print("done", flush=True)
        await bare.aclose()
        await api.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


class Vendor(ThreadingHTTPServer):
    """Each refresh makes both tokens of before invalid, and takes a while."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.lock = threading.Lock()
        self.pair = ("nobody's", "first")
        self.refreshed: list[str] = []

    def refresh(self, token: str) -> tuple[int, dict[str, str]]:
        with self.lock:
            self.refreshed.append(token)
            threading.Event().wait(0.1)
            if token != self.pair[1]:
                return 400, {"error": "invalid_grant"}
            number = len(self.refreshed)
            self.pair = (f"access-{number}", f"refresh-{number}")
            return 200, {"access_token": self.pair[0], "refresh_token": self.pair[1]}


class Asked(BaseHTTPRequestHandler):
    server: Vendor
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(*self.server.refresh(asked["refresh_token"]))

    def do_GET(self) -> None:
        good = self.headers["authorization"] == f"Bearer {self.server.pair[0]}"
        self.answer(200 if good else 401, {})

    def answer(self, status: int, body: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    server = Vendor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def processes(count: int, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def hear(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


def say_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_that_need_a_token_at_once_refresh_once(migrated_url: str, vendor: Vendor) -> None:
    with processes(2, migrated_url, f"http://127.0.0.1:{vendor.server_address[1]}") as running:
        for _ in range(3):  # a first token, and two that are taken back
            for process in running:
                hear(process, "ready")
            for process in running:
                say_go(process)
            for process in running:
                hear(process, "done")
            with vendor.lock:
                vendor.pair = ("taken back", vendor.pair[1])
        assert [process.wait(20) for process in running] == [0, 0]
    assert vendor.refreshed == ["first", "refresh-1", "refresh-2"]
