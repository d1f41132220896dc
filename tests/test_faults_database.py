"""The database goes away, is locked, is full, or the process is ended: nothing acknowledged is lost, all recovers."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from cornerdesk import sign
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until

CANARY = {"subject": "Leaving", "text": "We will cancel our contract.", "requester": "hank@globex.example"}
BUSY = {"planned", "sent", "failed", "unknown"}
READY = 20.0
"""Seconds within which a database that is back has to be noticed."""


class Wire:
    """A TCP proxy on loopback whose cable can be cut (connections end, none is taken) or frozen (nothing passes)."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0
        self._thread.start()
        self.mend()

    def mend(self) -> None:
        self._call(self._listen())

    def cut(self) -> None:
        self._call(self._close())

    def freeze(self) -> None:
        self._loop.call_soon_threadsafe(self._open.clear)

    def thaw(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    def end(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer), return_exceptions=True)
        finally:
            self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@dataclass
class Load:
    """Somebody who sends deliveries of a ticket, one after the other, and keeps each answer and how long it took."""

    stage: Stage
    answers: list[tuple[str, int, float, str | None]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self.stopped.wait(0.05):
                self._send(http, f"load-{len(self.answers)}")

    def _send(self, http: httpx.Client, key: str) -> None:
        body = event(key)
        began = time.monotonic()
        try:
            answer = http.post(f"{self.stage.url}/webhooks/support", content=body, headers=signed(self.stage, body))
        except httpx.TransportError:
            self.answers.append((key, 0, time.monotonic() - began, None))
            return
        self.answers.append((key, answer.status_code, time.monotonic() - began, answer.headers.get("retry-after")))

    @property
    def acknowledged(self) -> set[str]:
        return {key for key, status, _, _ in self.answers if status == 200}

    @property
    def refused(self) -> list[tuple[str, int, float, str | None]]:
        return [answer for answer in self.answers if answer[1] != 200]


@contextmanager
def load(stage: Stage) -> Iterator[Load]:
    sending = Load(stage)
    thread = threading.Thread(target=sending.run)
    thread.start()
    try:
        yield sending
    finally:
        sending.stopped.set()
        thread.join()


def event(key: str) -> bytes:
    """An event that is not modelled: it is stored, read and ignored, so that only receiving is under load."""
    return (
        f'{{"type": "zen:event-type:ticket.sla_policy_changed", "id": "{key}", "subject": "zen:ticket:1",'
        f' "time": "2026-01-01T00:00:00Z", "detail": {{"id": "1"}}, "event": {{}}}}'
    ).encode()


def signed(stage: Stage, body: bytes) -> dict[str, str]:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "content-type": "application/json",
        "x-zendesk-webhook-signature": sign(stage.support.secret, stamp.encode() + body),
        "x-zendesk-webhook-signature-timestamp": stamp,
    }


def readiness(stage: Stage) -> int:
    try:
        return httpx.get(f"{stage.url}/readyz", timeout=10).status_code
    except httpx.TransportError:
        return 0


def settled(stage: Stage) -> bool:
    waiting = [row for row in stage.rows("effects") if row["state"] in BUSY]
    return not waiting and not stage.rows("deliveries", state="stored")


async def stored_keys(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["key"].removeprefix("event:") for row in await connection.fetch("SELECT key FROM deliveries")}
    finally:
        await connection.close()


def assert_done_once(stage: Stage, tickets: list[int]) -> None:
    for ticket in tickets:
        assert [row["state"] for row in stage.rows("effects", action="tag", ticket=str(ticket))] == ["confirmed"]
        assert len(stage.rows("effects", action="escalate", ticket=str(ticket))) == 1
        assert [row["kind"] for row in stage.rows("events", ticket=str(ticket))].count("ticket.created") == 1


def assert_politely_refused(sending: Load) -> None:
    assert sending.refused, "the outage was not felt at all"
    assert {(status, wait) for _, status, _, wait in sending.refused} == {(503, "5")}
    assert max(seconds for _, _, seconds, _ in sending.refused) < 7


@pytest.mark.postgresql
@pytest.mark.timeout(150)
def test_postgresql_that_drops_everybody_is_cut_off_or_falls_silent_costs_time_and_nothing_else(
    tmp_path: Path, postgresql_schema: str
) -> None:
    parts = urlsplit(postgresql_schema)
    wire = Wire(parts.hostname or "127.0.0.1", parts.port or 5432)
    through = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{wire.port}"))
    with ExitStack() as stack:
        stack.callback(wire.end)
        stage = stack.enter_context(
            Stage(tmp_path, database=through, roles=("receiver", "worker"), sources=["support"])
        )
        worker = stage.serves[1]
        wait_until(lambda: "ready" in worker.tail(), seconds=30, what="the worker's start")
        with load(stage) as sending:
            tickets = [int(stage.support.ask("tickets", **CANARY)["id"])]
            for _ in range(5):
                asyncio.run(end_backends(postgresql_schema))
                time.sleep(0.3)
            tickets.append(int(stage.support.ask("tickets", **CANARY)["id"]))
            wait_until(lambda: readiness(stage) == 200, seconds=READY, what="readiness after lost connections")

            before = len(sending.answers)
            wire.cut()
            wait_until(lambda: readiness(stage) == 503, seconds=10, what="the outage at readyz")
            time.sleep(8)  # the length of the outage: what is tried here
            assert not {status for _, status, _, _ in sending.answers[before + 2 :]} - {503}
            wire.mend()
            wait_until(lambda: readiness(stage) == 200, seconds=READY, what="readiness after an outage")

            tickets.append(int(stage.support.ask("tickets", **CANARY)["id"]))
            wire.freeze()
            wait_until(lambda: readiness(stage) == 503, seconds=15, what="the silence at readyz")
            time.sleep(3)
            wire.thaw()
            wait_until(lambda: readiness(stage) == 200, seconds=READY, what="readiness after a silence")
            enough = len(sending.acknowledged) + 20
            wait_until(lambda: len(sending.acknowledged) > enough, seconds=READY, what="deliveries taken again")
        assert_politely_refused(sending)
        stage.support.ask("settled")
        stage.support.ask("redeliver")
        stage.support.ask("settled")
        wait_until(lambda: settled(stage), seconds=60, what="every effect")
        assert sending.acknowledged <= asyncio.run(stored_keys(postgresql_schema))
        assert_done_once(stage, tickets)
        assert all(serve.running for serve in stage.serves)


async def end_backends(url: str) -> None:
    """Those of this test only: other tests use the same server."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()


@pytest.mark.timeout(90)
def test_a_sqlite_file_locked_by_somebody_else_is_503_until_it_is_free(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    with load(stage) as sending:
        wait_until(lambda: len(sending.acknowledged) > 5, seconds=10, what="the first deliveries")
        other = sqlite3.connect(stage.folder / "cornerdesk.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ticket = int(stage.support.ask("tickets", **CANARY)["id"])
        wait_until(lambda: len(sending.refused) > 3, seconds=15, what="refusals")
        other.execute("ROLLBACK")
        other.close()
        enough = len(sending.acknowledged) + 20
        wait_until(lambda: len(sending.acknowledged) > enough, seconds=READY, what="deliveries taken again")
    assert_politely_refused(sending)
    stage.support.ask("settled")
    wait_until(lambda: settled(stage), seconds=40, what="every effect")
    assert sending.acknowledged <= keys_in(stage.folder)
    assert_done_once(stage, [ticket])


def keys_in(folder: Path) -> set[str]:
    connection = sqlite3.connect(folder / "cornerdesk.db")
    try:
        return {key.removeprefix("event:") for (key,) in connection.execute("SELECT key FROM deliveries")}
    finally:
        connection.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.timeout(90)
def test_a_full_disk_is_503_until_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    with Stage(tmp_path / "stage", database=f"sqlite:///{small_disk / 'cornerdesk.db'}", sources=["support"]) as stage:
        with load(stage) as sending:
            wait_until(lambda: len(sending.acknowledged) > 5, seconds=10, what="the first deliveries")
            filler = small_disk / "filler"
            fill(filler)
            wait_until(lambda: len(sending.refused) > 10, seconds=40, what="refusals")
            ticket = int(stage.support.ask("tickets", **CANARY)["id"])
            filler.unlink()
            enough = len(sending.acknowledged) + 20
            wait_until(lambda: len(sending.acknowledged) > enough, seconds=READY, what="deliveries taken again")
        assert {(status, wait) for _, status, _, wait in sending.refused} == {(503, "5")}
        stage.support.ask("settled")
        wait_until(lambda: settled(stage), seconds=40, what="every effect")
        assert sending.acknowledged <= keys_in(small_disk)
        assert_done_once(stage, [ticket])
        assert stage.serves[0].running


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            return


# ── ended in the middle ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.timeout(120)
def test_sigterm_under_load_and_with_a_slow_vendor_ends_in_time_and_loses_nothing(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.support.ask("faults", kind="slow", method="GET", path="/tickets/", seconds=12, times=999)
    with load(stage) as sending:
        ticket = int(stage.support.ask("tickets", **CANARY)["id"])
        stage.support.ask("settled")
        wait_until(lambda: len(sending.acknowledged) > 20, seconds=20, what="load")
        began = time.monotonic()
        assert stage.serves[0].stop(seconds=40) == 0
        assert time.monotonic() - began < 30
    httpx.delete(f"{stage.support.url}/_standin/faults")
    stage.serves[0].start()
    stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
    assert sending.acknowledged <= keys_in(stage.folder)
    assert {status for _, status, _, _ in sending.answers} <= {200, 503, 0}
    wait_until(lambda: settled(stage), seconds=40, what="every effect")
    assert_done_once(stage, [ticket])


@pytest.mark.timeout(150)
def test_a_flood_while_the_vendor_is_slow_takes_little_memory_and_drains(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.support.ask("receiver", url=None)
    tickets = [int(stage.support.ask("tickets", **QUIET, tags=["x"])["id"]) for _ in range(50)]
    for number in range(20):
        for ticket in tickets:
            stage.support.ask(f"tickets/{ticket}/comments", text=f"And {number}.")
    bodies = [sent["body"].encode() for sent in stage.support.state()["deliveries"]][:2000]
    stage.support.ask("faults", kind="slow", method="GET", path="/tickets/", seconds=0.5, times=300)
    before = resident(stage)
    with ThreadPoolExecutor(32) as threads, httpx.Client(timeout=30, limits=httpx.Limits(max_connections=32)) as http:
        url = f"{stage.url}/webhooks/support"
        answers = list(threads.map(lambda body: http.post(url, content=body, headers=signed(stage, body)), bodies))
    assert {answer.status_code for answer in answers} <= {200, 503}
    taken = sum(answer.status_code == 200 for answer in answers)
    assert taken > len(bodies) / 2
    most = before
    deadline = time.monotonic() + 90
    while stage.rows("deliveries", state="stored") and time.monotonic() < deadline:
        most = max(most, resident(stage))
        time.sleep(0.5)
    assert stage.rows("deliveries", state="stored") == []
    assert most - before < 150, f"grew from {before} to {most} MB"


QUIET = {"subject": "Hello", "text": "Where is the manual?", "requester": "kim@umbra.example"}


def resident(stage: Stage) -> int:
    """Megabytes that the first process of `serve` holds."""
    process = stage.serves[0]._process
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


@pytest.mark.postgresql
@pytest.mark.timeout(150)
def test_a_call_in_flight_at_a_kill_is_looked_up_when_its_lease_is_over_and_not_later(
    tmp_path: Path, postgresql_schema: str
) -> None:
    """35 seconds (`Patience.lease`), on both databases at once to save time."""
    with ExitStack() as stack:
        here = stack.enter_context(Stage(tmp_path / "sqlite", sources=["support"]))
        there = stack.enter_context(
            Stage(
                tmp_path / "postgresql", database=postgresql_schema, roles=("receiver", "worker"), sources=["support"]
            )
        )
        for stage in (here, there):
            stage.support.ask("faults", kind="slow", method="PUT", path="/tags", seconds=5)
        tickets = [int(stage.support.ask("tickets", **CANARY)["id"]) for stage in (here, there)]
        for stage, ticket in zip((here, there), tickets, strict=True):
            wait_until(lambda: tag_of(stage, ticket) == "sent", seconds=20, what="a tag under way")  # noqa: B023
        killed = time.monotonic()
        for stage in (here, there):
            worker = stage.serves[-1]
            worker.kill()
            worker.start()
            stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
        for stage, ticket in zip((here, there), tickets, strict=True):
            wait_until(lambda: tag_of(stage, ticket) == "confirmed", seconds=50, what="the tag")  # noqa: B023
            assert 25 < time.monotonic() - killed < 48
        for stage, ticket in zip((here, there), tickets, strict=True):
            written = [write for write in stage.support.state()["writes"] if write["tags"]]
            assert len(written) == 1
            assert_done_once(stage, [ticket])


def tag_of(stage: Stage, ticket: int) -> str:
    return next((str(row["state"]) for row in stage.rows("effects", action="tag", ticket=str(ticket))), "none")
