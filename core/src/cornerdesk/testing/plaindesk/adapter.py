"""The Plaindesk adapter: what `cornerdesk.Adapter` asks for, out of deliveries, client and mapping."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
from pydantic import SecretStr

from cornerdesk import (
    Adapter,
    Capability,
    Clock,
    Delivery,
    HistoryPage,
    HistoryRecord,
    Priority,
    Reading,
    Receipt,
    Registration,
    RejectedError,
    SkippedRecord,
    SourceSettings,
    Status,
    Subscription,
    SubscriptionState,
    TicketState,
    UnsupportedError,
    field_hint,
    message_hint,
    tag_hint,
    text_hint,
)
from cornerdesk.testing.plaindesk import webhooks
from cornerdesk.testing.plaindesk.client import PlainClient
from cornerdesk.testing.plaindesk.events import READERS
from cornerdesk.testing.plaindesk.mapping import VENDOR_STATUSES, state_of
from cornerdesk.testing.plaindesk.schemas import Person, Record, Written
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.wire import parse

_STATES = {
    "enabled": SubscriptionState.ENABLED,
    "disabled": SubscriptionState.DISABLED,
    "paused": SubscriptionState.SUSPENDED,
}


class PlainAdapter(Adapter):
    """One Plaindesk account.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    helpdesk: ClassVar[str] = "plaindesk"
    settings_model: ClassVar[type[SourceSettings]] = PlainSettings
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.SIGNED_WEBHOOKS,
            Capability.BEFORE_AND_AFTER,
            Capability.RATINGS,
            Capability.HYDRATION,
            Capability.NOTE,
            Capability.TAG,
            Capability.UNTAG,
            Capability.ASSIGN,
            Capability.PRIORITY,
            Capability.STATUS,
            Capability.LOOK_UP,
            Capability.HISTORY,
            Capability.WEBHOOK_LISTING,
            Capability.WEBHOOK_REGISTRATION,
        }
    )

    def __init__(
        self,
        source: str,
        settings: PlainSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source, settings)
        self.settings: PlainSettings = settings
        self._client = PlainClient(source, settings, transport=transport, sleep=sleep, clock=clock, monotonic=monotonic)
        self._me: Person | None = None

    async def aclose(self) -> None:
        await self._client.aclose()

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhooks.verify(delivery, self.settings.secrets, now)

    def delivery_key(self, delivery: Delivery) -> str:
        return webhooks.delivery_key(delivery)

    def read(self, delivery: Delivery) -> Reading:
        return webhooks.read(delivery, self.settings.agent_pages)

    def read_history(self, record: HistoryRecord) -> Reading:
        return webhooks.read_record(record.body, self.settings.agent_pages)

    # ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def own_user_id(self) -> str | None:
        return (await self._own_user()).id

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        return state_of(await self._client.record(ticket_id), self.settings.agent_pages)

    async def check(self) -> str:
        user = await self._own_user()
        return f"signed in to {self._client.api.host} as user {user.id}"

    async def _own_user(self) -> Person:
        if self._me is None:
            self._me = await self._client.me()
        return self._me

    # ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        asked = None if since is None else since.astimezone(UTC).isoformat()
        page = await self._client.records(asked, cursor)
        read = [_record(data) for data in page.tickets]
        return HistoryPage(
            records=tuple(record for record in read if isinstance(record, HistoryRecord)),
            skipped=tuple(record for record in read if isinstance(record, SkippedRecord)),
            cursor=page.cursor,
            end=not page.more,
            total=page.total,
        )

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        return tuple(
            Subscription(
                id=hook.id,
                url=hook.url,
                state=_STATES.get(hook.state or "", SubscriptionState.DISABLED),
                state_label=hook.state or "",
                name=hook.name,
                missing=tuple(event for event in READERS if event not in hook.events),
            )
            for hook in await self._client.hooks()
        )

    async def register_webhook(self, url: str) -> Registration:
        hook = await self._client.make_hook(url, tuple(READERS))
        secret = SecretStr(hook.secret) if hook.secret else None
        return Registration(id=hook.id, secret=secret, detail=f"webhook {hook.id} sends to {hook.url}")

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        await self._client.mend_hook(subscription.id, url, tuple(READERS))

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        written = await self._client.add_note(ticket_id, text, marker)
        message = written.event.message if written.event else None
        hints = (message_hint(message.id),) if message else ()
        return _receipt(written, text_hint(text), *hints)

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        written = await self._client.change(ticket_id, {"add_tags": list(tags)}, marker)
        return _receipt(written, *(tag_hint(tag, added=True) for tag in tags))

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        written = await self._client.change(ticket_id, {"remove_tags": list(tags)}, marker)
        return _receipt(written, *(tag_hint(tag, added=False) for tag in tags))

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        changes = _named(assignee=agent, team=team)
        if not changes:
            raise RejectedError("assign names neither an agent nor a team")
        written = await self._client.change(ticket_id, changes, marker)
        after = written.ticket
        values = {"assignee": after.assignee.id if after.assignee else None, "team": after.team}
        return _receipt(written, *(field_hint(name, values[name]) for name in changes))

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        written = await self._client.change(ticket_id, {"priority": priority.value}, marker)
        return _receipt(written, field_hint("priority", priority))

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        if status not in VENDOR_STATUSES:
            raise UnsupportedError(f"in Plaindesk a ticket's status cannot be set to {status.value}")
        written = await self._client.change(ticket_id, {"status": VENDOR_STATUSES[status]}, marker)
        return _receipt(written, field_hint("status", status))

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        record = await self._client.record(ticket_id)
        for event in reversed(record.events):
            if event.key == marker:
                message = event.message
                hints = (message_hint(message.id), text_hint(message.text)) if message else ()
                return _receipt(Written(ticket=record.ticket, event=event), *hints)
        return None


def _receipt(written: Written, *hints: str) -> Receipt:
    """Where nothing changed, our hints still stand: a write before this one may have done it."""
    event = written.event
    if event is None:
        return Receipt(echoes=hints, detail="already so")
    return Receipt(id=event.message.id if event.message else event.id, echoes=hints, detail=f"event {event.id}")


def _named(**values: str | None) -> Mapping[str, str]:
    return {name: value for name, value in values.items() if value}


def _record(data: Any) -> HistoryRecord | SkippedRecord:
    """A ticket as one page of history has it."""
    body = json.dumps(data).encode()
    try:
        record = parse(Record, data)
    except RejectedError as error:
        return SkippedRecord(key=f"unread:{webhooks.digest(body)}", body=body, reason=str(error))
    ticket = record.ticket
    return HistoryRecord(
        key=f"ticket:{ticket.id}:{ticket.version}",
        ticket_id=ticket.id,
        body=body,
        parts=len(record.messages),
        parts_counted=ticket.message_count,
    )
