"""What is written back: once, without losing others' work, and with receipts by which its echo is known."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from cornerdesk import (
    ApiRejectedError,
    CredentialsError,
    Priority,
    RejectedError,
    RetryableError,
    Status,
    UnknownOutcomeError,
    UnsupportedError,
    field_hint,
    message_hint,
    tag_hint,
)
from cornerdesk.adapters.echo import hints_of
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import Fault, ZendeskStandIn
from cornerdesk_zendesk.testing import make_delivery, make_settings


@pytest.fixture
def ticket(standin: ZendeskStandIn) -> str:
    return str(standin.open_ticket("Export stops", "We will cancel.", tags=["beta"]))


def echoes(standin: ZendeskStandIn, adapter: ZendeskAdapter, since: int) -> frozenset[str]:
    """Every hint in the deliveries that tell of what was done since."""
    hints: frozenset[str] = frozenset()
    for sent in standin.sent[since:]:
        for fact in adapter.read(make_delivery(sent.body)).facts:
            hints |= hints_of(fact.message, fact.changes)
    return hints


async def test_a_note_is_internal_and_its_echo_is_known(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    since = len(standin.sent)
    receipt = await adapter.add_note(ticket, "The CEO knows.\n--\n> as told", "m-1")
    comment = standin.desk.tickets[int(ticket)].comments[-1]
    assert (comment["public"], comment["body"]) == (False, "The CEO knows.\n--\n> as told")
    assert receipt.id == str(comment["id"])
    assert receipt.echoes == (message_hint(str(comment["id"])),)
    assert set(receipt.echoes) <= echoes(standin, adapter, since)
    assert standin.writes[-1].marker == "m-1"


@pytest.mark.parametrize("kind", ["drop_after", "drop", "status_after", "status"])
async def test_a_note_of_unknown_outcome_is_looked_up_and_never_repeated(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str, kind: str
) -> None:
    await adapter.check()
    standin.faults.append(Fault(kind=kind, method="PUT", status=502))  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "Once.", "m-1")
    done = kind.endswith("after")
    assert standin.notes(ticket, "Once.") == int(done)
    found = await adapter.find_write(ticket, "m-1")
    assert (found is not None) is done
    if found is not None:
        assert found.id == str(standin.desk.tickets[int(ticket)].comments[-1]["id"])
    assert await adapter.find_write(ticket, "m-2") is None


async def test_where_zendesk_keeps_no_marker_nobody_claims_that_a_note_was_not_written(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    audit = '{"id": 7, "events": [{"id": 8, "type": "Comment"}], "metadata": {"system": {}}}'
    told = f'{{"ticket": {{"id": {ticket}}}, "audit": {audit}}}'
    assert await adapter.find_write(ticket, "m-1") is None
    standin.faults.append(Fault("status_after", method="PUT", status=200, body=told, content_type="application/json"))
    assert (await adapter.add_note(ticket, "The CEO knows.", "m-1")).id == "8"
    with pytest.raises(UnsupportedError, match=f"does not keep .* see on ticket {ticket}"):
        await adapter.find_write(ticket, "m-2")


@pytest.mark.parametrize(
    ("status", "body"), [(404, ""), (422, "<html>We will cancel.</html>"), (400, "We will cancel.")]
)
async def test_a_refusal_need_not_be_json_and_is_told_without_its_words(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str, status: int, body: str
) -> None:
    standin.faults.append(Fault(method="PUT", status=status, body=body))
    with pytest.raises(ApiRejectedError, match=f": {status}$"):
        await adapter.add_note(ticket, "The CEO knows.", "m-1")


async def test_keys_that_zendesk_ignores_are_logged(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    warned = Fault("status_after", method="PUT", status=200, body=f'{{"ticket": {{"id": {ticket}}}}}')
    warned.headers = {"x-zendesk-api-warn": "Removed restricted keys [:metadata] from parameters"}
    standin.faults.append(warned)
    with structlog.testing.capture_logs() as logs:
        await adapter.set_priority(ticket, Priority.HIGH, "m-1")
    (warning,) = [line for line in logs if line["event"] == "zendesk_ignored_keys"]
    assert ":metadata" in warning["warning"]


async def test_a_note_that_never_left_may_simply_be_tried_again(ticket: str) -> None:
    lost = ZendeskAdapter("support", make_settings(base_url="http://127.0.0.1:9", oauth={"access_token": "x"}))
    with pytest.raises(RetryableError) as raised:
        await lost.add_note(ticket, "x", "m")
    assert not isinstance(raised.value, UnknownOutcomeError)
    await lost.aclose()


async def test_a_busy_zendesk_takes_no_note_and_names_the_wait(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(method="PUT", status=429, retry_after="17"))
    with pytest.raises(RetryableError) as raised:
        await adapter.add_note(ticket, "x", "m")
    assert raised.value.retry_after == 17
    assert not isinstance(raised.value, UnknownOutcomeError)
    assert standin.notes(ticket) == 0


async def test_an_answer_that_is_no_receipt_leaves_the_outcome_unknown(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(kind="status_after", method="PUT", status=200, body="<html>"))
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "x", "m")


async def test_a_closed_ticket_is_refused_for_good(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.set_status(ticket, "closed")
    for write in (
        adapter.add_note(ticket, "x", "m"),
        adapter.add_tags(ticket, ("vip",), "m"),
        adapter.set_priority(ticket, Priority.LOW, "m"),
    ):
        with pytest.raises(ApiRejectedError, match="closed") as rejected:
            await write
        assert rejected.value.status == 422


async def test_a_deleted_ticket_is_refused(standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str) -> None:
    standin.delete(ticket)
    with pytest.raises(ApiRejectedError, match="404"):
        await adapter.add_note(ticket, "x", "m")


async def test_tags_are_added_to_those_of_others(standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str) -> None:
    since = len(standin.sent)
    receipt = await adapter.add_tags(ticket, ("VIP", "exec watch"), "m")
    assert standin.desk.tickets[int(ticket)].tags == ["beta", "exec_watch", "vip"]
    assert receipt.echoes == (tag_hint("vip", added=True), tag_hint("exec_watch", added=True))
    assert set(receipt.echoes) <= echoes(standin, adapter, since)


async def test_tags_that_are_there_already_are_not_written(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    await adapter.add_tags(ticket, ("beta",), "m")
    assert standin.writes == []


async def test_a_tag_that_somebody_adds_meanwhile_is_kept(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    async def write_in_between(tag: str) -> None:
        while len(standin.api.requests) < 2:  # our reading, and then somebody is faster than our writing
            await asyncio.sleep(0)
        found = standin.desk.tickets[int(ticket)]
        standin.change(ticket, add_tags=[tag])
        found.updated_at = found.updated_at.replace(year=2027)

    await adapter.check()
    standin.faults.append(Fault(kind="slow", method="GET", path=f"/tickets/{ticket}", seconds=0.1))
    await asyncio.gather(adapter.add_tags(ticket, ("vip",), "m"), write_in_between("theirs"))
    assert standin.desk.tickets[int(ticket)].tags == ["beta", "theirs", "vip"]
    assert [path for method, path in standin.api.requests if method == "PUT"].count(
        f"/api/v2/tickets/{ticket}/tags"
    ) == 2


async def test_many_taggers_at_once_lose_nothing(standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str) -> None:
    tags = [f"tag{number}" for number in range(6)]

    async def insist(tag: str) -> None:
        for _ in range(10):
            try:
                await adapter.add_tags(ticket, (tag,), "m")
                return
            except RetryableError:
                continue
        raise AssertionError(tag)

    await asyncio.gather(*map(insist, tags))
    assert standin.desk.tickets[int(ticket)].tags == ["beta", *tags]


async def test_a_ticket_that_changes_all_the_time_is_left_for_later(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(method="PUT", path="/tags", status=409, times=99))
    with pytest.raises(RetryableError, match="changed by others"):
        await adapter.add_tags(ticket, ("vip",), "m")
    assert standin.faults[0].times == 99 - 4


async def test_an_unanswered_tag_is_simply_repeated(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(kind="drop_after", method="PUT", path="/tags"))
    await adapter.add_tags(ticket, ("vip",), "m")
    assert standin.desk.tickets[int(ticket)].tags == ["beta", "vip"]


async def test_a_tag_that_zendesk_takes_and_does_not_keep_is_not_written_for_ever(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    fault = Fault(method="PUT", path="/tags", status=200, body='{"tags": ["beta"]}', times=99)
    standin.faults.append(fault)
    with pytest.raises(RejectedError, match=r"took the change of vip, twice, and .* does not show it"):
        await adapter.add_tags(ticket, ("vip",), "m")
    assert fault.times == 99 - 2


async def test_removing_tags_touches_no_other(standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str) -> None:
    receipt = await adapter.remove_tags(ticket, ("beta", "never there"), "m")
    assert standin.desk.tickets[int(ticket)].tags == []
    assert tag_hint("beta", added=False) in receipt.echoes


async def test_an_answer_without_body_is_enough_when_tags_go(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(kind="status_after", method="DELETE", status=204, body=""))
    await adapter.remove_tags(ticket, ("beta",), "m")
    assert standin.desk.tickets[int(ticket)].tags == []


@pytest.mark.parametrize("by", ["id", "email"])
async def test_a_ticket_is_assigned_to_agent_and_team(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str, by: str
) -> None:
    agent, since = standin.desk.agent, len(standin.sent)
    receipt = await adapter.assign(ticket, str(agent.id) if by == "id" else agent.email, "tier 2", "m")
    found = standin.desk.tickets[int(ticket)]
    assert (found.assignee_id, found.group_id) == (agent.id, standin.desk.second)
    assert {field_hint("assignee", agent.id), field_hint("team", "Tier 2"), field_hint("status", "open")} <= set(
        receipt.echoes
    )
    assert field_hint("assignee", agent.id) in echoes(standin, adapter, since)


async def test_who_cannot_be_found_is_named(standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str) -> None:
    with pytest.raises(RejectedError, match="Support, Tier 2"):
        await adapter.assign(ticket, None, "Tier 3", "m")
    with pytest.raises(RejectedError, match="neither"):
        await adapter.assign(ticket, "Agnes", None, "m")
    with pytest.raises(RejectedError, match="neither an agent nor a team"):
        await adapter.assign(ticket, None, None, "m")
    with pytest.raises(ApiRejectedError, match="about assignee"):
        await adapter.assign(ticket, "nobody@example.com", None, "m")


async def test_a_new_group_is_found_without_a_restart(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    time = [0.0]
    adapter._client._monotonic = lambda: time[0]
    await adapter.assign(ticket, None, "Support", "m")
    group = standin.desk.group("Tier 3")
    time[0] = 31
    await adapter.assign(ticket, None, "Tier 3", "m")
    assert standin.desk.tickets[int(ticket)].group_id == group


async def test_priority_and_status_are_set_and_recognised(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    since = len(standin.sent)
    hints = {*(await adapter.set_priority(ticket, Priority.URGENT, "m")).echoes}
    hints |= {*(await adapter.set_status(ticket, Status.ON_HOLD, "m")).echoes}
    found = standin.desk.tickets[int(ticket)]
    assert (found.priority, found.status) == ("urgent", "hold")
    assert hints == {field_hint("priority", "urgent"), field_hint("status", "on_hold")}
    assert hints <= echoes(standin, adapter, since)


async def test_a_lost_answer_to_setting_a_value_is_simply_repeated(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(kind="drop_after", method="PUT"))
    receipt = await adapter.set_priority(ticket, Priority.URGENT, "m")
    assert receipt.echoes == (field_hint("priority", "urgent"),)


@pytest.mark.parametrize("status", [Status.SPAM, Status.DELETED, Status.OTHER])
async def test_a_status_that_cannot_be_set_is_unsupported(adapter: ZendeskAdapter, ticket: str, status: Status) -> None:
    with pytest.raises(UnsupportedError, match=status.value):
        await adapter.set_status(ticket, status, "m")


async def test_refused_credentials_stop_everything(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, ticket: str
) -> None:
    standin.faults.append(Fault(method="PUT", status=403, body='{"error": "Forbidden"}'))
    with pytest.raises(CredentialsError, match="403 Forbidden"):
        await adapter.add_note(ticket, "x", "m")
