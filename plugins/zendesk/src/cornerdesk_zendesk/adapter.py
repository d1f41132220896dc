"""The Zendesk adapter: what `cornerdesk.Adapter` asks for, out of deliveries, client and mapping."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import httpx
import structlog
from cornerdesk import (
    Account,
    Adapter,
    ApiConflictError,
    ApiRejectedError,
    Capability,
    Clock,
    CredentialsError,
    CredentialStore,
    Customer,
    Delivery,
    HistoryPage,
    HistoryRecord,
    Message,
    Priority,
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
    tag_hint,
)
from pydantic import SecretStr

from cornerdesk_zendesk import webhooks
from cornerdesk_zendesk.client import MARKER, ZendeskClient, vendor_number
from cornerdesk_zendesk.history import History
from cornerdesk_zendesk.mapping import (
    VENDOR_STATUSES,
    account_of,
    actor_of,
    customer_of,
    fields_of,
    hints_of,
    message_of,
    ticket_of,
)
from cornerdesk_zendesk.records import read_record
from cornerdesk_zendesk.schemas import ApiTicket, Audit, Organization, TicketAnswer, UpdateAnswer, User
from cornerdesk_zendesk.settings import ZendeskSettings
from cornerdesk_zendesk.subscriptions import Subscriptions

_TAG_ATTEMPTS = 4
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
        self._sleep = sleep
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
        answer = await self._client.ticket(ticket_id)
        ticket = answer.ticket
        page = await self._client.comments(ticket_id)
        latest, count = page, len(page.comments)
        if page.meta.has_more:
            latest = await self._client.comments(ticket_id, newest_first=True)
            count = await self._client.comment_count(ticket_id)
        users = {user.id: user for user in (*(answer.users or ()), *(page.users or ()), *(latest.users or ()))}
        needed = {ticket.requester_id, ticket.submitter_id, ticket.assignee_id}
        needed |= {comment.author_id for comment in (*page.comments, *latest.comments)}
        missing = {user_id for user_id in needed if user_id and user_id not in users and user_id.isdigit()}
        users |= {user.id: user for user in await self._client.users(missing)}
        people = {user_id: actor_of(user) for user_id, user in users.items() if user_id is not None}
        first = [message_of(comment, people) for comment in page.comments]
        last = first if latest is page else [message_of(comment, people) for comment in reversed(latest.comments)]
        return TicketState(
            ticket=ticket_of(
                ticket,
                self.settings.agent_pages,
                people=people,
                customer=_customer(ticket.requester_id, users),
                account=await self._account(answer),
                team=await self._name("groups", ticket.group_id),
                status_label=await self._name("custom_statuses", ticket.custom_status_id),
                fields=await self._fields(ticket),
                messages=last,
                message_count=count or None,  # there is one at least: we may not see them
            ),
            as_of=_as_of(ticket, first),
            first_message=first[0] if first else None,
            messages=tuple(last),
            people=people,
        )

    async def _account(self, answer: TicketAnswer) -> Account | None:
        organization_id = answer.ticket.organization_id
        if organization_id is None:
            return None
        beside = [organization for organization in answer.organizations or () if organization.id == organization_id]
        found = beside[0] if beside else await self._client.organization(organization_id)
        return account_of(found or Organization(id=organization_id))

    async def _name(self, kind: str, vendor_id: str | None) -> str | None:
        return (await self._client.names_of(kind, (vendor_id,))).get(vendor_id or "")

    async def _fields(self, ticket: ApiTicket) -> dict[str, Any]:
        titles = await self._client.names_of("ticket_fields", (value.id for value in ticket.custom_fields))
        return fields_of(ticket.custom_fields, titles)

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        return await self._subscriptions.list()

    async def register_webhook(self, url: str) -> Registration:
        return await self._subscriptions.register(url)

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        await self._subscriptions.repair(subscription, url)

    # ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        comment = {"body": text, "public": False}  # said every time: without it an earlier setting would stand
        answer = await self._client.update(ticket_id, {"comment": comment}, marker, repeatable=False)
        return await self._receipt(answer.audit, ticket_id)

    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._change_tags("PUT", ticket_id, tags)

    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        return await self._change_tags("DELETE", ticket_id, tags)

    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        changes: dict[str, Any] = {}
        if agent is not None:
            changes |= _agent(agent)
        if team is not None:
            changes["group_id"] = await self._group(team)
        if not changes:
            raise RejectedError("assign names neither an agent nor a team")
        hint = "an agent takes tickets of the groups that they are a member of, and of no other"
        return await self._set(ticket_id, changes, marker, hint=hint)

    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        return await self._set(ticket_id, {"priority": priority.value}, marker)

    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        if status not in VENDOR_STATUSES:
            raise UnsupportedError(f"in Zendesk a ticket's status cannot be set to {status.value}")
        hint = "to be solved, a ticket may need fields that its form requires" if status is Status.SOLVED else ""
        return await self._set(ticket_id, {"status": VENDOR_STATUSES[status]}, marker, hint=hint)

    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        for audit in reversed(await self._client.audits(ticket_id)):
            if audit.metadata.custom.get(MARKER) == marker:
                return await self._receipt(audit, ticket_id)
        if not self._client.keeps_markers:
            raise UnsupportedError(
                f"Zendesk ({self.source}) does not keep what our updates are known by; see on ticket {ticket_id}"
                " whether it was written"
            )
        return None

    async def _set(self, ticket_id: str, changes: Mapping[str, Any], marker: str, *, hint: str = "") -> Receipt:
        try:
            answer = await self._client.update(ticket_id, changes, marker, repeatable=True)
        except ApiRejectedError as error:
            if error.status != 422 or not hint or "closed" in str(error):
                raise
            raise ApiRejectedError(f"{error}; {hint}", status=error.status, code=error.code) from None
        receipt = await self._receipt(answer.audit, ticket_id)
        return receipt.model_copy(update={"echoes": tuple(dict.fromkeys((*receipt.echoes, *_now(answer, changes))))})

    async def _receipt(self, audit: Audit | None, ticket_id: str) -> Receipt:
        if audit is None:
            return Receipt(detail=f"ticket {ticket_id}")
        teams: dict[str, str] = {}
        if any(event.field_name == "group_id" for event in audit.events):
            teams = await self._client.names("groups")
        comments = [event.id for event in audit.events if event.type == "Comment" and event.id]
        hints = hints_of(audit, teams)
        return Receipt(id=comments[0] if comments else audit.id, echoes=hints, detail=f"audit {audit.id}")

    async def _change_tags(self, method: str, ticket_id: str, tags: tuple[str, ...]) -> Receipt:
        """Reads, writes on what was read, and reads again: two writers at once must lose nobody's tag.

        Raises:
            RejectedError: written without conflict, and yet not there.
        """
        adding = method == "PUT"
        wanted = dict.fromkeys(tag for tag in map(_tag, tags) if tag)
        hints = tuple(tag_hint(tag, added=adding) for tag in wanted)
        written = 0
        for attempt in range(_TAG_ATTEMPTS):
            ticket = (await self._client.ticket(ticket_id)).ticket
            open_ones = [tag for tag in wanted if (tag in ticket.tags) is not adding]
            if not open_ones:
                return Receipt(echoes=hints, detail="tags as wanted" if attempt else "tags as wanted already")
            if written > 1:
                raise RejectedError(
                    f"Zendesk ({self.source}) took the change of {', '.join(open_ones)}, twice, and ticket {ticket_id}"
                    " does not show it: no tag of Zendesk's, or a trigger takes it back"
                )
            try:
                await self._client.change_tags(method, ticket, open_ones)
                written += 1
            except ApiConflictError:
                await self._sleep(random.uniform(0.2, 1.0) * (attempt + 1))  # noqa: S311 - two writers come apart
        raise RetryableError(f"ticket {ticket_id} was changed by others at each of {_TAG_ATTEMPTS} attempts to tag it")

    async def _group(self, team: str) -> int:
        """A group by id or by name, whatever its case."""
        number = vendor_number(team)
        if number is not None:
            return number
        for fresh in (False, True):
            names = await self._client.names("groups", fresh=fresh)
            for group_id, name in names.items():
                if name.casefold() == team.casefold():
                    return int(group_id)
        raise RejectedError(
            f"Zendesk ({self.source}) has no group {team!r}; groups: {', '.join(sorted(names.values()))}"
        )


def _customer(requester_id: str | None, users: Mapping[str | None, User]) -> Customer | None:
    if requester_id is None:
        return None
    return customer_of(users.get(requester_id) or User(id=requester_id), requester_id)


def _as_of(ticket: ApiTicket, messages: list[Message]) -> datetime:
    times = [ticket.updated_at, ticket.created_at, *(message.created_at for message in messages)]
    for time_ in times:
        if time_ is not None:
            return time_
    raise RejectedError(f"ticket {ticket.id} has no time of any kind")


def _agent(agent: str) -> dict[str, Any]:
    number = vendor_number(agent)
    if number is not None:
        return {"assignee_id": number}
    if "@" in agent:
        return {"assignee_email": agent}
    raise RejectedError(f"{agent!r} is neither the id nor the e-mail address of an agent")


def _now(answer: UpdateAnswer, changes: Mapping[str, Any]) -> list[str]:
    """What we set, by the values the ticket has now: also where it had them before, so that a repeat has its hints."""
    ticket = answer.ticket
    hints = []
    if "assignee_id" in changes or "assignee_email" in changes:
        hints.append(field_hint("assignee", ticket.assignee_id))
    if "priority" in changes:
        hints.append(field_hint("priority", changes["priority"]))
    if "status" in changes:
        hints.append(
            field_hint("status", next(ours for ours, word in VENDOR_STATUSES.items() if word == changes["status"]))
        )
    return hints


def _tag(text: str) -> str:
    """As Zendesk keeps tags: lower case, and no white space, which would make two of them."""
    return re.sub(r"\s+", "_", text.strip().lower())
