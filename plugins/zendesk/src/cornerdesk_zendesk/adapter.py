"""The Zendesk adapter: what `cornerdesk.Adapter` asks for, out of deliveries, client and mapping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar

import httpx
import structlog
from cornerdesk import (
    Adapter,
    Capability,
    Clock,
    CredentialsError,
    CredentialStore,
    Delivery,
    HistoryPage,
    HistoryRecord,
    Priority,
    Reading,
    Receipt,
    Registration,
    SourceSettings,
    Status,
    Subscription,
    SystemClock,
    TicketState,
)
from pydantic import SecretStr

from cornerdesk_zendesk import webhooks
from cornerdesk_zendesk.client import ZendeskClient
from cornerdesk_zendesk.history import History
from cornerdesk_zendesk.hydration import Hydration
from cornerdesk_zendesk.records import read_record
from cornerdesk_zendesk.schemas import User
from cornerdesk_zendesk.settings import ZendeskSettings
from cornerdesk_zendesk.subscriptions import Subscriptions
from cornerdesk_zendesk.writing import Writer

_log = structlog.get_logger()


class ZendeskAdapter(Adapter):
    """One Zendesk account.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    helpdesk: ClassVar[str] = "zendesk"
    settings_model: ClassVar[type[SourceSettings]] = ZendeskSettings
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
    vendor_chooses_secret: ClassVar[bool] = True

    def __init__(
        self,
        source: str,
        settings: ZendeskSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source, settings)
        self.settings: ZendeskSettings = settings
        self._client = ZendeskClient(
            source, settings, transport=transport, sleep=sleep, clock=clock, monotonic=monotonic
        )
        self._subscriptions = Subscriptions(source, self._client)
        self._history = History(self._client, clock or SystemClock())
        self._hydration = Hydration(self._client, settings.agent_pages)
        self._writer = Writer(source, self._client, sleep)
        self._me: User | None = None
        if settings.api_token is not None:
            _log.warning("zendesk_api_tokens_end", source=source, on="2027-04-30", instead="oauth")

    @property
    def token_secret(self) -> SecretStr | None:
        return self.settings.oauth.client_secret if self.settings.oauth else None

    def use_credentials(self, store: CredentialStore) -> None:
        if self._client.tokens is not None:
            self._client.tokens.use(store)

    async def aclose(self) -> None:
        await self._client.aclose()

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhooks.verify(delivery, self.settings.secrets, now)

    def delivery_key(self, delivery: Delivery) -> str:
        return webhooks.delivery_key(delivery)

    def read(self, delivery: Delivery) -> Reading:
        return webhooks.read(delivery, self.settings.agent_pages)

    # ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        return await self._history.fetch(since, cursor)

    def read_history(self, record: HistoryRecord) -> Reading:
        return read_record(record, self.settings.agent_pages)

    # ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def own_user_id(self) -> str | None:
        return (await self._own_user()).id

    async def check(self) -> str:
        user = await self._own_user()
        role = user.role or "unknown role"
        text = f"signed in to {self._client.api.host} as user {user.id} ({role})"
        if user.role != "admin":
            text += "; not an admin: Zendesk will tell neither history nor webhooks"
        if self.settings.api_token is not None:
            text += "; with an API token, which Zendesk ends on 30 April 2027: change to oauth"
        return text

    async def _own_user(self) -> User:
        if self._me is None:
            user = await self._client.me()
            if user.id is None:  # without valid credentials Zendesk answers 200 with nobody
                raise CredentialsError(
                    f"Zendesk ({self.source}) does not know us: check email and api_token, or the OAuth client"
                )
            self._me = user
        return self._me

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        return await self._hydration.fetch(ticket_id)

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        return await self._subscriptions.list()

    async def register_webhook(self, url: str) -> Registration:
        return await self._subscriptions.register(url)

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        await self._subscriptions.repair(subscription, url)

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        return await self._writer.add_note(ticket_id, text, marker)

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._writer.add_tags(ticket_id, tags)

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._writer.remove_tags(ticket_id, tags)

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        return await self._writer.assign(ticket_id, agent, team, marker)

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        return await self._writer.set_priority(ticket_id, priority, marker)

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        return await self._writer.set_status(ticket_id, status, marker)

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        return await self._writer.find_write(ticket_id, marker)
