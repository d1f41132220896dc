"""Facts, and their names, that deliveries and history have in common. Pure.

Names of facts, so that the same fact told by another delivery, or by the history, is one fact:

    created:<conversation>                         the conversation exists; its first message comes with it
    message:<conversation>:<thread>                something was said
    said:<thread>:<when>:<by whom>                 beside both: a merge moves threads into another conversation
    rating:<conversation>:<thread>:<what was said> the customer rated an answer; the history knows no rating's id
    merged:<conversation>, deleted:<conversation>  it is gone
    change:<conversation>:<delivery>               look what changed: bodies tell no old value (fact sheet 3.4)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cornerdesk import JSON, Change, EventKind, Fact, Status

from cornerdesk_helpscout.schemas import Conversation, Thread
from cornerdesk_helpscout.threads import LINE_ITEM, author_of, is_message, merged_conversation


def complete(conversation: Conversation) -> bool:
    """Whether every thread stands beside a conversation. Whether `threads` counts line items, too, is not documented,
    so either count will do."""
    threads = conversation.parts.threads
    if conversation.threads is None:
        return False
    return conversation.threads in (len(threads), sum(map(is_message, threads)))


def created_keys(conversation: str, opening: Thread | None) -> tuple[str, ...]:
    return (f"created:{conversation}", *(_said_key(opening) if opening is not None else ()))


def message_keys(conversation: Conversation, thread: Thread, *, known: bool) -> tuple[str, ...]:
    """Thread ids may be unique within their conversation only (3.2), so a thread that a merge moved is known by more.

    Args:
        known: whether this is known to be, or not to be, what the conversation began with. What may be that has no
            name that its creation has, or the creation would be taken for told.
    """
    began = conversation.createdAt
    own = not known and (began is None or thread.createdAt is None or thread.createdAt - began <= _BEGINNING)
    return (f"message:{conversation.id}:{thread.id}", *(() if own else _said_key(thread)))


_BEGINNING = timedelta(minutes=1)


def _said_key(thread: Thread) -> tuple[str, ...]:
    author = thread.createdBy.id if thread.createdBy is not None else None
    if thread.createdAt is None or author is None:
        return ()
    return (f"said:{thread.id}:{thread.createdAt:%Y%m%dT%H%M%S}:{author}",)


def merged_facts(conversation: Conversation, threads: Sequence[Thread], raw: JSON) -> Iterator[Fact]:
    """One fact for each conversation that line items say was merged into this one."""
    for thread in threads:
        gone = merged_conversation(thread, conversation.id) if thread.type == LINE_ITEM else None
        if gone is not None and thread.createdAt is not None:
            yield Fact(
                kind=EventKind.TICKET_MERGED,
                keys=(f"merged:{gone}",),
                ticket_id=gone,
                occurred_at=thread.createdAt,
                ticket={"id": gone, "status": Status.CLOSED, "status_label": "merged"},
                actor=author_of(thread),
                changes={"merged_into": Change(after=conversation.id)},
                raw=raw,
            )


def deleted_fact(ticket_id: str, at: datetime, raw: JSON) -> Fact:
    return Fact(
        kind=EventKind.TICKET_DELETED,
        keys=(f"deleted:{ticket_id}",),
        ticket_id=ticket_id,
        occurred_at=at,
        ticket={"id": ticket_id, "status": Status.DELETED, "status_label": "deleted"},
        raw=raw,
    )


def rating_key(conversation: str, thread: str | None, word: str | None, comment: str | None) -> str:
    """By what was said, for a thread tells its rating without an id (3.2), and a rating may be changed."""
    plain = re.sub(r"[\s_-]", "", word or "").lower()
    digest = hashlib.sha256(f"{plain}\n{(comment or '').strip()}".encode("utf-8", "replace")).hexdigest()[:16]
    return f"rating:{conversation}:{thread or ''}:{digest}"
