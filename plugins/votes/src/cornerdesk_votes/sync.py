"""The inner action `vote.sync`: brings one vote on the board to the state that it has with us."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cornerdesk import (
    ActionSettings,
    Effect,
    EffectState,
    Feature,
    FrozenModel,
    Intent,
    Outcome,
    PlanContext,
    Receipt,
    RejectedError,
    RemoteAction,
    SendContext,
)

from cornerdesk_votes import records
from cornerdesk_votes.boards import Board, BoardVote
from cornerdesk_votes.settings import Settings, VoteState

SYNC = "vote.sync"


class SyncPayload(FrozenModel):
    """The vote and the board."""

    vote: str
    board: str


def sync_intents(vote: Mapping[str, Any], settings: Settings, *more: str) -> Sequence[Intent]:
    """The effect that brings this revision of the vote to the board; none without a board."""
    if settings.board is None:
        return ()
    scope = json.dumps([SYNC, vote["id"], vote["revision"], *more])
    payload = SyncPayload(vote=vote["id"], board=settings.board)
    return [
        Intent(action=SYNC, target=f"{settings.board}: {vote['feature']}", scope=scope, payload=payload.model_dump())
    ]


class SyncAction(RemoteAction[ActionSettings]):
    """Adds the vote to the board, or withdraws it: whatever the vote's state says by now."""

    name = SYNC
    about = "bring a vote to the vote board"
    settings_model = ActionSettings
    usable_in_rules = False

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        return ()

    async def send(self, effect: Effect, context: SendContext) -> Outcome:
        payload = SyncPayload.model_validate(effect.payload)
        board = _board(payload.board, context)
        row, vote = await _read(payload.vote, context)
        if row["state"] == VoteState.PROPOSED:
            return Outcome(state=EffectState.SUPPRESSED, reason="the vote is only proposed")
        post = await _post(board, row["feature"], context)
        call = board.add_vote if row["state"] == VoteState.COUNTED else board.withdraw_vote
        receipt = await call(post, vote, context.marker)
        return Outcome(receipt=receipt, follow_ups=await self._again(payload, row, effect, context))

    async def look_up(self, effect: Effect, context: SendContext) -> Receipt | None:
        payload = SyncPayload.model_validate(effect.payload)
        board = _board(payload.board, context)
        row, vote = await _read(payload.vote, context)
        post = await _post(board, row["feature"], context)
        stands = await board.has_vote(post, vote)
        if stands is not (row["state"] == VoteState.COUNTED):
            return None
        return Receipt(id=post, detail="the vote stands" if stands else "the vote does not stand")

    async def _again(
        self, payload: SyncPayload, row: records.Row, effect: Effect, context: SendContext
    ) -> tuple[Intent, ...]:
        """The vote may have been changed, and that change synced, while this call was under way: then once more."""
        now, _ = await _read(payload.vote, context)
        if now["revision"] == row["revision"]:
            return ()
        settings = Settings(board=payload.board)
        return tuple(sync_intents(now, settings, effect.id))


def _board(name: str, context: SendContext) -> Board:
    boards: dict[str, Board] = {}
    for answer in context.hooks.cornerdesk_votes_boards(configuration=context.configuration):
        boards |= {board.name: board for board in answer}
    if name not in boards:
        known = ", ".join(sorted(boards)) or "none"
        raise RejectedError(
            f"vote board {name!r} is not installed (installed: {known}); install its plugin or correct"
            " `plugins: {votes: {board: ...}}`, then retry the dead letter"
        )
    return boards[name]


async def _post(board: Board, key: str, context: SendContext) -> str:
    feature = context.configuration.features.get(key) or Feature(key=key, title=key)
    post = await board.find_post(feature)
    if post is None:
        raise RejectedError(
            f"board {board.name} has no post for feature {key!r}; make one, or name it under `board` in the feature"
            " catalogue, then retry the dead letter"
        )
    return post


async def _read(vote: str, context: SendContext) -> tuple[records.Row, BoardVote]:
    async with context.reading() as tx:
        row = await records.load(tx, vote)
        tickets = (await records.tickets_of(tx, [vote])).get(vote, [])
    return row, BoardVote(
        id=row["id"],
        feature=row["feature"],
        customer=row["customer"] if "@" in (row["customer"] or "") else None,
        name=row["customer_name"],
        customer_id=row["customer_id"],
        account=row["account"],
        account_name=row["account_name"],
        weight=row["weight"],
        quotes=tuple(ticket["quote"] for ticket in tickets if ticket["quote"]),
        links=tuple(ticket["url"] for ticket in tickets if ticket["url"]),
    )
