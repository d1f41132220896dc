"""What goes wrong out there, and what must come of it: nothing lost, nothing doubled, reasons that can be read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cornerdesk import sign
from cornerdesk.demo.mailbox import Mailbox
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until

LEAVING = {"subject": "Leaving", "text": "We will cancel our contract.", "requester": "hank@globex.example"}
ORDINARY = {"subject": "Hello", "text": "Where is the manual?", "requester": "kim@umbra.example"}
NOTES = """
rules:
  - rule: note-what-is-said
    when: [ticket.created, message.added]
    if: ['message.direction == "inbound"']
    then: [{note: "seen {{ message.id }}"}, {tag: seen}]
"""


@pytest.fixture
def noting(tmp_path: Path) -> Iterator[Stage]:
    """The example company, which also notes each message on its ticket."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "notes.yaml").write_text(NOTES)
    with Stage(tmp_path, sources=["support"]) as stage:
        yield stage


def silently(stage: Stage, *tickets: dict[str, Any]) -> list[int]:
    """Open tickets, and have nobody told of them before `tell`."""
    stage.support.ask("receiver", url=None)
    return [int(stage.support.ask("tickets", **ticket)["id"]) for ticket in tickets]


def tell(stage: Stage) -> None:
    stage.support.ask("receiver", url=f"{stage.url}/webhooks/support")
    stage.support.ask("redeliver")
    stage.support.ask("settled")


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    [row] = rows
    return row


def effect(stage: Stage, action: str, ticket: int) -> dict[str, Any]:
    return only(stage.rows("effects", action=action, ticket=str(ticket)))


def confirmed(stage: Stage, action: str, ticket: int) -> Callable[[], bool]:
    def reached() -> bool:
        states = [row["state"] for row in stage.rows("effects", action=action, ticket=str(ticket))]
        return states == ["confirmed"]

    return reached


def happened(stage: Stage, ticket: int) -> list[str]:
    return [row["kind"] for row in stage.rows("events", ticket=str(ticket))]


def notes(stage: Stage, ticket: int) -> int:
    return int(
        httpx.get(f"{stage.support.url}/_standin/tickets/{ticket}/notes", params={"text": "seen "}).json()["count"]
    )


# ── the vendor ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tells_of_credentials(reason: str) -> bool:
    """A 401 as it was answered, or, of a token that was new already, that another would not do either."""
    answered = "401; check this source's credentials" in reason
    return answered or "Zendesk (support) refuses even tokens that it has just given; check that the user" in reason


READING: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "503": {"status": 503, "times": 2},
    "a proxy's page": {"status": 200, "body": "<html>Bad gateway</html>"},
    "half an answer": {"status": 200, "body": '{"ticket": {"id": 1, "sub'},
    "slow": {"kind": "slow", "seconds": 4},
    "dropped": {"kind": "drop", "times": 2},
}


@pytest.mark.timeout(120)
def test_a_vendor_that_fails_while_tickets_are_read_delays_them_and_no_others(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    ids = silently(stage, *([LEAVING] * (len(READING) + 2)), ORDINARY)
    faulty = dict(zip(READING, ids, strict=False))
    gone, refused, ordinary = ids[-3:]
    for name, ticket in faulty.items():
        stage.support.ask("faults", method="GET", path=f"/tickets/{ticket}", **READING[name])
    stage.support.ask("faults", path=f"/tickets/{gone}", status=404, body="{}", times=999)
    stage.support.ask("faults", path=f"/tickets/{refused}", status=401, body="{}", times=999)
    stage.support.ask("tokens/revoke")  # healed by signing in again
    tell(stage)

    wait_until(lambda: bool(happened(stage, ordinary)), seconds=8, what="the ordinary ticket among the faulty ones")
    for name, ticket in faulty.items():
        wait_until(confirmed(stage, "tag", ticket), seconds=45, what=f"the ticket: {name}")
        assert happened(stage, ticket).count("ticket.created") == 1
        assert effect(stage, "escalate", ticket)["state"] == "confirmed"

    assert {row["reason"] for row in stage.rows("deadletters")} == {
        f"Zendesk (support) GET /api/v2/tickets/{gone}: 404; what the delivery itself tells is not enough"
    }
    [reason] = {row["reason"] for row in stage.rows("deliveries", state="stored")}
    assert reason.startswith("waits for try 2: Zendesk (support)")
    assert tells_of_credentials(reason)


WAITING: dict[str, dict[str, Any]] = {
    "told how long": {"status": 429, "retry_after": "3"},
    "not told how long": {"status": 429},
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", WAITING)
def test_a_vendor_that_asks_to_wait_is_waited_for_with_every_ticket(how: str, sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    faulty, ordinary = silently(stage, LEAVING, ORDINARY)
    stage.support.ask("faults", method="GET", path=f"/tickets/{faulty}", **WAITING[how])
    tell(stage)

    wait_until(confirmed(stage, "tag", faulty), seconds=45, what="the ticket that was not told at once")
    wait_until(lambda: bool(happened(stage, ordinary)), seconds=5, what="the other one, for the limit is the account's")
    assert happened(stage, faulty).count("ticket.created") == 1
    assert stage.rows("deadletters") == []


WRITING: dict[str, dict[str, Any]] = {
    "asked to wait": {"status": 429, "retry_after": "2"},
    "done, and the connection lost": {"kind": "drop_after"},
    "not done, and the connection lost": {"kind": "drop"},
    "done, and 500 said": {"kind": "status_after", "status": 500},
    "not done, and 503 said": {"status": 503},
    "done, and a proxy's page said": {"kind": "status_after", "status": 200, "body": "<html>Bad gateway</html>"},
    "somebody else was writing": {"status": 409, "body": "{}"},
}


@pytest.mark.timeout(120)
def test_a_vendor_that_fails_while_it_is_written_to_gets_each_note_once(noting: Stage) -> None:
    stage = noting
    ids = silently(stage, *([ORDINARY] * (len(WRITING) + 3)))
    faulty = dict(zip(WRITING, ids, strict=False))
    gone, refused, ordinary = ids[-3:]
    for name, ticket in faulty.items():
        stage.support.ask("faults", method="PUT", path=f"/tickets/{ticket}", **WRITING[name])
    stage.support.ask("faults", method="PUT", path=f"/tickets/{gone}", status=404, body="{}", times=999)
    stage.support.ask("faults", method="PUT", path=f"/tickets/{refused}", status=401, body="{}", times=999)
    tell(stage)

    wait_until(confirmed(stage, "note", ordinary), seconds=10, what="the ordinary ticket among the faulty ones")
    for name, ticket in faulty.items():
        for action in ("note", "tag"):
            wait_until(confirmed(stage, action, ticket), seconds=45, what=f"{action} after: {name}")
    tagged = {ticket["id"]: ticket["tags"] for ticket in stage.support.state()["tickets"]}
    for name, ticket in faulty.items():
        assert (name, notes(stage, ticket), tagged[ticket]) == (name, 1, ["seen"])

    for action in ("note", "tag"):
        assert effect(stage, action, gone)["state"] == "dead"
        assert "404" in effect(stage, action, gone)["reason"]
        waiting = effect(stage, action, refused)
        assert waiting["state"] == "failed"
        assert tells_of_credentials(waiting["reason"])
    assert {row["ticket"] for row in stage.rows("deadletters")} == {str(gone)}


# ── the mail server ──────────────────────────────────────────────────────────────────────────────────────────────────


class MoodyMailbox(Mailbox):
    """A mail server that has a word for each address before it takes anything."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.words: dict[str, list[str]] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if waiting := self.words.get(address):
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.mark.timeout(120)
def test_a_mail_server_that_refuses_or_is_gone_holds_up_no_escalation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cornerdesk.demo.stage.Mailbox", MoodyMailbox)
    with Stage(tmp_path, sources=["support"]) as stage:
        moody = stage.mailbox
        assert isinstance(moody, MoodyMailbox)
        moody.words["ada.park@acme.example"] = ["550 no such mailbox"]
        refused = int(stage.support.ask("tickets", **LEAVING)["id"])
        assert moody.arrived.get(timeout=20).to == "bo.lindqvist@acme.example"
        tell_ada = next(row for row in inner(stage, refused) if row["target"] == "ceo")
        assert tell_ada["state"] == "dead"
        assert tell_ada["reason"].startswith(
            "ceo cannot be told: mail server 127.0.0.1 refuses the recipient's address"
        )
        assert "ada.park" not in tell_ada["reason"]

        moody.words["ada.park@acme.example"] = ["421 too busy", "250 OK"]
        moody.words["bo.lindqvist@acme.example"] = ["421 too busy"]
        busy = int(stage.support.ask("tickets", **LEAVING)["id"])
        wait_until(lambda: told(stage, busy, "ceo") == "failed", seconds=20, what="the busy server")
        del moody.words["ada.park@acme.example"]
        wait_until(lambda: told(stage, busy, "ceo") == "confirmed", seconds=20, what="ada's mail")
        assert moody.arrived.get(timeout=5).to == "ada.park@acme.example"

        moody.stop()
        gone = int(stage.support.ask("tickets", **LEAVING)["id"])
        wait_until(lambda: told(stage, gone, "coo") == "failed", seconds=20, what="the next in the chain")
        wait_until(
            lambda: is_waiting_for_the_server(stage, gone), seconds=20, what="the first in it, between two tries"
        )
        stage.mailbox = Mailbox(stage.mail_port)
        stage.mailbox.start()


def is_waiting_for_the_server(stage: Stage, ticket: int) -> bool:
    row = next(row for row in inner(stage, ticket) if row["target"] == "ceo")
    return row["state"] == "failed" and "cannot be reached" in row["reason"]


def inner(stage: Stage, ticket: int) -> list[dict[str, Any]]:
    return stage.rows("effects", action="escalation.tell", ticket=str(ticket))


def told(stage: Stage, ticket: int, person: str) -> str:
    return next((str(row["state"]) for row in inner(stage, ticket) if row["target"] == person), "none")


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_at(stage: Stage, body: bytes, at: datetime) -> dict[str, str]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "content-type": "application/json",
        "x-zendesk-webhook-signature": sign(stage.support.secret, stamp.encode() + body),
        "x-zendesk-webhook-signature-timestamp": stamp,
    }


@pytest.mark.timeout(120)
def test_what_was_signed_long_ago_is_refused_and_what_happened_long_ago_wakes_nobody(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "late.yaml").write_text(
        "rules:\n  - rule: whenever\n    when: ticket.created\n    late: true\n    then: [{tag: seen-late}]\n"
    )
    with Stage(tmp_path, sources=["support"]) as stage:
        [ticket] = silently(stage, LEAVING)
        body = json.loads(stage.support.state()["deliveries"][0]["body"])
        assert body["type"].endswith("ticket.created")
        old = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        raw = json.dumps(body | {"time": old}).encode()
        url = f"{stage.url}/webhooks/support"
        captured = httpx.post(url, content=raw, headers=sign_at(stage, raw, datetime.now(UTC) - timedelta(hours=1)))
        assert (captured.status_code, "s are allowed" in captured.text) == (401, True)
        ahead = httpx.post(url, content=raw, headers=sign_at(stage, raw, datetime.now(UTC) + timedelta(hours=1)))
        assert ahead.status_code == 401
        assert httpx.post(url, content=raw, headers=sign_at(stage, raw, datetime.now(UTC))).status_code == 200

        wait_until(confirmed(stage, "tag", ticket), seconds=20, what="the rule that wants late ones")
        assert effect(stage, "tag", ticket)["rule"] == "whenever"
        assert stage.rows("escalations") == []
        told = json.loads(stage.command("explain", str(ticket), "--rule", "canary-in-distress", "--json"))
        assert told["suppressed"].startswith("late: it came 3d")


# ── triggers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.timeout(120)
def test_triggers_alone_tell_of_new_tickets_comments_and_changes(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    [ticket] = silently(stage, ORDINARY)
    stage.support.ask("receiver", url=f"{stage.url}/webhooks/support")
    stage.support.ask("trigger", ticket=ticket, what="created")
    wait_until(lambda: happened(stage, ticket) == ["ticket.created"], seconds=20, what="the ticket")
    assert only(stage.rows("events"))["message"]["text"] == ORDINARY["text"]

    stage.support.ask("receiver", url=None)
    stage.support.ask(f"tickets/{ticket}/comments", text="One thing more.")
    stage.support.ask(f"tickets/{ticket}/comments", text="We looked.", by="agent", public=False)
    stage.support.ask(f"tickets/{ticket}", status="pending", priority="high")
    stage.support.ask("receiver", url=f"{stage.url}/webhooks/support")
    for _ in range(3):
        stage.support.ask("trigger", ticket=ticket)
    stage.support.ask("settled")
    wait_until(lambda: "ticket.changed" in happened(stage, ticket), seconds=20, what="the change")
    wait_until(lambda: not stage.rows("deliveries", state="stored"), seconds=20, what="every delivery")
    events = stage.rows("events")
    assert sorted(event["kind"] for event in events) == ["message.added"] * 2 + ["ticket.changed", "ticket.created"]
    said = {e["message"]["text"]: (e["message"]["direction"], e["actor"]["kind"]) for e in events if e["message"]}
    assert said["One thing more."] == ("inbound", "customer")
    assert said["We looked."] == ("internal", "agent")
    changed = only([event for event in events if event["kind"] == "ticket.changed"])["changes"]
    assert (changed["status"]["after"], changed["priority"]["after"]) == ("pending", "high")


# ── plugins and rules ────────────────────────────────────────────────────────────────────────────────────────────────

FAULTY_PLUGIN = """
import asyncio

from cornerdesk import (
    ActionSettings, Adapter, Intent, RecordedAction, RemoteAction, SourceSettings, hookimpl
)


class Nothing(ActionSettings):
    what: str = "x"


def planned(self, settings, context):
    return (Intent(target="x"),)


class Stumbles(RemoteAction):
    name, about, settings_model, shorthand, plan = "stumbles", "raises when it sends", Nothing, "what", planned

    async def send(self, effect, context):
        raise KeyError("hank@globex.example")


class Trips(RecordedAction):
    name, about, settings_model, shorthand, plan = "trips", "raises when it records", Nothing, "what", planned

    async def record(self, effect, context):
        return {}["hank@globex.example"]


class Hangs(RemoteAction):
    name, about, settings_model, shorthand, plan = "hangs", "never ends", Nothing, "what", planned

    async def send(self, effect, context):
        await asyncio.Event().wait()

    look_up = send


class Clogs(RecordedAction):
    name, about, settings_model, shorthand, plan = "clogs", "never ends, in a transaction", Nothing, "what", planned

    async def record(self, effect, context):
        await asyncio.Event().wait()


class Explodes(RemoteAction):
    name, about, settings_model, shorthand = "explodes", "raises when it plans", Nothing, "what"

    def plan(self, settings, context):
        raise ZeroDivisionError("hank@globex.example")

    async def send(self, effect, context):
        return None


class Brittle(Adapter):
    helpdesk, settings_model, capabilities = "brittle", SourceSettings, frozenset()

    def verify(self, delivery, now):
        pass

    def delivery_key(self, delivery):
        raise ValueError("hank@globex.example")

    def read(self, delivery):
        raise ValueError("hank@globex.example")


@hookimpl
def cornerdesk_actions():
    return [Stumbles(), Trips(), Hangs(), Clogs(), Explodes()]


@hookimpl
def cornerdesk_adapters():
    return [Brittle]
"""
FAULTY_RULES = """
rules:
  - {rule: stumbling, when: ticket.created, if: ['ticket.subject == "Faulty"'], then: [{stumbles: x}]}
  - {rule: tripping, when: ticket.created, if: ['ticket.subject == "Faulty"'], then: [{trips: x}]}
  - {rule: clogging, when: ticket.created, if: ['ticket.subject == "Faulty"'], then: [{clogs: x}]}
  - {rule: hanging, when: ticket.created, if: ['ticket.subject == "Faulty"'], then: [{hangs: x}]}
  - {rule: exploding, when: ticket.created, if: ['ticket.subject == "Faulty"'], then: [{explodes: x}]}
  - {rule: beyond-the-end, when: ticket.created, if: ['ticket.tags[5] == "x"'], then: [{tag: never}]}
"""


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The example company with an installed plugin that does everything wrong, and a source of its adapter."""
    installed = tmp_path / "installed"
    information = installed / "faulty-1.dist-info"
    information.mkdir(parents=True)
    (installed / "faulty.py").write_text(FAULTY_PLUGIN)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[cornerdesk]\nfaulty = faulty\n")
    before = [part for part in (os.environ.get("PYTHONPATH"),) if part]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), *before]))
    folder = tmp_path / "stage"
    with Stage(folder, sources=["support"]) as stage:
        stage.serves[0].stop()
        (folder / "rules" / "faulty.yaml").write_text(FAULTY_RULES)
        file = folder / "cornerdesk.yaml"
        file.write_text(file.read_text().replace("sources:\n", "sources:\n  odd: {adapter: brittle}\n"))
        stage.serves[0].start()
        stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
        yield stage


@pytest.mark.timeout(120)
def test_a_plugin_that_does_everything_wrong_harms_only_itself(faulty: Stage) -> None:
    stage = faulty
    odd = httpx.post(f"{stage.url}/webhooks/odd", json={"any": "thing"})
    assert odd.status_code == 200
    ticket = int(stage.support.ask("tickets", **{**LEAVING, "subject": "Faulty"})["id"])
    other = int(stage.support.ask("tickets", **LEAVING)["id"])
    wait_until(confirmed(stage, "tag", other), seconds=20, what="another ticket")

    wait_until(lambda: len(stage.rows("deadletters")) >= 2, seconds=30, what="the dead letters")
    dead = {row["action"]: row["reason"] for row in stage.rows("deadletters")}
    assert dead[None] == "ValueError in adapter brittle"
    assert dead["trips"] == "KeyError in action trips"
    wait_until(lambda: effect(stage, "clogs", ticket)["state"] == "failed", seconds=30, what="the end of the clog")
    assert effect(stage, "clogs", ticket)["reason"] == "action clogs did not end within 10 seconds; undone"
    wait_until(lambda: effect(stage, "hangs", ticket)["state"] == "unknown", seconds=40, what="the end of the wait")
    assert "no answer within 30 seconds" in effect(stage, "hangs", ticket)["reason"]
    assert effect(stage, "stumbles", ticket)["reason"].endswith("KeyError in action stumbles")
    assert "hank@" not in json.dumps(stage.rows("deadletters"))

    told = {row["rule"]: row for row in map(json.loads, stage.command("explain", str(ticket), "--json").splitlines())}
    assert told["exploding"]["suppressed"] == "planning explodes failed (ZeroDivisionError)"
    beyond = told["beyond-the-end"]
    assert (beyond["fired"], beyond["conditions"][0]["reason"]) == (False, "nobody knows ticket.tags[5]")
    wait_until(confirmed(stage, "tag", ticket), seconds=20, what="what else was to be done with the ticket")
    assert stage.serves[0].running
