"""Votes: one per person and feature, weighed, with the customer's words. On both databases, through the real ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cornerdesk import Account, AccountStatus, EffectState, RejectedError, Snapshot
from cornerdesk.storage import Storage
from cornerdesk_votes import cornerdesk_listings, cornerdesk_settings
from cornerdesk_votes.listing import VoteRow
from cornerdesk_votes.settings import Settings
from cornerdesk_votes.tables import metadata
from pydantic import ValidationError
from sqlalchemy import inspect

Making = Callable[..., Snapshot]
CANARY = Account(id="a7", name="Acme", tier="canary", status=AccountStatus.ACTIVE)


async def _only(desk: Any, **filters: Any) -> VoteRow:
    (vote,) = await desk.votes(**filters)
    assert isinstance(vote, VoteRow)
    return vote


async def test_a_vote_counts_with_the_customers_words_and_the_accounts_weight(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket(account=CANARY))
    vote = (await _only(desk)).model_dump(mode="json")
    assert (vote["feature"], vote["state"], vote["weight"]) == ("sso", "counted", 10)
    assert (vote["customer"], vote["account"], vote["account_name"]) == ("ann@acme.example", "a7", "Acme")
    assert vote["quotes"] == ["Do you support SSO?"]
    assert vote["tickets"] == ["1"]
    assert vote["links"][0]["url"].endswith("/tickets/1")


async def test_a_further_ticket_adds_its_words_and_no_second_vote(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1"))
    await desk.vote(ticket("2", "ANN@acme.example", "Any news on SSO", source="chat"))
    vote = await _only(desk)
    assert vote.quotes == ("Do you support SSO?", "Any news on SSO")
    assert vote.tickets == ("1", "2")
    assert "voted before" in (await desk.effects())[-1].reason


async def test_a_further_message_on_the_ticket_is_the_same_effect(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket())
    assert await desk.plan(ticket(text="SSO, please!")) == []
    assert (await _only(desk)).quotes == ("Do you support SSO?",)


async def test_other_people_and_other_features_are_other_votes(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1"))
    await desk.vote(ticket("1"), feature="dark")
    await desk.vote(ticket("2", "bob@acme.example"))
    assert len(await desk.votes()) == 3
    assert len(await desk.votes(feature="sso")) == 2


async def test_a_person_without_an_address_is_known_by_the_help_desks_id(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1", None))
    await desk.vote(ticket("2", None))
    await desk.vote(ticket("3", None, source="chat"))
    assert sorted(vote.tickets for vote in await desk.votes()) == [("1", "2"), ("3",)]


async def test_a_ticket_without_a_customer_becomes_a_dead_letter_that_says_so(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket(customer=False))
    (effect,) = await desk.effects()
    assert effect.state is EffectState.DEAD
    assert "a vote needs a person" in effect.reason
    assert await desk.votes() == []


async def test_ten_tickets_of_one_person_at_once_make_one_vote(desk: Any, ticket: Making) -> None:
    for number in range(10):
        await desk.plan(ticket(str(number)))
    await asyncio.gather(*(desk.work() for _ in range(4)))
    assert len((await _only(desk)).tickets) == 10


async def test_a_withdrawn_vote_does_not_come_back_by_itself(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1"))
    vote = await _only(desk)
    assert await desk.verb("withdraw", vote.id) == "The vote for sso is withdrawn."
    await desk.vote(ticket("2"))
    vote = await _only(desk)
    assert (vote.state, vote.tickets, vote.changed_by) == ("withdrawn", ("1", "2"), "ops")
    with pytest.raises(RejectedError, match="withdrawn already"):
        await desk.verb("withdraw", vote.id)
    assert await desk.verb("count", vote.id) == "The vote for sso counts 1."
    assert (await _only(desk, state="counted")).id == vote.id


async def test_votes_may_be_proposed_first(desk: Any, ticket: Making) -> None:
    desk.configure(mode="proposed")
    await desk.vote(ticket())
    vote = await _only(desk, state="proposed")
    await desk.verb("count", vote.id)
    assert (await _only(desk)).state == "counted"


async def test_a_vote_that_is_not_there_is_named(desk: Any) -> None:
    with pytest.raises(RejectedError, match="there is no vote nope"):
        await desk.verb("count", "nope")


async def test_the_weight_follows_the_account_and_is_not_lost_when_nobody_knows_it(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1"))
    await desk.vote(ticket("2", account=CANARY))
    await desk.vote(ticket("3"))
    vote = await _only(desk)
    assert (vote.weight, vote.account) == (10, "a7")


async def test_totals_sum_counted_votes_by_feature(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1", account=CANARY))
    await desk.vote(ticket("2", "bob@acme.example", account=CANARY))
    await desk.vote(ticket("3", "eve@globex.example"))
    await desk.vote(ticket("4", "joe@gmail.com"))
    await desk.vote(ticket("5", "gone@acme.example"))
    await desk.vote(ticket("1"), feature="dark")
    await desk.verb("withdraw", (await _only(desk, ticket="5")).id)
    sso, dark = await desk.totals()
    assert (sso.feature, sso.title, sso.votes, sso.weight, sso.accounts) == ("sso", "Single sign-on", 4, 22, 2)
    assert (sso.proposed, sso.withdrawn) == (0, 1)
    assert (dark.feature, dark.votes) == ("dark", 1)
    assert [total.feature for total in await desk.totals(feature="dark")] == ["dark"]


async def test_the_list_is_filtered_and_newest_first(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket("1", "ann@one.example"))
    await desk.vote(ticket("2", "bob@two.example", account=CANARY))
    assert [vote.customer for vote in await desk.votes()] == ["bob@two.example", "ann@one.example"]
    assert (await _only(desk, customer="Ann@one.example")).tickets == ("1",)
    assert (await _only(desk, account="a7")).tickets == ("2",)
    assert (await _only(desk, ticket="2")).tickets == ("2",)


async def test_the_revisions_make_the_tables_that_the_code_expects(storage: Storage) -> None:
    def columns(connection: Any) -> dict[str, set[tuple[str, bool]]]:
        found = inspect(connection)
        return {name: {(c["name"], c["nullable"]) for c in found.get_columns(name)} for name in metadata.tables}

    async with storage.reading() as tx:
        made = await tx.connection.run_sync(columns)
    assert made == {name: {(c.name, bool(c.nullable)) for c in t.columns} for name, t in metadata.tables.items()}


@pytest.mark.parametrize(
    ("settings", "account", "weight"),
    [
        ({}, None, 1),
        ({}, CANARY, 10),
        ({}, Account(id="1", tier="key"), 5),
        ({}, Account(id="1", tier="standard"), 1),
        ({"weights": {"prospect": 3, "default": 2}}, Account(id="1", status=AccountStatus.PROSPECT), 3),
        ({"weights": {"prospect": 3, "default": 2}}, Account(id="1", status=AccountStatus.TRIAL), 2),
        ({"weights": {"unknown": 0.5}}, None, 0.5),
        ({"revenue_per_weight": 10_000}, Account(id="1", revenue=45_000), 4.5),
        ({"revenue_per_weight": 10_000}, Account(id="1", revenue=45), 1),
        ({"revenue_per_weight": 10_000}, Account(id="1", tier="key", revenue=45_000), 5),
        ({"revenue_per_weight": 10_000}, Account(id="1"), 1),
    ],
)
def test_a_vote_weighs_what_the_settings_say(settings: dict[str, Any], account: Account | None, weight: float) -> None:
    assert Settings.model_validate(settings).weigh(account) == weight


@pytest.mark.parametrize("settings", [{"weights": {"key": -1}}, {"mode": "maybe"}, {"revenue_per_weight": 0}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        cornerdesk_settings().model_validate(settings)


def test_the_lists_have_the_columns_and_verbs_that_are_promised() -> None:
    votes, totals = cornerdesk_listings()
    assert [verb.name for verb in votes.verbs] == ["withdraw", "count"]
    for listing in (votes, totals):
        assert set(listing.columns) <= set(listing.row.model_fields)
