"""Threads as messages: who wrote what to whom, in which order, and since when the customer waits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from cornerdesk import Actor, ActorKind, Attachment, Direction, Message, Status, html_to_text, split_reply

from cornerdesk_helpscout.notes import without_reference
from cornerdesk_helpscout.people import actor_of
from cornerdesk_helpscout.schemas import Conversation, Thread, id_in_address

_DIRECTIONS = {
    "customer": Direction.INBOUND,
    "message": Direction.OUTBOUND,
    "reply": Direction.OUTBOUND,
    "forwardchild": Direction.OUTBOUND,
    "note": Direction.INTERNAL,
    "phone": Direction.INTERNAL,  # what an agent wrote down of a call
    "forwardparent": Direction.INTERNAL,  # a forward to somebody who is not the customer
}
_WORKFLOWS = frozenset({"workflow", "workflows"})
LINE_ITEM = "lineitem"
_UNTOLD = frozenset({"draft", "hidden", "underreview"})
"""States of threads that nobody was told (3.2)."""


def author_of(thread: Thread) -> Actor:
    """Whoever wrote it, never `customer`, which stands on notes, too; workflows write in somebody's name."""
    author = actor_of(thread.createdBy)
    words = {thread.source.type if thread.source else None, thread.action.type if thread.action else None}
    if author.kind is ActorKind.AGENT and words & _WORKFLOWS:
        return author.model_copy(update={"kind": ActorKind.AUTOMATION})
    return author


def is_message(thread: Thread) -> bool:
    """Whether something was said in it, and is not unsaid."""
    return thread.type != LINE_ITEM and thread.state not in _UNTOLD


def direction_of(thread: Thread) -> Direction:
    """By its type; a chat, and whatever we do not know, by who wrote it, and then never as an answer nobody got."""
    known = _DIRECTIONS.get(thread.type or "")
    if known is not None:
        return known
    kind = actor_of(thread.createdBy).kind
    if kind is ActorKind.CUSTOMER:
        return Direction.INBOUND
    return Direction.OUTBOUND if thread.type in ("chat", "beaconchat") else Direction.INTERNAL


def message_of(thread: Thread) -> Message:
    """A thread as a message. Notes are not searched for quotations: what we wrote must come back whole, but for the
    reference that we put at its end."""
    direction = direction_of(thread)
    text, quoted = html_to_text(thread.body), None
    if direction is Direction.INTERNAL:
        text = without_reference(text)
    else:
        text, quoted = split_reply(text)
    author = author_of(thread)
    if author.kind is ActorKind.UNKNOWN and direction is Direction.INBOUND:
        author = author.model_copy(update={"kind": ActorKind.CUSTOMER})
    return Message(
        id=thread.id,
        direction=direction,
        author=author,
        text=text,
        quoted=quoted,
        html=thread.body or None,
        created_at=thread.createdAt,
        attachments=tuple(_attachments(thread)),
    )


def _attachments(thread: Thread) -> Iterator[Attachment]:
    """Their `data` links want our credentials, and are what stays: `web` links end (2.5)."""
    for file in thread.parts.attachments:
        links = file.links if isinstance(file.links, dict) else {}
        link = links.get("data")
        address = link.get("href") if isinstance(link, dict) else None
        yield Attachment(
            name=file.filename,
            type=file.mimeType,
            size=file.size,
            url=address if isinstance(address, str) else None,
        )


def in_order(threads: Iterable[Thread]) -> list[Thread]:
    """Oldest first, whatever order they came in; those without a time stay where they are among their neighbours."""
    listed = list(threads)
    times = [thread.createdAt for thread in listed if thread.createdAt is not None]
    if len(times) > 1 and times[0] > times[-1]:
        listed.reverse()
    if len(times) == len(listed):
        listed.sort(key=lambda thread: (thread.createdAt, thread.id.zfill(20)))
    return listed


def messages_of(threads: Iterable[Thread]) -> list[Message]:
    """What was said, oldest first; a thread that is told twice counts once."""
    return list({thread.id: message_of(thread) for thread in in_order(threads) if is_message(thread)}.values())


def opening_of(conversation: Conversation, threads: Iterable[Thread]) -> Thread | None:
    """The thread that the conversation began with, given all of them: what a merge brought in may be older."""
    said = [thread for thread in in_order(threads) if is_message(thread)]
    began = conversation.createdAt
    own = [one for one in said if began is None or one.createdAt is None or one.createdAt > began - _SOON]
    return next(iter(own or said), None)


_SOON = timedelta(seconds=5)


def waiting_since(messages: Sequence[Message], status: Status) -> datetime | None:
    """Since when the customer waits for us: the first of their messages after a person's last answer.

    Help Scout's own `customerWaitingSince` does not say who spoke last (3.1), so it is not taken for that.
    """
    if status not in (Status.OPEN, Status.ON_HOLD):
        return None
    since = None
    for message in messages:
        if message.direction is Direction.INBOUND:
            since = since or message.created_at
        elif message.direction is Direction.OUTBOUND and message.author.kind not in _MACHINES:
            since = None
    return since


_MACHINES = (ActorKind.BOT, ActorKind.AUTOMATION)


def merged_conversation(thread: Thread, survivor: str) -> str | None:
    """The conversation that a line item says was merged into this one, where it names it (3.4); its shape is not
    documented, so only a number under a key that speaks of a conversation counts."""
    action = thread.action
    if action is None or "merge" not in (action.type or "").lower() or not isinstance(action.associatedEntities, dict):
        return None
    for key, value in action.associatedEntities.items():
        text = id_in_address(value) or str(value)
        if "conversation" in str(key).lower() and text.isascii() and text.isdigit() and text not in ("0", survivor):
            return text[:19]
    return None
