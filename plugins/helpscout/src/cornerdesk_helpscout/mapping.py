"""Help Scout's words in ours, and back. Pure: no I/O, no clock.

Webhooks and the API show the same objects (fact sheet helpscout.md 1.4), so one mapping serves both. An unknown word
maps to `other` or None, and stays readable in the `*_label` field beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cornerdesk import (
    Account,
    Actor,
    ActorKind,
    Agent,
    Attachment,
    Channel,
    Customer,
    CustomerKind,
    Direction,
    Message,
    Rating,
    RejectedError,
    Score,
    Status,
    Ticket,
    TicketState,
    clean_text,
    html_to_text,
    split_reply,
)

from cornerdesk_helpscout.notes import without_reference
from cornerdesk_helpscout.schemas import (
    ApiCustomer,
    Conversation,
    CustomField,
    Organization,
    Person,
    Source,
    Thread,
    id_in_address,
)

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

_KINDS = {"customer": ActorKind.CUSTOMER, "user": ActorKind.AGENT, "system_user": ActorKind.BOT}
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


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def name_of(first: str | None, last: str | None) -> str | None:
    """Both names, as far as there are any."""
    return " ".join(part.strip() for part in (first, last) if part and part.strip()) or None


def actor_of(person: Person | None) -> Actor:
    if person is None:
        return Actor()
    kind = _KINDS.get(person.type or "", ActorKind.UNKNOWN)
    return Actor(kind=kind, id=person.id, name=name_of(person.first, person.last), email=person.email or None)


def author_of(thread: Thread) -> Actor:
    """Whoever wrote it, never `customer`, which stands on notes, too; workflows write in somebody's name."""
    author = actor_of(thread.createdBy)
    words = {thread.source.type if thread.source else None, thread.action.type if thread.action else None}
    if author.kind is ActorKind.AGENT and words & _WORKFLOWS:
        return author.model_copy(update={"kind": ActorKind.AUTOMATION})
    return author


def people_of(conversation: Conversation, threads: Iterable[Thread]) -> dict[str, Actor]:
    """Everybody named, by id."""
    named = [conversation.createdBy, conversation.assignee, conversation.primaryCustomer]
    for thread in threads:
        named += [thread.createdBy, thread.assignedTo]
    people: dict[str, Actor] = {}
    for person in named:
        if person is not None and person.id is not None and person.type != "team":
            people[person.id] = _fuller(actor_of(person), people.get(person.id))
    customer = conversation.primaryCustomer
    if customer is not None and customer.id is not None:
        people[customer.id] = people[customer.id].model_copy(update={"kind": ActorKind.CUSTOMER})
    return people


def _fuller(actor: Actor, known: Actor | None) -> Actor:
    return known if known is not None and known.name and not actor.name else actor


def customer_of(person: Person | None, customer: ApiCustomer | None = None) -> Customer | None:
    """Who asks: as the conversation names them, and what their own page adds."""
    if person is None or person.id is None:
        return None
    email, name, phone = person.email or None, name_of(person.first, person.last), None
    if customer is not None:
        email = email or next((each.value for each in customer.parts.emails if each.value), None)
        name = name_of(customer.firstName, customer.lastName) or name
        phone = next((each.value for each in customer.parts.phones if each.value), None)
    return Customer(id=person.id, email=email, name=name, phone=phone, kind=CustomerKind.USER)


def account_of(customer: ApiCustomer | None, organization: Organization | None) -> Account | None:
    """The customer's company: the organisation, or the free text that stands on the customer's page."""
    if organization is not None:
        return Account(
            id=organization.id,
            name=organization.name or None,
            domains=tuple(domain.lower() for domain in organization.domains),
            fields={
                str(each.name or each.slug): each.value for each in organization.properties if each.name or each.slug
            },
        )
    if customer is None:
        return None
    name = (customer.organization or "").strip()
    company = customer.organizationId or name
    return Account(id=company, name=name or None) if company else None


# ── threads ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def assigned(person: Person | None) -> tuple[dict[str, Any] | None, str | None]:
    """Who works on it: an agent, or a team. The key is absent when it is nobody (3.1)."""
    if person is None or person.id is None:
        return None, None
    name = name_of(person.first, person.last)
    if person.type == "team":
        return None, name or person.id
    return Agent(id=person.id, name=name, email=person.email or None).model_dump(), None


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
