"""Help Scout's words in ours, and back. Pure: no I/O, no clock.

Webhooks and the API show the same objects (fact sheet helpscout.md 1.4), so one mapping serves both. An unknown word
maps to `other` or None, and stays readable in the `*_label` field beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cornerdesk import (
    Account,
    Channel,
    Customer,
    Message,
    Rating,
    RejectedError,
    Score,
    Status,
    Ticket,
    TicketState,
    clean_text,
)

from cornerdesk_helpscout.people import account_of, assigned, customer_of, people_of
from cornerdesk_helpscout.schemas import (
    ApiCustomer,
    Conversation,
    CustomField,
    Organization,
    Source,
    Thread,
)
from cornerdesk_helpscout.threads import message_of, messages_of, opening_of, waiting_since

PAGES = "https://secure.helpscout.net/conversation/"
"""Where agents read conversations: this, the id, a slash and the number (3.1)."""

STATUSES = {
    "active": Status.OPEN,
    "open": Status.OPEN,  # a word of filters and patches that one page shows as a value, too (3.1)
    "pending": Status.PENDING,
    "closed": Status.SOLVED,  # a customer's reply opens it again; what is merged away is closed for good
    "spam": Status.SPAM,
}
VENDOR_STATUSES = {
    Status.OPEN: "active",
    Status.PENDING: "pending",
    Status.SOLVED: "closed",
    Status.CLOSED: "closed",
    Status.SPAM: "spam",
}
"""What a status can be set to. Help Scout knows one way of being done with a conversation."""

DRAFT = "draft"

CHANNELS: dict[str, Channel] = {
    **dict.fromkeys(("email", "emailfwd", "manual", "notification", "support"), Channel.EMAIL),
    **dict.fromkeys(("web", "docs", "beacon", "mobile"), Channel.WEB),
    **dict.fromkeys(("chat", "channel", "beaconchat"), Channel.CHAT),
    **dict.fromkeys(("api", "csv", "jira", "zendesk", "uservoice", "workflows"), Channel.API),
    **dict.fromkeys(("heymarket", "messenger", "instagram", "whatsapp", "sms"), Channel.MESSAGING),
    "phone": Channel.PHONE,
}

_TYPES = frozenset({"email", "chat", "phone"})
"""Of conversations (3.1)."""

SCORES = {"great": Score.GOOD, "okay": Score.OKAY, "ok": Score.OKAY, "notgood": Score.BAD, "bad": Score.BAD}
"""By the word without capitals, blanks, `-` and `_`, which Help Scout's places write differently (3.3)."""


def map_status(word: object) -> Status:
    """`active`, `Active` as ours."""
    return STATUSES.get(str(word).lower(), Status.OTHER)


def status_of(conversation: Conversation) -> tuple[Status, str | None]:
    """Ours, and Help Scout's own words. Who snoozes a conversation waits for a time or a third party, not for the
    customer, unless it is `pending`, which says so."""
    word = conversation.status
    if conversation.state == "deleted":
        return Status.DELETED, "deleted"
    status = map_status(word)
    if conversation.snooze is None or status not in (Status.OPEN, Status.PENDING):
        return status, word
    return (Status.ON_HOLD if status is Status.OPEN else status), f"{word}, snoozed"


def map_channel(kind: str | None, source: Source | None) -> tuple[Channel, str | None]:
    """Ours, and the vendor's own word: the source where it is known, else the conversation's type.

    What an agent began goes by its type: `web` and `api` then tell only which program the agent used.
    """
    word = source.type if source is not None else None
    if kind is not None and kind not in _TYPES:
        return CHANNELS.get(word or "", Channel.OTHER), ", ".join(filter(None, (kind, word)))
    if kind in ("chat", "phone"):
        return CHANNELS[kind], word or kind
    if kind is not None and source is not None and source.via == "user" and word not in ("chat", "phone"):
        return CHANNELS.get(kind, Channel.OTHER), word or kind
    return CHANNELS.get(word or "", CHANNELS.get(kind or "", Channel.OTHER)), word or kind


def map_rating(word: str | None, comment: str | None) -> Rating:
    """`great`, `Okay`, `not_good`, `not-good`."""
    known = SCORES.get(re.sub(r"[\s_-]", "", word or "").lower())
    return Rating(score=known, comment=clean_text(comment) or None if comment else None, label=word)


# ── tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_of(conversation: Conversation) -> datetime | None:
    """Which state this is. There is no `modifiedAt`: of all times that are told, the newest (2.4).

    The threads' times are left out on purpose: webhooks do not always bring threads, and the same state must have the
    same time wherever it is told.
    """
    waiting = conversation.customerWaitingSince
    times = [
        conversation.userUpdatedAt,
        conversation.closedAt,
        conversation.createdAt,
        waiting.time if waiting is not None else None,
    ]
    return max((time for time in times if time is not None), default=None)


def told_ticket(conversation: Conversation) -> dict[str, Any]:
    """The ticket as far as this object tells it: only what stands there."""
    told: dict[str, Any] = {"id": conversation.id}
    if conversation.number is not None:
        told |= {"number": conversation.number, "url": f"{PAGES}{conversation.id}/{conversation.number}"}
    if conversation.subject is not None:
        told["subject"] = clean_text(conversation.subject)
    if conversation.status is not None or conversation.state == "deleted":
        told["status"], told["status_label"] = status_of(conversation)
        told["assignee"], told["team"] = assigned(conversation.assignee)
    if conversation.type is not None or conversation.source is not None:
        told["channel"], told["channel_label"] = map_channel(conversation.type, conversation.source)
    if conversation.tags is not None:
        told["tags"] = tags_of(conversation)
    if (customer := customer_of(conversation.primaryCustomer)) is not None:
        told["customer"] = customer.model_dump(exclude_none=True)
    if conversation.customFields is not None:
        told["fields"] = fields_of(conversation.customFields)
    if conversation.threads is not None:
        told["message_count"] = conversation.threads
    for name, time in (("created_at", conversation.createdAt), ("updated_at", as_of(conversation))):
        if time is not None:
            told[name] = time
    return told


def tags_of(conversation: Conversation) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.tag for tag in conversation.tags or () if tag.tag))


def fields_of(fields: Iterable[CustomField]) -> dict[str, Any]:
    """Custom fields by name; by id where two share a name. Of a dropdown the label, as people see it."""
    found: dict[str, Any] = {}
    for field in fields:
        name = field.name or field.id
        if name is None:
            continue
        key = field.id if name in found and field.id is not None else name
        found[key] = field.value if field.text in (None, "") else field.text
    return found


def ticket_of(
    conversation: Conversation, *, customer: Customer | None, account: Account | None, messages: Sequence[Message]
) -> Ticket:
    """The complete ticket."""
    told = told_ticket(conversation)
    status = told.get("status", Status.OTHER)
    whole = {
        "customer": customer,
        "account": account,
        "waiting_since": waiting_since(messages, status),
        "message_count": conversation.threads if conversation.threads is not None else len(messages),
    }
    return Ticket.model_validate({**told, **whole})


def state_of(
    conversation: Conversation,
    threads: Sequence[Thread],
    customer: ApiCustomer | None,
    organization: Organization | None,
) -> TicketState:
    """What the API tells of a conversation, put together.

    Args:
        threads: all of them, in any order.

    Raises:
        RejectedError: it has no time of any kind.
    """
    messages = messages_of(threads)
    time = as_of(conversation) or next((each.created_at for each in reversed(messages) if each.created_at), None)
    if time is None:
        raise RejectedError(f"conversation {conversation.id} has no time of any kind")
    opening = opening_of(conversation, threads)
    ticket = ticket_of(
        conversation,
        customer=customer_of(conversation.primaryCustomer, customer),
        account=account_of(customer, organization),
        messages=messages,
    )
    return TicketState(
        ticket=ticket,
        as_of=time,
        first_message=message_of(opening) if opening is not None else None,
        messages=tuple(messages),
        people=people_of(conversation, threads),
    )


def same_tag(tag: str) -> str:
    """Tags are compared without regard to capitals (4.1)."""
    return tag.strip().casefold()
