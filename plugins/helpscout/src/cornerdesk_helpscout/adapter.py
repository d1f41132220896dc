"""The Help Scout adapter: what `cornerdesk.Adapter` asks for, out of deliveries, client, mapping and history."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar
from weakref import WeakValueDictionary

import httpx
from cornerdesk import (
    Adapter,
    ApiRejectedError,
    Capability,
    Clock,
    CredentialStore,
    Delivery,
    HistoryPage,
    HistoryRecord,
    Reading,
    Receipt,
    Registration,
    RejectedError,
    RetryableError,
    SourceSettings,
    Status,
    Subscription,
    SystemClock,
    TicketState,
    UnsupportedError,
    field_hint,
    html_to_text,
    message_hint,
    tag_hint,
)
from cornerdesk.wire import parse
from pydantic import SecretStr

from cornerdesk_helpscout import subscriptions, webhooks
from cornerdesk_helpscout.client import HelpScoutClient
from cornerdesk_helpscout.history import History
from cornerdesk_helpscout.mapping import VENDOR_STATUSES, map_status, same_tag, state_of, tags_of
from cornerdesk_helpscout.notes import note_html, reference_of
from cornerdesk_helpscout.people import name_of
from cornerdesk_helpscout.records import read_record
from cornerdesk_helpscout.schemas import ApiCustomer, ApiUser, Conversation, Organization, Thread
from cornerdesk_helpscout.settings import HelpScoutSettings

_TAG_ATTEMPTS = 4


class HelpScoutAdapter(Adapter):
    """One Help Scout account.

    Args:
        transport, sleep, clock, monotonic: see `cornerdesk.ApiClient`; for tests.
    """

    helpdesk: ClassVar[str] = "helpscout"
    settings_model: ClassVar[type[SourceSettings]] = HelpScoutSettings
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
            Capability.WEBHOOK_LISTING,
            Capability.WEBHOOK_REGISTRATION,
        }
    )

    def __init__(
        self,
        source: str,
        settings: HelpScoutSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(source, settings)
        self.settings: HelpScoutSettings = settings
        self._client = HelpScoutClient(
            source, settings, transport=transport, sleep=sleep, clock=clock, monotonic=monotonic
        )
        self._history = History(self._client, clock or SystemClock())
        self._sleep = sleep
        self._me: ApiUser | None = None
        # A lock is forgotten when nobody holds or awaits it any more.
        self._tagging: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def token_secret(self) -> SecretStr | None:
        return self.settings.app_secret

    def use_credentials(self, store: CredentialStore) -> None:
        self._client.tokens.use(store)

    async def aclose(self) -> None:
        await self._client.aclose()

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhooks.verify(delivery, self.settings.secrets)

    def delivery_key(self, delivery: Delivery) -> str:
        return webhooks.delivery_key(delivery)

    def read(self, delivery: Delivery) -> Reading:
        return webhooks.read(delivery)

    def read_history(self, record: HistoryRecord) -> Reading:
        return read_record(record)

    # ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def own_user_id(self) -> str | None:
        return (await self._own_user()).id

    async def check(self) -> str:
        user = await self._own_user()
        return f"signed in to {self._client.api.host} as user {user.id} ({user.role or 'unknown role'})"

    async def _own_user(self) -> ApiUser:
        if self._me is None:
            self._me = await self._client.me()
        return self._me

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        conversation = await self._client.conversation(ticket_id)
        threads = [parse(Thread, row) for row in await self._client.threads(ticket_id)]
        asks = conversation.primaryCustomer
        company = await self._history.company(asks.id if asks else None)
        customer, organization = company["customer"], company["organization"]
        return state_of(
            conversation,
            threads,
            parse(ApiCustomer, customer) if customer else None,
            parse(Organization, organization) if organization else None,
        )

    # ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        return await self._history.fetch(since, cursor)

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        return tuple(subscriptions.subscription_of(webhook) for webhook in await self._client.webhooks())

    async def register_webhook(self, url: str) -> Registration:
        webhook = await self._client.make_webhook(subscriptions.wanted(url, self.settings.secrets[0]))
        return Registration(id=webhook, detail="signed with webhook_secret of this source")

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        before = await self._client.webhook(subscription.id)
        body = subscriptions.wanted(url, self.settings.secrets[0], before)
        await self._client.replace_webhook(subscription.id, body)

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        thread = await self._client.add_note(ticket_id, note_html(text, marker))
        return Receipt(id=thread, echoes=(message_hint(thread),) if thread else ())

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._change_tags(ticket_id, tags, adding=True)

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._change_tags(ticket_id, tags, adding=False)

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        if agent is not None and team is not None:
            raise UnsupportedError("in Help Scout a conversation is assigned to an agent or to a team, not to both")
        if agent is not None:
            user = await self._user(agent)
            await self._client.patch(ticket_id, "/assignTo", int(user))
            # Whoever had it has it no more: that, too, is told as a change, and is ours.
            echoes = (field_hint("assignee", user), field_hint("team", None))
            return Receipt(echoes=echoes, detail=f"assigned to user {user}")
        if team is None:
            raise RejectedError("assign names neither an agent nor a team")
        return await self._assign_team(ticket_id, *await self._team(team))

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        word = VENDOR_STATUSES.get(status)
        if word is None:
            raise UnsupportedError(f"in Help Scout a conversation's status cannot be set to {status.value}")
        await self._client.patch(ticket_id, "/status", word)
        return Receipt(echoes=(field_hint("status", map_status(word).value),), detail=f"status {word}")

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        reference = reference_of(marker)
        for thread in await self._threads_to_search(ticket_id):
            if thread.type == "note" and reference in html_to_text(thread.body):
                return Receipt(id=thread.id, echoes=(message_hint(thread.id),))
        return None

    async def _threads_to_search(self, ticket_id: str) -> list[Thread]:
        """Also those of the conversation that this one was merged into, where its threads stand now."""
        try:
            rows = await self._client.threads(ticket_id)
        except ApiRejectedError as error:
            if error.status not in (301, 404):
                raise
            rows = await self._client.threads((await self._client.standing(ticket_id)).id)
        return [parse(Thread, row) for row in rows]

    # ── tags ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _change_tags(self, ticket_id: str, tags: tuple[str, ...], *, adding: bool) -> Receipt:
        """Reads, replaces all, and reads again: Help Scout can neither add one nor tell that somebody was faster (fact
        sheet helpscout.md 4.2). Ours wait for each other; between reading and replacing lies no other request."""
        wanted = dict.fromkeys(tag for tag in map(same_tag, tags) if tag)
        hints = tuple(tag_hint(tag, added=adding) for tag in wanted)
        async with self._tagging.setdefault(ticket_id, asyncio.Lock()):
            for attempt in range(_TAG_ATTEMPTS):
                conversation = await self._client.standing(ticket_id)
                after = _changed_tags(conversation, wanted, adding=adding)
                if after is None:
                    return Receipt(echoes=hints, detail="tags as wanted" if attempt else "tags as wanted already")
                await self._client.set_tags(conversation.id, after)
                await self._sleep(random.uniform(0.1, 0.4) * attempt)  # noqa: S311 - two writers come apart
            if _changed_tags(await self._client.standing(ticket_id), wanted, adding=adding) is None:
                return Receipt(echoes=hints, detail="tags as wanted")
        raise RetryableError(f"conversation {ticket_id} was tagged anew by others after each of {_TAG_ATTEMPTS} tries")

    # ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _user(self, agent: str) -> str:
        """A user's id, by id or by e-mail address."""
        if agent.isascii() and agent.isdigit():
            return agent
        if "@" not in agent:
            raise RejectedError(f"{agent!r} is neither the id nor the e-mail address of a user")
        for fresh in (False, True):
            for user in await self._client.users(fresh=fresh):
                if user.type != "team" and (user.email or "").casefold() == agent.casefold():
                    return user.id
        raise RejectedError(f"Help Scout ({self.source}) has no user with the e-mail address {agent}")

    async def _team(self, team: str) -> tuple[str, str]:
        """A team's id and name, by id or by name, whatever its case."""
        for fresh in (False, True):
            teams = await self._client.teams(fresh=fresh)
            for each in teams:
                if each.id == team or (each.name or "").casefold() == team.casefold():
                    return each.id, each.name or each.id
        names = ", ".join(sorted(each.name or each.id for each in teams))
        raise RejectedError(f"Help Scout ({self.source}) has no team {team!r}; teams: {names}")

    async def _assign_team(self, ticket_id: str, team: str, name: str) -> Receipt:
        """That a team's id will do is not documented (4.1), so what came of it is looked at."""
        await self._client.patch(ticket_id, "/assignTo", int(team))
        assignee = (await self._client.standing(ticket_id)).assignee
        if assignee is None or assignee.id != team:
            raise RejectedError(
                f"Help Scout took the assignment to team {team} and did not carry it out; assign to a user instead"
            )
        shown = name_of(assignee.first, assignee.last) or name
        echoes = (field_hint("team", shown), field_hint("team", name), field_hint("assignee", None))
        return Receipt(echoes=echoes, detail=f"assigned to team {team}")


def _changed_tags(conversation: Conversation, wanted: dict[str, None], *, adding: bool) -> list[str] | None:
    """All tags as they should be; None where they are so already. Those of others stay as they are written."""
    present = tags_of(conversation)
    known = {same_tag(tag) for tag in present}
    if adding:
        missing = [tag for tag in wanted if tag not in known]
        return [*present, *missing] if missing else None
    return [tag for tag in present if same_tag(tag) not in wanted] if known & wanted.keys() else None
