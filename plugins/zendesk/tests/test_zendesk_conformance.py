"""The standard tests of every adapter, on this one."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cornerdesk import ActorKind, Adapter, Clock, Delivery, Direction, EventKind, Score, Status, sign
from cornerdesk.adapters.transport import Sleep
from cornerdesk.testing import (
    NOW,
    NOWHERE,
    SECRET,
    Bench,
    CredentialsTests,
    FaultTests,
    HistoryTests,
    HydrationTests,
    MappingTests,
    Sample,
    StandardTests,
    SubscriptionTests,
    Told,
    WebhookTests,
    WriteBackTests,
    no_pause,
)
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import make_settings
from cornerdesk_zendesk.webhooks import INVOCATION, SIGNATURE, TIMESTAMP

FIXTURES = Path(__file__).parent / "fixtures"
TICKET = "5158"


def sample(name: str, *tells: Told, enums: tuple[str, ...] = ()) -> Sample:
    return Sample.load(FIXTURES / f"{name}.json", *tells, enums=enums)


class Zendesk(StandardTests):
    clock: Clock | None = None
    """The stand-in's: what is too new for an export is so by one clock, whatever today's date is."""

    samples = (
        sample(
            "ticket_created",
            Told(
                EventKind.TICKET_CREATED,
                TICKET,
                actor=ActorKind.CUSTOMER,
                direction=Direction.INBOUND,
                ticket={"status": Status.OPEN},
                fact="created",
            ),
            enums=("detail.status", "detail.priority", "detail.via.channel"),
        ),
        sample("comment_added", Told(EventKind.MESSAGE_ADDED, TICKET, fact="said")),
        sample("internal_note", Told(EventKind.MESSAGE_ADDED, TICKET, direction=Direction.INTERNAL, fact="noted")),
        sample("status_changed", Told(EventKind.TICKET_CHANGED, TICKET, fact="changed"), enums=("detail.status",)),
        sample("tags_changed", Told(EventKind.TICKET_CHANGED, TICKET, fact="tagged")),
        sample("csat_received", Told(EventKind.TICKET_RATED, TICKET, score=Score.BAD, fact="rated")),
        Sample(
            "trigger_created",
            b'{"cornerdesk": 1, "what": "created", "ticket": "5158"}',
            (Told(EventKind.TICKET_CREATED, TICKET, fact="created"),),
        ),
        sample("trigger", Told(None, TICKET, fact="look")),
        sample("attachment_linked"),
        sample("user_created"),
    )

    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: Sleep = no_pause
    ) -> Adapter:
        settings = make_settings(base_url=base_url, webhook_secret=secrets)
        return ZendeskAdapter("support", settings, sleep=sleep, clock=self.clock)

    def make_delivery(self, sample: Sample, *, secret: str = SECRET, at: datetime = NOW, attempt: int = 1) -> Delivery:
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = {TIMESTAMP: stamp, SIGNATURE: sign(secret, stamp.encode(), sample.body)}
        invocation = sha256(sample.body).hexdigest()[:26].upper()  # survives retries (fact sheet zendesk.md 1.5)
        return Delivery(headers={**signed, INVOCATION: invocation, **sample.headers}, body=sample.body, received_at=at)

    def make_standin(self, clock: Clock) -> ZendeskStandIn:
        self.clock = clock
        return ZendeskStandIn(secret=SECRET, clock=clock)


def zendesk(bench: Bench) -> ZendeskStandIn:
    assert isinstance(bench.standin, ZendeskStandIn)
    return bench.standin


class TestWebhooks(Zendesk, WebhookTests): ...


class TestMapping(Zendesk, MappingTests):
    def unknown_event(self, name: str) -> Sample:
        known = self.samples[0]
        return Sample(name, known.body.replace(b"ticket.created", f"ticket.{name}".encode()))


class TestHydration(Zendesk, HydrationTests):
    def attach(self, bench: Bench, ticket: str, url: str) -> None:
        file = {"file_name": "log.txt", "content_type": "text/plain", "size": 7, "content_url": url}
        zendesk(bench).desk.tickets[int(ticket)].comments[-1]["attachments"].append(file)


class TestHistory(Zendesk, HistoryTests):
    history_path = "/incremental/tickets"

    def make_standin(self, clock: Clock) -> ZendeskStandIn:
        standin = super().make_standin(clock)
        standin.api.exports.most = 10
        return standin


class TestHistoryOfEvents(TestHistory):
    """The same with whatever goes wrong in the other export."""

    history_path = "/incremental/ticket_events"


class TestWriting(Zendesk, WriteBackTests): ...


class TestCredentials(Zendesk, CredentialsTests):
    renews = True
    consent: str
    """A refresh token that somebody was given once."""

    def make_standin(self, clock: Clock) -> ZendeskStandIn:
        standin = super().make_standin(clock)
        self.consent = standin.api.new_token()["refresh_token"]
        standin.api.revoke_tokens()
        return standin

    def make_rotating_adapter(self, bench: Bench) -> Adapter:
        oauth = {"client_id": "cd", "client_secret": "client-secret", "refresh_token": self.consent}
        settings = make_settings(base_url=bench.url, webhook_secret=SECRET, oauth=oauth)
        return ZendeskAdapter("support", settings, sleep=no_pause)


class TestFaults(Zendesk, FaultTests): ...


class TestSubscriptions(Zendesk, SubscriptionTests):
    def disable_webhook(self, bench: Bench, webhook: str) -> None:
        zendesk(bench).api.subscriptions.webhooks[webhook]["status"] = "inactive"


class TestSubscriptionsByTriggers(TestSubscriptions):
    """An account that does not offer ticket events."""

    def make_standin(self, clock: Clock) -> ZendeskStandIn:
        standin = super().make_standin(clock)
        standin.api.subscriptions.offered.clear()
        return standin


@pytest.fixture(autouse=True)
def _one_minute_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a minute is not what these tests are about."""
    monkeypatch.setattr(ZendeskStandIn, "rate_limit", None)
