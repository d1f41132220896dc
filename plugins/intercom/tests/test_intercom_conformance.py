"""The kit's standard tests, on conversations and on tickets."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from cornerdesk import ActorKind, Adapter, Clock, Delivery, Direction, EventKind, Score, Status, sign
from cornerdesk.testing.conformance.bench import Bench
from cornerdesk.testing.conformance.credentials import CredentialsTests
from cornerdesk.testing.conformance.faults import FaultTests
from cornerdesk.testing.conformance.history import HistoryTests
from cornerdesk.testing.conformance.hydration import HydrationTests
from cornerdesk.testing.conformance.mapping import MappingTests
from cornerdesk.testing.conformance.samples import Sample, Told
from cornerdesk.testing.conformance.standard import NOW, NOWHERE, SECRET, StandardTests, no_pause
from cornerdesk.testing.conformance.subscriptions import SubscriptionTests
from cornerdesk.testing.conformance.webhooks import WebhookTests
from cornerdesk.testing.conformance.writing import WriteBackTests
from cornerdesk_intercom import history
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.standin import IntercomStandIn
from cornerdesk_intercom.testing import make_settings
from cornerdesk_intercom.webhooks import SIGNATURE

FIXTURES = Path(__file__).parent / "fixtures"
CONVERSATION, TICKET, LEGACY = "215470001234567", "215470007654321", "18123456789"
CHANGED, SAID = EventKind.TICKET_CHANGED, EventKind.MESSAGE_ADDED


def load(name: str, *tells: Told, enums: tuple[str, ...] = ()) -> Sample:
    return Sample.load(FIXTURES / f"{name}.json", *tells, enums=enums)


SAMPLES = (
    load(
        "conversation_user_created",
        Told(
            EventKind.TICKET_CREATED,
            CONVERSATION,
            text="The export stops at row 500.\n\nWe will cancel if this stays.",
            direction=Direction.INBOUND,
            actor=ActorKind.CUSTOMER,
            ticket={"subject": "Export stops", "status": Status.OPEN, "tags": ("beta",)},
        ),
        enums=("data.item.state", "data.item.priority", "data.item.channel.initial"),
    ),
    load(
        "conversation_user_replied", Told(SAID, CONVERSATION, text="It is still broken.", direction=Direction.INBOUND)
    ),
    load("conversation_admin_noted", Told(SAID, CONVERSATION, text="The CEO knows.\n--\n> as told")),
    load("conversation_admin_replied", Told(SAID, CONVERSATION, direction=Direction.OUTBOUND, actor=ActorKind.AGENT)),
    load("conversation_operator_replied", Told(SAID, CONVERSATION, actor=ActorKind.BOT)),
    load("conversation_admin_closed", Told(CHANGED, CONVERSATION, changes={"status": (None, Status.SOLVED)})),
    load("conversation_admin_snoozed", Told(CHANGED, CONVERSATION, changes={"status": (None, Status.PENDING)})),
    load("conversation_admin_assigned", Told(CHANGED, CONVERSATION, actor=ActorKind.AGENT, fact="assigned")),
    load("conversation_admin_open_assigned", Told(CHANGED, CONVERSATION, actor=ActorKind.AGENT, fact="assigned")),
    load("conversation_team_assigned", Told(None, CONVERSATION)),
    load("conversation_priority_updated", Told(CHANGED, CONVERSATION, changes={"priority": (None, "urgent")})),
    load("conversation_rating_added", Told(EventKind.TICKET_RATED, CONVERSATION, score=Score.BAD)),
    load("conversation_deleted", Told(EventKind.TICKET_DELETED, CONVERSATION)),
    load("conversation_contact_attached", Told(None, CONVERSATION)),
    load("conversation_part_tag_created", Told(None, CONVERSATION, ticket={"tags": ("beta", "vip")})),
    load("conversation_part_redacted"),
    load("conversation_read"),
    load("ticket_created", Told(EventKind.TICKET_CREATED, TICKET, text="The invoice of September is wrong.")),
    load("ticket_contact_replied", Told(SAID, TICKET, text="And the one of August.", direction=Direction.INBOUND)),
    load("ticket_note_created", Told(SAID, TICKET, text="Known to billing.", direction=Direction.INTERNAL)),
    load(
        "ticket_state_updated",
        Told(CHANGED, TICKET, changes={"status": (None, Status.OPEN)}, ticket={"status_label": "With billing"}),
        enums=("data.item.ticket_state.internal_label",),
    ),
    load("ticket_closed", Told(CHANGED, TICKET, changes={"status": (None, Status.SOLVED)}, fact="closed")),
    load("ticket_closed_nested", Told(CHANGED, TICKET, changes={"status": (None, Status.SOLVED)}, fact="closed")),
    load("ticket_resolved", Told(CHANGED, TICKET, changes={"status": (None, Status.SOLVED)})),
    load("ticket_admin_assigned", Told(CHANGED, TICKET, changes={"assignee": (None, {"id": "815"})})),
    load("ping"),
    load("contact_user_updated"),
    load("legacy_user_created", Told(EventKind.TICKET_CREATED, LEGACY, text="Do you support SSO?")),
    load("legacy_user_replied", Told(SAID, LEGACY, text="With Okta,\nplease.", direction=Direction.INBOUND)),
    load("legacy_admin_snoozed", Told(CHANGED, LEGACY, changes={"status": (None, Status.PENDING)})),
)


class Intercom(StandardTests):
    samples = SAMPLES

    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: object = no_pause
    ) -> Adapter:
        settings = make_settings(base_url=base_url, client_secret=secrets)
        return IntercomAdapter("chat", settings, sleep=sleep)  # type: ignore[arg-type]

    def make_delivery(self, sample: Sample, *, secret: str = SECRET, at: datetime = NOW, attempt: int = 1) -> Delivery:
        body = sample.body
        if attempt > 1:
            told = {"delivery_attempts": attempt, "delivery_status": "retry", "first_sent_at": int(at.timestamp())}
            body = json.dumps({**json.loads(body), **told}).encode()
        signed = {SIGNATURE: "sha1=" + sign(secret, body, algorithm="sha1", encoding="hex")}
        return Delivery(headers={**sample.headers, **signed}, body=body, received_at=at)

    def make_standin(self, clock: Clock) -> IntercomStandIn:
        return IntercomStandIn(clock=clock, secret=SECRET)


class Tickets(Intercom):
    """Customers fill in tickets' forms."""

    def make_standin(self, clock: Clock) -> IntercomStandIn:
        return IntercomStandIn(clock=clock, secret=SECRET, tickets=True)


class TestWebhooks(Intercom, WebhookTests): ...


class TestMapping(Intercom, MappingTests):
    def unknown_event(self, name: str) -> Sample:
        body = json.loads(SAMPLES[0].body) | {"topic": f"conversation.{name}"}
        return Sample(name, json.dumps(body).encode())


class TestHydration(Intercom, HydrationTests):
    def attach(self, bench: Bench, ticket: str, url: str) -> None:
        attach(bench, ticket, url)


class TestHydrationOfTickets(Tickets, HydrationTests):
    def attach(self, bench: Bench, ticket: str, url: str) -> None:
        attach(bench, ticket, url)


def attach(bench: Bench, ticket: str, url: str) -> None:
    assert isinstance(bench.standin, IntercomStandIn)
    conversation = bench.standin.desk.conversations[ticket]
    file = {"type": "upload", "name": "a.csv", "url": url, "content_type": "text/csv", "filesize": 1}
    said = [part for part in conversation.parts if part["body"]]
    (said[-1] if said else conversation.source)["attachments"].append(file)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 5)


@pytest.mark.usefixtures("small_pages")
class TestHistory(Intercom, HistoryTests):
    tickets = 17
    history_path = "/conversations/search"


@pytest.mark.usefixtures("small_pages")
class TestHistoryOfTickets(Tickets, HistoryTests):
    tickets = 13
    history_path = "/tickets/search"


class TestWriteBack(Intercom, WriteBackTests): ...


class TestWriteBackOnTickets(Tickets, WriteBackTests): ...


class TestCredentials(Intercom, CredentialsTests): ...


class TestFaults(Intercom, FaultTests): ...


class TestSubscriptions(Intercom, SubscriptionTests): ...
