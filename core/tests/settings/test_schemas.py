"""The JSON Schemas of both kinds of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cornerdesk.configuration import Configuration
from cornerdesk.documents import read_text, read_yaml
from cornerdesk.plugins import Plugins
from cornerdesk.scaffold import write_example
from cornerdesk.schema import configuration_schema, rules_schema
from jsonschema import Draft202012Validator

Load = Callable[..., Configuration]


def mistakes(schema: dict[str, Any], text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(read_text(text, "f.yaml").data)]


def test_the_schema_takes_a_whole_configuration(plugins: Plugins, good: str) -> None:
    assert mistakes(configuration_schema(plugins), good) == []


def test_both_schemas_are_valid_json_schema(plugins: Plugins, load: Load) -> None:
    for schema in (configuration_schema(plugins), rules_schema(plugins, None), rules_schema(plugins, load())):
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        Draft202012Validator.check_schema(schema)


def test_the_example_fits_both_schemas(tmp_path: Path, plugins: Plugins) -> None:
    write_example(tmp_path)
    assert mistakes(configuration_schema(plugins), (tmp_path / "cornerdesk.yaml").read_text()) == []
    for path in sorted((tmp_path / "rules").glob("*.yaml")):
        assert list(Draft202012Validator(rules_schema(plugins, None)).iter_errors(read_yaml(path).data)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sources:\nplugins:\n  email:\n",
        "server: {port: '${PORT}'}\nplugins: {email: {starttls: '${TLS}'}}",
        "late_after: ${LATE}",
        "rules: [a.yaml, b.yaml]",
    ],
)
def test_the_schema_takes_what_the_loader_takes(plugins: Plugins, text: str) -> None:
    assert mistakes(configuration_schema(plugins), text) == []


@pytest.mark.parametrize(
    "text",
    [
        "sorces: {}",
        "server: {port: high}",
        "sources: {a: {adapter: zendesc}}",
        "sources: {a: {adapter: zendesk, webhook_secret: x}}",
        "sources: {A B: {adapter: zendesk, subdomain: x, webhook_secret: x}}",
        "people: {ceo: {name: A, key: ceo}}",
        "plugins: {nope: {}}",
        "plugins: {escalation: {quote: -1}}",
        "late_after: soon",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(plugins: Plugins, text: str) -> None:
    assert mistakes(configuration_schema(plugins), text)


RULE = "rules: [{{rule: a, when: ticket.created, {}}}]"


@pytest.mark.parametrize(
    "rest",
    [
        "then: [{vote: sso}, {vote: {feature: sso}}, {escalate: ceo}, {escalate: [ceo]}, {lead: }]",
        "if: signals.x, then: [{lead: expansion}]",
        "if: [a, {all: [b, {not: c}]}, {any: [d]}, {not: [e]}], then: [{tag: [a]}]",
        "echoes: true, late: true, enabled: false, once: customer, then: [lead]",
        "once: {per: ticket, every: 24h}, after: 4h, about: why, then: [{escalate: {to: ceo}}]",
    ],
)
def test_rules_may_be_written_short_or_long(plugins: Plugins, load: Load, rest: str) -> None:
    for schema in (rules_schema(plugins, None), rules_schema(plugins, load())):
        assert mistakes(schema, RULE.format(rest)) == []


@pytest.mark.parametrize(
    "rest",
    [
        "then: []",
        "then: [{vot: sso}]",
        "then: [{vote: sso, lead: expansion}]",
        "then: [{vote: {feature: sso, weight: 3}}]",
        "then: [{escalation.tell: {text: x}}]",
        "after: soon, then: [{vote: sso}]",
        "then: [vote]",
        "once: {every: 24h}, then: [{vote: sso}]",
        "once: week, then: [{vote: sso}]",
        "if: [], then: [{vote: sso}]",
        "if: {not: [a, b]}, then: [{vote: sso}]",
        "if: {al: []}, then: [{vote: sso}]",
        "tehn: [], then: [{vote: sso}]",
    ],
)
def test_misspelt_rules_are_refused(plugins: Plugins, rest: str) -> None:
    assert mistakes(rules_schema(plugins, None), RULE.format(rest))


def test_with_a_configuration_only_its_people_and_features_are_offered(plugins: Plugins, load: Load) -> None:
    schema = rules_schema(plugins, load())
    assert mistakes(schema, RULE.format("then: [{escalate: cto}]"))
    assert mistakes(schema, RULE.format("then: [{vote: dark_mode}]"))
    assert "x-cornerdesk" not in str(schema)


def test_actions_say_what_they_do(plugins: Plugins) -> None:
    actions = rules_schema(plugins, None)["$defs"]["action"]["anyOf"][0]["properties"]
    assert actions["escalate"]["description"] == "escalates something"
    assert "escalation.tell" not in actions
