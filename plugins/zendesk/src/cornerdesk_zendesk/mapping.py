"""Zendesk's words in ours, and back. Pure: no I/O, no clock.

Deliveries and the API name the same things differently (fact sheet zendesk.md 1.2 and 3.3); both are mapped here.
An unknown word maps to `other` or None, and stays readable in the `*_label` field beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
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
    Priority,
    Rating,
    Score,
    Status,
    Ticket,
    clean_text,
    field_hint,
    html_to_text,
    message_hint,
    split_reply,
    tag_hint,
)

from cornerdesk_zendesk.schemas import (
    ApiTicket,
    Audit,
    AuditEvent,
    Comment,
    CustomValue,
    Detail,
    Organization,
    ScoreGiven,
    User,
    Via,
)

STATUSES = {
    "new": Status.NEW,
    "open": Status.OPEN,
    "pending": Status.PENDING,
    "hold": Status.ON_HOLD,
    "on-hold": Status.ON_HOLD,  # as placeholders of triggers title it
    "on_hold": Status.ON_HOLD,
    "solved": Status.SOLVED,
    "closed": Status.CLOSED,
    "archived": Status.CLOSED,
    "deleted": Status.DELETED,
    "scrubbed": Status.DELETED,
}
VENDOR_STATUSES = {
    Status.NEW: "new",
    Status.OPEN: "open",
    Status.PENDING: "pending",
    Status.ON_HOLD: "hold",
    Status.SOLVED: "solved",
    Status.CLOSED: "closed",
}
"""What a status can be set to; the others cannot be set."""

PRIORITIES: dict[str, Priority] = {priority.value: priority for priority in Priority}

CHANNELS: dict[str, Channel] = {
    **dict.fromkeys(("web", "web_form", "web_widget", "help_center", "dropbox", "mobile", "mobile_sdk"), Channel.WEB),
    **dict.fromkeys(("email", "mail"), Channel.EMAIL),
    **dict.fromkeys(("api", "web_service"), Channel.API),
    **dict.fromkeys(("chat", "chat_transcript", "chat_offline_message"), Channel.CHAT),
    **dict.fromkeys(("voice", "phone", "phone_call_inbound", "phone_call_outbound", "voicemail"), Channel.PHONE),
    **dict.fromkeys(
        ("native_messaging", "messaging", "sms", "text_message", "whatsapp", "line", "telegram", "apple_business_chat"),
        Channel.MESSAGING,
    ),
    **dict.fromkeys(
        ("twitter", "twitter_dm", "twitter_favorite", "twitter_like", "facebook", "facebook_post", "facebook_message",
         "instagram_dm", "any_channel"),
        Channel.SOCIAL,
    ),
}  # fmt: skip
_VIA_IDS = {0: "web", 4: "email", 5: "api", 8: "rule", 9: "linked_problem", 10: "group_deletion", 11: "user_change",
            12: "user_deletion", 13: "group_change", 14: "resource_push", 17: "web", 19: "merge", 20: "batch",
            21: "recovered_from_suspended_tickets", 22: "automatic_solution_suggestions"}  # fmt: skip
"""Where `channel` is an integer; higher ids are unknown."""

SCORES = {
    "good": Score.GOOD,
    "good_with_comment": Score.GOOD,
    "bad": Score.BAD,
    "bad_with_comment": Score.BAD,
    "okay": Score.OKAY,
}


def map_status(word: object) -> Status:
    """`OPEN`, `open` or `Open` as ours."""
    return STATUSES.get(str(word).lower(), Status.OTHER)


def map_priority(word: object) -> Priority | None:
    """None when unset or unknown."""
    text = str(word).lower()
    return PRIORITIES.get(text)


def map_channel(via: Via | None) -> tuple[Channel, str | None]:
    """Ours, and the vendor's own word."""
    raw = via.channel if via is not None else None
    if raw is None:
        return Channel.OTHER, None
    word = _VIA_IDS.get(raw, str(raw)) if isinstance(raw, int) else raw.strip().lower()
    return CHANNELS.get(word, Channel.OTHER), word


def map_score(given: ScoreGiven | str | int | float) -> Rating:
    """`GOOD`, `bad_with_comment`, or a number from 1 to 5, of which 3 is okay."""
    score = given.score if isinstance(given, ScoreGiven) else given
    said = given.comment if isinstance(given, ScoreGiven) else None
    comment = clean_text(said) if said else None
    if score is None:
        return Rating(comment=comment)
    label = f"{score:g}" if isinstance(score, float) else str(score)
    known = SCORES.get(label.lower())
    if known is None and label in ("1", "2", "3", "4", "5"):
        known = Score.BAD if label < "3" else Score.OKAY if label == "3" else Score.GOOD
    return Rating(score=known, comment=comment, label=label)


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────


def told_ticket(ticket_id: str, detail: Detail, pages: str) -> dict[str, Any]:
    """The ticket as far as a delivery tells it: only what stands there. People and companies are ids, no more."""
    told: dict[str, Any] = {"id": ticket_id, "number": ticket_id, "url": pages + ticket_id}
    given = detail.model_fields_set
    if detail.subject is not None:
        told["subject"] = detail.subject
    if detail.status is not None:
        told["status"] = map_status(detail.status)
        if told["status"] is Status.OTHER:  # of a known one the account may have a name of its own, which is not told
            told["status_label"] = detail.status
    if "priority" in given:
        told |= {"priority": map_priority(detail.priority), "priority_label": detail.priority}
    if detail.via is not None:
        told["channel"], told["channel_label"] = map_channel(detail.via)
    if "type" in given:
        told["type"] = detail.type
    if detail.tags is not None:
        told["tags"] = tuple(detail.tags)
    if detail.requester_id is not None:
        told["customer"] = {"id": detail.requester_id}
    if detail.organization_id is not None:
        told["account"] = {"id": detail.organization_id}
    if "assignee_id" in given:
        told["assignee"] = {"id": detail.assignee_id} if detail.assignee_id else None
    for name, time in (("created_at", detail.created_at), ("updated_at", detail.updated_at)):
        if time is not None:
            told[name] = time
    return told


def direction_of(public: bool | None, staff: bool | None) -> Direction:
    """A note is internal whoever wrote it; staff speak to the customer; everybody else speaks to us."""
    if public is False:
        return Direction.INTERNAL
    return Direction.OUTBOUND if staff else Direction.INBOUND


def told_message(
    message_id: str, body: str, direction: Direction, author: Actor, created_at: datetime | None
) -> Message:
    """A message out of plain text. Notes are not searched for quotations: what we wrote must come back whole."""
    text, quoted = (clean_text(body), None) if direction is Direction.INTERNAL else split_reply(body)
    return Message(id=message_id, direction=direction, author=author, text=text, quoted=quoted, created_at=created_at)


# ── the API ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def actor_of(user: User) -> Actor:
    """Anybody whose role is not end-user is staff."""
    kind = ActorKind.UNKNOWN
    if user.role is not None:
        kind = ActorKind.CUSTOMER if user.role == "end-user" else ActorKind.AGENT
    return Actor(kind=kind, id=user.id, name=user.name, email=user.email)


def message_of(comment: Comment, people: Mapping[str, Actor]) -> Message:
    """A comment as a message; its author as far as `people` knows."""
    author = people.get(comment.author_id or "", Actor(id=comment.author_id))
    direction = direction_of(comment.public, author.kind is ActorKind.AGENT)
    body = comment.body or comment.plain_body or html_to_text(comment.html_body or "")
    message = told_message(comment.id, body, direction, author, comment.created_at)
    files = tuple(
        Attachment(name=file.file_name, type=file.content_type, size=file.size, url=file.content_url)
        for file in comment.attachments
    )
    return message.model_copy(update={"html": comment.html_body, "attachments": files})


def waiting_since(messages: Sequence[Message], status: Status) -> datetime | None:
    """Since when the customer waits for us: the first of their messages after our last answer.

    Args:
        messages: oldest first; the later part will do.
    """
    if status not in (Status.NEW, Status.OPEN, Status.ON_HOLD):
        return None
    since = None
    for message in messages:
        if message.direction is Direction.OUTBOUND:
            since = None
        elif message.direction is Direction.INBOUND and since is None:
            since = message.created_at
    return since


def ticket_of(
    ticket: ApiTicket,
    pages: str,
    *,
    people: Mapping[str, Actor],
    customer: Customer | None,
    account: Account | None,
    team: str | None,
    status_label: str | None,
    fields: Mapping[str, Any],
    messages: Sequence[Message],
    message_count: int | None,
) -> Ticket:
    """The complete ticket, out of the API's ticket and what was looked up for it."""
    status = map_status(ticket.status)
    channel, channel_label = map_channel(ticket.via)
    return Ticket(
        id=ticket.id,
        number=ticket.id,
        url=pages + ticket.id,
        subject=ticket.subject,
        status=status,
        status_label=status_label or ticket.status,
        priority=map_priority(ticket.priority),
        priority_label=ticket.priority,
        channel=channel,
        channel_label=channel_label,
        type=ticket.type,
        tags=tuple(ticket.tags),
        customer=customer,
        account=account,
        assignee=_agent(ticket.assignee_id, people),
        team=team,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        waiting_since=waiting_since(messages, status),
        message_count=message_count,
        fields=dict(fields),
    )


def customer_of(user: User, user_id: str) -> Customer:
    """The requester."""
    kind = CustomerKind.USER if user.role else CustomerKind.UNKNOWN
    return Customer(
        id=user_id,
        email=user.email or None,
        name=user.name or None,
        phone=user.phone or None,
        kind=kind,
        external_id=user.external_id or None,
    )


def account_of(organization: Organization) -> Account:
    """The requester's company, as Zendesk knows it."""
    return Account(
        id=organization.id,
        name=organization.name or None,
        domains=tuple(domain.lower() for domain in organization.domain_names),
        external_id=organization.external_id or None,
        fields=dict(organization.organization_fields),
    )


def fields_of(values: Iterable[CustomValue], titles: Mapping[str, str]) -> dict[str, Any]:
    """Custom fields by title; by id where no title is known or two fields share one."""
    fields: dict[str, Any] = {}
    for value in values:
        title = titles.get(value.id, value.id)
        fields[value.id if title in fields else title] = value.value
    return fields


def _agent(agent_id: str | None, people: Mapping[str, Actor]) -> Agent | None:
    if agent_id is None:
        return None
    known = people.get(agent_id)
    return Agent(id=agent_id, name=known.name if known else None, email=known.email if known else None)


# ── receipts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def hints_of(audit: Audit, teams: Mapping[str, str]) -> tuple[str, ...]:
    """How the deliveries that tell of this audit will be recognised: its comment and every field it changed."""
    hints: list[str] = []
    for event in audit.events:
        if event.type in ("Comment", "VoiceComment") and event.id:
            hints.append(message_hint(event.id))
        elif event.type == "Change":
            hints += _hints_of_change(event, teams)
    return tuple(dict.fromkeys(hints))


def _hints_of_change(event: AuditEvent, teams: Mapping[str, str]) -> list[str]:
    value = event.value
    if event.field_name == "tags":
        before, after = _tags(event.previous_value), _tags(value)
        return [tag_hint(tag, added=True) for tag in sorted(after - before)] + [
            tag_hint(tag, added=False) for tag in sorted(before - after)
        ]
    if event.field_name == "status":
        return [field_hint("status", map_status(value))]
    if event.field_name == "priority":
        return [field_hint("priority", map_priority(value))]
    if event.field_name == "assignee_id":
        return [field_hint("assignee", value or None)]
    if event.field_name == "group_id":
        return [field_hint("team", teams.get(str(value), value or None))]
    return []


def _tags(value: object) -> set[str]:
    if isinstance(value, str):
        return set(value.split())
    return {str(tag) for tag in value} if isinstance(value, list) else set()
