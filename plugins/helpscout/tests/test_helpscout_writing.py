"""What is written back: once, without losing others' work, and with receipts by which its echo is known."""

from __future__ import annotations

import asyncio

import pytest
from cornerdesk import (
    ApiRejectedError,
    Priority,
    RejectedError,
    RetryableError,
    Status,
    UnknownOutcomeError,
    UnsupportedError,
    field_hint,
    message_hint,
    tag_hint,
    text_hint,
)
from cornerdesk.adapters.echo import hints_of
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.notes import note_html, without_reference
from cornerdesk_helpscout.standin import Fault, HelpScoutStandIn
from cornerdesk_helpscout.testing import make_settings

NOTE = "The CEO knows <b>all</b> & more.\n\n--\n> as told\n  [cornerdesk:not-a-reference]"


async def no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def ticket(standin: HelpScoutStandIn) -> str:
    return standin.open_ticket("Export stops", "We will cancel.", tags=["beta"])


def echoes(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, since: int) -> frozenset[str]:
    """Every hint in the messages that deliveries tell of since."""
    hints: frozenset[str] = frozenset()
    for sent in standin.sent[since:]:
        for fact in adapter.read(standin.delivery_of(sent)).facts:
            hints |= hints_of(fact.message, fact.changes)
    return hints


async def test_a_note_is_internal_and_its_echo_is_known(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    since = len(standin.sent)
    receipt = await adapter.add_note(ticket, NOTE, "cd-1")
    thread = standin.desk.conversations[int(ticket)].threads[-1]
    assert (thread.type, receipt.id) == ("note", str(thread.id))
    assert "&lt;b&gt;all&lt;/b&gt; &amp; more." in thread.html
    assert receipt.echoes == (message_hint(str(thread.id)),)
    assert {*receipt.echoes, text_hint(NOTE)} <= echoes(standin, adapter, since)


async def test_a_note_without_a_receipt_is_known_by_its_text(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    await adapter.check()
    since = len(standin.sent)
    standin.faults.append(Fault("status_after", method="POST", path="/notes", status=201, body=""))
    receipt = await adapter.add_note(ticket, NOTE, "cd-1")
    assert (receipt.id, receipt.echoes) == (None, ())
    assert text_hint(NOTE) in echoes(standin, adapter, since)


@pytest.mark.parametrize("fault", ["drop_after", "drop", "status_after", "status"])
async def test_a_note_of_unknown_outcome_is_looked_up_and_never_repeated(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, fault: str
) -> None:
    await adapter.check()
    standin.faults.append(Fault(fault, method="POST", path="/notes", status=502))  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "Once.", "cd-1")
    done = fault.endswith("after")
    assert standin.notes(ticket, "Once.") == int(done)
    found = await adapter.find_write(ticket, "cd-1")
    assert (found is not None) is done
    if found is not None:
        thread = str(standin.desk.conversations[int(ticket)].threads[-1].id)
        assert (found.id, found.echoes) == (thread, (message_hint(thread),))
    assert await adapter.find_write(ticket, "cd-2") is None


async def test_a_write_is_found_on_any_page_of_threads(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.api.page_size = 2
    receipt = await adapter.add_note(ticket, "Once.", "cd-1")
    for number in range(5):
        standin.comment(ticket, f"more {number}")
    assert await adapter.find_write(ticket, "cd-1") == receipt


async def test_a_customer_who_copies_a_reference_writes_no_note(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    await adapter.add_note(ticket, "Once.", "cd-1")
    reference = standin.desk.conversations[int(ticket)].threads.pop().html[-23:]
    standin.comment(ticket, f"What is this: {reference}")
    assert await adapter.find_write(ticket, "cd-1") is None


async def test_what_was_written_to_a_conversation_that_is_merged_is_done_in_the_one_that_stays(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    other = standin.open_ticket("Again", "Same here.")
    standin.merge(other, ticket)
    receipt = await adapter.add_note(other, "Once.", "cd-1")
    assert standin.notes(ticket, "Once.") == 1
    assert await adapter.find_write(other, "cd-1") == receipt
    await adapter.add_tags(other, ("vip",), "cd-2")
    assert standin.look(ticket).tags == ("beta", "vip")
    await adapter.set_status(other, Status.CLOSED, "cd-3")
    assert standin.look(ticket).status is Status.SOLVED


@pytest.mark.parametrize("write", ["note", "tag", "status"])
async def test_a_deleted_conversation_is_refused(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, write: str
) -> None:
    standin.delete(ticket)
    with pytest.raises(ApiRejectedError, match="404"):
        if write == "note":
            await adapter.add_note(ticket, "x", "m")
        elif write == "tag":
            await adapter.add_tags(ticket, ("x",), "m")
        else:
            await adapter.set_status(ticket, Status.CLOSED, "m")


@pytest.mark.parametrize("status", [412, 423])
async def test_a_conversation_that_is_full_is_refused(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, status: int
) -> None:
    standin.faults.append(Fault(method="POST", path="/notes", status=status, body="{}"))
    with pytest.raises(ApiRejectedError, match=str(status)):
        await adapter.add_note(ticket, "x", "m")


async def test_a_refusal_names_fields_and_no_words(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    body = '{"logRef":"x","message":"Bad","_embedded":{"errors":[{"path":"text","rejectedValue":"We will cancel"}]}}'
    standin.faults.append(Fault(method="POST", path="/notes", status=400, body=body))
    with pytest.raises(ApiRejectedError, match="refused about text") as refused:
        await adapter.add_note(ticket, "x", "m")
    assert "cancel" not in str(refused.value)


async def test_a_note_that_never_left_may_simply_be_tried_again(ticket: str) -> None:
    lost = HelpScoutAdapter("inbox", make_settings(base_url="http://127.0.0.1:9"), sleep=no_pause)
    with pytest.raises(RetryableError) as raised:
        await lost.add_note(ticket, "x", "m")
    assert not isinstance(raised.value, UnknownOutcomeError)
    await lost.aclose()


@pytest.mark.parametrize("text", ["", "a", "[cornerdesk:0123456789ab]", "two\n\nlines"])
def test_only_our_own_reference_is_taken_off(text: str) -> None:
    written = note_html(text, "cd-1").replace("<br>", "\n")
    assert without_reference(written) == text


# ── tags ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tags_are_added_to_those_of_others(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    receipt = await adapter.add_tags(ticket, ("VIP", "exec watch"), "m")
    assert standin.look(ticket).tags == ("beta", "vip", "exec watch")
    assert receipt.echoes == (tag_hint("vip", added=True), tag_hint("exec watch", added=True))


async def test_tags_that_are_there_already_are_not_written(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    await adapter.add_tags(ticket, ("Beta",), "m")
    await adapter.remove_tags(ticket, ("vip",), "m")
    assert standin.writes == []


async def test_tags_are_removed_and_no_other(standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str) -> None:
    standin.change(ticket, add_tags=["vip", "export"])
    receipt = await adapter.remove_tags(ticket, ("VIP",), "m")
    assert standin.look(ticket).tags == ("beta", "export")
    assert receipt.echoes == (tag_hint("vip", added=False),)


async def test_our_own_writers_wait_for_each_other(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    await asyncio.gather(*(adapter.add_tags(ticket, (f"tag-{number}",), "m") for number in range(8)))
    assert set(standin.look(ticket).tags) == {"beta", *(f"tag-{number}" for number in range(8))}


async def test_what_another_replaces_after_us_is_repaired_and_theirs_kept(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    """Another program read the tags before us and writes them after us: ours are gone, and come again."""
    conversation, set_tags = standin.desk.conversations[int(ticket)], standin.desk.set_tags
    slow = [("beta", "theirs")]

    def overtaken(found: object, tags: object, by: object) -> None:
        set_tags(conversation, tags, standin.desk.own)  # type: ignore[arg-type]
        if slow:
            set_tags(conversation, slow.pop(), standin.desk.agent)

    standin.desk.set_tags = overtaken  # type: ignore[method-assign, assignment]
    await adapter.add_tags(ticket, ("vip",), "m")
    assert set(standin.look(ticket).tags) == {"beta", "theirs", "vip"}


async def test_who_never_gives_up_is_left_to_it(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.desk.set_tags = lambda conversation, tags, by: None  # type: ignore[method-assign]
    with pytest.raises(RetryableError, match="tagged anew by others"):
        await adapter.add_tags(ticket, ("vip",), "m")


@pytest.mark.parametrize("fault", ["drop_after", "drop", "status_after", "status"])
async def test_tags_of_unknown_outcome_are_simply_set_again(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, fault: str
) -> None:
    await adapter.check()
    standin.faults.append(Fault(fault, method="PUT", path="/tags", status=502))  # type: ignore[arg-type]
    await adapter.add_tags(ticket, ("vip",), "m")
    assert standin.look(ticket).tags == ("beta", "vip")


# ── assignment and status ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["id", "email"])
async def test_an_agent_is_assigned_by_id_or_address(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, by: str
) -> None:
    agent = standin.agent_id if by == "id" else "IRA@example.com"
    receipt = await adapter.assign(ticket, agent, None, "m")
    assert standin.look(ticket).assignee == standin.agent_id
    assert field_hint("assignee", standin.agent_id) in receipt.echoes
    assert field_hint("team", None) in receipt.echoes


@pytest.mark.parametrize("name", ["billing", "Tier 2", "id"])
async def test_a_team_is_assigned_by_id_or_name_and_looked_at(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, name: str
) -> None:
    named = {each.casefold(): number for number, each in standin.teams.items()}
    team = named["billing" if name == "id" else name.casefold()]
    receipt = await adapter.assign(ticket, None, team if name == "id" else name, "m")
    assert standin.look(ticket).team == standin.teams[team]
    assert field_hint("team", standin.teams[team]) in receipt.echoes
    assert field_hint("assignee", None) in receipt.echoes


async def test_a_team_that_help_scout_did_not_take_is_told(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    standin.desk.assign = lambda conversation, to, by: None  # type: ignore[method-assign]
    with pytest.raises(RejectedError, match="did not carry it out"):
        await adapter.assign(ticket, None, "Billing", "m")


@pytest.mark.parametrize(
    ("agent", "team", "error"),
    [
        ("nobody@example.com", None, "no user"),
        ("Ira", None, "neither the id nor"),
        (None, "Nobody", "teams: Billing, Tier 2"),
        (None, None, "neither an agent nor a team"),
    ],
)
async def test_who_is_not_there_cannot_be_assigned(
    adapter: HelpScoutAdapter, ticket: str, agent: str | None, team: str | None, error: str
) -> None:
    with pytest.raises(RejectedError, match=error):
        await adapter.assign(ticket, agent, team, "m")


async def test_an_agent_and_a_team_at_once_is_not_help_scouts_way(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str
) -> None:
    with pytest.raises(UnsupportedError, match="not to both"):
        await adapter.assign(ticket, standin.agent_id, "Billing", "m")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.PENDING, "pending"),
        (Status.SOLVED, "closed"),
        (Status.CLOSED, "closed"),
        (Status.SPAM, "spam"),
    ],
)
async def test_every_status_that_can_be_set(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, ticket: str, status: Status, word: str
) -> None:
    receipt = await adapter.set_status(ticket, status, "m")
    assert standin.desk.conversations[int(ticket)].status == word
    assert standin.writes[-1].changes == {"status": word}
    told = adapter.read(standin.delivery_of(standin.sent[-1])).facts[0].ticket["status"]
    assert receipt.echoes == (field_hint("status", told.value),)


@pytest.mark.parametrize("status", [Status.ON_HOLD, Status.NEW, Status.DELETED])
async def test_a_status_that_help_scout_has_not_is_said_so(
    adapter: HelpScoutAdapter, ticket: str, status: Status
) -> None:
    with pytest.raises(UnsupportedError, match=status.value):
        await adapter.set_status(ticket, status, "m")


async def test_there_are_no_priorities(adapter: HelpScoutAdapter, ticket: str) -> None:
    with pytest.raises(UnsupportedError):
        await adapter.set_priority(ticket, Priority.HIGH, "m")
