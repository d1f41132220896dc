"""Mistakes in cornerdesk.yaml and the files it names: each with its place, what was expected, and the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cornerdesk.errors import Problem

Complain = Callable[..., tuple[Problem, ...]]

A_SOURCE = "sources:\n  support:\n    adapter: zendesk\n    subdomain: acme\n    api_token: t\n    webhook_secret: w\n"


@pytest.mark.parametrize(
    ("text", "place", "message", "expected", "nearest"),
    [
        ("sorces: {}", (1, 1), 'no key "sorces"', "one of database, server, sources", "sources"),
        ("database: x.db", (1, 11), "no address of a database", "sqlite:///cornerdesk.db or postgresql://", None),
        ("database: postgres://u:p@h/d", (1, 11), "no address of a database", "sqlite:///", None),
        ("database: [x]", (1, 11), '"database" is a list', "text", None),
        ("server: {prot: 1}", (1, 10), 'no key "prot"', "one of host, port", "port"),
        ("server: {port: 70000}", (1, 16), '"port" does not fit', "65535 or less", None),
        ("server: {port: high}", (1, 16), '"port" is text', "a whole number", None),
        ("server: {public_url: example.com}", (1, 22), '"public_url" is no address', "https://", None),
        ("sources: [a]", (1, 10), '"sources" is a list', "a mapping", None),
        ("sources:\n  a: zendesk", (2, 6), '"a" is text', "a mapping", None),
        ("sources:\n  a: {subdomain: x}", (2, 3), '"adapter" is missing', "zendesk", None),
        ("sources:\n  a: {adapter: zendesc}", (2, 16), 'no adapter "zendesc"', "zendesk", "zendesk"),
        ("sources:\n  a: {adapter: 5}", (2, 16), '"adapter" is not text', "zendesk", None),
        (A_SOURCE.replace("support", "Support Desk"), (2, 3), "cannot be a name", "small letters", "support_desk"),
        (A_SOURCE + "    sub_domain: x\n", (7, 5), 'no key "sub_domain"', "one of adapter, base_url", None),
        (A_SOURCE.replace("subdomain: acme", "subdomain: a.b"), (4, 16), "does not fit", "`acme` of https", None),
        (A_SOURCE.replace("    api_token: t\n", ""), (2, 3), "needs `oauth` or `api_token`", None, None),
        (A_SOURCE + "    region: uss\n", (7, 13), 'cannot be "uss"', "one of us, eu, au", "us"),
        (A_SOURCE.replace(": w\n", ": [w, 5]\n"), (6, 25), 'item 2 of "webhook_secret"', "text, so quotes", None),
        ("people:\n  ceo: {email: a@b.example}", (2, 3), '"name" is missing', None, None),
        ("people:\n  ceo: {name: A, emial: a@b.example}", (2, 18), 'no key "emial"', "one of name, email", "email"),
        ("people:\n  ceo: {name: A, key: ceo, email: a@b.example}", (2, 18), 'no key "key"', "name above", None),
        ("people:\n  ceo: {name: A, email: nowhere}", (2, 25), "no e-mail address", "ada@example.com", None),
        ("people:\n  ceo: {name: A, email: a b@c.example}", (2, 25), "no e-mail address", "ada@example.com", None),
        ("people:\n  ceo: {name: A}", (2, 3), "has no address", '"email", or other channels', None),
        (
            "people:\n  ceo: {name: A, email: a@b.example, time_zone: Europe/Berln}",
            (2, 49), "names no time zone", "an IANA name", "Europe/Berlin",
        ),
        (
            "people:\n  ceo: {name: A, email: a@b.example, time_zone: berlin}",
            (2, 49), "names no time zone", "an IANA name", "Europe/Berlin",
        ),
        (
            "people:\n  ceo: {name: A, email: a@b.example, time_zone: ../etc/passwd}",
            (2, 49), "names no time zone", "an IANA name", None,
        ),
        ("people:\n  ceo: {name: A, email: a@b.example, hours: 9-5}", (2, 45), "'9-5' is not hours", None, None),
        ("people:\n  ceo: {name: A, email: a@b.example, notify: email}", (2, 46), "is text", "a list", None),
        ("people:\n  ceo: {name: A, notify: ['Slack U1']}", (2, 27), "names no channel", "email, slack:U123", None),
        ("people:\n  ceo: {name: A, email: a@b.example, budget: {per_day: -1}}", (2, 56), "not fit", "0 or more", None),
        ("people:\n  A B: {name: A, email: a@b.example}", (2, 3), "cannot be a name", "small letters", "a_b"),
        ("accounts: {}", (1, 1), 'neither "csv" nor "sql"', "one of the two", None),
        ("accounts: {csv: accounts.csv, sql: SELECT 1}", (1, 1), 'both "csv" and "sql"', "one of the two", None),
        ("accounts: {csv: acounts.csv}", (1, 17), "acounts.csv is not there", "a CSV file", None),
        ("accounts: {sql: accounts}", (1, 17), "is no query", "SELECT", None),
        ("accounts: {csv: accounts.csv, url: 'sqlite:///x'}", (1, 31), 'for "sql" only', 'no "url"', None),
        ("accounts: {sql: SELECT 1, url: mysql}", (1, 32), "no address of a database", "postgresql://", None),
        ("features: featurs.yaml", (1, 11), "featurs.yaml is not there", "`cornerdesk init` writes one", None),
        ("rules: nope/*.yaml", (1, 8), "no file is there", "a pattern such as rules/*.yaml", None),
        ("rules: [rules/*.yaml, nope.yaml]", (1, 23), "no file is there", "a pattern", None),
        ("rules: {a: b}", (1, 8), '"rules" is a mapping', "a list", None),
        ("plugins: {escalaton: {}}", (1, 11), 'no plugin "escalaton"', "one of email, escalation", "escalation"),
        ("plugins: {zendesk: {}}", (1, 11), '"zendesk" has no settings', None, None),
        ("plugins: {escalation: {quot: 1}}", (1, 24), 'no key "quot"', "one of acknowledge_within, quote", "quote"),
        ("plugins: {escalation: {acknowledge_within: 45}}", (1, 44), "not a length of time", None, None),
        ("plugins: {email: {starttls: yess}}", (1, 29), 'cannot be "yess"', "one of auto, yes, no", "yes"),
        ("late_after: soon", (1, 13), "not a length of time", None, None),
        ("late_after: 6h\nlate_after: 7h", (2, 1), "is here twice; first on line 1", "every key once", None),
        ("- a", (1, 1), "the file is no mapping", "`cornerdesk init`", None),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(
    complaints: Complain, text: str, place: tuple[int, int], message: str, expected: str | None, nearest: str | None
) -> None:
    (problem,) = complaints(text)
    assert problem.file == "cornerdesk.yaml"
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert (expected or "") in (problem.expected or "")
    assert problem.nearest == nearest


@pytest.mark.parametrize(
    ("text", "place", "message", "nearest"),
    [
        ("features: {SSO: {title: x}}", (1, 12), "cannot have this key", "sso"),
        ("features:\n  api-export: {title: x}", (2, 3), "cannot have this key", "api_export"),
        ("features:\n  in: {title: x}", (2, 3), "a word of the conditions", None),
        ("features:\n  sso: {titel: x, title: y}", (2, 9), 'no key "titel"', None),
        ("features:\n  sso: {}", (2, 3), '"title" is missing', None),
        ("sso: {title: x, phrases: SSO}", (1, 26), '"phrases" is text', None),
        ("sso: {title: x, phrases: ['']}", (1, 27), "phrase is empty", None),
        ("sso: Single sign-on", (1, 6), '"sso" is not a mapping', None),
        ("features: {sso: {title: x}}\nfeature: {}", (2, 1), 'no key "feature"', None),
        ("[sso]", (1, 1), "this is no mapping", None),
        ("sso: {title: x}\nsso: {title: y}", (2, 1), "is here twice", None),
        ("sso: {title: x, board: {key: '${GONE}'}}", (1, 31), "GONE is not set", None),
        ("sso: {title: 'x", (1, 14), "never closed", None),
    ],
)
def test_a_mistake_in_the_features_is_told_there(
    folder: Path, complaints: Complain, text: str, place: tuple[int, int], message: str, nearest: str | None
) -> None:
    (folder / "features.yaml").write_text(text)
    (problem,) = complaints()
    assert problem.file == "features.yaml"
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert problem.nearest == nearest


def test_problems_of_all_parts_and_files_are_told_at_once(folder: Path, complaints: Complain, good: str) -> None:
    (folder / "features.yaml").write_text("SSO: {title: x}\n")
    found = complaints(
        good.replace("adapter: zendesk", "adapter: zendesk\n    adapter: intercom")
        .replace("Europe/Berlin", "Europe/Bern")
        .replace("accounts.csv", "gone.csv")
        .replace("rules/*", "gone/*")
        .replace("45m", "soon")
        .replace("${CLIENT_SECRET}", "${GONE}")
    )
    assert [(problem.file, problem.line) for problem in found] == [
        ("cornerdesk.yaml", 5),
        ("cornerdesk.yaml", 7),
        ("cornerdesk.yaml", 10),
        ("cornerdesk.yaml", 11),
        ("cornerdesk.yaml", 13),
        ("cornerdesk.yaml", 15),
        ("features.yaml", 1),
    ]


def test_without_a_file_the_error_says_how_to_make_one(folder: Path, complaints: Complain) -> None:
    (folder / "cornerdesk.yaml").unlink()
    (problem,) = complaints()
    assert "no such file" in problem.message
    assert "`cornerdesk init`" in (problem.expected or "")


def test_a_missing_variable_is_the_only_thing_said_of_its_value(complaints: Complain) -> None:
    (problem,) = complaints("server: {port: '${PORT}'}\nlate_after: 2h\n")
    assert problem.message == "the environment variable PORT is not set"
