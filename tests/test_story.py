"""One story from end to end on both databases: deliveries of three vendors in; escalation, lead, vote, note out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from cornerdesk.demo.stage import DESKS, Stage
from cornerdesk.demo.story import Story
from rich.console import Console

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(
    params=[
        pytest.param("sqlite", id="sqlite-one-process"),
        pytest.param("postgresql", id="postgresql-receiver-and-worker", marks=pytest.mark.postgresql),
    ]
)
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """With all its help desks."""
    if request.param == "sqlite":
        made = Stage(tmp_path)
    else:
        made = Stage(tmp_path, database=request.getfixturevalue("postgresql_schema"), roles=("receiver", "worker"))
    with made:
        yield made


@pytest.fixture(scope="module")
def sqlite_company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("company")) as made:
        yield made


def test_canaries_reach_executives_a_prospect_becomes_lead_and_vote_and_echoes_wake_nobody(company: Stage) -> None:
    said = io.StringIO()
    Story(company, Console(file=said, width=120)).tell()

    escalations = {row["source"]: row for row in company.rows("escalations")}
    assert escalations.keys() == {"support", "chat"}
    assert escalations["support"]["state"] == "acknowledged"
    assert escalations["chat"]["state"] in ("waiting", "exhausted")
    assert escalations["support"]["acknowledged_by"] == "ceo"

    [lead] = company.rows("leads")
    assert (lead["domain"], lead["kind"], lead["state"]) == ("initech.example", "new_business", "open")
    [vote] = company.rows("votes")
    assert (vote["feature"], vote["customer"], vote["state"]) == ("sso", "tara@initech.example", "counted")

    effects = company.rows("effects")
    assert {row["state"] for row in effects} == {"confirmed"}
    assert len({row["key"] for row in effects}) == len(effects)

    canary, quiet = escalations["support"]["ticket"], _ticket_of(company, "uma@umbra.example")
    assert "exec-watch" in company.support.look(canary)["tags"]
    assert "exec-watch" not in company.desks["inbox"].look(quiet)["tags"]
    assert sum("Acknowledged by Ada Park" in note for note in company.support.notes(canary)) == 1

    own = [event for event in company.rows("events") if event["actor"]["kind"] == "self"]
    assert {event["kind"] for event in own} == {"message.added", "ticket.changed"}
    assert "did not fire" in said.getvalue()
    assert 'account.tier == "canary"' in said.getvalue()


@pytest.mark.parametrize("source", DESKS)
def test_from_a_signed_delivery_to_a_note_written_back_at_each_desk(source: str, sqlite_company: Stage) -> None:
    stage, desk = sqlite_company, sqlite_company.desks[source]
    story = Story(stage, Console(file=io.StringIO()))
    ticket = story.canary_cries(desk, f"hank.{source}@globex.example", "Hank Moreau")
    story.chief_acknowledges(desk, ticket)
    story.settle()

    [note] = desk.notes(ticket)
    assert "Acknowledged by Ada Park" in note
    assert "exec-watch" in desk.look(ticket)["tags"]
    effects = [row for row in stage.rows("effects") if row["source"] == source]
    assert {row["state"] for row in effects} == {"confirmed"}
    assert [row["state"] for row in stage.rows("escalations") if row["source"] == source] == ["acknowledged"]
    events = stage.rows("events", source=source)
    assert [row["kind"] for row in events if row["actor"]["kind"] != "self"] == ["ticket.created"]
    assert stage.rows("deadletters") == []


def _ticket_of(stage: Stage, requester: str) -> str:
    [event] = [
        event
        for event in stage.rows("events")
        if event["kind"] == "ticket.created" and event["ticket"]["customer"]["email"] == requester
    ]
    return str(event["ticket"]["id"])
