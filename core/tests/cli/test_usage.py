"""What happens when something is typed: where the configuration comes from, exit codes, and errors that help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_a_fresh_folder_is_checked_migrated_and_listed(folder: Path, cornerdesk: Run) -> None:
    checked = cornerdesk("check")
    assert (checked.code, checked.out) == (0, "cornerdesk.yaml: fine. 1 rule, 0 sources, 1 person, 0 features.\n")
    assert "nothing will come in" in checked.err

    early = cornerdesk("events")
    assert early.code == 2
    assert "cornerdesk database migrate" in early.err

    pending = cornerdesk("database", "status")
    assert (pending.code, "pending: core_0001" in pending.out) == (1, True)
    assert "applied core_0001" in cornerdesk("database", "migrate").out
    assert "nothing to do" in cornerdesk("database", "migrate").out
    assert cornerdesk("database", "status").code == 0
    assert cornerdesk("events").out == "No events yet.\n"
    assert cornerdesk("effects", "--state", "dead").out == "No effects that match.\n"
    assert cornerdesk("deadletters").out == "No dead letters yet.\n"
    assert cornerdesk("events", "--json").out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "{there}", "deliveries"),
        ("deliveries", "--config", "{there}"),
        ("deliveries", "--config", "{there}", "list"),
        ("deliveries", "list", "--config", "{there}"),
        ("database", "--config", "{there}", "status"),
    ],
)
def test_the_configuration_is_taken_from_wherever_it_is_named(
    arguments: tuple[str, ...], folder: Path, cornerdesk: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = str(folder / "cornerdesk.yaml")
    assert cornerdesk("database", "migrate").code == 0
    monkeypatch.chdir("/")
    monkeypatch.setenv("CORNERDESK_CONFIG", "/nowhere.yaml")

    assert cornerdesk(*(part.format(there=there) for part in arguments)).code == 0


def test_the_environment_names_the_configuration(
    folder: Path, cornerdesk: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("CORNERDESK_CONFIG", str(folder / "cornerdesk.yaml"))
    assert cornerdesk("check").code == 0


def test_a_verb_takes_the_configuration_named_before_it(folder: Path, cornerdesk: Run) -> None:
    cornerdesk("database", "migrate")
    wrong = cornerdesk("deadletters", "--config", "nowhere.yaml", "retry", "x")
    assert (wrong.code, "nowhere.yaml: there is no such file" in wrong.err) == (2, True)
    right = cornerdesk("deadletters", "retry", "x")
    assert (right.code, "no dead letter 'x'" in right.err) == (1, True)


def test_what_stands_before_list_counts_and_before_a_verb_is_refused(folder: Path, cornerdesk: Run) -> None:
    cornerdesk("database", "migrate")
    assert cornerdesk("effects", "--state", "dead", "list").out == "No effects that match.\n"
    refused = cornerdesk("deadletters", "--what", "effect", "retry", "x")
    assert (refused.code, "--what is for the list" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evnets",), "did you mean 'events'"),
        (("deadletters", "rety", "x"), "did you mean 'retry'"),
        (("database", "migrat"), "did you mean 'migrate'"),
        (("events", "--since", "yesterday"), "such as 24h or 7d"),
        (("events", "--since", "99999999999d"), "such as 24h or 7d"),
        (("events", "--since", "0001-01-01T00:00+14:00"), "such as 24h or 7d"),
        (("events", "--limit", "0"), "1<=x<=100000"),
        (("effects", "--state", "ded"), "'dead'"),
        (("serve", "--port", "99999"), "0<=x<=65535"),
        (("serve", "--role", "worker"), "a SQLite database belongs to one process"),
        (("check", "--config", "."), "is a directory"),
        (("plugins", "check", "no_such_module"), "no_such_module does not import"),
        (("explain",), "TICKET-or-EVENT"),
    ],
)
def test_bad_usage_is_2_and_says_what_would_be_right(
    arguments: tuple[str, ...], said: str, folder: Path, cornerdesk: Run
) -> None:
    done = cornerdesk(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_every_problem_is_a_line_of_json_when_asked(folder: Path, cornerdesk: Run) -> None:
    (folder / "rules.yaml").write_text("rules: [{rule: a, when: ticket.crated, then: [{tga: x}]}]\n")
    done = cornerdesk("check", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 2
    assert [(row["line"], row["nearest"]) for row in rows] == [(1, "ticket.created"), (1, "tag")]


def test_explain_of_nothing_known_says_where_to_look(folder: Path, cornerdesk: Run) -> None:
    cornerdesk("database", "migrate")
    done = cornerdesk("explain", "4711")
    assert (done.code, "cornerdesk tickets" in done.err) == (1, True)


def test_init_writes_all_or_nothing(folder: Path, cornerdesk: Run) -> None:
    assert cornerdesk("init", "ops").code == 0
    (folder / "ops" / "cornerdesk.yaml").unlink()
    again = cornerdesk("init", "ops")
    assert (again.code, "nothing was written" in again.err) == (2, True)
    assert not (folder / "ops" / "cornerdesk.yaml").exists()
    inside_a_file = cornerdesk("init", "rules.yaml/ops")
    assert (inside_a_file.code, "cannot be written to" in inside_a_file.err) == (2, True)


def test_the_schemas_are_json(folder: Path, cornerdesk: Run) -> None:
    for what in ("configuration", "rules"):
        assert json.loads(cornerdesk("schema", what).out)["$schema"].endswith("2020-12/schema")


def test_plugins_are_listed_and_checked(folder: Path, cornerdesk: Run) -> None:
    (folder / "my_plugin_of_test.py").write_text(
        "import cornerdesk\n@cornerdesk.hookimpl\ndef cornerdesk_actoins():\n    return []\n"
    )
    rows = [json.loads(line) for line in cornerdesk("plugins", "list", "--json").out.splitlines()]
    assert "cornerdesk_actions" in next(row for row in rows if row["name"] == "desk")["hooks"]
    broken = cornerdesk("plugins", "check", "my_plugin_of_test")
    assert (broken.code, "did you mean 'cornerdesk_actions'" in broken.err) == (1, True)


# ── as a process ────────────────────────────────────────────────────────────────────────────────────────────────────


def started(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cornerdesk", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def test_a_reader_that_leaves_early_breaks_nothing(folder: Path) -> None:
    process = started("schema", "configuration")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_is_a_sentence(folder: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cornerdesk", "check"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr.count(b"Error: the output cannot be read or written")) == (1, 1)
    assert b"Traceback" not in done.stderr


def test_importing_the_command_line_leaves_the_engine_the_web_and_the_rules_alone() -> None:
    code = (
        "import sys, cornerdesk.cli, cornerdesk.cli.lists as lists; lists.about();"
        " print(*sorted({'pgqueuer', 'uvicorn', 'jinja2', 'alembic', 'cel', 'lark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
