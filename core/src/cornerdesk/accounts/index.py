"""The directory in memory: accounts by every name that they are found by. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from cornerdesk.accounts.domains import email_domain, is_free_mail, parents
from cornerdesk.accounts.records import Record, Row, cell_problem
from cornerdesk.errors import Problem
from cornerdesk.model import Account, Customer


@dataclass(frozen=True)
class Index:
    """Accounts by id or external id, by name where only one has it, and by domain."""

    by_id: dict[str, Record] = field(default_factory=dict)
    by_name: dict[str, Record | None] = field(default_factory=dict)
    by_domain: dict[str, Record] = field(default_factory=dict)

    def find(self, customer: Customer | None, vendor: Account | None) -> tuple[Record, str] | None:
        """The customer's account and by what it was found; what tells most is asked first."""
        found = ((record, how) for record, how in self._candidates(customer, vendor) if record is not None)
        return next(found, None)

    def _candidates(self, customer: Customer | None, vendor: Account | None) -> Iterator[tuple[Record | None, str]]:
        external = (vendor and vendor.external_id, customer and customer.external_id)
        for name in external:
            yield self.by_id.get(fold(name or "")), "external id"
        if vendor is not None:
            yield self.by_id.get(fold(vendor.id)), "organisation"
            yield self.by_name.get(fold(vendor.name or "")), "organisation's name"
            for domain in vendor.domains:
                yield self._by_domain(domain.lower()), "organisation's domain"
        domain_of_customer = email_domain(customer.email) if customer else None
        if domain_of_customer is not None:
            yield self._by_domain(domain_of_customer), "e-mail domain"

    def _by_domain(self, domain: str) -> Record | None:
        if is_free_mail(domain):
            return None
        found = (self.by_domain.get(part) for part in (domain, *parents(domain)))
        return next((record for record in found if record is not None), None)


def fold(name: str) -> str:
    """Names are compared without regard to capitals and outer white space."""
    return name.strip().casefold()


def make_index(records: Sequence[Record], rows: Iterable[Row]) -> tuple[Index, list[Problem]]:
    """The index, and a problem for every name that would stand for two accounts."""
    index = Index()
    rows_by_place = {row.where: row for row in rows}
    problems: list[Problem] = []
    for record in records:
        row = rows_by_place[record.where]
        names = [("id", record.account.id), *(("external_ids", name) for name in record.external_ids)]
        for column, name in names:
            problems += _put(index.by_id, fold(name), record, row, column)
        for domain in record.account.domains:
            problems += _put(index.by_domain, domain, record, row, "domains", shown=domain)
        if record.account.name:
            key = fold(record.account.name)
            index.by_name[key] = None if key in index.by_name else record
    return index, problems


def _put(
    names: dict[str, Record], name: str, record: Record, row: Row, column: str, shown: str | None = None
) -> Iterator[Problem]:
    other = names.setdefault(name, record)
    if other is not record:
        what = shown or "a name"
        place = other.where.removeprefix("directory ")
        yield cell_problem(row, column, f"holds {what}, which stands in {place} too", "every name in one row only")
