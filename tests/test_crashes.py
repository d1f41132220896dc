"""kill -9 in the middle: nothing acknowledged is lost, nothing is done twice, on both databases."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import pytest
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until

TICKETS = 24
KILLS = 4
SEED = 20261122


def open_tickets(stage: Stage, numbers: range) -> None:
    """Every third a canary that leaves, a prospect that asks, or somebody ordinary."""
    for number in numbers:
        match number % 3:
            case 0:
                stage.support.ask(
                    "tickets",
                    subject="Leaving",
                    text="We will cancel our contract.",
                    requester=f"p{number}@globex.example",
                )
            case 1:
                stage.support.ask(
                    "tickets", subject="SSO?", text="Do you support SSO?", requester=f"p@company{number}.example"
                )
            case _:
                stage.support.ask(
                    "tickets", subject="Hello", text="Where is the manual?", requester=f"p{number}@umbra.example"
                )


def kill_and_restart(stage: Stage, chance: random.Random) -> None:
    victim = chance.choice(stage.serves)
    victim.kill()
    victim.start()
    stage.serves[0].wait_until_answers(f"{stage.url}/readyz")


def acknowledged(stage: Stage) -> list[dict[str, Any]]:
    return [sent for sent in stage.support.state()["deliveries"] if sent["state"] == "delivered"]


def settled(stage: Stage) -> bool:
    busy = {"planned", "sent", "failed", "unknown"}
    waiting = [row for row in stage.rows("effects") if row["state"] in busy]
    return not waiting and not stage.rows("deliveries", state="stored")


@pytest.mark.timeout(300)
def test_kill_9_in_the_middle_loses_nothing_and_does_nothing_twice(stage: Stage) -> None:
    chance = random.Random(SEED)
    for round_ in range(KILLS):
        open_tickets(stage, range(TICKETS)[round_::KILLS])
        time.sleep(chance.uniform(0.0, 1.0))  # a crash comes at any moment: that is what is tried here
        kill_and_restart(stage, chance)
        assert all(serve.running for serve in stage.serves), round_

    # A vendor gives a delivery up when nobody answers; what it gave up comes again by hand, with everything else.
    stage.support.ask("settled")
    stage.support.ask("redeliver")
    stage.support.ask("settled")
    wait_until(lambda: settled(stage), seconds=120, what="every effect of every delivery")

    stored = {row["id"] for row in stage.rows("deliveries")}
    events = Counter(event["ticket"]["id"] for event in stage.rows("events") if event["kind"] == "ticket.created")
    assert events == {str(ticket["id"]): 1 for ticket in stage.support.state()["tickets"]}
    assert len(stored) == len({sent["event"] for sent in acknowledged(stage) if sent["event"]})

    effects = stage.rows("effects")
    assert {row["state"] for row in effects} <= {"confirmed", "suppressed"}, [
        e for e in effects if e["state"] == "dead"
    ]
    assert Counter(row["action"] for row in effects)["escalate"] == TICKETS // 3
    assert len(stage.rows("escalations")) == TICKETS // 3
    assert len(stage.rows("leads")) == TICKETS // 3
    assert len(stage.rows("votes")) == TICKETS // 3
    assert_notes_once(stage)


def assert_notes_once(stage: Stage) -> None:
    """Nobody acknowledges, so each canary's ticket gets one note that says so when its chain is exhausted."""
    for ticket in stage.support.state()["tickets"]:
        notes = Counter(comment["body"] for comment in ticket["comments"] if not comment["public"])
        assert all(count == 1 for count in notes.values()), notes


@pytest.mark.timeout(120)
def test_sigterm_finishes_what_is_held_and_the_next_start_goes_on(stage: Stage) -> None:
    open_tickets(stage, range(6))
    for serve in stage.serves:
        assert serve.stop() == 0
    for serve in stage.serves:
        serve.start()
    stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
    stage.support.ask("settled")
    stage.support.ask("redeliver")
    stage.support.ask("settled")
    wait_until(lambda: settled(stage), seconds=60, what="every effect")
    assert len(stage.rows("leads")) == 2
    assert not stage.rows("deadletters")
