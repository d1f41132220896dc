"""Whose lead it is: the company where one can be told, else the person. Pure.

A company is known by its registered e-mail domain, or by its account. A free-mail domain never makes a company.
"""

from __future__ import annotations

from cornerdesk import FrozenModel, Snapshot, company_domain


class Party(FrozenModel):
    """Who a lead is about.

    Attributes:
        key: what leads are deduplicated by: `domain:acme.example`, `account:7`, `person:ann@mail.example`,
            `customer:SOURCE:ID`, `ticket:SOURCE:ID`.
        others: keys that mean the same company: the account's other domains, the account itself.
        domain, company: None for a person.
        customer: the person's address, else name.
    """

    key: str
    others: tuple[str, ...] = ()
    domain: str | None = None
    company: str | None = None
    customer: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *self.others)


def party_of(snapshot: Snapshot) -> Party:
    """Whom the ticket's lead is about."""
    customer, account = snapshot.customer, snapshot.account
    email = customer.email.strip().casefold() if customer and customer.email else None
    own = company_domain(email)
    name = email or (customer.name if customer else None)
    if own or account:
        domains = [own] if own else []
        domains += sorted(domain.casefold() for domain in account.domains) if account else []
        keys = [f"domain:{domain}" for domain in dict.fromkeys(domains)]
        keys += [f"account:{account.id}"] if account else []
        company = (account.name if account else None) or next(iter(domains), None)
        return Party(
            key=keys[0], others=tuple(keys[1:]), domain=next(iter(domains), None), company=company, customer=name
        )
    source, ticket = snapshot.event.source, snapshot.ticket.id
    if customer:
        return Party(key=f"person:{email}" if email else f"customer:{source}:{customer.id}", customer=name)
    return Party(key=f"ticket:{source}:{ticket}")
