"""An invented help desk and plugin, and a folder with a configuration that is right."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from cornerdesk import (
    Action,
    ActionSettings,
    Adapter,
    Delivery,
    Duration,
    FeatureName,
    Intent,
    PersonName,
    PlanContext,
    Reading,
    Section,
    SourceSettings,
    TextSetting,
    hookimpl,
)
from cornerdesk.actions import AnyAction
from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.plugins import Plugins, load_plugins
from cornerdesk.settings import load_configuration
from pydantic import BaseModel, Field, SecretStr, model_validator

GOOD = """\
database: sqlite:///cornerdesk.db
sources:
  support:
    adapter: zendesk
    subdomain: acme
    oauth: {client_id: cornerdesk, client_secret: "${CLIENT_SECRET}"}
    webhook_secret: "${WEBHOOK_SECRET}"
people:
  ceo: {name: Ada Park, email: ada@acme.example, time_zone: Europe/Berlin, hours: "Mon-Fri 09:00-18:00"}
accounts: {csv: accounts.csv}
features: features.yaml
rules: rules/*.yaml
plugins:
  escalation: {acknowledge_within: 45m}
"""
ENVIRONMENT = {"CLIENT_SECRET": "Quetzalcoatl-7731", "WEBHOOK_SECRET": "Popocatepetl-9942"}


class OAuth(Section):
    client_id: str
    client_secret: SecretStr


class ZendeskLike(SourceSettings):
    """Settings as a real adapter has them."""

    subdomain: str = Field(pattern=r"^[a-z0-9-]+$", description="`acme` of https://acme.zendesk.com")
    oauth: OAuth | None = None
    api_token: SecretStr | None = None
    webhook_secret: SecretStr | tuple[SecretStr, ...]
    region: Literal["us", "eu", "au"] = "us"

    @model_validator(mode="after")
    def _one_way_in(self) -> ZendeskLike:
        if self.oauth is None and self.api_token is None:
            raise ValueError("needs `oauth` or `api_token`")
        if self.api_token is not None and self.api_token.get_secret_value() == self.subdomain:
            raise ValueError(f"the token {self.api_token.get_secret_value()} is the subdomain")
        return self


class ZendeskAdapter(Adapter):
    helpdesk = "zendesk"
    settings_model = ZendeskLike

    def verify(self, delivery: Delivery, now: datetime) -> None:
        return None

    def delivery_key(self, delivery: Delivery) -> str:
        return ""

    def read(self, delivery: Delivery) -> Reading:
        return Reading()


class EscalationLike(Section):
    acknowledge_within: Duration = timedelta(minutes=30)
    quote: int = Field(100, ge=0, le=1000, description="characters of the customer's words")


class EmailLike(Section):
    host: str | None = None
    port: int = 25
    username: str | None = None
    password: SecretStr | None = None
    starttls: Literal["auto", "yes", "no"] = "auto"
    sender: str = "desk@localhost"


class EscalateSettings(ActionSettings):
    to: PersonName | tuple[PersonName, ...] = Field(description="whom")
    acknowledge_within: Duration | None = None
    reason: TextSetting = ""


class NotifySettings(ActionSettings):
    to: PersonName
    text: TextSetting


class VoteSettings(ActionSettings):
    feature: FeatureName


class LeadSettings(ActionSettings):
    kind: Literal["new_business", "expansion"] = "new_business"


class TagSettings(ActionSettings):
    tags: tuple[str, ...]


class NoteSettings(ActionSettings):
    text: TextSetting


class PrioritySettings(ActionSettings):
    to: Literal["low", "normal", "high", "urgent"]


class Verb(Action[Any]):
    def plan(self, settings: Any, context: PlanContext) -> Sequence[Intent]:
        return ()


def make_action(verb: str, model: type[ActionSettings], short: str | None = None, usable: bool = True) -> AnyAction:
    class Made(Verb):
        name: ClassVar[str] = verb
        about: ClassVar[str] = f"{verb}s something"
        settings_model: ClassVar[type[ActionSettings]] = model
        shorthand: ClassVar[str | None] = short
        usable_in_rules: ClassVar[bool] = usable

    return Made()


ACTIONS = [
    make_action("escalate", EscalateSettings, "to"),
    make_action("notify", NotifySettings),
    make_action("vote", VoteSettings, "feature"),
    make_action("lead", LeadSettings, "kind"),
    make_action("tag", TagSettings, "tags"),
    make_action("note", NoteSettings, "text"),
    make_action("priority", PrioritySettings, "to"),
    make_action("escalation.tell", NoteSettings, usable=False),
]


def make_plugin(name: str, **hooks: Callable[..., Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    for hook, function in hooks.items():
        function.__name__ = hook
        setattr(module, hook, hookimpl(function))
    return module


def _settings(model: type[BaseModel]) -> Callable[[], type[BaseModel]]:
    return lambda: model


@pytest.fixture
def good() -> str:
    """A cornerdesk.yaml in which all is right."""
    return GOOD


@pytest.fixture
def secrets() -> dict[str, str]:
    """The variables that it refers to."""
    return dict(ENVIRONMENT)


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """Nothing that is installed, only the invented ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cornerdesk.plugins.entry_points", lambda group: ())
        return load_plugins(
            strict=True,
            extra={
                "zendesk": make_plugin("zendesk", cornerdesk_adapters=lambda: [ZendeskAdapter]),
                "escalation": make_plugin(
                    "escalation", cornerdesk_settings=_settings(EscalationLike), cornerdesk_actions=lambda: ACTIONS
                ),
                "email": make_plugin("email", cornerdesk_settings=_settings(EmailLike)),
            },
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose configuration is right; tests spoil what they are about. It is the working directory."""
    (tmp_path / "cornerdesk.yaml").write_text(GOOD)
    (tmp_path / "accounts.csv").write_text("id,name\nA-1,Globex\n")
    (tmp_path / "features.yaml").write_text("features:\n  sso: {title: Single sign-on, phrases: [SSO]}\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "first.yaml").write_text("rules: []\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Load = Callable[..., Configuration]
Complain = Callable[..., tuple[Problem, ...]]


@pytest.fixture
def load(folder: Path, plugins: Plugins) -> Load:
    """Loads the folder's configuration: `load(text, environ={...})`."""

    def run(text: str | None = None, environ: dict[str, str] | None = None) -> Configuration:
        if text is not None:
            (folder / "cornerdesk.yaml").write_text(text)
        return load_configuration(Path("cornerdesk.yaml"), plugins, environ={**ENVIRONMENT, **(environ or {})})

    return run


@pytest.fixture
def complaints(load: Load) -> Complain:
    """The problems of a configuration that is wrong."""

    def run(text: str | None = None, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ)
        return caught.value.problems

    return run
