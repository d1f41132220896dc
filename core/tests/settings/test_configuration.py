"""What a right cornerdesk.yaml becomes, and that no secret is ever shown."""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cornerdesk import hookimpl
from cornerdesk.configuration import AccountsSource, Configuration, hide_password
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.plugins import Plugins, load_plugins
from cornerdesk.settings import load_configuration

Load = Callable[..., Configuration]
Complain = Callable[..., tuple[Problem, ...]]


def test_every_part_becomes_its_own_model(load: Load, plugins: Plugins, secrets: dict[str, str]) -> None:
    found = load()
    support = found.sources["support"]
    assert isinstance(support, plugins.adapters()["zendesk"].settings_model)
    assert support.model_dump()["webhook_secret"].get_secret_value() == secrets["WEBHOOK_SECRET"]
    assert found.people["ceo"].key == "ceo"
    assert found.features["sso"].key == "sso"
    assert found.accounts is not None
    assert found.accounts.csv == "accounts.csv"
    assert found.rule_files == (Path("rules/first.yaml"),)
    escalation = found.settings_of(plugins.settings_models()["escalation"])
    assert escalation is found.plugins["escalation"]
    assert escalation.model_dump(mode="json")["acknowledge_within"] == "45m"
    assert found.path == Path("cornerdesk.yaml")


def test_plugins_that_the_file_does_not_name_have_their_defaults(load: Load, plugins: Plugins) -> None:
    models = plugins.settings_models()
    assert load("plugins:\n  escalation:\n").plugins == {name: model() for name, model in models.items()}


def test_headings_with_nothing_below_say_nothing(load: Load) -> None:
    found = load("sources:\npeople:\naccounts:\nfeatures:\nrules:\nplugins:\nserver:\nlate_after:\ndatabase:\n")
    assert found.sources == {}
    assert found.rule_files == ()
    assert found.server.port == 8484
    assert found.late_after == timedelta(hours=6)


def test_an_empty_file_is_a_configuration_of_defaults(load: Load) -> None:
    assert load("").database == "sqlite:///cornerdesk.db"


def test_numbers_and_booleans_may_be_references(load: Load) -> None:
    assert load("server: {port: '${PORT}'}", {"PORT": "9090"}).server.port == 9090


def test_on_off_yes_and_no_are_text(load: Load) -> None:
    assert load("plugins: {email: {starttls: no}}").plugins["email"].model_dump()["starttls"] == "no"


def test_a_file_of_rules_that_two_patterns_match_is_read_once(folder: Path, load: Load) -> None:
    (folder / "rules" / "deep").mkdir()
    (folder / "rules" / "deep" / "more.yaml").write_text("")
    found = load("rules: [rules/first.yaml, 'rules/**/*.yaml']")
    assert found.rule_files == (Path("rules/first.yaml"), Path("rules/deep/more.yaml"))


@pytest.mark.parametrize(
    "text", ["sso: {title: x}", "features: {sso: {title: x}}", "features:\n  sso:\n    title: x\n"]
)
def test_features_may_stand_below_a_heading_or_without(folder: Path, load: Load, text: str) -> None:
    (folder / "features.yaml").write_text(text)
    assert [feature.key for feature in load().features.values()] == ["sso"]


def test_a_feature_may_itself_be_called_features(folder: Path, load: Load) -> None:
    (folder / "features.yaml").write_text("features: {title: More features}\nsso: {title: x}\n")
    assert list(load().features) == ["features", "sso"]


def test_other_files_stand_beside_the_configuration(
    folder: Path, plugins: Plugins, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    path = Path(folder.name) / "cornerdesk.yaml"
    found = load_configuration(path, plugins, environ=secrets)
    assert found.rule_files == (Path(folder.name) / "rules/first.yaml",)
    assert found.database_url == f"sqlite:///{folder.name}/cornerdesk.db"
    absolute = load_configuration(folder / "cornerdesk.yaml", plugins, environ=secrets)
    assert absolute.database_url == f"sqlite:///{folder}/cornerdesk.db"


def test_no_error_shows_a_secret_from_a_reference(complaints: Complain) -> None:
    secret = "Quetzalcoatl7731"
    text = """\
database: "${S}"
server: {port: "${S}", public_url: "${S}"}
sources:
  a: {adapter: "${S}"}
  b: {adapter: zendesk, subdomain: "${S}", webhook_secret: "${S}", api_token: "${S}", region: "${S}", base: "${S}"}
people:
  ceo: {name: A, email: "${S}", time_zone: "${S}", hours: "${S}", notify: ["${S} x"], budget: {per_day: "${S}"}}
accounts: {csv: "${S}"}
features: "${S}"
rules: "${S}"
plugins: {escalation: {acknowledge_within: "${S}", quote: "${S}"}, email: {starttls: "${S}"}}
late_after: "${S}"
"""
    found = complaints(text, {"S": secret})
    assert len(found) > 15
    assert secret.lower() not in " ".join(map(str, found)).lower()


def test_a_validator_that_repeats_a_secret_is_not_listened_to(complaints: Complain) -> None:
    text = "sources:\n  a: {adapter: zendesk, subdomain: acme-secret, api_token: '${T}', webhook_secret: w}\n"
    (problem,) = complaints(text, {"T": "acme-secret"})
    assert "the token acme-secret" not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "sources: {a: {adapter: zendesc, api_token: Quetzal, other: Quetzal}}",
        "sources: {a: {adapter: zendesk, api_tokn: Quetzal, subdomain: 5, webhook_secret: Quetzal}}",
        "plugins: {emial: {password: Quetzal, user: Quetzal}}",
        "plugins: {email: {password: Quetzal, port: x}}",
        "database: postgres://me:Quetzal@db/x",
        "accounts: {sql: SELECT 1, url: 'mysql://me:Quetzal@db/x'}",
        "sources: {a: {adapter: zendesk, webhook_secret: Quetzal, webhook_secret: Quetzal2}}",
        "sources: {a: {adapter: zendesk, webhook_secret: [Quetzal, {Quetzal: Quetzal}]}}",
    ],
)
def test_no_error_shows_a_secret_written_in_clear(complaints: Complain, text: str) -> None:
    assert "Quetzal" not in " ".join(map(str, complaints(text)))


def test_no_text_of_a_configuration_shows_a_secret(load: Load, good: str, secrets: dict[str, str]) -> None:
    text = good.replace("sqlite:///cornerdesk.db", "postgresql://me:${DB}@db/x")
    found = load(text, {"DB": "Quetzal"})
    assert found.database == "postgresql://me:Quetzal@db/x"
    assert found.shown_database == "postgresql://me:***@db/x"
    for shown in (
        repr(found),
        str(found),
        repr(found.sources),
        repr(found.plugins),
        repr(AccountsSource(url="x:Quetzal@")),
    ):
        assert not any(secret in shown for secret in ("Quetzal", *secrets.values()))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:p@ss/w@rd@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("postgresql://db/x?password=p&a=b", "postgresql://db/x?password=***&a=b"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_the_password_of_an_address_is_hidden(url: str, shown: str) -> None:
    assert hide_password(url) == shown


@pytest.mark.parametrize(
    ("database", "path", "url"),
    [
        ("sqlite:///a.db", "etc/c.yaml", "sqlite:///etc/a.db"),
        ("sqlite:////var/a.db", "etc/c.yaml", "sqlite:////var/a.db"),
        ("postgresql://h/d", "etc/c.yaml", "postgresql://h/d"),
        ("sqlite:///a.db", "c.yaml", "sqlite:///a.db"),
    ],
)
def test_a_relative_database_stands_beside_the_file(database: str, path: str, url: str) -> None:
    assert Configuration(path=Path(path), database=database).database_url == url


def test_a_broken_plugin_is_named_where_its_adapter_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cornerdesk.plugins.entry_points", lambda group: ())
    broken = types.ModuleType("helpscout")

    @hookimpl
    def cornerdesk_adapters(wrong: object) -> list[type]:
        return []

    broken.cornerdesk_adapters = cornerdesk_adapters  # type: ignore[attr-defined]
    plugins = load_plugins(extra={"helpscout": broken})
    (folder / "cornerdesk.yaml").write_text("sources: {a: {adapter: helpscout}}")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(Path("cornerdesk.yaml"), plugins, environ={})
    assert 'the adapter "helpscout" cannot be used' in caught.value.problems[0].message
