"""How a ticket stands at the vendor, in the model's words: what tests compare with."""

from __future__ import annotations

from dataclasses import dataclass

from cornerdesk import Direction, Priority, Status


@dataclass(frozen=True)
class Line:
    """One message of a ticket as it stands at the vendor; `text` as people read it there, HTML taken apart
    (`cornerdesk.html_to_text`)."""

    id: str
    text: str
    direction: Direction


@dataclass(frozen=True)
class Look:
    """A ticket as it stands at the vendor, in the model's words and by the vendor's ids: what tests compare with.

    Attributes:
        assignee: the agent's id.
        team: the team's name.
        messages: oldest first; without what only says that something changed.
    """

    id: str
    subject: str | None
    status: Status
    priority: Priority | None
    tags: tuple[str, ...]
    assignee: str | None
    team: str | None
    messages: tuple[Line, ...]
