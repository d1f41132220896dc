"""A vote board: every counted vote reaches it once, every change by hand follows, whatever breaks between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cornerdesk import EffectState, RetryableError, Snapshot, UnknownOutcomeError

Making = Callable[..., Snapshot]


@pytest.fixture
def with_board(desk: Any) -> Any:
    desk.configure(board="list")
    return desk


async def test_a_counted_vote_reaches_the_board_with_words_and_person(with_board: Any, ticket: Making) -> None:
    await with_board.vote(ticket())
    (vote,) = with_board.board.standing.values()
    assert (vote.feature, vote.customer, vote.name, vote.weight) == ("sso", "ann@acme.example", "Ann Ray", 1)
    assert vote.quotes == ("Do you support SSO?",)
    (effect,) = await with_board.effects("vote.sync")
    assert effect.state is EffectState.CONFIRMED
    assert effect.receipt["id"].startswith("7/")


async def test_a_further_ticket_does_not_vote_again(with_board: Any, ticket: Making) -> None:
    await with_board.vote(ticket("1"))
    await with_board.vote(ticket("2"))
    assert [call for call, _ in with_board.board.calls] == ["add"]


async def test_without_a_board_nothing_is_synced(desk: Any, ticket: Making) -> None:
    await desk.vote(ticket())
    assert await desk.effects("vote.sync") == []


async def test_withdrawing_and_counting_again_follow_on_the_board(with_board: Any, ticket: Making) -> None:
    await with_board.vote(ticket())
    (vote,) = await with_board.votes()
    await with_board.verb("withdraw", vote.id)
    assert with_board.board.standing == {}
    await with_board.verb("count", vote.id)
    assert list(with_board.board.standing) == [vote.id]
    markers = [marker for _, marker in with_board.board.calls]
    assert len(set(markers)) == 3


async def test_a_proposed_vote_reaches_the_board_when_it_counts(desk: Any, ticket: Making) -> None:
    desk.configure(board="list", mode="proposed")
    await desk.vote(ticket("1"))
    await desk.vote(ticket("2", "bob@acme.example"))
    assert desk.board.calls == []
    bob, ann = await desk.votes()
    await desk.verb("count", ann.id)
    await desk.verb("withdraw", bob.id)
    assert [call for call, _ in desk.board.calls] == ["add"], "what was never there need not be withdrawn"


async def test_a_board_that_is_away_is_asked_again(with_board: Any, ticket: Making) -> None:
    with_board.board.trouble = [("before", RetryableError("away"))]
    await with_board.vote(ticket())
    assert [call for call, _ in with_board.board.calls] == ["add"]
    (effect,) = await with_board.effects("vote.sync")
    assert effect.attempts == 2


@pytest.mark.parametrize(("when", "calls"), [("before", 1), ("after", 1)])
async def test_after_an_unknown_outcome_the_board_is_asked_first(
    when: str, calls: int, with_board: Any, ticket: Making
) -> None:
    with_board.board.trouble = [(when, UnknownOutcomeError("no answer"))]
    await with_board.vote(ticket())
    assert len(with_board.board.calls) == calls
    assert len(with_board.board.standing) == 1
    (effect,) = await with_board.effects("vote.sync")
    assert effect.state is EffectState.CONFIRMED


async def test_a_change_during_the_call_is_synced_after_it(with_board: Any, ticket: Making) -> None:
    await with_board.plan(ticket())
    changed: list[str] = []
    add = with_board.board.add_vote

    async def add_while_somebody_withdraws(post: str, vote: Any, marker: str) -> Any:
        if not changed:
            changed.append(vote.id)
            await with_board.verb("withdraw", vote.id)
        return await add(post, vote, marker)

    with_board.board.add_vote = add_while_somebody_withdraws
    await with_board.work()
    assert [vote.state.value for vote in await with_board.votes()] == ["withdrawn"]
    assert with_board.board.standing == {}


async def test_a_board_that_is_not_installed_is_a_dead_letter_that_says_so(desk: Any, ticket: Making) -> None:
    desk.configure(board="fider")
    await desk.vote(ticket())
    (effect,) = await desk.effects("vote.sync")
    assert effect.state is EffectState.DEAD
    assert "installed: list" in effect.reason


async def test_a_feature_without_a_post_is_a_dead_letter_that_says_so(with_board: Any, ticket: Making) -> None:
    await with_board.vote(ticket(), feature="dark")
    (effect,) = await with_board.effects("vote.sync")
    assert effect.state is EffectState.DEAD
    assert "has no post for feature 'dark'" in effect.reason
    (vote,) = await with_board.votes()
    assert vote.state == "counted", "with us the vote counts all the same"
