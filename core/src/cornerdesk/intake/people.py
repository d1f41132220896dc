"""Who did it: what a delivery tells of a person, completed by what the ticket and the vendor's API know. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cornerdesk.adapters.interface import Fact
from cornerdesk.model import Actor, ActorKind, Message, Ticket


def known_person(person: str | None, ticket: Ticket, people: Mapping[str, Actor]) -> Actor | None:
    """Who has this id at the vendor, as far as the ticket or the vendor's API tell."""
    if person is None:
        return None
    if person in people:
        return people[person]
    customer, agent = ticket.customer, ticket.assignee
    if customer is not None and customer.id == person:
        return Actor(kind=ActorKind.CUSTOMER, id=person, name=customer.name, email=customer.email)
    if agent is not None and agent.id == person:
        return Actor(kind=ActorKind.AGENT, id=person, name=agent.name, email=agent.email)
    return None


def filled(actor: Actor, known: Actor) -> Actor:
    """`actor` with its gaps filled."""
    return Actor(
        kind=known.kind if actor.kind is ActorKind.UNKNOWN else actor.kind,
        id=actor.id,
        name=actor.name or known.name,
        email=actor.email or known.email,
    )


def actor_of(fact: Fact, message: Message | None) -> Actor:
    """Who is behind a fact: told by it, or else whoever wrote its message."""
    unknown = fact.actor.id is None and fact.actor.kind is ActorKind.UNKNOWN
    return message.author if unknown and message is not None else fact.actor


def is_person(author: Actor) -> bool:
    return author.kind not in (ActorKind.BOT, ActorKind.AUTOMATION)
