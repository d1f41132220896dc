"""Sends signed deliveries over loopback as fast as they are answered, and measures. The other half of `intake.py`.

A closed loop: each connection sends its next delivery when the last one is answered, so latency is what a vendor would
see. Every delivery has an id of its own and a right signature; both are made before the clock runs. With `wrk` the
sender takes little of the machine; without it, the sender below is a Python process and takes a core, which makes every
figure smaller.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

CONNECTIONS = 64
SECRET = "not-a-secret-of-anybodys"
PAD = 3_300


@dataclass(frozen=True)
class Measured:
    """One run: requests answered 2xx per second, latencies in milliseconds, and answers that were not 2xx."""

    rate: float
    p50: float
    p99: float
    refused: int


@dataclass(frozen=True)
class Deliveries:
    """Signed deliveries to be sent: a body is `before`, an id and `after`."""

    before: str
    after: str
    stamp: str
    signed: list[tuple[str, str]]


def make_deliveries(count: int) -> Deliveries:
    """Zendesk-like comments of about 4 KB, signed as Zendesk signs."""
    now = datetime.now(UTC)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    mark = "ID-GOES-HERE"
    before, after = json.dumps(_delivery(mark, now)).split(mark)
    run, signed = uuid.uuid4().hex, []
    state = hmac.new(SECRET.encode(), (stamp + before).encode(), "sha256")
    for number in range(count):
        id = f"{run}-{number:07}"
        one = state.copy()
        one.update((id + after).encode())
        signed.append((id, base64.b64encode(one.digest()).decode()))
    return Deliveries(before, after, stamp, signed)


def _delivery(id: str, now: datetime) -> object:
    time = now.isoformat().replace("+00:00", "Z")
    detail = {
        "actor_id": "8447388090494",
        "assignee_id": "8447388090494",
        "brand_id": "8447346621310",
        "created_at": "2026-01-08T10:12:07Z",
        "custom_status": "8447320465790",
        "description": "The export to CSV stops after the first thousand rows.",
        "external_id": None,
        "form_id": "8646151517822",
        "group_id": "8447320466430",
        "id": "5158",
        "is_public": True,
        "organization_id": "8447346622462",
        "priority": "HIGH",
        "requester_id": "8447388090495",
        "status": "OPEN",
        "subject": "Export stops",
        "submitter_id": "8447388090494",
        "tags": ["billing", "export"],
        "type": "PROBLEM",
        "updated_at": time,
        "via": {"channel": "web_service"},
    }
    words = "We have waited for this since spring, and every week somebody here asks me again. "
    comment = {
        "author": {"id": "8447388090495", "is_staff": False, "name": "Kim Doe"},
        "body": (words * (PAD // len(words) + 1))[:PAD],
        "id": "8485210313470",
        "is_public": True,
    }
    return {
        "id": id,
        "account_id": 22129848,
        "type": "zen:event-type:ticket.comment_added",
        "zendesk_event_version": "2022-11-06",
        "subject": "zen:ticket:5158",
        "time": time,
        "detail": detail,
        "event": {"comment": comment, "meta": {"sequence": {"id": "01HX", "position": 1}}},
    }


def measure(port: int, seconds: float, deliveries: Deliveries, *, wrk: bool) -> Measured:
    """Send for `seconds` from another process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "deliveries.json"
        file.write_text(json.dumps(asdict(deliveries)))
        return _wrk(port, seconds, Path(folder), deliveries) if wrk else _own(port, seconds, file)


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


# ── wrk ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_LUA = """
local signed, at = {}, 0
for line in io.lines("%(folder)s/signed") do signed[#signed + 1] = line end
local before = io.open("%(folder)s/before"):read("*a")
local after = io.open("%(folder)s/after"):read("*a")
local size = #before + #after + %(id_length)d
local head = "POST /webhooks/support HTTP/1.1\\r\\nHost: localhost\\r\\n"
  .. "Content-Type: application/json; charset=utf-8\\r\\nUser-Agent: Zendesk Webhook\\r\\n"
  .. "X-Zendesk-Account-Id: 22129848\\r\\nX-Zendesk-Webhook-Id: 01HXZ\\r\\n"
  .. "X-Zendesk-Webhook-Signature-Timestamp: %(stamp)s\\r\\nContent-Length: " .. size .. "\\r\\n"
request = function()
  at = at %% #signed + 1
  local id, signature = signed[at]:match("(%%S+) (%%S+)")
  return head .. "X-Zendesk-Webhook-Signature: " .. signature .. "\\r\\n\\r\\n" .. before .. id .. after
end
done = function(summary, latency)
  print(string.format("RESULT %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status))
end
"""


def _wrk(port: int, seconds: float, folder: Path, deliveries: Deliveries) -> Measured:
    (folder / "before").write_text(deliveries.before)
    (folder / "after").write_text(deliveries.after)
    (folder / "signed").write_text("".join(f"{id} {signature}\n" for id, signature in deliveries.signed))
    values = {"folder": folder, "stamp": deliveries.stamp, "id_length": len(deliveries.signed[0][0])}
    (folder / "send.lua").write_text(_LUA % values)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(round(seconds), 1)}s", "-s", str(folder / "send.lua")]
    out = subprocess.run(
        [*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True, timeout=seconds + 30
    ).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", out)
    if found is None:
        raise RuntimeError(f"wrk answered something unexpected:\n{out}")
    requests, duration, p50, p99, refused = map(int, found.groups())
    return Measured((requests - refused) / duration * 1e6, p50 / 1000, p99 / 1000, refused)


# ── our own ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Sender(asyncio.Protocol):
    """One connection. An answer is one small JSON object, so it is there when its last brace is."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._began = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"}"):
            return
        now = time.perf_counter()
        answer, self._answer = self._answer, b""
        if answer.startswith(b"HTTP/1.1 2"):
            self._run.latencies.append(now - self._began)
        else:
            self._run.refused += 1
        if now < self._run.until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.finished()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._run.next())


class _Run:
    def __init__(self, deliveries: Deliveries, seconds: float) -> None:
        self._before, self._after = deliveries.before.encode(), deliveries.after.encode()
        size = len(self._before) + len(self._after) + len(deliveries.signed[0][0])
        self._head = (
            "POST /webhooks/support HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json; charset=utf-8\r\n"
            "User-Agent: Zendesk Webhook\r\nX-Zendesk-Account-Id: 22129848\r\nX-Zendesk-Webhook-Id: 01HXZ\r\n"
            f"X-Zendesk-Webhook-Signature-Timestamp: {deliveries.stamp}\r\nContent-Length: {size}\r\n"
            "X-Zendesk-Webhook-Signature: "
        ).encode()
        self._signed = [(id.encode(), signature.encode()) for id, signature in deliveries.signed]
        self._at = 0
        self.latencies: list[float] = []
        self.refused = 0
        self._open = CONNECTIONS
        self.done = asyncio.Event()
        self.until = time.perf_counter() + seconds

    def next(self) -> bytes:
        id, signature = self._signed[self._at % len(self._signed)]
        self._at += 1
        return b"".join((self._head, signature, b"\r\n\r\n", self._before, id, self._after))

    def finished(self) -> None:
        self._open -= 1
        if not self._open:
            self.done.set()


async def _send_all(port: int, seconds: float, deliveries: Deliveries) -> Measured:
    loop = asyncio.get_running_loop()
    run = _Run(deliveries, seconds)
    began = time.perf_counter()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Sender(run), "127.0.0.1", port)
    await run.done.wait()
    took = time.perf_counter() - began
    ordered = sorted(run.latencies) or [0.0]
    p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.99)] * 1000
    return Measured(len(run.latencies) / took, p50, p99, run.refused)


def _own(port: int, seconds: float, file: Path) -> Measured:
    command = [sys.executable, __file__, str(port), str(seconds), str(file)]
    return Measured(
        **json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 30).stdout)
    )


def main() -> None:
    """`intake_load.py PORT SECONDS FILE`: what `_own` starts."""
    import uvloop

    port, seconds, file = sys.argv[1:]
    deliveries = Deliveries(**json.loads(Path(file).read_text()))
    print(json.dumps(asdict(uvloop.run(_send_all(int(port), float(seconds), deliveries)))))


if __name__ == "__main__":
    main()
