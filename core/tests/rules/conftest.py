"""A small company whose rules are tested: people, features, signals, and actions that say what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest
from cornerdesk.actions import (
    Action,
    ActionSettings,
    AnyAction,
    FeatureName,
    Intent,
    PersonName,
    PlanContext,
    TextSetting,
)
from cornerdesk.adapters.interface import Capability, SourceSettings
from cornerdesk.configuration import Configuration, Feature, Person
from cornerdesk.durations import Duration
from cornerdesk.model import Event, EventKind, Signal, Snapshot, Ticket
from cornerdesk.rules import Catalogue, RuleBook, load_rules_from_texts
from cornerdesk.rules.expressions import UNKNOWN, read_expression
from cornerdesk.rules.schema import Schema
from cornerdesk.rules.view import View
from cornerdesk.signals.interface import SignalSpec
from pydantic import BeforeValidator, Field

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class EscalateSettings(ActionSettings):
    to: PersonName | tuple[PersonName, ...]
    acknowledge_within: Duration = timedelta(minutes=30)
    reason: TextSetting = ""


class EscalateAction(Action[EscalateSettings]):
    name = "escalate"
    about = "tells an executive"
    settings_model = EscalateSettings

    def plan(self, settings: EscalateSettings, context: PlanContext) -> Sequence[Intent]:
        people = (settings.to,) if isinstance(settings.to, str) else settings.to
        return [Intent(target=people[0], payload={"reason": settings.reason, "chain": list(people)})]


class TagSettings(ActionSettings):
    tags: Annotated[tuple[str, ...], BeforeValidator(lambda tags: [tags] if isinstance(tags, str) else tags)]


class TagAction(Action[TagSettings]):
    name = "tag"
    about = "adds tags"
    settings_model = TagSettings
    shorthand = "tags"
    requires = frozenset({Capability.TAG})

    def plan(self, settings: TagSettings, context: PlanContext) -> Sequence[Intent]:
        return [Intent(target=",".join(settings.tags))]


class NoteSettings(ActionSettings):
    text: TextSetting = Field(min_length=1)
    labels: dict[str, TextSetting] = Field(default_factory=dict)
    lines: list[TextSetting] = Field(default_factory=list)
    plain: str = ""


class NoteAction(Action[NoteSettings]):
    name = "note"
    about = "adds a note"
    settings_model = NoteSettings
    shorthand = "text"

    def plan(self, settings: NoteSettings, context: PlanContext) -> Sequence[Intent]:
        return [Intent(target="ticket", payload=settings.model_dump())]


class VoteSettings(ActionSettings):
    feature: FeatureName


class VoteAction(Action[VoteSettings]):
    name = "vote"
    about = "counts a vote"
    settings_model = VoteSettings
    shorthand = "feature"

    def plan(self, settings: VoteSettings, context: PlanContext) -> Sequence[Intent]:
        customer = context.snapshot.customer
        return [Intent(target=settings.feature, scope=f"vote:{customer.id}")] if customer else []


class LeadSettings(ActionSettings):
    kind: Literal["new_business", "expansion"]


class LeadAction(Action[LeadSettings]):
    name = "lead"
    about = "counts a lead"
    settings_model = LeadSettings

    def plan(self, settings: LeadSettings, context: PlanContext) -> Sequence[Intent]:
        return [Intent(target=settings.kind)]


class BrokenAction(Action[ActionSettings]):
    name = "broken"
    about = "breaks down"
    settings_model = ActionSettings

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        raise RuntimeError("words of a customer")


class TimerAction(BrokenAction):
    name = "timer"
    usable_in_rules = False


ACTIONS: tuple[AnyAction, ...] = (
    EscalateAction(),
    TagAction(),
    NoteAction(),
    VoteAction(),
    LeadAction(),
    BrokenAction(),
    TimerAction(),
)
SIGNALS = ("churn_risk", "callback_request", "feature.sso", "feature.dark-mode")


def make_configuration(**settings: Any) -> Configuration:
    return Configuration(
        sources={"support": SourceSettings(adapter="fake"), "chat": SourceSettings(adapter="fake")},
        people={key: Person(key=key, name=key.title()) for key in ("ceo", "coo", "sales")},
        features={key: Feature(key=key, title=key) for key in ("sso", "dark-mode")},
        **settings,
    )


@pytest.fixture
def catalogue() -> Catalogue:
    return make_catalogue()


def make_catalogue() -> Catalogue:
    specs = [SignalSpec(name=name, about=name) for name in SIGNALS]
    return Catalogue({action.name: action for action in ACTIONS}, make_configuration(), specs)


@pytest.fixture
def book(catalogue: Catalogue) -> Callable[[str], RuleBook]:
    """A rule book from YAML."""
    return lambda text: load_rules_from_texts({"rules.yaml": text}, catalogue)


def make_snapshot(
    ticket: dict[str, Any] | None = None, *, signals: Sequence[str | Signal] = (), now: datetime = NOW, **event: Any
) -> Snapshot:
    """A snapshot of a bare ticket; what a test is about is given by name."""
    provenance = event.pop("provenance", {})
    fields = {
        "id": "e1",
        "source": "support",
        "helpdesk": "fake",
        "kind": EventKind.TICKET_CREATED,
        "occurred_at": NOW,
        "received_at": NOW,
        **event,
    }
    return Snapshot(
        event=Event(ticket=Ticket.model_validate({"id": "12", "status": "open", **(ticket or {})}), **fields),
        signals=tuple(Signal(name=s) if isinstance(s, str) else s for s in signals),
        known_signals=frozenset(SIGNALS),
        now=now,
        provenance=provenance,
    )


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    """`make_snapshot`, for tests: `--import-mode=importlib` lets them import nothing from here."""
    return make_snapshot


@pytest.fixture
def schema() -> Schema:
    """The fields and signals of the small company."""
    return make_catalogue().schema


@pytest.fixture
def value(schema: Schema) -> Callable[..., Any]:
    """What an expression gives on a snapshot: its value, or None when nobody knows."""

    def ask(text: str, snapshot: Snapshot, *, condition: bool = True) -> Any:
        expression, findings = read_expression(text, schema, condition=condition)
        assert expression is not None, findings
        assert not findings, findings
        view = View(expression.paths, expression.functions)
        try:
            return expression.evaluate(view.context(view.values(snapshot)))
        except UNKNOWN:
            return None

    return ask
