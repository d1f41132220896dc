"""The same story from end to end on both databases: deliveries in; escalation, lead and vote out."""

from __future__ import annotations

import io

import pytest
from cornerdesk.demo.stage import Stage
from cornerdesk.demo.story import Story
from rich.console import Console

pytestmark = pytest.mark.timeout(180)


def test_a_canary_reaches_the_ceo_a_prospect_becomes_lead_and_vote_and_echoes_wake_nobody(stage: Stage) -> None:
    said = io.StringIO()
    Story(stage, Console(file=said, width=120)).tell()

    escalations = {row["ticket"]: row for row in stage.rows("escalations")}
    assert {ticket: row["state"] for ticket, row in escalations.items()}["5001"] == "acknowledged"
    assert escalations["5001"]["acknowledged_by"] == "ceo"
    assert len(escalations) == 2

    [lead] = stage.rows("leads")
    assert (lead["domain"], lead["kind"], lead["state"], lead["tickets"]) == (
        "initech.example",
        "new_business",
        "open",
        ["5003"],
    )
    [vote] = stage.rows("votes")
    assert (vote["feature"], vote["customer"], vote["state"]) == ("sso", "tara@initech.example", "counted")

    effects = stage.rows("effects")
    assert {row["state"] for row in effects} == {"confirmed"}
    assert len({row["key"] for row in effects}) == len(effects)

    tickets = {ticket["id"]: ticket for ticket in stage.desk_state()["tickets"]}
    assert "exec-watch" in tickets[5001]["tags"]
    assert "exec-watch" not in tickets[5004]["tags"]
    assert sum("Acknowledged by Ada Park" in c["body"] for c in tickets[5001]["comments"]) == 1

    own = [event for event in stage.rows("events") if event["actor"]["kind"] == "self"]
    assert {event["kind"] for event in own} == {"message.added", "ticket.changed"}
    assert "did not fire" in said.getvalue()
    assert 'account.tier == "canary"' in said.getvalue()
