"""Reading and correcting from the command line while `serve` runs, and what a newcomer does wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until


def run(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cornerdesk", *arguments],
        cwd=cwd, env={**os.environ, "NO_COLOR": "1", "COLUMNS": "110", **(environment or {})},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.timeout(180)
def test_lists_and_corrections_work_while_serve_runs(stage: Stage) -> None:
    ticket = stage.support.ask("tickets", subject="SSO", text="Do you support SSO?", requester="tara@initech.example")[
        "id"
    ]
    wait_until(lambda: bool(stage.rows("leads")) and bool(stage.rows("votes")), seconds=30, what="lead and vote")

    [event] = lines(stage.command("events", "--ticket", str(ticket), "--json"))
    assert {"id", "source", "helpdesk", "kind", "occurred_at", "received_at", "actor", "ticket", "message"} <= set(
        event
    )
    assert event["ticket"]["customer"]["email"] == "tara@initech.example"
    assert lines(stage.command("tickets", "--json"))[0]["id"] == str(ticket)
    for row in lines(stage.command("effects", "--json")):
        assert {"id", "key", "rule", "action", "target", "ticket", "source", "state", "attempts", "planned_at"} <= set(
            row
        )
    for row in lines(stage.command("deliveries", "--json")):
        assert {"id", "source", "received_at", "state", "reason", "events"} <= set(row)

    [lead] = lines(stage.command("leads", "--json"))
    assert "not_a_lead" in stage.command("leads", "not-a-lead", lead["id"]).replace(" ", "_")
    assert lines(stage.command("leads", "--json"))[0]["state"] == "not_a_lead"
    [vote] = lines(stage.command("votes", "--json"))
    stage.command("votes", "withdraw", vote["id"])
    assert lines(stage.command("votes", "list", "--json"))[0]["state"] == "withdrawn"
    assert lines(stage.command("deadletters", "list", "--json")) == []

    found = lines(stage.command("explain", str(ticket), "--json"))
    verdicts = {row["rule"]: row for row in found}
    assert verdicts["prospect-asks-for-sso"]["fired"] is True
    quiet = verdicts["canary-in-distress"]
    assert quiet["fired"] is False
    failed = next(condition for condition in quiet["conditions"] if condition["value"] is not True)
    assert {"text", "value", "seen", "from"} <= set(failed)
    assert quiet["first_failed"] == failed["text"]


@pytest.mark.timeout(120)
def test_a_second_serve_on_one_sqlite_file_is_refused_in_one_sentence(sqlite_stage: Stage) -> None:
    second = run("serve", "--port", "0", cwd=sqlite_stage.folder, environment=sqlite_stage.environment)
    assert second.returncode == 2
    assert "Traceback" not in second.stderr
    assert "cornerdesk.db" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_told_before_anything_else(sqlite_stage: Stage) -> None:
    again = run(
        "serve", "--port", str(sqlite_stage.support.port), cwd=sqlite_stage.folder, environment=sqlite_stage.environment
    )
    assert again.returncode == 2
    assert f"cannot listen on 127.0.0.1:{sqlite_stage.support.port}" in again.stderr


def test_each_help_desk_that_init_shows_needs_no_more_than_its_comment_taken_away(tmp_path: Path) -> None:
    assert run("init", "ops", cwd=tmp_path).returncode == 0
    folder = tmp_path / "ops"
    for name in ("cornerdesk.yaml", ".env.example"):
        file = folder / name
        file.write_text(re.sub(r"(?m)^( *)# (?=  |inbox:|chat:|[A-Z_]+=$)", r"\1", file.read_text()))
    secrets = dict.fromkeys(re.findall(r"(?m)^([A-Z_]+)=$", (folder / ".env.example").read_text()), "s3cret")
    fine = run("check", cwd=folder, environment=secrets)
    assert (fine.returncode, fine.stderr) == (0, "")
    assert "3 sources" in fine.stdout


def test_init_check_and_the_mistakes_between(tmp_path: Path) -> None:
    made = run("init", "ops", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    missing = run("check", cwd=tmp_path / "ops")
    assert missing.returncode == 2
    assert "ZENDESK_WEBHOOK_SECRET" in missing.stderr
    secrets = {"ZENDESK_CLIENT_SECRET": "s3cret", "ZENDESK_WEBHOOK_SECRET": "s3cret", "SMTP_PASSWORD": "s3cret"}
    fine = run("check", cwd=tmp_path / "ops", environment=secrets)
    assert (fine.returncode, fine.stderr) == (0, "")

    rules = tmp_path / "ops" / "rules" / "escalation.yaml"
    rules.write_text(rules.read_text().replace("account.tier", "account.teir", 1).replace("to: [ceo", "to: [coe", 1))
    wrong = run("check", cwd=tmp_path / "ops", environment=secrets)
    assert wrong.returncode == 2
    assert "did you mean 'tier'" in wrong.stderr or "account.tier" in wrong.stderr
    assert "did you mean 'ceo'" in wrong.stderr
    assert "s3cret" not in wrong.stderr
    again = run("init", "ops", cwd=tmp_path)
    assert again.returncode == 2
    assert "nothing was written" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evnets"], "did you mean 'events'"),
        (["events", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["events", "--jsn"], "--jsn"),
        (["serve", "--role", "wroker"], "worker"),
    ],
    ids=["command", "configuration", "option", "choice"],
)
def test_bad_usage_exits_with_2_and_says_what_would_be_right(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_list_names_every_plugin_with_its_hooks(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in lines(run("plugins", "list", "--json", cwd=tmp_path).stdout)}
    assert {"desk", "zendesk", "signals", "escalation", "leads", "votes", "email"} <= set(rows)
    assert all(row["problem"] is None for row in rows.values())
    assert "cornerdesk_adapters" in rows["zendesk"]["hooks"]
