"""What a vote board is. This file is the manual: subclass `Board`, return it from the hook `cornerdesk_votes_boards`.

    plugins: {votes: {board: fider}, fider: {...}}

A counted vote becomes an effect `vote.sync`, and so does every change of its state by hand. The executor calls the
board with the state that the vote has *then*: it adds the vote or withdraws it. An effect may be sent again after an
error, so adding and withdrawing must be harmless to repeat, or `has_vote` must tell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from cornerdesk import Feature, FrozenModel, Receipt, UnsupportedError


class BoardVote(FrozenModel):
    """A vote as a board needs it.

    Attributes:
        id: ours; the same for every call about this vote.
        customer: the person's e-mail address, or None; `name` and `customer_id` (at the help desk) as far as known.
        account, account_name: the person's company.
        weight: what it counts here; most boards know no weights.
        quotes: the customer's words, oldest first. `links`: the tickets' addresses, for agents.
    """

    id: str
    feature: str
    customer: str | None = None
    name: str | None = None
    customer_id: str | None = None
    account: str | None = None
    account_name: str | None = None
    weight: float = 1
    quotes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


class Board(ABC):
    """One connected vote board. Every method may raise `RetryableError`, `UnknownOutcomeError`, `RejectedError` or
    `CredentialsError`."""

    name: ClassVar[str]
    """What `plugins: {votes: {board: NAME}}` says."""

    @abstractmethod
    async def find_post(self, feature: Feature) -> str | None:
        """The board's id of the post for this feature (`feature.board` holds what the catalogue says of it), or None
        when there is none. Changes nothing."""

    @abstractmethod
    async def add_vote(self, post: str, vote: BoardVote, marker: str) -> Receipt:
        """Add the vote on behalf of the customer. A vote that is there already is no error."""

    @abstractmethod
    async def withdraw_vote(self, post: str, vote: BoardVote, marker: str) -> Receipt:
        """Take the vote back. A vote that is not there is no error."""

    async def has_vote(self, post: str, vote: BoardVote) -> bool:
        """Whether the customer's vote stands on the board; asked after an unknown outcome.

        Raises:
            UnsupportedError: the board cannot tell.
        """
        raise UnsupportedError(f"board {self.name} cannot tell whether a vote stands")
