"""How the stand-in's Intercom shows what stands on its desk: in the API, and in webhooks, which differ (1.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cornerdesk import JSON, html_to_text

from cornerdesk_intercom.standin.desk import STATES, TYPE, Admin, Company, Contact, Conversation, Desk, epoch

_LINK = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>([^<]*)</a>')


def show_state(category: str) -> JSON:
    label = STATES[category]
    number = str(31 + list(STATES).index(category))
    return {
        "type": "ticket_state",
        "id": number,
        "category": category,
        "internal_label": label,
        "external_label": label,
    }


def category_of(state_id: str) -> str | None:
    return next((category for category in STATES if show_state(category)["id"] == state_id), None)


def show_type() -> JSON:
    states = {"type": "list", "data": [show_state(category) for category in STATES]}
    return {**TYPE, "archived": False, "ticket_states": states}


def show_contact(contact: Contact, companies: Sequence[Company]) -> JSON:
    rows = [{"type": "company", "id": company.id, "url": f"/companies/{company.id}"} for company in companies]
    listed = {
        "type": "list",
        "data": rows,
        "url": f"/contacts/{contact.id}/companies",
        "total_count": len(rows),
        "has_more": False,
    }
    return {
        "type": "contact",
        "id": contact.id,
        "external_id": None,
        "role": contact.role,
        "email": contact.email,
        "name": contact.name,
        "phone": contact.phone,
        "companies": listed,
        "custom_attributes": {},
    }


def show_company(company: Company) -> JSON:
    return {
        "type": "company",
        "id": company.id,
        "company_id": f"{company.id}-qualification-company",
        "name": company.name,
        "website": company.website or "",
        "monthly_spend": 0,
        "custom_attributes": {},
    }


def show_person(person: Admin) -> JSON:
    return {"type": "admin", "id": person.id, "name": person.name, "email": person.email, "has_inbox_seat": True}


def show_tags(desk: Desk, tags: Sequence[str]) -> JSON:
    rows = [{"type": "tag", "id": tag, "name": desk.tags[tag]} for tag in tags]
    return {"type": "tag.list", "tags": rows}


def show_conversation(desk: Desk, conversation: Conversation, parts: Sequence[JSON] | None = None) -> JSON:
    """As `GET /conversations/{id}` shows it, with its 500 latest parts, or as a search does, without any (None)."""
    contact = {"type": "contact", "id": conversation.contact.id, "external_id": None}
    shown: JSON = {
        "type": "conversation",
        "id": conversation.id,
        "created_at": epoch(conversation.created_at),
        "updated_at": epoch(conversation.updated_at),
        "waiting_since": _epoch(conversation.waiting_since),
        "snoozed_until": _epoch(conversation.snoozed_until),
        "source": conversation.source,
        "contacts": {"type": "contact.list", "contacts": [contact]},
        "first_contact_reply": None,
        "admin_assignee_id": int(conversation.admin.id) if conversation.admin else 0,
        "team_assignee_id": int(conversation.team) if conversation.team else 0,
        "open": conversation.state != "closed",
        "state": conversation.state,
        "read": False,
        "tags": show_tags(desk, conversation.tags),
        "priority": conversation.priority,
        "sla_applied": None,
        "statistics": {"type": "conversation_statistics", "count_conversation_parts": len(conversation.parts)},
        "conversation_rating": conversation.rating,
        "teammates": {"type": "admin.list", "admins": []},
        "title": conversation.title,
        "custom_attributes": {} if conversation.is_ticket else dict(conversation.attributes),
        "topics": {},
        "ticket": {"id": int(conversation.id)} if conversation.is_ticket else None,
        "ai_agent": None,
        "ai_agent_participated": False,
    }
    if parts is not None:
        listed = {"type": "conversation_part.list", "conversation_parts": list(parts[-500:]), "total_count": len(parts)}
        shown["conversation_parts"] = listed
    return shown


def show_ticket(desk: Desk, conversation: Conversation) -> JSON:
    """As `GET /tickets/{id}` shows it: without tags, and with attributes by name."""
    contact = {"type": "contact", "id": conversation.contact.id, "external_id": None}
    parts = [{**part, "type": "ticket_part"} for part in conversation.parts]
    return {
        "type": "ticket",
        "id": conversation.id,
        "ticket_id": conversation.number,
        "category": "Customer",
        "ticket_attributes": {
            "_default_title_": conversation.title,
            "_default_description_": html_to_text(conversation.source["body"]),
            **conversation.attributes,
        },
        "ticket_state": show_state(conversation.state_of_ticket or "submitted"),
        "ticket_type": show_type(),
        "contacts": {"type": "contact.list", "contacts": [contact]},
        "admin_assignee_id": int(conversation.admin.id) if conversation.admin else 0,
        "team_assignee_id": int(conversation.team) if conversation.team else 0,
        "created_at": epoch(conversation.created_at),
        "updated_at": epoch(conversation.updated_at),
        "open": conversation.state != "closed",
        "snoozed_until": _epoch(conversation.snoozed_until),
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "ticket_parts": {"type": "ticket_part.list", "ticket_parts": parts[-500:], "total_count": len(parts)},
        "is_shared": True,
    }


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def told_item(desk: Desk, topic: str, conversation: Conversation, parts: Sequence[JSON]) -> JSON:
    """The `data.item` of a notification: bodies as plain text, a deleted conversation by its id alone, a closed
    ticket nested."""
    if topic == "conversation.deleted":
        return {"type": "conversation", "conversation_id": conversation.id}
    if topic.startswith("ticket."):
        ticket = show_ticket(desk, conversation)
        listed = ticket["ticket_parts"]["ticket_parts"]
        ticket["ticket_parts"]["ticket_parts"] = [_without_empty(_plain(part)) for part in listed]
        return {"type": "ticket.closed", "ticket": ticket} if topic == "ticket.closed" else ticket
    item = show_conversation(desk, conversation, [_plain(part) for part in parts])
    source = item["source"]
    item["source"] = {**_plain(source), "subject": html_to_text(source["subject"])}
    return item


def _plain(told: JSON) -> JSON:
    """Links as label and address, as the API's own plain text has them (2.1)."""
    body = told.get("body")
    return {**told, "body": html_to_text(_LINK.sub(r"\2 (\1)", body)) if body else body}


def _without_empty(part: JSON) -> JSON:
    return {key: value for key, value in part.items() if key != "body" or value}


def _epoch(time: Any) -> int | None:
    return epoch(time) if time is not None else None
