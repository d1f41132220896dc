"""The Intercom adapter: what `cornerdesk.Adapter` asks for, out of deliveries, client, history and writing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar

import httpx
from cornerdesk import (
    Adapter,
    Capability,
    Clock,
    CredentialsError,
    Delivery,
    HistoryPage,
    HistoryRecord,
    Priority,
    Reading,
    Receipt,
    Registration,
    RejectedError,
    RetryableError,
    SourceSettings,
    Status,
    Subscription,
    TicketState,
    UnsupportedError,
)

from cornerdesk_intercom import history, webhooks
from cornerdesk_intercom.client import IntercomClient
from cornerdesk_intercom.events import TOPICS
from cornerdesk_intercom.hydration import OddShapeError, gather, read_gathered, whole
from cornerdesk_intercom.schemas import Me
from cornerdesk_intercom.settings import IntercomSettings
from cornerdesk_intercom.writing import Writer

PERMISSIONS = (
    "Read conversations", "Write conversations", "Read tickets", "Write tickets", "Read one user and one company",
    "Read admins", "Read tags", "Write tags",
)  # fmt: skip
"""What the app must be allowed, as the Developer Hub calls it."""


class IntercomAdapter(Adapter):
    """One Intercom workspace.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    helpdesk: ClassVar[str] = "intercom"
    settings_model: ClassVar[type[SourceSettings]] = IntercomSettings
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.SIGNED_WEBHOOKS,
            Capability.RATINGS,
            Capability.HYDRATION,
            Capability.NOTE,
            Capability.TAG,
            Capability.UNTAG,
            Capability.ASSIGN,
            Capability.STATUS,
            Capability.LOOK_UP,
            Capability.HISTORY,
        }
    )

    def __init__(
        self,
        source: str,
        settings: IntercomSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source, settings)
        self.settings: IntercomSettings = settings
        self._client = IntercomClient(
            source, settings, transport=transport, sleep=sleep, clock=clock, monotonic=monotonic
        )
        self._writer = Writer(source, self._client, self._own_id, settings.snooze)
        self._me: Me | None = None

    async def aclose(self) -> None:
        await self._client.aclose()

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhooks.verify(delivery, self.settings.secrets)

    def delivery_key(self, delivery: Delivery) -> str:
        return webhooks.delivery_key(delivery)

    def read(self, delivery: Delivery) -> Reading:
        return webhooks.read(delivery, self.settings.app_id, self.settings.agent_pages)

    def read_history(self, record: HistoryRecord) -> Reading:
        return history.read_record(record, self.settings.agent_pages)

    # ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def own_user_id(self) -> str | None:
        return await self._own_id()

    async def check(self) -> str:
        me = await self._own_user()
        admins = await self._client.people("admins", *filter(None, [self.settings.admin_id]))
        if self.settings.admin_id is not None and self.settings.admin_id not in {admin.id for admin in admins}:
            raise CredentialsError(
                f"Intercom ({self.source}) has no teammate {self.settings.admin_id}; set admin_id to one that is there"
            )
        workspace, own = self._workspace(me), await self._own_id()
        return f"signed in to {self._client.api.host}, workspace {workspace}, writing as teammate {own}"

    def _workspace(self, me: Me) -> str:
        """The token and `app_id` must be of one workspace: else we would write to one and listen to another."""
        workspace = me.app.id_code if me.app else None
        if workspace is not None and workspace != self.settings.app_id:
            raise CredentialsError(
                f"Intercom ({self.source}): the access token is of the workspace {workspace} and app_id names"
                f" {self.settings.app_id}; make them the same"
            )
        return self.settings.app_id

    async def _own_user(self) -> Me:
        self._me = self._me or await self._client.me()
        return self._me

    async def _own_id(self) -> str:
        return self.settings.admin_id or (await self._own_user()).id

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        try:
            found = await gather(self._client, ticket_id)
            state = whole(read_gathered(found), self.settings.agent_pages).state if found is not None else None
        except OddShapeError as error:
            raise RetryableError(f"Intercom ({self.source}) shows {ticket_id} in an unknown shape: {error}") from None
        if state is None:
            raise RejectedError(f"Intercom ({self.source}) has neither a conversation nor a ticket {ticket_id}")
        return state

    # ── history and subscriptions ───────────────────────────────────────────────────────────────────────────────────

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        return await history.fetch_page(self._client, since, cursor)

    async def register_webhook(self, url: str) -> Registration:
        raise UnsupportedError(subscription_steps(url))

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        raise UnsupportedError(
            "Intercom has no API for subscriptions. In the Developer Hub, under your app's Webhooks, see that the"
            f" endpoint is {url} and choose Set live: Intercom suspends a private app's subscription after seven days"
            " of errors"
        )

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        return await self._writer.add_note(ticket_id, text, marker)

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._writer.add_tags(ticket_id, tags)

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._writer.remove_tags(ticket_id, tags)

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        return await self._writer.assign(ticket_id, agent, team)

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        raise UnsupportedError(
            "no stable version of Intercom's API sets a conversation's priority, only its preview; tag it instead:"
            f" `tag: [priority-{priority.value}]`, and let a workflow in Intercom set the priority by that tag"
        )

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        return await self._writer.set_status(ticket_id, status)

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        return await self._writer.find_note(ticket_id, marker)


def subscription_steps(url: str) -> str:
    """What a person does to have webhooks sent to `url`: no API of Intercom's makes subscriptions (1.1). A step, and a
    topic, has a line of its own."""
    topics = (topic for topic, handler in TOPICS.items() if not isinstance(handler, str))
    steps = (
        "Intercom has no API for subscriptions; a person makes them in the Developer Hub:",
        "  1. Open your app at https://app.intercom.com/a/apps/_/developer-hub",
        f"  2. Under Authentication allow: {', '.join(PERMISSIONS)}",
        "  3. Under Basic information choose API version 2.16, and copy the client secret to client_secret",
        f"  4. Under Webhooks enter this endpoint: {url}",
        "  5. There choose these topics, and save:",
    )
    return "\n".join((*steps, *(f"       {topic}" for topic in topics)))
