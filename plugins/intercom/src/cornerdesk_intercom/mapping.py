"""Intercom's words in ours, and back. Pure: no I/O, no clock.

Conversations and tickets become tickets. A customer's ticket is a conversation with the same id, so the two are one:
how it stands is the ticket's, what was said is the conversation's (fact sheet intercom.md 2.5). An unknown word maps
to `other` or None, and stays readable in the `*_label` field beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cornerdesk import (
    Account,
    Actor,
    ActorKind,
    Attachment,
    Channel,
    Customer,
    CustomerKind,
    Direction,
    Message,
    Priority,
    Rating,
    Score,
    Status,
    clean_text,
    html_to_text,
    split_reply,
)

from cornerdesk_intercom import schemas
from cornerdesk_intercom.notes import is_html, without_marker
from cornerdesk_intercom.schemas import Author, Channels, Contact, ContactReference, Conversation, Part, VendorTicket

STATES = {"open": Status.OPEN, "snoozed": Status.PENDING, "closed": Status.SOLVED}
"""Nothing is closed for good in Intercom: a customer's reply opens it again."""

CATEGORIES = {
    "submitted": Status.NEW,
    "in_progress": Status.OPEN,
    "waiting_on_customer": Status.PENDING,
    "resolved": Status.SOLVED,
}
VENDOR_CATEGORIES = {status: category for category, status in CATEGORIES.items()}
"""Which category of ticket state a status is set by; the others are set by closing and snoozing."""

PRIORITIES = {
    "low": Priority.LOW,
    "medium": Priority.NORMAL,
    "high": Priority.HIGH,
    "urgent": Priority.URGENT,
    "priority": Priority.HIGH,  # until API version 2.15 there was but this one, and none
}

CHANNELS: dict[str, Channel] = {
    **dict.fromkeys(("conversation", "chat", "messenger", "push", "in_app"), Channel.CHAT),
    "email": Channel.EMAIL,
    **dict.fromkeys(("facebook", "instagram", "twitter"), Channel.SOCIAL),
    **dict.fromkeys(("whatsapp", "sms", "telegram", "line"), Channel.MESSAGING),
    **dict.fromkeys(("phone_call", "phone_switch", "phone", "voice"), Channel.PHONE),
    "web": Channel.WEB,
    "api": Channel.API,
}

AUTHORS = {
    **dict.fromkeys(("user", "lead", "contact", "visitor"), ActorKind.CUSTOMER),
    **dict.fromkeys(("admin", "team"), ActorKind.AGENT),
    "bot": ActorKind.BOT,
}

SPOKEN = frozenset({"comment", "note", "quick_reply", "open", "close", "assignment", "assign_and_reopen"})
"""Types of parts that are messages when they have a body; a body of any other is about what happened (3.2)."""

TITLE, DESCRIPTION = "_default_title_", "_default_description_"


def map_channel(channel: Channels | str | None, source_type: str | None = None) -> tuple[Channel, str | None]:
    """Ours, and the vendor's own word. How it began counts, not where it went on."""
    word = channel.initial or channel.current if isinstance(channel, Channels) else channel
    word = (word or source_type or "").strip().lower() or None
    return CHANNELS.get(word or "", Channel.OTHER), word


def map_state(conversation: Conversation) -> tuple[Status, str | None]:
    """Of a plain conversation. A snoozed one is `open`, too, so its `state` decides (3.1); it opens again when the
    customer writes, so that is whom it waits for."""
    word = conversation.state
    if word is None and conversation.open is not None:
        word = "open" if conversation.open else "closed"
    return STATES.get(word or "", Status.OTHER), word


def map_ticket_state(ticket: VendorTicket) -> tuple[Status, str | None]:
    """Of a ticket: closed and snoozed are told beside its state, and both can be so in any state (3.3)."""
    state = ticket.ticket_state
    category = state.category if state else None
    label = (state.internal_label if state else None) or ticket.ticket_state_internal_label or category
    status = CATEGORIES.get(category or "", Status.OTHER)
    if ticket.open is False:
        return Status.SOLVED, label or "closed"
    if _is_snoozed(ticket) and status is not Status.SOLVED:
        return Status.PENDING, label
    return status, label


def _is_snoozed(ticket: VendorTicket) -> bool:
    """Whether the end is taken away when it is over is written nowhere; when it is over, the ticket changes."""
    until = ticket.snoozed_until
    return until is not None and (ticket.updated_at is None or until > ticket.updated_at)


def map_rating(rating: schemas.Rating) -> Rating:
    """From 1 to 5, of which 3 is okay."""
    number = rating.rating
    score = None
    if number is not None and 1 <= number <= 5:
        score = Score.BAD if number < 3 else Score.OKAY if number == 3 else Score.GOOD
    comment = clean_text(rating.remark) if rating.remark else None
    return Rating(score=score, comment=comment or None, label=None if number is None else str(number))


def subject_of(conversation: Conversation) -> str | None:
    """The title, or else the e-mail's subject, which the API tells as HTML and webhooks as text."""
    text = conversation.title or (conversation.source.subject if conversation.source else None) or ""
    return (html_to_text(text) if is_html(text) else clean_text(text)) or None


# ── what a delivery tells of a ticket ───────────────────────────────────────────────────────────────────────────────


def told_conversation(conversation: Conversation, pages: str) -> dict[str, Any]:
    """As far as the conversation tells it: only what stands there. Where it is a ticket, too, the ticket's number,
    status, subject and type are not the conversation's to tell."""
    given = conversation.model_fields_set
    told: dict[str, Any] = {"id": conversation.id, "url": pages + conversation.id}
    source = conversation.source
    if conversation.ticket is None:
        told["number"] = conversation.id
        if given & {"state", "open"}:
            told["status"], told["status_label"] = map_state(conversation)
        if "title" in given or source is not None:
            told["subject"] = subject_of(conversation)
    if "priority" in given:
        told |= {
            "priority": PRIORITIES.get(conversation.priority or ""),
            "priority_label": conversation.priority,
        }
    if conversation.channel is not None or (source is not None and source.type):
        told["channel"], told["channel_label"] = map_channel(conversation.channel, source.type if source else None)
    if "tags" in given:
        told["tags"] = tag_names(conversation.tags)
    if (customer := _told_customer(conversation.contacts, source.author if source else None)) is not None:
        told["customer"] = customer
    if conversation.company is not None:
        told["account"] = {"id": conversation.company.id, "name": conversation.company.name or None}
    if "waiting_since" in given:
        told["waiting_since"] = conversation.waiting_since
    if conversation.custom_attributes:
        told["fields"] = dict(conversation.custom_attributes)
    return told | _told_people_and_times(conversation)


def told_ticket(ticket: VendorTicket, pages: str) -> dict[str, Any]:
    """As far as the ticket tells it."""
    given = ticket.model_fields_set
    told: dict[str, Any] = {"id": ticket.id, "url": pages + ticket.id}
    if ticket.ticket_id is not None:
        told["number"] = ticket.ticket_id
    if ticket.ticket_state is not None or ticket.open is False:
        told["status"], told["status_label"] = map_ticket_state(ticket)
    if TITLE in ticket.ticket_attributes:
        told["subject"] = clean_text(str(ticket.ticket_attributes[TITLE] or "")) or None
    if ticket.ticket_type is not None:
        told["type"] = ticket.ticket_type.name
    if "ticket_attributes" in given:
        told["fields"] = fields_of(ticket)
    if ticket.channel is not None:
        told["channel"], told["channel_label"] = map_channel(ticket.channel)
    if (customer := _told_customer(ticket.contacts, None)) is not None:
        told["customer"] = customer
    if ticket.company_id is not None:
        told["account"] = {"id": ticket.company_id}
    return told | _told_people_and_times(ticket)


def _told_people_and_times(told: Conversation | VendorTicket) -> dict[str, Any]:
    """A team is told by id alone, and ours has a name; only that there is none can be said."""
    given, more = told.model_fields_set, dict[str, Any]()
    if "admin_assignee_id" in given:
        more["assignee"] = {"id": told.admin_assignee_id} if told.admin_assignee_id else None
    if "team_assignee_id" in given and told.team_assignee_id is None:
        more["team"] = None
    for name, time in (("created_at", told.created_at), ("updated_at", told.updated_at)):
        if time is not None:
            more[name] = time
    return more


def _told_customer(contacts: Iterable[ContactReference], author: Author | None) -> dict[str, Any] | None:
    """The first contact; who began the conversation is told with name and address, where it is the same person."""
    contact = next((each for each in contacts if each.id is not None), None)
    asks = author is not None and AUTHORS.get(author.type or "") is ActorKind.CUSTOMER
    if contact is None:
        contact = ContactReference(id=author.id) if author is not None and asks and author.id else None
    if contact is None:
        return None
    known = author if author is not None and author.id == contact.id else None
    kind = CUSTOMERS.get(contact.type or "") or CUSTOMERS.get((known.type if known else None) or "")
    told = {
        "id": contact.id,
        "external_id": contact.external_id,
        "name": contact.name or (known.name if known else None),
        "email": contact.email or (known.email if known else None),
        "kind": kind,
    }
    return {name: value for name, value in told.items() if value}


CUSTOMERS = {"user": CustomerKind.USER, "lead": CustomerKind.LEAD}


def fields_of(ticket: VendorTicket) -> dict[str, Any]:
    """A ticket's attributes by name, without the two that are its subject and its first words."""
    return {name: value for name, value in ticket.ticket_attributes.items() if name not in (TITLE, DESCRIPTION)}


def tag_names(tags: Iterable[schemas.Tag]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.name for tag in tags if tag.name))


# ── who and what was said ───────────────────────────────────────────────────────────────────────────────────────────


def actor_of(author: Author | None) -> Actor:
    """Leads write as `user` (3.2); Fin writes as an admin of its own, or as a bot."""
    if author is None:
        return Actor()
    kind = ActorKind.BOT if author.from_ai_agent else AUTHORS.get(author.type or "", ActorKind.UNKNOWN)
    return Actor(kind=kind, id=author.id, name=author.name or None, email=author.email or None)


def is_message(part: Part) -> bool:
    """Sent files are one, too, though nothing is said with them."""
    return bool(part.body.strip() or part.attachments) and part.part_type in SPOKEN


def message_of(part: Part) -> Message:
    """A part as a message."""
    author = actor_of(part.author)
    direction = Direction.INTERNAL if part.part_type == "note" else _direction(author)
    return _message(part.id, part.body, direction, author, part.created_at, part.attachments)


def source_message(conversation: Conversation) -> Message | None:
    """What began the conversation; none where it is not told."""
    source = conversation.source
    if source is None or not (source.body.strip() or source.attachments or source.id):
        return None
    author = actor_of(source.author)
    message_id = source.id or f"source:{conversation.id}"
    return _message(message_id, source.body, _direction(author), author, conversation.created_at, source.attachments)


def description_message(ticket: VendorTicket) -> Message | None:
    """A ticket's description, which is its first message where no conversation tells one. The first part's author
    wrote it; what a teammate wrote was said to nobody."""
    text = str(ticket.ticket_attributes.get(DESCRIPTION) or "")
    if not text.strip():
        return None
    author = actor_of(ticket.ticket_parts[0].author) if ticket.ticket_parts else Actor()
    inbound = author.kind in (ActorKind.CUSTOMER, ActorKind.UNKNOWN) and ticket.category in ("Customer", None)
    direction = Direction.INBOUND if inbound else Direction.INTERNAL
    return _message(f"description:{ticket.id}", text, direction, author, ticket.created_at, ())


def first_message(conversation: Conversation | None, ticket: VendorTicket | None) -> Message | None:
    """The conversation's, with the ticket's description for its words where it has none: a form was filled in."""
    said = source_message(conversation) if conversation else None
    described = description_message(ticket) if ticket else None
    if said is None or described is None or said.text or said.attachments:
        return said or described
    return said.model_copy(update={"text": described.text, "quoted": described.quoted})


def _direction(author: Actor) -> Direction:
    ours = author.kind in (ActorKind.AGENT, ActorKind.BOT)
    return Direction.OUTBOUND if ours else Direction.INBOUND


def _message(
    message_id: str,
    body: str,
    direction: Direction,
    author: Actor,
    created_at: datetime | None,
    files: Iterable[schemas.File],
) -> Message:
    """The body is HTML from the API, and plain text in webhooks since API version 2.15 (1.5). Notes are not searched
    for quotations: what we wrote must come back whole."""
    html = body if is_html(body) else None
    if direction is Direction.INTERNAL:
        text, quoted = without_marker(body), None
    else:
        text, quoted = split_reply(html_to_text(body) if html else body)
    attachments = tuple(
        Attachment(name=file.name, type=file.content_type, size=file.filesize, url=file.url) for file in files
    )
    return Message(
        id=message_id,
        direction=direction,
        author=author,
        text=text,
        quoted=quoted,
        html=html,
        created_at=created_at,
        attachments=attachments,
    )


# ── customers and companies ─────────────────────────────────────────────────────────────────────────────────────────


def customer_of(contact: Contact) -> Customer:
    return Customer(
        id=contact.id,
        email=contact.email or None,
        name=contact.name or None,
        phone=contact.phone or None,
        kind=CUSTOMERS.get(contact.role or "", CustomerKind.UNKNOWN),
        external_id=contact.external_id or None,
    )


def account_of(company: schemas.Company) -> Account:
    """The customer's company. `monthly_spend` is 0 where nobody set it, so 0 says nothing."""
    own_id = company.company_id or None
    if own_id is not None and own_id.endswith("-qualification-company"):
        own_id = None  # Intercom's own invention (3.4)
    beside = {"industry": company.industry, "size": company.size}
    return Account(
        id=company.id,
        name=company.name or None,
        domains=_domains(company.website),
        plan=(company.plan.name if company.plan else None) or None,
        revenue=company.monthly_spend * 12 if company.monthly_spend else None,
        external_id=own_id,
        fields={name: value for name, value in beside.items() if value} | dict(company.custom_attributes),
    )


def _domains(website: str | None) -> tuple[str, ...]:
    """`https://www.example.com/about` is of `example.com`."""
    host = (website or "").strip().lower().rpartition("//")[2].partition("/")[0].partition(":")[0]
    host = host.removeprefix("www.")
    return (host,) if "." in host and all(part.replace("-", "").isalnum() for part in host.split(".")) else ()


def people_of(authors: Iterable[Author | None], others: Iterable[Actor] = ()) -> dict[str, Actor]:
    """Everybody by id; what is known better comes later."""
    actors = [*(actor_of(author) for author in authors), *others]
    return {actor.id: actor for actor in actors if actor.id is not None}
