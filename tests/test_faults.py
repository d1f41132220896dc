"""What goes wrong out there, and what must come of it: nothing lost, nothing doubled, reasons that can be read."""

from __future__ import annotations

import json
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
    with Stage(tmp_path) as stage:
        yield stage


def silently(stage: Stage, *tickets: dict[str, Any]) -> list[int]:
    """Open tickets, and have nobody told of them before `tell`."""
    stage.ask_desk("receiver", url=None)
    return [int(stage.ask_desk("tickets", **ticket)["id"]) for ticket in tickets]


def tell(stage: Stage) -> None:
    stage.ask_desk("receiver", url=f"{stage.url}/webhooks/support")
    stage.ask_desk("redeliver")
    stage.ask_desk("settled")


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
    return int(httpx.get(f"{stage.desk_url}/_standin/tickets/{ticket}/notes", params={"text": "seen "}).json()["count"])


# ── the vendor ───────────────────────────────────────────────────────────────────────────────────────────────────────

READING: dict[str, dict[str, Any]] = {
    "asked to wait": {"status": 429, "retry_after": "2"},
    "asked to wait, not told how long": {"status": 429},
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
        stage.ask_desk("faults", method="GET", path=f"/tickets/{ticket}", **READING[name])
    stage.ask_desk("faults", path=f"/tickets/{gone}", status=404, body="{}", times=999)
    stage.ask_desk("faults", path=f"/tickets/{refused}", status=401, body="{}", times=999)
    stage.ask_desk("tokens/revoke")  # healed by signing in again
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
    assert reason.endswith("401; check this source's credentials and what they are allowed to do")


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
        stage.ask_desk("faults", method="PUT", path=f"/tickets/{ticket}", **WRITING[name])
    stage.ask_desk("faults", method="PUT", path=f"/tickets/{gone}", status=404, body="{}", times=999)
    stage.ask_desk("faults", method="PUT", path=f"/tickets/{refused}", status=401, body="{}", times=999)
    tell(stage)

    wait_until(confirmed(stage, "note", ordinary), seconds=10, what="the ordinary ticket among the faulty ones")
    for name, ticket in faulty.items():
        for action in ("note", "tag"):
            wait_until(confirmed(stage, action, ticket), seconds=45, what=f"{action} after: {name}")
    tagged = {ticket["id"]: ticket["tags"] for ticket in stage.desk_state()["tickets"]}
    for name, ticket in faulty.items():
        assert (name, notes(stage, ticket), tagged[ticket]) == (name, 1, ["seen"])

    for action in ("note", "tag"):
        assert effect(stage, action, gone)["state"] == "dead"
        assert "404" in effect(stage, action, gone)["reason"]
        waiting = effect(stage, action, refused)
        assert waiting["state"] == "failed"
        assert "401; check this source's credentials" in waiting["reason"]
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
def test_a_mail_server_that_refuses_or_is_gone_holds_up_no_escalation(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.mailbox = moody = MoodyMailbox(stage.mail_port)
    with stage:
        moody.words["ada.park@acme.example"] = ["550 no such mailbox"]
        refused = int(stage.ask_desk("tickets", **LEAVING)["id"])
        assert moody.arrived.get(timeout=20).to == "bo.lindqvist@acme.example"
        tell_ada = next(row for row in inner(stage, refused) if row["target"] == "ceo")
        assert tell_ada["state"] == "dead"
        assert tell_ada["reason"].startswith(
            "ceo cannot be told: mail server 127.0.0.1 refuses the recipient's address"
        )
        assert "ada.park" not in tell_ada["reason"]

        moody.words["ada.park@acme.example"] = ["421 too busy", "250 OK"]
        moody.words["bo.lindqvist@acme.example"] = ["421 too busy"]
        busy = int(stage.ask_desk("tickets", **LEAVING)["id"])
        wait_until(lambda: told(stage, busy, "ceo") == "failed", seconds=20, what="the busy server")
        del moody.words["ada.park@acme.example"]
        wait_until(lambda: told(stage, busy, "ceo") == "confirmed", seconds=20, what="ada's mail")
        assert moody.arrived.get(timeout=5).to == "ada.park@acme.example"

        moody.stop()
        gone = int(stage.ask_desk("tickets", **LEAVING)["id"])
        wait_until(lambda: told(stage, gone, "coo") == "failed", seconds=20, what="the next in the chain")
        waiting = next(row for row in inner(stage, gone) if row["target"] == "ceo")
        assert (waiting["state"], "cannot be reached" in waiting["reason"]) == ("failed", True)
        stage.mailbox = Mailbox(stage.mail_port)
        stage.mailbox.start()


def inner(stage: Stage, ticket: int) -> list[dict[str, Any]]:
    return stage.rows("effects", action="escalation.tell", ticket=str(ticket))


def told(stage: Stage, ticket: int, person: str) -> str:
    return next((str(row["state"]) for row in inner(stage, ticket) if row["target"] == person), "none")


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_at(stage: Stage, body: bytes, at: datetime) -> dict[str, str]:
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "content-type": "application/json",
        "x-zendesk-webhook-signature": sign(stage.webhook_secret, stamp.encode() + body),
        "x-zendesk-webhook-signature-timestamp": stamp,
    }


@pytest.mark.timeout(120)
def test_what_was_signed_long_ago_is_refused_and_what_happened_long_ago_wakes_nobody(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "late.yaml").write_text(
        "rules:\n  - rule: whenever\n    when: ticket.created\n    late: true\n    then: [{tag: seen-late}]\n"
    )
    with Stage(tmp_path) as stage:
        [ticket] = silently(stage, LEAVING)
        body = json.loads(stage.desk_state()["deliveries"][0]["body"])
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
    stage.ask_desk("receiver", url=f"{stage.url}/webhooks/support")
    stage.ask_desk("trigger", ticket=ticket, what="created")
    wait_until(lambda: happened(stage, ticket) == ["ticket.created"], seconds=20, what="the ticket")
    assert only(stage.rows("events"))["message"]["text"] == ORDINARY["text"]

    stage.ask_desk("receiver", url=None)
    stage.ask_desk(f"tickets/{ticket}/comments", text="One thing more.")
    stage.ask_desk(f"tickets/{ticket}/comments", text="We looked.", by="agent", public=False)
    stage.ask_desk(f"tickets/{ticket}", status="pending", priority="high")
    stage.ask_desk("receiver", url=f"{stage.url}/webhooks/support")
    for _ in range(3):
        stage.ask_desk("trigger", ticket=ticket)
    stage.ask_desk("settled")
    wait_until(lambda: "ticket.changed" in happened(stage, ticket), seconds=20, what="the change")
    wait_until(lambda: not stage.rows("deliveries", state="stored"), seconds=20, what="every delivery")
    events = stage.rows("events")
    assert sorted(event["kind"] for event in events) == ["message.added"] * 2 + ["ticket.changed", "ticket.created"]
    said = {e["message"]["text"]: (e["message"]["direction"], e["actor"]["kind"]) for e in events if e["message"]}
    assert said["One thing more."] == ("inbound", "customer")
    assert said["We looked."] == ("internal", "agent")
    changed = only([event for event in events if event["kind"] == "ticket.changed"])["changes"]
    assert (changed["status"]["after"], changed["priority"]["after"]) == ("pending", "high")
