"""The hot path: `/webhooks/{source}` as a bare ASGI application. A framework would halve what one core receives.

It checks size, signature and readability, waits for the inbox, and answers. It never reads what a delivery means: that
is done by a worker, later. What it answers is a promise (README, "HTTP"): 2xx only after the commit; never 410 or 429,
which make vendors drop or delay what they have for us (fact sheet intercom.md 1.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from pydantic_core import from_json

from cornerdesk.adapters.interface import Adapter, Delivery
from cornerdesk.clock import Clock
from cornerdesk.errors import RetryableError, SignatureError
from cornerdesk.intake.inbox import Inbox
from cornerdesk.intake.metrics import ReceiverMetrics
from cornerdesk.model import new_id
from cornerdesk.storage import StoredDelivery

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/webhooks/"
RETRY_AFTER = 5
"""Seconds. Zendesk resends after a 503 only when this is there and below 60 (fact sheet zendesk.md 1.6)."""

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
"""Never stored. Signatures are: they prove where a delivery came from and do not give the secret away."""

KEY_LENGTH = 200
LINGER_SECONDS = 2.0
LINGER_BODIES = 4


class BodyTooLarge(Exception):
    """The body grew beyond what is accepted; what is left of it is not read."""


class Disconnected(Exception):
    """The sender went away before its body was complete."""


class Receiver:
    """ASGI application for `/webhooks/{source}`.

    Args:
        adapters: by source name.
        max_body: bytes; a larger delivery gets 413.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        inbox: Inbox,
        clock: Clock,
        max_body: int,
        *,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._adapters = adapters
        self._inbox = inbox
        self._clock = clock
        self._max_body = max_body
        self._metrics = ReceiverMetrics(registry)

    def seen(self, source: str, at: datetime) -> None:
        """Note that a delivery of this source was stored, here or by another process."""
        self._metrics.seen(source, at)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        source = scope["path"].partition(PREFIX)[2].removesuffix("/")
        adapter = self._adapters.get(source)
        if adapter is None:
            self._metrics.count("", "unknown_source")
            await self._refuse(receive, send, 404, "there is no source of this name; see `sources` in cornerdesk.yaml")
        elif scope["method"] == "POST":
            await self._post(source, adapter, scope["headers"], receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            # Vendors look whether the address exists before they send to it (fact sheet intercom.md 1.1).
            await _answer(send, 200, b'{"status":"ready"}', head=scope["method"] == "HEAD")
        else:
            await self._refuse(receive, send, 405, "deliveries are sent with POST", (b"allow", b"GET, HEAD, POST"))

    async def _post(
        self, source: str, adapter: Adapter, headers: list[tuple[bytes, bytes]], receive: Receive, send: Send
    ) -> None:
        named = _headers(headers)
        try:
            body = await self._read_body(named.get("content-length"), receive)
        except BodyTooLarge:
            self._metrics.count(source, "too_large")
            await self._refuse(receive, send, 413, f"a delivery has {self._max_body} bytes at most")
            return
        except Disconnected:
            self._metrics.count(source, "disconnected")
            return
        now = self._clock.now()
        delivery = Delivery(headers=named, body=body, received_at=now)
        try:
            adapter.verify(delivery, now)
        except SignatureError as error:
            await self._unsigned(source, str(error), send)
            return
        except Exception as error:  # noqa: BLE001 - a plugin's code on a stranger's bytes: what cannot be checked fails
            log.error("signature_check_failed", source=source, error=type(error).__name__)
            await self._unsigned(source, "the signature could not be checked", send)
            return
        if unreadable := _why_unreadable(body):
            await self._keep_unreadable(source, delivery, unreadable, send)
        else:
            await self._store(source, _stored(source, _key(adapter, delivery), delivery), send)

    async def _read_body(self, declared: str | None, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: as soon as that is known, which may be before any of it was read.
            Disconnected: it never became complete.
        """
        limit = self._max_body
        if declared is not None and declared.isdecimal() and int(declared) > limit:
            raise BodyTooLarge
        message = await receive()
        body: bytes = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body", False):
            if len(body) > limit:
                raise BodyTooLarge
            return body
        parts, size = [body], len(body)
        while message["type"] == "http.request" and message.get("more_body", False):
            if size > limit:
                raise BodyTooLarge
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if message["type"] == "http.disconnect":
            raise Disconnected
        if size > limit:
            raise BodyTooLarge
        return b"".join(parts)

    async def _unsigned(self, source: str, reason: str, send: Send) -> None:
        self._metrics.count(source, "unsigned")
        log.warning("delivery_unsigned", source=source, reason=reason)
        await _answer(send, 401, _error(reason))

    async def _store(self, source: str, stored: StoredDelivery, send: Send) -> None:
        try:
            result = await self._inbox.put(stored)
        except RetryableError as error:
            await self._unavailable(source, error, send)
            return
        self._metrics.seen(source, stored.received_at)
        outcome = "stored" if result.new else "duplicate"
        self._metrics.count(source, outcome)
        known = f'"{result.id}"' if result.id else "null"
        await _answer(send, 200, f'{{"status":"{outcome}","delivery":{known}}}'.encode())

    async def _keep_unreadable(self, source: str, delivery: Delivery, reason: str, send: Send) -> None:
        """The signature is right, so it is the vendor's and not a stranger's: keep it as a dead letter.

        Its key is made of its bytes, so that the same delivery sent again whole is not taken for a duplicate.
        """
        key = f"unreadable:{hashlib.sha256(delivery.body).hexdigest()}"
        try:
            result = await self._inbox.put_dead(_stored(source, key, delivery), reason)
        except RetryableError as error:
            await self._unavailable(source, error, send)
            return
        self._metrics.count(source, "unreadable")
        log.warning("delivery_unreadable", source=source, delivery=result.id)
        await _answer(send, 400, json.dumps({"error": reason, "delivery": result.id}).encode())

    async def _unavailable(self, source: str, error: RetryableError, send: Send) -> None:
        self._metrics.count(source, "unavailable")
        await _answer(send, 503, _error(str(error)), (b"retry-after", b"%d" % RETRY_AFTER))

    async def _refuse(
        self, receive: Receive, send: Send, status: int, reason: str, *headers: tuple[bytes, bytes]
    ) -> None:
        """Answer without the body having been read, then close the connection.

        A server that closes while the sender still sends resets the connection, and the answer is lost with it. So the
        answer goes out at once, and what is already under way is thrown away for a moment before the end.
        """
        body = _error(reason)
        with contextlib.suppress(RuntimeError, OSError):  # the sender hung up
            await send(_start(status, body, (b"connection", b"close"), *headers))
            await send({"type": "http.response.body", "body": body, "more_body": True})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await _discard(receive, LINGER_BODIES * self._max_body)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive, limit: int) -> None:
    more = True
    while more and limit > 0:
        message = await receive()
        limit -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names are lower case already (ASGI); repeated ones are joined, as HTTP allows."""
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(named) != len(pairs):
        named = {}
        for raw_name, raw_value in pairs:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            named[name] = f"{named[name]}, {value}" if name in named else value
    return named


def _why_unreadable(body: bytes) -> str | None:
    """None when the body is JSON. Says where reading stopped, and nothing of what stands there."""
    try:
        from_json(body, cache_strings=False)
    except ValueError:
        # Slower and more lenient: vendors cut texts in the middle of an emoji, which leaves half a surrogate pair.
        try:
            json.loads(body)
        except json.JSONDecodeError as error:
            return f"not readable as JSON: {error.msg} at byte {error.pos} of {len(body)}; was it cut?"
        except (UnicodeDecodeError, RecursionError) as error:
            return f"not readable as JSON: {type(error).__name__}"
    return None


def _key(adapter: Adapter, delivery: Delivery) -> str:
    """The adapter's name for the delivery, or a hash where it has none or one that no database index would take."""
    try:
        key = adapter.delivery_key(delivery)
    except Exception as error:  # noqa: BLE001 - a plugin's code; the delivery is signed, so it is kept all the same
        log.error("delivery_key_failed", source=adapter.source, error=type(error).__name__)
        return f"body:{hashlib.sha256(delivery.body).hexdigest()}"
    if len(key) <= KEY_LENGTH and key.isascii() and key.isprintable():
        return key
    return f"hash:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _stored(source: str, key: str, delivery: Delivery) -> StoredDelivery:
    headers = delivery.headers
    if not SECRET_HEADERS.isdisjoint(headers):
        headers = {name: value for name, value in headers.items() if name not in SECRET_HEADERS}
    return StoredDelivery(
        id=new_id(),
        source=source,
        key=key,
        received_at=delivery.received_at,
        headers=headers,
        body=delivery.body,
    )


def _error(reason: str) -> bytes:
    return json.dumps({"error": reason}).encode()


def _start(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> MutableMapping[str, Any]:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
    }


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes], head: bool = False) -> None:
    try:
        await send(_start(status, body, *headers))
        await send({"type": "http.response.body", "body": b"" if head else body})
    except (RuntimeError, OSError) as error:
        # The sender hung up while it waited; uvloop says so with a RuntimeError. It will send again.
        log.info("answer_not_wanted", status=status, error=type(error).__name__)
