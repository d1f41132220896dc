"""Webhooks as Zendesk sends them: body, headers, signature, retries (fact sheet zendesk.md 1.2 to 1.6)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import httpx
from cornerdesk import JSON, Clock, retry_after, sign

from cornerdesk_zendesk.standin.desk import Happening, seconds
from cornerdesk_zendesk.webhooks import INVOCATION, SIGNATURE, TIMESTAMP

ACCOUNT = 12345678
WEBHOOK = "01HZX3QW5E9T7N2K4M6P8R0S1V"
_MOST = {409: 3, 429: 5, 503: 5}
_LOST_MOST = 5


@dataclass
class Sent:
    """One delivery: `attempts` holds an HTTP status, `timeout` or `connection` for each; `state` is `pending`,
    `delivered`, or `terminated` when Zendesk would give it up."""

    invocation: str
    event: str | None
    type: str
    ticket: int | None
    body: bytes = field(repr=False)
    attempts: list[int | str] = field(default_factory=list)
    state: str = "pending"

    def show(self) -> JSON:
        shown = asdict(self)
        shown["body"] = self.body.decode()
        return shown


def event_body(happening: Happening) -> tuple[str, bytes]:
    """An event's id and the body that tells of it: 3 spaces of indent and a line feed at the end, as recorded."""
    event_id = str(uuid.uuid4())
    body = {
        "account_id": ACCOUNT,
        "detail": happening.detail,
        "event": happening.event,
        "id": event_id,
        "subject": f"zen:ticket:{happening.ticket}",
        "time": nanoseconds(happening.at),
        "type": f"zen:event-type:{happening.type}",
        "zendesk_event_version": "2022-11-06",
    }
    return event_id, (json.dumps(body, indent=3, ensure_ascii=False) + "\n").encode()


def nanoseconds(time: datetime) -> str:
    """As deliveries write times: nine digits of fraction."""
    return f"{seconds(time)[:-1]}.{time.microsecond * 1000:09d}Z"


class Sender:
    """Sends deliveries at the same time, as Zendesk does, so in no order that one could rely on.

    Args:
        receiver: where to; None: nowhere, they are only counted.
        secret: what they are signed with.
        timeout, retry_wait: seconds; the wait doubles with each retry.
    """

    def __init__(
        self,
        receiver: str | None,
        secret: str,
        clock: Clock,
        *,
        timeout: float = 12.0,
        retry_wait: float = 0.5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.receiver = receiver
        self.secret = secret
        self.sent: list[Sent] = []
        self._clock = clock
        self._timeout = timeout
        self._retry_wait = retry_wait
        self._sleep = sleep
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    @property
    def pending(self) -> int:
        """Deliveries that are on their way or will be tried again."""
        return len(self._tasks)

    def tell(self, happening: Happening) -> Sent:
        event_id, body = event_body(happening)
        return self.send(body, happening.type, event_id, happening.ticket)

    def send(
        self,
        body: bytes,
        kind: str,
        event_id: str | None = None,
        ticket: int | None = None,
        *,
        invocation: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Sent:
        """Any body, signed; `headers` replace those that belong there. Returns at once."""
        sent = Sent(invocation or uuid.uuid4().hex[:26].upper(), event_id, kind, ticket, body)
        self.sent.append(sent)
        if self.receiver is None:
            sent.state = "delivered"
            return sent
        task = asyncio.get_running_loop().create_task(self._deliver(sent, self.receiver, headers or {}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return sent

    async def settled(self) -> None:
        """Until nothing is on its way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def aclose(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _deliver(self, sent: Sent, receiver: str, headers: dict[str, str]) -> None:
        while True:
            outcome, wait = await self._attempt(sent, receiver, headers)
            sent.attempts.append(outcome)
            if isinstance(outcome, int) and outcome < 300:
                sent.state = "delivered"
                return
            most = _LOST_MOST if isinstance(outcome, str) else _MOST.get(outcome, 0)
            if len(sent.attempts) > most or (outcome in (429, 503) and wait is None):
                sent.state = "terminated"
                return
            await self._sleep(wait if wait is not None else self._retry_wait * 2 ** (len(sent.attempts) - 1))

    async def _attempt(self, sent: Sent, receiver: str, headers: dict[str, str]) -> tuple[int | str, float | None]:
        client = self._client = self._client or httpx.AsyncClient(
            transport=self._transport, timeout=self._timeout, trust_env=False
        )
        try:
            answer = await client.post(receiver, content=sent.body, headers=self._headers(sent) | headers)
        except httpx.TimeoutException:
            return "timeout", None
        except httpx.TransportError:
            return "connection", None
        wait = retry_after(answer.headers, self._clock.now())
        return answer.status_code, wait if wait is not None and wait < 60 else None

    def _headers(self, sent: Sent) -> dict[str, str]:
        stamp = seconds(self._clock.now())  # of this attempt, not of the event
        return {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Zendesk Webhook",
            "x-zendesk-account-id": str(ACCOUNT),
            "x-zendesk-webhook-id": WEBHOOK,
            INVOCATION: sent.invocation,
            TIMESTAMP: stamp,
            SIGNATURE: sign(self.secret, stamp.encode(), sent.body),
        }


def trigger_body(ticket: int, what: str, actor: int, updated_at: datetime) -> bytes:
    """What our own trigger template (README.md) becomes."""
    values: dict[str, Any] = {
        "cornerdesk": 1,
        "what": what,
        "ticket": str(ticket),
        "actor": str(actor),
        "updated_at": seconds(updated_at),
    }
    return json.dumps(values).encode()
