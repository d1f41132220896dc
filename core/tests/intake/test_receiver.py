"""What the receiver promises to those who send: an answer for everything, and 2xx only for what is stored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from cornerdesk.intake import Inbox, Receiver
from cornerdesk.storage import StorageUnavailable
from prometheus_client import CollectorRegistry, generate_latest

if TYPE_CHECKING:
    from core.tests.intake.conftest import World

MAX_BODY = 100_000


class Stage:
    """A receiver with its inbox, spoken to as a server does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.registry = CollectorRegistry()
        self.inbox = Inbox(world.storage, world.jobs, world.clock)
        self.receiver = Receiver(world.adapters, self.inbox, world.clock, MAX_BODY, registry=self.registry)

    async def send(
        self,
        *parts: bytes,
        path: str = "/webhooks/support",
        method: str = "POST",
        headers: Sequence[tuple[str, str]] = (),
        cut: bool = False,
    ) -> tuple[int, dict[str, str], Any]:
        """One request in these parts; `cut`: the sender goes away before the end. Status 0: no answer."""
        incoming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        incoming.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b""})
        messages: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0) if incoming else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            messages.append(message)

        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        await self.receiver({"type": "http", "method": method, "path": path, "headers": raw}, receive, send)
        self.unread = len(incoming)
        if not messages:
            return 0, {}, None
        body = b"".join(message.get("body", b"") for message in messages[1:])
        answered = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        return messages[0]["status"], answered, json.loads(body) if body else None

    async def deliver(self, body: bytes, **more: Any) -> tuple[int, dict[str, str], Any]:
        headers = [("X-Signature", self.world.sign(body)), *more.pop("headers", ())]
        return await self.send(body, headers=headers, **more)


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Stage]:
    stage = Stage(world)
    stage.inbox.start()
    yield stage
    await stage.inbox.aclose()


def body_of(id: str, **more: Any) -> bytes:
    return json.dumps({"id": id, "facts": [], **more}).encode()


async def test_a_delivery_is_answered_when_it_is_stored(stage: Stage) -> None:
    status, _, answer = await stage.deliver(body_of("d-1"))
    (row,) = await stage.world.deliveries()
    assert (status, answer) == (200, {"status": "stored", "delivery": row["id"]})
    assert (row["body"], row["key"], row["state"]) == (body_of("d-1"), "d-1", "stored")
    (job,) = stage.world.jobs.queue
    assert json.loads(job.payload) == [row["id"]]


async def test_the_same_delivery_again_gets_the_first_ones_id_and_no_job(stage: Stage) -> None:
    _, _, first = await stage.deliver(body_of("d-1"))
    status, _, again = await stage.deliver(body_of("d-1"))
    assert (status, again) == (200, {"status": "duplicate", "delivery": first["delivery"]})
    assert len(stage.world.jobs.queue) == 1


async def test_ten_at_once_are_one(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.deliver(body_of("d-1")) for _ in range(10)))
    assert sorted(answer["status"] for _, _, answer in answers) == ["duplicate"] * 9 + ["stored"]
    assert len({answer["delivery"] for _, _, answer in answers}) == 1
    assert {status for status, _, _ in answers} == {200}
    assert len(await stage.world.deliveries()) == 1


async def test_no_signature_and_a_wrong_one_are_told_apart_and_nothing_is_stored(stage: Stage) -> None:
    missing = await stage.send(body_of("d-1"))
    wrong = await stage.send(body_of("d-1"), headers=[("X-Signature", "0" * 64)])
    assert (missing[0], wrong[0]) == (401, 401)
    assert "missing" in missing[2]["error"]
    assert "does not match" in wrong[2]["error"]
    assert await stage.world.deliveries() == []


async def test_a_body_written_anew_is_not_the_body_that_was_signed(stage: Stage) -> None:
    signed = body_of("d-1")
    again = json.dumps(json.loads(signed), indent=3).encode()
    status, _, _ = await stage.send(again, headers=[("X-Signature", stage.world.sign(signed))])
    assert status == 401


async def test_a_check_that_itself_fails_refuses(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.world.desk, "verify", lambda *_: 1 / 0)
    status, _, answer = await stage.deliver(body_of("d-1"))
    assert (status, answer) == (401, {"error": "the signature could not be checked"})


async def test_a_signed_body_that_was_cut_is_refused_and_kept(stage: Stage) -> None:
    whole = body_of("d-1")
    status, _, answer = await stage.deliver(whole[:-5])
    (row,) = await stage.world.deliveries()
    assert (status, answer["delivery"]) == (400, row["id"])
    assert (row["state"], row["body"]) == ("dead", whole[:-5])
    assert f"at byte {len(whole) - 5} of {len(whole) - 5}" in row["reason"]
    assert stage.world.jobs.queue == []
    again, _, same = await stage.deliver(whole[:-5])
    assert (again, same["delivery"]) == (400, row["id"])
    status, _, answer = await stage.deliver(whole)
    assert (status, answer["status"]) == (200, "stored")


async def test_half_an_emoji_is_no_reason_to_refuse(stage: Stage) -> None:
    status, _, _ = await stage.deliver(b'{"id": "d-1", "text": "\\ud83d"}')
    assert status == 200


async def test_json_of_no_known_shape_is_stored_and_becomes_a_dead_letter(stage: Stage) -> None:
    status, _, _ = await stage.deliver(b'{"id": "d-1", "something": "else"}')
    assert status == 200
    await stage.world.work()
    (row,) = await stage.world.deliveries()
    assert (row["state"], row["reason"]) == ("dead", "there is no field `facts`")


async def test_secrets_in_headers_are_not_stored(stage: Stage) -> None:
    headers = [("Authorization", "Basic abc"), ("Cookie", "a=b"), ("X-Other", "1"), ("X-Other", "2")]
    await stage.deliver(body_of("d-1"), headers=headers)
    (row,) = await stage.world.deliveries()
    assert set(row["headers"]) == {"x-signature", "x-other"}
    assert row["headers"]["x-other"] == "1, 2"


async def test_a_key_that_no_index_takes_is_known_by_its_hash(stage: Stage) -> None:
    for id in ("x" * 5000, "nul \x00", "Grüße"):
        status, _, answer = await stage.deliver(body_of(id))
        assert (status, answer["status"]) == (200, "stored")
        assert (await stage.deliver(body_of(id)))[2]["status"] == "duplicate"


async def test_a_key_that_cannot_be_made_is_a_hash_of_the_body(stage: Stage) -> None:
    status, _, _ = await stage.deliver(b'{"no": "id"}')
    assert status == 200
    (row,) = await stage.world.deliveries()
    assert row["key"].startswith("body:")


async def test_an_unknown_source_is_not_found_by_any_method(stage: Stage) -> None:
    for method in ("POST", "GET", "HEAD"):
        status, _, _ = await stage.send(path="/webhooks/nobody", method=method)
        assert status == 404
    assert b'source="",outcome' not in generate_latest(stage.registry)
    assert b'outcome="unknown_source",source=""} 3.0' in generate_latest(stage.registry)


async def test_an_address_can_be_looked_at(stage: Stage) -> None:
    assert (await stage.send(method="GET"))[0] == 200
    status, _, body = await stage.send(method="HEAD")
    assert (status, body) == (200, None)
    status, headers, _ = await stage.send(method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_body_declared_too_large_is_not_waited_for(stage: Stage) -> None:
    status, headers, _ = await stage.send(b"x", headers=[("Content-Length", str(MAX_BODY + 1))])
    assert (status, headers["connection"]) == (413, "close")
    assert (await stage.deliver(body_of("d", text="x" * (MAX_BODY - 50))))[0] == 200


async def test_a_body_that_grows_too_large_is_not_read_to_its_end(stage: Stage) -> None:
    status, _, _ = await stage.send(*[b"x" * 10_000] * 1000)
    assert status == 413
    assert stage.unread > 900
    assert await stage.world.deliveries() == []


async def test_of_a_sender_that_goes_away_nothing_is_stored(stage: Stage) -> None:
    body = body_of("d-1")
    status, _, _ = await stage.send(body[:10], headers=[("X-Signature", stage.world.sign(body))], cut=True)
    assert status == 0
    assert await stage.world.deliveries() == []


async def test_when_the_database_is_away_nothing_is_acknowledged(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> set[str]:
        raise StorageUnavailable("the database cannot be used: the connection was lost")

    monkeypatch.setattr(stage.world.storage, "store_deliveries", gone)
    status, headers, answer = await stage.deliver(body_of("d-1"))
    assert status == 503
    assert 0 < int(headers["retry-after"]) < 60
    assert "connection" not in answer["error"]
    monkeypatch.undo()
    assert (await stage.deliver(body_of("d-1")))[2]["status"] == "stored"


async def test_outcomes_are_counted(stage: Stage) -> None:
    await stage.deliver(body_of("d-1"))
    await stage.deliver(body_of("d-1"))
    await stage.send(body_of("d-1"))
    text = generate_latest(stage.registry).decode()
    for outcome in ("stored", "duplicate", "unsigned"):
        assert f'cornerdesk_deliveries_total{{outcome="{outcome}",source="support"}} 1.0' in text
    assert 'cornerdesk_source_last_seen_timestamp_seconds{source="support"} 1.79' in text


# ── over a real server ───────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def serving(stage: Stage) -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(stage.receiver, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    started = asyncio.Event()
    startup = server.startup

    async def announce(sockets: Any = None) -> None:
        await startup(sockets=sockets)
        started.set()

    server.startup = announce  # type: ignore[method-assign]
    task = asyncio.create_task(server._serve([listener]))
    await started.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_two_megabytes_in_chunks_get_their_answer_and_not_a_reset(stage: Stage) -> None:
    async with serving(stage) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /webhooks/support HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"x" * 65536
        with contextlib.suppress(ConnectionError):
            for _ in range(32):
                writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                await writer.drain()
        answer = await asyncio.wait_for(reader.read(65536), 10)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert await stage.world.deliveries() == []


async def test_a_connection_cut_in_the_middle_stores_nothing_and_the_server_goes_on(stage: Stage) -> None:
    body = body_of("d-1")
    head = f"POST /webhooks/support HTTP/1.1\r\nHost: x\r\nX-Signature: {stage.world.sign(body)}\r\n"
    async with serving(stage) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-3])
        await writer.drain()
        writer.transport.abort()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert len(await stage.world.deliveries()) == 1


async def test_a_sender_that_hangs_up_before_its_answer_troubles_nobody(stage: Stage) -> None:
    body = body_of("d-1")
    request = {"type": "http.request", "body": body}

    async def receive() -> Any:
        return request

    async def send(_: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    for path in ("/webhooks/support", "/webhooks/nobody"):
        headers = [(b"x-signature", stage.world.sign(body).encode())]
        await stage.receiver({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    assert len(await stage.world.deliveries()) == 1
