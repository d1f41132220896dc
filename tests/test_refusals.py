"""What is refused at the door, with which status, and that nothing is lost by it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cornerdesk import sign
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until

URL = "/webhooks/support"


def signed(stage: Stage, body: bytes, *, secret: str | None = None) -> dict[str, str]:
    """Headers as Zendesk sends them (fact sheet zendesk.md 1.4 and 1.5)."""
    timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signature = sign(secret or stage.support.secret, timestamp.encode() + body)
    return {
        "content-type": "application/json; charset=utf-8",
        "x-zendesk-webhook-signature": signature,
        "x-zendesk-webhook-signature-timestamp": timestamp,
        "x-zendesk-webhook-invocation-id": "01JZ0000000000000000000001",
    }


def post(stage: Stage, body: bytes, headers: dict[str, str], path: str = URL) -> httpx.Response:
    return httpx.post(stage.url + path, content=body, headers=headers, timeout=10)


def body_of(stage: Stage) -> bytes:
    """A real delivery's body, as the stand-in sent it last."""
    ticket = stage.support.ask("tickets", subject="Hello", text="Where is the manual?", requester="kim@umbra.example")[
        "id"
    ]
    stage.support.ask("settled")
    sent: list[dict[str, Any]] = stage.support.state()["deliveries"]
    return str(next(each["body"] for each in sent if each["ticket"] == ticket)).encode()


@pytest.mark.timeout(120)
def test_deliveries_that_must_be_refused_are_and_the_reasons_are_told(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    body = body_of(stage)
    before = len(stage.rows("deliveries"))

    unsigned = post(stage, body, {"content-type": "application/json"})
    assert (unsigned.status_code, "signature" in unsigned.json()["error"]) == (401, True)
    assert post(stage, body, signed(stage, body, secret="another")).status_code == 401
    reserialised = json.dumps(json.loads(body)).encode()
    assert post(stage, reserialised, signed(stage, body)).status_code == 401
    unknown = post(stage, body, signed(stage, body), "/webhooks/suport")
    assert (unknown.status_code, "no source of this name" in unknown.json()["error"]) == (404, True)
    large = b'{"pad": "' + b"x" * 2_000_000 + b'"}'
    assert post(stage, large, signed(stage, large)).status_code == 413
    assert httpx.put(stage.url + URL, content=b"{}").status_code == 405
    assert len(stage.rows("deliveries")) == before

    truncated = body[: len(body) // 2]
    answer = post(stage, truncated, signed(stage, truncated))
    assert answer.status_code == 400
    [dead] = stage.rows("deadletters")
    assert dead["what"] == "delivery"
    assert "JSON" in dead["reason"]

    assert httpx.head(stage.url + URL).status_code == 200
    assert httpx.get(stage.url + URL).status_code == 200
    assert httpx.head(stage.url + "/webhooks/nobody").status_code == 404


@pytest.mark.timeout(120)
def test_json_of_no_known_shape_is_taken_and_waits_in_the_dead_letters_until_a_person_drops_it(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    body = b'{"weather": "rain"}'
    assert post(stage, body, signed(stage, body)).status_code == 200
    wait_until(lambda: bool(stage.rows("deadletters")), seconds=20, what="the dead letter")
    [dead] = stage.rows("deadletters")
    assert dead["reason"]
    assert "rain" not in dead["reason"]

    stage.command("deadletters", "retry", dead["id"])
    wait_until(lambda: bool(stage.rows("deadletters")), seconds=20, what="the dead letter again")
    stage.command("deadletters", "drop", dead["id"])
    assert stage.rows("deadletters") == []
    [kept] = [row for row in stage.rows("deliveries") if row["id"] == dead["id"]]
    assert kept["state"] == "ignored"


@pytest.mark.timeout(120)
def test_one_delivery_sent_ten_times_at_once_is_one_event_and_one_effect(stage: Stage) -> None:
    stage.support.ask("receiver", url=None)
    stage.support.ask("tickets", subject="Leaving", text="We will cancel next month.", requester="hank@globex.example")
    body = stage.support.state()["deliveries"][-1]["body"].encode()
    headers = signed(stage, body)
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: post(stage, body, headers), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert sorted(answer.json()["status"] for answer in answers) == ["duplicate"] * 9 + ["stored"]

    def tagged() -> bool:
        return [row["state"] for row in stage.rows("effects", action="tag")] == ["confirmed"]

    wait_until(tagged, seconds=20, what="the tag")
    assert len(stage.rows("deliveries")) == 1
    assert len(stage.rows("events")) == 1
    assert len(stage.rows("effects", action="escalate")) == 1
