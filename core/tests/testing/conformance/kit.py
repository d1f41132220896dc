"""What the kit has to know of Plaindesk, and its standard tests for any adapter that is one of Plaindesk's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import pytest
from cornerdesk import ActorKind, Adapter, Clock, Delivery, Direction, EventKind, Priority, Score, Status
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
from cornerdesk.testing.plaindesk import client
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.testing.plaindesk.testing import make_settings, signed_headers

from .full import FullStandIn, SigningInAdapter

FIXTURES = Path(__file__).parent / "fixtures"
ENUMS = ("ticket.status", "ticket.priority", "ticket.channel")
OPEN = {"status": Status.OPEN, "priority": Priority.HIGH, "team": None}


def sample(name: str, kind: EventKind | None = None, **told: object) -> Sample:
    meanings = (Told(kind, "77", **told),) if kind else ()  # type: ignore[arg-type]
    return Sample.load(FIXTURES / f"{name}.json", *meanings, enums=ENUMS if kind else ())


class Plaindesk(StandardTests):
    """The unbroken one."""

    adapter: ClassVar[type[SigningInAdapter]] = SigningInAdapter
    samples = (
        sample(
            "ticket_created",
            EventKind.TICKET_CREATED,
            text="The export stops at row 500. We will cancel if this stays.",
            actor=ActorKind.CUSTOMER,
            ticket=OPEN,
            fact="created",
        ),
        sample(
            "message_added",
            EventKind.MESSAGE_ADDED,
            text="Any news?",
            direction=Direction.INBOUND,
            fact="asked again",
        ),
        sample("message_added_again", EventKind.MESSAGE_ADDED, text="Any news?", fact="asked again"),
        sample(
            "note_added",
            EventKind.MESSAGE_ADDED,
            text="Known since Tuesday.",
            direction=Direction.INTERNAL,
            actor=ActorKind.AGENT,
            fact="note",
        ),
        sample(
            "status_changed",
            EventKind.TICKET_CHANGED,
            changes={"status": (Status.OPEN, Status.SOLVED)},
            ticket={"status": Status.SOLVED},
            fact="solved",
        ),
        sample("ticket_rated", EventKind.TICKET_RATED, score=Score.BAD, fact="rated"),
        sample("ticket_merged", EventKind.TICKET_MERGED, fact="merged"),
        sample("ticket_deleted", EventKind.TICKET_DELETED, fact="deleted"),
        sample("ticket_viewed"),
    )

    def make_adapter(
        self, *, base_url: str = NOWHERE, secrets: tuple[str, ...] = (SECRET,), sleep: Sleep = no_pause
    ) -> Adapter:
        return self.adapter("support", self.make_settings(base_url, secrets), sleep=sleep)

    def make_settings(self, base_url: str, secrets: tuple[str, ...] = (SECRET,)) -> PlainSettings:
        model = self.adapter.settings_model
        assert issubclass(model, PlainSettings)
        return model.model_validate(dict(make_settings(base_url=base_url, webhook_secret=secrets)))

    def make_delivery(self, sample: Sample, *, secret: str = SECRET, at: datetime = NOW, attempt: int = 1) -> Delivery:
        headers = {
            **signed_headers(sample.body, secret, at),
            "x-plaindesk-delivery": hashlib.sha256(sample.body).hexdigest()[:20],
            "x-plaindesk-attempt": str(attempt),
            **sample.headers,
        }
        return Delivery(headers=headers, body=sample.body, received_at=at)

    def make_standin(self, clock: Clock) -> FullStandIn:
        return FullStandIn(secret=SECRET, clock=clock)


class PlainWebhooks(Plaindesk, WebhookTests): ...


class PlainMapping(Plaindesk, MappingTests):
    def unknown_event(self, name: str) -> Sample:
        known = self.samples[0]
        return known.with_data({**known.data, "event": f"ticket.{name}"})


class PlainHydration(Plaindesk, HydrationTests):
    def attach(self, bench: Bench, ticket: str, url: str) -> None:
        desk(bench).desk.tickets[ticket].messages[-1]["attachments"] = [url]


class PlainHistory(Plaindesk, HistoryTests):
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "PAGE", 10)


class PlainWriting(Plaindesk, WriteBackTests): ...


class PlainCredentials(Plaindesk, CredentialsTests):
    renews = True

    def make_rotating_adapter(self, bench: Bench) -> Adapter:
        refresh = desk(bench).first_refresh
        return self.adapter("support", self.make_settings(bench.url), sleep=no_pause, refresh_token=refresh)


class PlainFaults(Plaindesk, FaultTests): ...


class PlainSubscriptions(Plaindesk, SubscriptionTests):
    def disable_webhook(self, bench: Bench, webhook: str) -> None:
        desk(bench).desk.hooks[webhook].state = "disabled"


def desk(bench: Bench) -> FullStandIn:
    assert isinstance(bench.standin, FullStandIn)
    return bench.standin


KIT: Mapping[str, type[Plaindesk]] = {
    "Webhooks": PlainWebhooks,
    "Mapping": PlainMapping,
    "Hydration": PlainHydration,
    "History": PlainHistory,
    "Writing": PlainWriting,
    "Credentials": PlainCredentials,
    "Faults": PlainFaults,
    "Subscriptions": PlainSubscriptions,
}


def classes_for(adapter: type[SigningInAdapter]) -> dict[str, type[Plaindesk]]:
    """The whole kit for an adapter, as classes that pytest collects."""
    return {f"Test{name}": type(f"Test{name}", (tests,), {"adapter": adapter}) for name, tests in KIT.items()}
