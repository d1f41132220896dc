"""Leads: once per company and kind, credited, followed to their outcome. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cornerdesk import (
    Account,
    AccountStatus,
    Actor,
    ActorKind,
    Agent,
    EffectState,
    Outcome,
    RejectedError,
    Snapshot,
    Verb,
)
from cornerdesk.storage import Storage
from cornerdesk_leads import cornerdesk_listings, cornerdesk_settings, cornerdesk_tables
from cornerdesk_leads.listing import LeadRow
from cornerdesk_leads.settings import LeadSettings
from cornerdesk_leads.tables import leads, metadata
from pydantic import ValidationError
from sqlalchemy import inspect

Making = Callable[..., Snapshot]
PROSPECT = Account(id="a7", name="Acme", status=AccountStatus.PROSPECT, domains=("acme.example", "acme-group.example"))
ACTIVE = PROSPECT.model_copy(update={"status": AccountStatus.ACTIVE})
JANE = Agent(id="9", name="Jane", email="jane@us.example")


async def _only(desk: Any, **filters: Any) -> LeadRow:
    (lead,) = await desk.leads(**filters)
    assert isinstance(lead, LeadRow)
    return lead


async def test_a_lead_is_open_and_says_what_the_list_promises(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket(account=PROSPECT, assignee=JANE), value=1200, currency="EUR")
    lead = (await _only(desk)).model_dump(mode="json")
    assert lead["kind"] == "new_business"
    assert lead["state"] == "open"
    assert (lead["company"], lead["domain"], lead["account"]) == ("Acme", "acme.example", "a7")
    assert (lead["credited_to"], lead["value"], lead["currency"]) == ("jane@us.example", 1200, "EUR")
    assert lead["tickets"] == ["1"]
    assert lead["links"][0]["source"] == "support"


async def test_a_second_ticket_of_the_company_joins_the_lead(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", "ann@acme.example"))
    outcome = await desk.lead(ticket("2", "bob@mail.ACME.example"))
    assert "joined" in outcome.reason
    assert (await _only(desk)).tickets == ("1", "2")


async def test_a_second_message_on_the_ticket_is_the_same_effect(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket())
    assert await desk.lead(ticket()) is None


async def test_new_business_and_expansion_are_counted_apart(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"), kind="new_business")
    await desk.lead(ticket("2", account=ACTIVE), kind="expansion")
    assert {lead.kind.value for lead in await desk.leads()} == {"new_business", "expansion"}


@pytest.mark.parametrize("domain", ["gmail.com", "outlook.com", "web.de", "yahoo.co.uk"])
async def test_free_mail_never_makes_a_company(domain: str, desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", f"ann@{domain}"))
    await desk.lead(ticket("2", f"bob@{domain}"))
    await desk.lead(ticket("3", f"Ann@{domain}"))
    found = await desk.leads()
    assert sorted(lead.tickets for lead in found) == [("1", "3"), ("2",)]
    assert {(lead.company, lead.domain) for lead in found} == {(None, None)}


async def test_free_mail_of_a_known_account_is_the_accounts_lead(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", "ann@acme.example"))
    await desk.lead(ticket("2", "ann@gmail.com", account=PROSPECT))
    assert (await _only(desk)).tickets == ("1", "2")


async def test_two_domains_of_one_account_are_one_company(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", "ann@acme.example", account=PROSPECT))
    await desk.lead(ticket("2", "bob@acme-group.example", account=PROSPECT))
    assert (await _only(desk)).tickets == ("1", "2")


async def test_without_an_address_the_person_is_known_by_the_help_desks_id(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", None))
    await desk.lead(ticket("2", None))
    await desk.lead(ticket("3", None, source="chat"))
    await desk.lead(ticket("4", customer=False))
    assert sorted(lead.tickets for lead in await desk.leads()) == [("1", "2"), ("3",), ("4",)]


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("new_business", AccountStatus.PROSPECT, "open"),
        ("new_business", AccountStatus.TRIAL, "open"),
        ("new_business", AccountStatus.UNKNOWN, "open"),
        ("new_business", AccountStatus.ACTIVE, "proposed"),
        ("new_business", AccountStatus.CANCELLED, "proposed"),
        ("expansion", AccountStatus.ACTIVE, "open"),
        ("expansion", AccountStatus.UNKNOWN, "proposed"),
        ("win_back", AccountStatus.CANCELLED, "open"),
        ("win_back", AccountStatus.ACTIVE, "proposed"),
    ],
)
async def test_a_kind_that_does_not_fit_the_account_waits_for_a_persons_yes(
    kind: str, status: AccountStatus, state: str, desk: Any, ticket: Making
) -> None:
    outcome = await desk.lead(ticket(account=PROSPECT.model_copy(update={"status": status})), kind=kind)
    lead = await _only(desk)
    assert (lead.kind, lead.state, lead.account_status) == (kind, state, status)
    assert (lead.reason is not None) is (state == "proposed")
    assert outcome.reason == lead.reason


async def test_a_proposed_lead_is_opened_as_the_kind_it_is(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket(account=ACTIVE))
    proposed = await _only(desk, state="proposed")
    assert await desk.verb("open", proposed.id, kind="expansion") == "Acme is an open expansion lead."
    lead = await _only(desk, kind="expansion", state="open")
    assert (lead.changed_by, lead.reason) == ("ops", None)
    await desk.lead(ticket("2", account=ACTIVE), kind="expansion")
    assert (await _only(desk)).tickets == ("1", "2")


async def test_leads_may_all_be_proposed_first(desk: Any, ticket: Making) -> None:
    desk.configure(mode="proposed", currency="CHF")
    await desk.lead(ticket(), value=5)
    lead = await _only(desk)
    assert (lead.state, lead.currency) == ("proposed", "CHF")


async def test_what_is_not_a_lead_does_not_come_back(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"))
    lead = await _only(desk)
    await desk.verb("not-a-lead", lead.id, because="a student")
    await desk.lead(ticket("2", "bob@acme.example"))
    lead = await _only(desk)
    assert (lead.state, lead.reason, lead.tickets) == ("not_a_lead", "a student", ("1", "2"))
    with pytest.raises(RejectedError, match="leads open"):
        await desk.verb("won", lead.id)


async def test_a_lead_is_won_with_its_value_and_the_company_is_new_only_once(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"))
    await desk.verb("won", (await _only(desk)).id, value="4800.50", currency="USD")
    await desk.lead(ticket("2"))
    lead = await _only(desk)
    assert (lead.state, lead.value, lead.currency, lead.tickets) == ("won", 4800.5, "USD", ("1", "2"))
    assert lead.closed_at is not None


async def test_after_a_loss_or_an_expansion_won_another_may_come(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"))
    await desk.verb("lost", (await _only(desk)).id, because="no budget")
    await desk.lead(ticket("2"))
    assert [lead.state.value for lead in await desk.leads()] == ["open", "lost"]
    await desk.lead(ticket("3", account=ACTIVE), kind="expansion")
    await desk.verb("won", (await _only(desk, kind="expansion")).id)
    await desk.lead(ticket("4", account=ACTIVE), kind="expansion")
    assert [lead.state.value for lead in await desk.leads(kind="expansion")] == ["open", "won"]


async def test_a_lead_closed_by_mistake_is_opened_unless_another_took_its_place(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"))
    first = await _only(desk)
    await desk.verb("lost", first.id)
    await desk.verb("open", first.id)
    assert (await _only(desk)).closed_at is None
    await desk.verb("lost", first.id)
    await desk.lead(ticket("2"))
    with pytest.raises(RejectedError, match="close that one first"):
        await desk.verb("open", first.id)


@pytest.mark.parametrize("value", ["a lot", "-1", "nan", "inf"])
async def test_a_value_that_is_no_amount_is_refused(value: str, desk: Any, ticket: Making) -> None:
    await desk.lead(ticket())
    with pytest.raises(RejectedError, match="amount of money"):
        await desk.verb("won", (await _only(desk)).id, value=value)


async def test_a_lead_that_is_not_there_is_named(desk: Any) -> None:
    with pytest.raises(RejectedError, match="there is no lead nope"):
        await desk.verb("won", "nope")


async def test_a_kind_that_is_not_there_is_named(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket())
    with pytest.raises(RejectedError, match="no kind of lead 'upsell'"):
        await desk.verb("open", (await _only(desk)).id, kind="upsell")


async def test_credit_goes_to_the_assignee_or_who_acted_or_by_hand(desk: Any, ticket: Making) -> None:
    agent = Actor(kind=ActorKind.AGENT, name="Kim")
    await desk.lead(ticket("1", "a@one.example", actor=agent))
    await desk.lead(ticket("2", "a@two.example", actor=agent, assignee=JANE))
    await desk.lead(ticket("3", "a@three.example", actor=agent), credit="sales@us.example")
    await desk.lead(ticket("4", "a@four.example", actor=agent), credit="")
    assert [lead.credited_to for lead in await desk.leads()] == [None, "sales@us.example", "jane@us.example", "Kim"]
    lead = await _only(desk, domain="four.example")
    await desk.verb("credit", lead.id, to="Lee")
    assert (await _only(desk, agent="Lee")).id == lead.id
    with pytest.raises(RejectedError, match="--to"):
        await desk.verb("credit", lead.id)


async def test_credit_is_given_when_an_agent_takes_the_ticket_later(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1"))
    outcome = await desk.lead(ticket("1", assignee=JANE))
    assert outcome.state is EffectState.SUPPRESSED
    lead = await _only(desk)
    assert (lead.credited_to, lead.tickets) == ("jane@us.example", ("1",))


async def test_ten_tickets_of_a_company_at_once_make_one_lead(desk: Any, ticket: Making) -> None:
    effects = [desk.plan(ticket(str(number), f"p{number}@acme.example")) for number in range(10)]
    outcomes: list[Outcome] = await asyncio.gather(*(desk.do(effect) for effect in effects))
    assert sum(outcome.reason is None for outcome in outcomes) == 1
    assert len((await _only(desk)).tickets) == 10


async def test_a_target_names_no_person(desk: Any, ticket: Making) -> None:
    effect = desk.plan(ticket(email="ann@gmail.com"))
    assert "ann" not in effect.target
    assert "ann" not in effect.key


async def test_the_list_is_filtered_and_newest_first(desk: Any, ticket: Making) -> None:
    await desk.lead(ticket("1", "a@one.example"))
    await desk.lead(ticket("2", "a@two.example", account=PROSPECT))
    assert [lead.domain for lead in await desk.leads()] == ["two.example", "one.example"]
    assert (await _only(desk, ticket="1")).domain == "one.example"
    assert (await _only(desk, account="a7")).domain == "two.example"
    assert await desk.leads(state="won") == []


async def test_the_revisions_make_the_tables_that_the_code_expects(storage: Storage) -> None:
    def columns(connection: Any) -> dict[str, set[tuple[str, bool]]]:
        found = inspect(connection)
        return {name: {(c["name"], c["nullable"]) for c in found.get_columns(name)} for name in metadata.tables}

    async with storage.reading() as tx:
        made = await tx.connection.run_sync(columns)
    assert made == {name: {(c.name, bool(c.nullable)) for c in t.columns} for name, t in metadata.tables.items()}
    assert cornerdesk_tables().branch == "leads"
    assert leads.c.slot.unique


def test_a_rule_may_write_the_kind_alone_and_a_wrong_one_is_refused() -> None:
    assert LeadSettings.model_validate({"kind": "win_back"}).value is None
    with pytest.raises(ValidationError):
        LeadSettings.model_validate({"kind": "upsell"})
    with pytest.raises(ValidationError):
        LeadSettings.model_validate({"kind": "expansion", "value": -1})
    assert cornerdesk_settings()().model_dump() == {"mode": "open", "currency": None}


def test_the_list_has_the_verbs_that_are_promised() -> None:
    (listing,) = cornerdesk_listings()
    assert set(listing.columns) <= set(listing.row.model_fields)
    assert [verb.name for verb in listing.verbs] == ["not-a-lead", "won", "lost", "open", "credit"]
    assert all(isinstance(verb, Verb) for verb in listing.verbs)
