"""People and companies as Help Scout names them, in our words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cornerdesk import Account, Actor, ActorKind, Agent, Customer, CustomerKind

from cornerdesk_helpscout.schemas import ApiCustomer, Conversation, Organization, Person, Thread

_KINDS = {"customer": ActorKind.CUSTOMER, "user": ActorKind.AGENT, "system_user": ActorKind.BOT}


def name_of(first: str | None, last: str | None) -> str | None:
    """Both names, as far as there are any."""
    return " ".join(part.strip() for part in (first, last) if part and part.strip()) or None


def actor_of(person: Person | None) -> Actor:
    if person is None:
        return Actor()
    kind = _KINDS.get(person.type or "", ActorKind.UNKNOWN)
    return Actor(kind=kind, id=person.id, name=name_of(person.first, person.last), email=person.email or None)


def people_of(conversation: Conversation, threads: Iterable[Thread]) -> dict[str, Actor]:
    """Everybody named, by id."""
    named = [conversation.createdBy, conversation.assignee, conversation.primaryCustomer]
    for thread in threads:
        named += [thread.createdBy, thread.assignedTo]
    people: dict[str, Actor] = {}
    for person in named:
        if person is not None and person.id is not None and person.type != "team":
            people[person.id] = _fuller(actor_of(person), people.get(person.id))
    customer = conversation.primaryCustomer
    if customer is not None and customer.id is not None:
        people[customer.id] = people[customer.id].model_copy(update={"kind": ActorKind.CUSTOMER})
    return people


def _fuller(actor: Actor, known: Actor | None) -> Actor:
    return known if known is not None and known.name and not actor.name else actor


def customer_of(person: Person | None, customer: ApiCustomer | None = None) -> Customer | None:
    """Who asks: as the conversation names them, and what their own page adds."""
    if person is None or person.id is None:
        return None
    email, name, phone = person.email or None, name_of(person.first, person.last), None
    if customer is not None:
        email = email or next((each.value for each in customer.parts.emails if each.value), None)
        name = name_of(customer.firstName, customer.lastName) or name
        phone = next((each.value for each in customer.parts.phones if each.value), None)
    return Customer(id=person.id, email=email, name=name, phone=phone, kind=CustomerKind.USER)


def account_of(customer: ApiCustomer | None, organization: Organization | None) -> Account | None:
    """The customer's company: the organisation, or the free text that stands on the customer's page."""
    if organization is not None:
        return Account(
            id=organization.id,
            name=organization.name or None,
            domains=tuple(domain.lower() for domain in organization.domains),
            fields={
                str(each.name or each.slug): each.value for each in organization.properties if each.name or each.slug
            },
        )
    if customer is None:
        return None
    name = (customer.organization or "").strip()
    company = customer.organizationId or name
    return Account(id=company, name=name or None) if company else None


def assigned(person: Person | None) -> tuple[dict[str, Any] | None, str | None]:
    """Who works on it: an agent, or a team. The key is absent when it is nobody (3.1)."""
    if person is None or person.id is None:
        return None, None
    name = name_of(person.first, person.last)
    if person.type == "team":
        return None, name or person.id
    return Agent(id=person.id, name=name, email=person.email or None).model_dump(), None
