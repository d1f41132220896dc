"""What stands in the stand-in's Help Scout: people, conversations, threads; and what its API shows of them.

In memory only. Behaves as the fact sheet helpscout.md says where it says something; what nobody wrote down is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from cornerdesk import JSON, Clock, SystemClock

from cornerdesk_helpscout.standin.conversations import (
    ADDRESS,
    Conversation,
    Kind,
    Organization,
    Person,
    Thread,
    refusal,
    seconds,
    show_person,
)

SOURCES = {"email": "email", "chat": "chat", "phone": "phone", "web": "beacon", "api": "api"}
STATUSES = ("active", "pending", "closed", "spam")


class Desk:
    """The state. Everything that happens is told to `tell`: the event's name, the conversation's id, the body.

    Args:
        tell: called with each happening, in order.
        clock: the time.

    Attributes:
        embedded: how many threads a webhook's body brings, newest first; None: all; 0: none at all.
    """

    def __init__(self, tell: Callable[[str, int, JSON], object], clock: Clock | None = None) -> None:
        self._tell = tell
        self._clock = clock or SystemClock()
        self._ids = itertools.count(1001)
        self._ticks = itertools.count(1)
        self.embedded: int | None = None
        self.conversations: dict[int, Conversation] = {}
        self.people: dict[int, Person] = {}
        self.organizations: dict[int, Organization] = {}
        self.fields: dict[int, str] = {}
        self.order: dict[int, int] = {}
        self.own = self._person("user", "Corner", "Desk", "cornerdesk@example.com")
        self.agent = self._person("user", "Ira", "Agent", "ira@example.com")
        for team in ("Billing", "Tier 2"):
            self._person("team", team)

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _person(self, kind: Kind, first: str, last: str = "", email: str | None = None, **more: Any) -> Person:
        person = Person(next(self._ids), kind, first, last, email, **more)
        self.people[person.id] = person
        return person

    def person(self, email: str, name: str, kind: Kind = "customer", **more: Any) -> Person:
        """Whoever has this address, made when there is nobody; `more` fills what is not known."""
        first, _, last = name.partition(" ")
        found = next((one for one in self.people.values() if one.email == email and one.kind == kind), None)
        found = found or self._person(kind, first, last, email)
        for key, value in more.items():
            if value is not None:
                setattr(found, key, value)
        return found

    def organization(self, name: str, domains: Iterable[str]) -> Organization:
        found = next((one for one in self.organizations.values() if one.name == name), None)
        found = found or Organization(next(self._ids), name)
        found.domains += [domain for domain in domains if domain not in found.domains]
        self.organizations[found.id] = found
        return found

    def teams(self) -> dict[int, str]:
        return {person.id: person.first for person in self.people.values() if person.kind == "team"}

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def named(self, conversation: int) -> Conversation:
        """One that is there.

        Raises:
            RefusedError: 404; for one that was merged `moved` is asked before.
        """
        found = self.conversations.get(conversation)
        if found is None or found.state == "deleted" or found.merged_into is not None:
            raise refusal(404, "Not found")
        return found

    def open(
        self,
        subject: str,
        text: str,
        customer: Person,
        *,
        channel: str = "email",
        tags: Sequence[str] = (),
        fields: Mapping[str, Any] | None = None,
    ) -> Conversation:
        now = self._clock.now()
        number = next(self._ids)
        made = Conversation(number + 2_000_000, number, subject, customer, customer, now, now, waiting=now)
        made.type = channel if channel in ("chat", "phone") else "email"
        made.source = SOURCES.get(channel, channel)
        made.tags = [tag.lower() for tag in tags]
        made.fields = {self._field(name): value for name, value in (fields or {}).items()}
        self.conversations[made.id] = made
        self._thread(made, "customer", text, customer, source=made.source)
        self.tell("convo.created", made)
        return made

    def write(self, conversation: Conversation, by: Person, text: str, *, public: bool = True, **more: Any) -> Thread:
        """A reply of the customer's or an agent's, or an internal note."""
        kind = "note" if not public else "customer" if by.kind == "customer" else "message"
        thread = self._thread(conversation, kind, text, by, **more)
        if kind == "customer":
            answered = conversation.waiting is None or conversation.waiting == conversation.user_updated_at
            conversation.waiting = thread.created_at if answered else conversation.waiting
        else:
            conversation.user_updated_at = thread.created_at
        if kind == "message":
            conversation.waiting = thread.created_at
        names = {"note": "note.created", "customer": "customer.reply.created", "message": "agent.reply.created"}
        self.tell(f"convo.{names[kind]}", conversation)
        if kind == "customer" and conversation.status != "active":
            self.set_status(conversation, "active", by)
        return thread

    def set_status(self, conversation: Conversation, status: str, by: Person) -> None:
        if status not in STATUSES:
            raise refusal(400, "Bad request", "status")
        if conversation.status == status and conversation.snoozed_until is None:
            return
        conversation.status = status
        conversation.snoozed_until = None
        now = self._clock.now()
        conversation.closed_at = now if status == "closed" else None
        conversation.closed_by = by.id if status == "closed" and by.kind == "user" else 0
        self._touched(conversation, by, "convo.status")

    def snooze(self, conversation: Conversation, until: datetime, by: Person) -> None:
        """No event tells of it (1.3)."""
        conversation.snoozed_until = until
        self._touched(conversation, by, None)

    def assign(self, conversation: Conversation, to: Person | None, by: Person) -> None:
        if conversation.assignee is not to:
            conversation.assignee = to
            self._touched(conversation, by, "convo.assigned")

    def set_tags(self, conversation: Conversation, tags: Iterable[str], by: Person) -> None:
        after = list(dict.fromkeys(tag.lower() for tag in tags))
        if sorted(after) != sorted(conversation.tags):
            conversation.tags = after
            self._touched(conversation, by, "convo.tags")

    def set_subject(self, conversation: Conversation, subject: str, by: Person) -> None:
        """No event tells of it (1.3)."""
        conversation.subject = subject
        self._touched(conversation, by, None)

    def set_fields(self, conversation: Conversation, fields: Mapping[str, Any], by: Person) -> None:
        conversation.fields |= {self._field(name): value for name, value in fields.items()}
        self._touched(conversation, by, "convo.custom-fields")

    def rate(self, conversation: Conversation, word: str, comment: str | None) -> None:
        answers = [thread for thread in conversation.threads if thread.type == "message"]
        if not answers:
            raise refusal(400, "Nothing to rate: nobody answered")
        customer, answer, now = conversation.customer, answers[-1], seconds(self._clock.now())
        answer.rating = {"customerId": customer.id, "rating": word, "comments": comment or ""}
        body = {
            "id": next(self._ids),
            "threadId": answer.id,
            "conversationId": conversation.id,
            "conversationNumber": conversation.number,
            "mailboxId": 85,
            "rating": word,
            "comments": comment or "",
            "createdAt": now.removesuffix("Z"),
            "modifiedAt": now.removesuffix("Z"),
            "user": {"id": answer.by.id, "email": answer.by.email, "firstName": answer.by.first},
            "customer": {"id": customer.id, "firstName": customer.first, "email": customer.email},
        }
        self._tell("satisfaction.ratings", conversation.id, body)

    def delete(self, conversation: Conversation) -> None:
        conversation.state = "deleted"
        self._tell("convo.deleted", conversation.id, {"id": conversation.id})

    def merge(self, conversation: Conversation, into: Conversation) -> None:
        conversation.merged_into = into.id
        into.threads = sorted([*into.threads, *conversation.threads], key=lambda thread: thread.created_at)
        action = {"type": "merged", "text": "merged", "associatedEntities": {"originalConversation": conversation.id}}
        self._thread(into, "lineitem", "", self.agent, action=action)
        self._touched(into, self.agent, "convo.merged")

    def _thread(self, conversation: Conversation, kind: str, text: str, by: Person, **more: Any) -> Thread:
        html = more.pop("html", None) or escape(text, quote=False).replace("\n", "<br>")
        thread = Thread(next(self._ids), kind, text, self._clock.now(), by, html=html, **more)
        conversation.threads.append(thread)
        self._moved(conversation)
        return thread

    def _touched(self, conversation: Conversation, by: Person, event: str | None) -> None:
        if by.kind == "user":
            conversation.user_updated_at = self._clock.now()
        self._moved(conversation)
        if event is not None:
            self.tell(event, conversation)

    def _moved(self, conversation: Conversation) -> None:
        """To the end of every list in order of time, also within one second."""
        conversation.modified_at = self._clock.now()
        self.order[conversation.id] = next(self._ticks)

    def _field(self, name: str) -> int:
        for number, known in self.fields.items():
            if known == name:
                return number
        self.fields[found := next(self._ids)] = name
        return found

    def in_order(self) -> list[Conversation]:
        """Every conversation that lists show, by its last change."""
        there = [one for one in self.conversations.values() if one.state != "deleted" and one.merged_into is None]
        return sorted(there, key=lambda one: (one.modified_at.replace(microsecond=0), self.order[one.id]))

    def tell(self, event: str, conversation: Conversation) -> None:
        self._tell(event, conversation.id, self.body(conversation))

    def body(self, conversation: Conversation) -> JSON:
        """A webhook's: the conversation as the API shows it, mostly with threads (1.4)."""
        threads = list(reversed(conversation.threads))
        shown = self.show(conversation)
        if self.embedded == 0:
            return shown
        return shown | {"_embedded": {"threads": [self.show_thread(one) for one in threads[: self.embedded]]}}

    # ── what the API shows ──────────────────────────────────────────────────────────────────────────────────────────

    def show(self, conversation: Conversation) -> JSON:
        said = [thread for thread in conversation.threads if thread.type != "lineitem"]
        waiting = conversation.waiting or conversation.created_at
        shown: JSON = {
            "id": conversation.id,
            "number": conversation.number,
            "threads": len(said),
            "type": conversation.type,
            "folderId": 42,
            "status": conversation.status,
            "state": conversation.state,
            "subject": conversation.subject,
            "preview": said[-1].text[:200] if said else "",
            "mailboxId": 85,
            "createdBy": show_person(conversation.created_by),
            "createdAt": seconds(conversation.created_at),
            "closedBy": conversation.closed_by,
            "customerWaitingSince": {"time": seconds(waiting), "friendly": self._friendly(waiting)},
            "source": {"type": conversation.source, "via": conversation.created_by.kind},
            "tags": [{"id": 9000 + len(tag), "color": "#929499", "tag": tag} for tag in conversation.tags],
            "cc": [],
            "bcc": [],
            "primaryCustomer": show_person(conversation.customer),
            "customFields": [
                {"id": number, "name": self.fields[number], "value": str(value), "text": str(value)}
                for number, value in conversation.fields.items()
            ],
            "_embedded": {"threads": []},
            "_links": {"self": {"href": f"{ADDRESS}/conversations/{conversation.id}"}},
        }
        if conversation.assignee is not None:
            shown["assignee"] = show_person(conversation.assignee)
        if conversation.user_updated_at is not None:
            shown["userUpdatedAt"] = seconds(conversation.user_updated_at)
        if conversation.closed_at is not None:
            shown["closedAt"] = seconds(conversation.closed_at)
        if conversation.snoozed_until is not None:
            until = seconds(conversation.snoozed_until)
            shown["snooze"] = {"snoozedBy": self.agent.id, "snoozedUntil": until, "unsnoozeOnCustomerReply": True}
        return shown

    def show_thread(self, thread: Thread, *, v3: bool = False) -> JSON:
        shown: JSON = {
            "id": thread.id,
            "type": thread.type,
            "status": "active",
            "state": thread.state,
            "action": thread.action,
            "source": {"type": thread.source, "via": "customer" if thread.by.kind == "customer" else "user"},
            "createdBy": show_person(thread.by, v3=v3),
            "createdAt": seconds(thread.created_at),
            "to": [],
            "cc": [],
            "bcc": [],
            "_embedded": {"attachments": thread.attachments},
            "_links": {},
        }
        if thread.type != "lineitem":
            shown["body"] = thread.html
        return shown | ({"rating": thread.rating} if thread.rating else {})

    def show_customer(self, person: Person) -> JSON:
        phones = [{"id": 1, "value": person.phone, "type": "work"}] if person.phone else []
        emails = [{"id": 2, "value": person.email, "type": "work"}] if person.email else []
        shown: JSON = {
            "id": person.id,
            "firstName": person.first,
            "lastName": person.last,
            "_embedded": {"emails": emails, "phones": phones, "chats": [], "properties": []},
        }
        company = self.organizations.get(person.organization or 0)
        return shown | ({"organization": company.name, "organizationId": company.id} if company else {})

    def show_organization(self, organization: Organization) -> JSON:
        return {"id": organization.id, "name": organization.name, "domains": organization.domains, "properties": []}

    def _friendly(self, time: datetime) -> str:
        minutes = int((self._clock.now() - time).total_seconds() // 60)
        return f"{minutes} min ago" if minutes else "Just now"
