"""Webhooks as vendors send them: at the same time, signed, and tried again by each vendor's own rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import httpx

from cornerdesk import JSON, Clock, retry_after


@dataclass(frozen=True)
class RetryRules:
    """When a vendor sends again what was not taken. Every 2xx is taken.

    Attributes:
        retries: how many more attempts follow a status.
        otherwise: after any status not named there.
        lost: after a time-out or a lost connection.
        only_when_asked: statuses after which it tries again only if the answer has `Retry-After`.
        longest_wait: a `Retry-After` of this many seconds or more counts as none; 0: it never counts.
        first_wait, growth: seconds before the first retry, and how much longer each next wait is.
        timeout: seconds that an answer may take.
        switches_off: statuses after which the vendor sends nothing more at all (410).
    """

    retries: Mapping[int, int] = field(default_factory=dict)
    otherwise: int = 0
    lost: int = 0
    only_when_asked: frozenset[int] = frozenset()
    longest_wait: float = 0.0
    first_wait: float = 0.5
    growth: float = 2.0
    timeout: float = 10.0
    switches_off: frozenset[int] = frozenset()

    def wait(self, attempts: int, outcome: int | str, asked: float | None) -> float | None:
        """Seconds until the next attempt; None: there is none.

        Args:
            attempts: made so far.
            outcome: of the last: a status, `timeout` or `connection`.
            asked: what the answer's `Retry-After` says.
        """
        asked = asked if asked is not None and asked < self.longest_wait else None
        most = self.lost if isinstance(outcome, str) else self.retries.get(outcome, self.otherwise)
        if attempts > most or (outcome in self.only_when_asked and asked is None):
            return None
        return asked if asked is not None else self.first_wait * self.growth ** (attempts - 1)


@dataclass
class Sent:
    """One delivery and what became of it.

    Attributes:
        invocation: names this sending and survives its retries.
        event: the vendor's id of the event; one that is sent twice keeps it.
        type: the event's kind as the vendor calls it.
        ticket: the ticket's id.
        body: the bytes of the first attempt.
        attempts: a status, `timeout` or `connection` for each.
        state: `terminated` when the vendor would give it up.
        url, secret: where it goes and what it is signed with; None: where the sender sends to, with its secret.
        headers: what stands instead of, or beside, the vendor's own headers.
    """

    invocation: str
    event: str | None
    type: str
    ticket: str | None
    body: bytes = field(repr=False)
    attempts: list[int | str] = field(default_factory=list)
    state: Literal["pending", "delivered", "terminated"] = "pending"
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def show(self) -> JSON:
        """For another process to look at."""
        return {
            "invocation": self.invocation,
            "event": self.event,
            "type": self.type,
            "ticket": self.ticket,
            "body": self.body.decode("utf-8", "replace"),
            "attempts": list(self.attempts),
            "state": self.state,
            "url": self.url,
        }


Packed = tuple[bytes, Mapping[str, str]]
"""One attempt: the body, and the headers with the signature over it."""

Pack = Callable[[Sent, str, datetime], Packed]
"""How a vendor writes an attempt with this secret at this moment; `len(sent.attempts)` is 0 for the first."""


class Sender:
    """Sends deliveries at the same time, as vendors do, so in no order that one could rely on.

    Args:
        pack: how the vendor writes and signs an attempt.
        rules: when it tries again.
        receiver: where to, unless a delivery names another address; None: nowhere, they are only counted.
        secret: what they are signed with, unless a delivery names another.
        clock: the time that attempts carry.
        finished: called with each delivery that was taken or given up.
        sleep: for tests.
        transport: how deliveries travel, instead of the network.
    """

    def __init__(
        self,
        pack: Pack,
        rules: RetryRules,
        *,
        receiver: str | None,
        secret: str,
        clock: Clock,
        finished: Callable[[Sent], None] = lambda sent: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.rules = rules
        self.receiver = receiver
        self.secret = secret
        self.sent: list[Sent] = []
        self.switched_off = False
        self.sleep = sleep
        self._pack = pack
        self._clock = clock
        self._finished = finished
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    @property
    def pending(self) -> int:
        """Deliveries that are on their way or will be tried again."""
        return len(self._tasks)

    def send(self, sent: Sent) -> Sent:
        """Begin to send; returns at once."""
        self.sent.append(sent)
        url = sent.url or self.receiver
        if url is None:
            sent.state = "delivered"
        elif self.switched_off:
            sent.state = "terminated"
        else:
            task = asyncio.get_running_loop().create_task(self._deliver(sent, url))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return sent

    async def check(self, url: str | None = None) -> int | str:
        """Ask with HEAD whether there is anybody, as some vendors do when an address is saved.

        Returns:
            The status, `timeout` or `connection`.
        """
        address = url or self.receiver
        if address is None:
            return "connection"
        return (await self._exchange("HEAD", address, b"", {}))[0]

    async def settled(self) -> None:
        """Until nothing is on its way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def aclose(self) -> None:
        """Give up whatever is on its way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, sent: Sent, url: str) -> None:
        while sent.state == "pending":
            body, headers = self._pack(sent, sent.secret or self.secret, self._clock.now())
            outcome, asked = await self._exchange("POST", url, body, {**headers, **sent.headers})
            sent.attempts.append(outcome)
            self.switched_off = self.switched_off or outcome in self.rules.switches_off
            if isinstance(outcome, int) and 200 <= outcome < 300:
                sent.state = "delivered"
            elif (wait := self.rules.wait(len(sent.attempts), outcome, asked)) is None or self.switched_off:
                sent.state = "terminated"
            else:
                await self.sleep(wait)
        self._finished(sent)

    async def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int | str, float | None]:
        """The outcome of one attempt, and the seconds of `Retry-After`."""
        client = self._client = self._client or httpx.AsyncClient(
            transport=self._transport, timeout=self.rules.timeout, trust_env=False
        )
        try:
            answer = await client.request(method, url, content=body, headers=dict(headers))
        except httpx.TimeoutException:
            return "timeout", None
        except httpx.TransportError:
            return "connection", None
        return answer.status_code, retry_after(answer.headers, self._clock.now())
