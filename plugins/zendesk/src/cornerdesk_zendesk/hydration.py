"""A ticket as Zendesk's API shows it: the ticket and its comments in two requests, and who and what it names beside
them. More is asked only where something did not come along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cornerdesk import Account, Customer, Message, RejectedError, TicketState

from cornerdesk_zendesk.client import ZendeskClient
from cornerdesk_zendesk.mapping import account_of, actor_of, customer_of, fields_of, message_of, ticket_of
from cornerdesk_zendesk.schemas import ApiTicket, Organization, TicketAnswer, User


class Hydration:
    """Fetches tickets of one source.

    Args:
        pages: the address that an agent's page of a ticket begins with.
    """

    def __init__(self, client: ZendeskClient, pages: str) -> None:
        self._client = client
        self._pages = pages

    async def fetch(self, ticket_id: str) -> TicketState:
        """See `Adapter.fetch_ticket`."""
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
                self._pages,
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
