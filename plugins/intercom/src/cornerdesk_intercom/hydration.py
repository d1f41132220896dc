"""A whole ticket out of what the API tells of it: conversation, ticket, contact, company, teammates, teams.

`gather` asks, and keeps what it was told as JSON: history stores that and reads it later, hydration at once. `whole`
reads it, and does no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from cornerdesk import (
    JSON,
    Account,
    Actor,
    ActorKind,
    Agent,
    ApiAnswer,
    Customer,
    Message,
    RejectedError,
    Ticket,
    TicketState,
)
from cornerdesk.wire import Listed, Loose, parse

from cornerdesk_intercom.client import IntercomClient
from cornerdesk_intercom.mapping import (
    account_of,
    customer_of,
    first_message,
    is_message,
    message_of,
    people_of,
    told_conversation,
    told_ticket,
)
from cornerdesk_intercom.schemas import Author, Company, Contact, Conversation, Part, Person, VendorTicket

LATEST = 50
"""Messages that a ticket's state holds; all of them stand in history."""


class OddShapeError(RejectedError):
    """What the API told cannot be read; names the field."""


class Gathered(Loose):
    """What the API told about one id. A customer's ticket is told as conversation and as ticket."""

    conversation: Conversation | None = None
    ticket: VendorTicket | None = None
    contact: Contact | None = None
    company: Company | None = None
    admins: Annotated[list[Person], Listed] = []
    teams: Annotated[list[Person], Listed] = []

    @property
    def as_of(self) -> datetime | None:
        both = (self.conversation, self.ticket)
        times = [time for each in both if each for time in (each.updated_at, each.created_at) if time]
        return max(times, default=None)

    @property
    def parts(self) -> list[Part]:
        """The conversation's, which are the ticket's, too; the ticket's where there is no conversation."""
        if self.conversation is not None:
            return self.conversation.conversation_parts
        return self.ticket.ticket_parts if self.ticket else []

    @property
    def contact_id(self) -> str | None:
        for each in (self.conversation, self.ticket):
            for reference in each.contacts if each else ():
                if reference.id is not None:
                    return reference.id
        source = self.conversation.source if self.conversation else None
        author = source.author if source else None
        return author.id if author and author.type in ("user", "lead") else None

    @property
    def company_id(self) -> str | None:
        if self.conversation is not None and self.conversation.company is not None:
            return self.conversation.company.id
        if self.ticket is not None and self.ticket.company_id is not None:
            return self.ticket.company_id
        return self.contact.companies[0].id if self.contact and self.contact.companies else None

    @property
    def admin_ids(self) -> set[str]:
        assigned = {each.admin_assignee_id for each in (self.conversation, self.ticket) if each}
        wrote = {part.author.id for part in self.parts if part.author and part.author.type == "admin"}
        return {admin_id for admin_id in assigned | wrote if admin_id}

    @property
    def team_id(self) -> str | None:
        both = (self.ticket, self.conversation)
        return next((each.team_assignee_id for each in both if each and each.team_assignee_id), None)


async def gather(client: IntercomClient, ticket_id: str, *, background: bool = False) -> JSON | None:
    """Everything about one conversation or ticket, as JSON that `Gathered` reads; None where it is gone.

    Raises:
        OddShapeError: it cannot be read.
    """
    found: JSON = {"conversation": _json(await client.conversation(ticket_id, background=background))}
    conversation = found["conversation"]
    if conversation is None or conversation.get("ticket", conversation) is not None:
        # The key is documented nowhere: null says that it is no ticket, its absence says nothing (2.5).
        found["ticket"] = _json(await client.ticket(ticket_id, background=background))
    if conversation is None and found["ticket"] is None:
        return None
    read = read_gathered(found)
    if read.contact_id is not None:
        found["contact"] = _json(await client.contact(read.contact_id, background=background))
        read = read_gathered(found)
    if read.company_id is not None:
        found["company"] = _json(await client.company(read.company_id, background=background))
    await _name(client, read, found)
    return found


async def _name(client: IntercomClient, read: Gathered, found: JSON) -> None:
    """Teammates and the team, by those of their ids that are needed."""
    if read.admin_ids:
        admins = await client.people("admins", *read.admin_ids)
        found["admins"] = [_plain(admin) for admin in admins if admin.id in read.admin_ids]
    if read.team_id is not None:
        teams = await client.people("teams", read.team_id)
        found["teams"] = [_plain(team) for team in teams if team.id == read.team_id]


def _plain(person: Person) -> JSON:
    return {"id": person.id, "name": person.name, "email": person.email}


def _json(answer: ApiAnswer | None) -> JSON | None:
    data = answer.json() if answer is not None else None
    if data is not None and not isinstance(data, dict):
        raise OddShapeError("an object is expected")
    return data


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Whole:
    """A ticket, complete, with all that was said.

    Attributes:
        first: the message that opened it.
        said: the parts that are messages, in order.
    """

    state: TicketState
    first: Message | None
    said: tuple[Part, ...]


def read_gathered(found: object) -> Gathered:
    """What `gather` found.

    Raises:
        OddShapeError: it cannot be read.
    """
    try:
        return parse(Gathered, found)
    except RejectedError as error:
        raise OddShapeError(str(error)) from None


def whole(found: Gathered, pages: str) -> Whole:
    """The ticket as the API shows it.

    Raises:
        OddShapeError: it has no time of any kind.
    """
    told = told_whole(found, pages)
    as_of = found.as_of
    if as_of is None:
        raise OddShapeError(f"conversation {told['id']} has no time of any kind")
    people = _people(found)
    first = first_message(found.conversation, found.ticket)
    said = tuple(sorted(filter(is_message, found.parts), key=lambda part: part.created_at or as_of))
    messages = [*([first] if first else []), *map(message_of, said)]
    ticket = Ticket.model_validate(
        told
        | {
            "customer": _customer(found, told),
            "account": _account(found, told),
            "assignee": _agent(told.get("assignee"), people),
            "team": _team(found),
            "message_count": len(messages),
            "fields": told.get("fields", {}),
        }
    )
    state = TicketState(
        ticket=ticket, as_of=as_of, first_message=first, messages=tuple(messages[-LATEST:]), people=dict(people)
    )
    return Whole(state, first, said)


def told_whole(found: Gathered, pages: str) -> dict[str, Any]:
    """By the names of `model.Ticket`. How a ticket stands is the ticket's to tell; without the permission to read
    tickets, the conversation does."""
    conversation, ticket = found.conversation, found.ticket
    if conversation is not None and ticket is None:
        conversation = conversation.model_copy(update={"ticket": None})
    said = told_conversation(conversation, pages) if conversation else {}
    stands = told_ticket(ticket, pages) if ticket else {}
    times = {"updated_at": found.as_of} if found.as_of else {}
    return {**said, **stands, **times, "fields": {**said.get("fields", {}), **stands.get("fields", {})}}


def _customer(found: Gathered, told: dict[str, Any]) -> Customer | None:
    """A contact who was merged into another stays the customer whom deliveries name; what is known is the other's."""
    named = told.get("customer")
    if found.contact is None:
        return Customer.model_validate(named) if named else None
    customer = customer_of(found.contact)
    return customer.model_copy(update={"id": named["id"]}) if named else customer


def _account(found: Gathered, told: dict[str, Any]) -> Account | None:
    if found.company is not None:
        return account_of(found.company)
    if told.get("account"):
        return Account.model_validate(told["account"])
    named = found.contact.companies[:1] if found.contact else []
    return Account(id=named[0].id, name=named[0].name or None) if named else None


def _agent(assignee: dict[str, Any] | None, people: dict[str, Actor]) -> Agent | None:
    if assignee is None:
        return None
    known = people.get(assignee["id"], Actor())
    return Agent(id=assignee["id"], name=known.name, email=known.email)


def _team(found: Gathered) -> str | None:
    names = {team.id: team.name for team in found.teams}
    return found.team_id and (names.get(found.team_id) or found.team_id)


def _people(found: Gathered) -> dict[str, Actor]:
    """Everybody who is named; a teammate's name is the workspace's, a contact's the contact's own."""
    source = found.conversation.source if found.conversation else None
    authors: list[Author | None] = [*(part.author for part in found.parts), source.author if source else None]
    others = [Actor(kind=ActorKind.AGENT, id=each.id, name=each.name, email=each.email) for each in found.admins]
    bots = {actor.id for actor in map(_actor, authors) if actor.kind is ActorKind.BOT}
    others = [other for other in others if other.id not in bots]
    if found.contact is not None:
        customer = customer_of(found.contact)
        asks = found.contact_id or customer.id
        others.append(Actor(kind=ActorKind.CUSTOMER, id=asks, name=customer.name, email=customer.email))
    return people_of(authors, others)


def _actor(author: Author | None) -> Actor:
    return next(iter(people_of([author]).values()), Actor())
