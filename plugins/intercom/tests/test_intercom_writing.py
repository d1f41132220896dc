"""What is written back: once, without losing others' work, and with receipts by which its echo is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import (
    ApiRejectedError,
    Priority,
    RejectedError,
    RetryableError,
    Status,
    Subscription,
    SubscriptionState,
    UnknownOutcomeError,
    UnsupportedError,
    clean_text,
    field_hint,
    message_hint,
    tag_hint,
    text_hint,
)
from cornerdesk.adapters.echo import hints_of
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.events import TOPICS
from cornerdesk_intercom.notes import holds_marker, is_html, marker_in, note_html, without_marker
from cornerdesk_intercom.standin import Fault, IntercomStandIn
from cornerdesk_intercom.testing import make_settings
from hypothesis import given
from hypothesis import strategies as st

NOTE = "The CEO knows.\n\nShe says: 5 < 6 & <b>fine</b>."


@pytest.fixture(params=[False, True], ids=["conversation", "ticket"])
def ticket(standin: IntercomStandIn, request: pytest.FixtureRequest) -> str:
    standin.opens_tickets = request.param
    return standin.open_ticket("Export stops", "We will cancel.", tags=["beta"])


@pytest.fixture
def conversation(standin: IntercomStandIn) -> str:
    return standin.open_ticket("Export stops", "We will cancel.", tags=["beta"])


def echoes(standin: IntercomStandIn, adapter: IntercomAdapter, since: int) -> frozenset[str]:
    """Every hint in the deliveries that tell of what was done since."""
    hints: frozenset[str] = frozenset()
    for sent in standin.sent[since:]:
        for fact in adapter.read(standin.delivery_of(sent)).facts:
            hints |= hints_of(fact.message, fact.changes)
    return hints


# ── notes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_note_is_internal_and_its_echo_is_known(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    since = len(standin.sent)
    receipt = await adapter.add_note(ticket, NOTE, "m-1")
    part = standin.desk.conversations[ticket].parts[-1]
    assert (part["part_type"], part["author"]["id"]) == ("note", "814")
    assert receipt.id == part["id"]
    assert receipt.echoes == (message_hint(part["id"]),)
    assert {message_hint(part["id"]), text_hint(NOTE)} <= echoes(standin, adapter, since)
    assert standin.writes[-1].marker == "m-1"
    assert standin.notes(ticket, NOTE) == 1


async def test_a_note_goes_where_its_ticket_is(standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str) -> None:
    await adapter.add_note(ticket, NOTE, "m-1")
    kind = "tickets" if standin.opens_tickets else "conversations"
    assert [path for method, path in standin.api.requests if method == "POST"] == [f"/{kind}/{ticket}/reply"]


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault.lost(), False),
        (Fault.lost(after=True), True),
        (Fault.server_error(), False),
        (Fault.server_error(after=True), True),
        (Fault.server_error(500, after=True), True),
        (Fault.truncated(), True),
        (Fault.not_json(after=True), True),
    ],
    ids=["lost", "lost-after", "502", "502-after", "500-after", "truncated", "html-after"],
)
async def test_a_note_of_unknown_outcome_is_looked_up_and_never_repeated(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str, fault: Fault, done: bool
) -> None:
    standin.faults.append(fault.on("POST", "/reply"))
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "Once.", "m-1")
    assert standin.notes(ticket, "Once.") == int(done)
    found = await adapter.find_write(ticket, "m-1")
    assert (found is not None) is done
    if found is not None:
        assert found.id == standin.desk.conversations[ticket].parts[-1]["id"]
    assert await adapter.find_write(ticket, "m-2") is None


async def test_an_answer_that_is_no_receipt_leaves_the_outcome_unknown(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.faults.append(Fault("status_after", method="POST", status=200, body='{"type": "conversation"}'))
    with pytest.raises(UnknownOutcomeError):
        await adapter.add_note(ticket, "x", "m")


async def test_a_busy_intercom_takes_no_note_and_names_no_wait(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.faults.append(Fault.too_many(method="POST"))
    with pytest.raises(RetryableError) as raised:
        await adapter.add_note(ticket, "x", "m")
    assert not isinstance(raised.value, UnknownOutcomeError)
    assert raised.value.retry_after == 10  # the length of Intercom's windows
    assert standin.notes(ticket) == 0


async def test_a_marker_that_intercom_drops_makes_looking_up_say_so(
    standin: IntercomStandIn, adapter: IntercomAdapter, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say: Callable[..., object] = standin.desk.say
    monkeypatch.setattr(standin.desk, "say", lambda *args, **more: say(*args[:2], "<p>stripped</p>", **more))
    receipt = await adapter.add_note(conversation, "x", "m-1")
    assert receipt.id == standin.desk.conversations[conversation].parts[-1]["id"]
    with pytest.raises(UnsupportedError, match="does not keep the marker"):
        await adapter.find_write(conversation, "m-1")


@given(st.text(max_size=80), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_a_marker_is_found_in_its_note_and_leaves_the_words_alone(text: str, marker: str) -> None:
    html = note_html(text, marker)
    assert is_html(html)
    assert holds_marker(html, marker)
    assert not holds_marker(html, marker + "1")
    assert text_hint(without_marker(html)) == text_hint(clean_text(text))


@pytest.mark.parametrize("tail", ["· (https://cornerdesk.invalid/w/m-1)", "·", "https://cornerdesk.invalid/w/m-1"])
def test_plain_text_loses_the_marker_however_it_shows_the_link(tail: str) -> None:
    assert without_marker(f"The CEO knows.\n\n{tail}") == "The CEO knows."
    assert without_marker("The CEO knows.") == "The CEO knows."
    assert marker_in("see https://cornerdesk.invalid/") is None


# ── tags ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tags_are_added_by_id_and_made_where_there_are_none(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.desk.tag_id("VIP")
    receipt = await adapter.add_tags(ticket, ("vip", "exec watch", "vip "), "m")
    assert standin.look(ticket).tags == ("beta", "VIP", "exec watch")
    assert receipt.echoes == (tag_hint("vip", added=True), tag_hint("exec watch", added=True))


async def test_a_tag_that_is_there_already_is_not_written(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    await adapter.add_tags(ticket, ("BETA",), "m")
    assert standin.writes == []


async def test_an_unanswered_tag_is_simply_repeated(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.faults.append(Fault.lost(after=True, method="POST", path=f"/{ticket}/tags"))
    await adapter.add_tags(ticket, ("vip",), "m")
    assert standin.look(ticket).tags == ("beta", "vip")


async def test_a_repeat_that_intercom_refuses_is_fine_once_the_tag_is_on(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.faults.append(Fault("status_after", method="POST", path=f"/{ticket}/tags", status=422, body="{}"))
    await adapter.add_tags(ticket, ("vip",), "m")
    standin.faults.append(Fault(method="POST", path=f"/{ticket}/tags", status=422, body="{}"))
    with pytest.raises(ApiRejectedError):
        await adapter.add_tags(ticket, ("other",), "m")


async def test_removing_tags_touches_no_other(standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str) -> None:
    standin.change(ticket, add_tags=["vip"])
    receipt = await adapter.remove_tags(ticket, ("Beta", "never there"), "m")
    assert standin.look(ticket).tags == ("vip",)
    assert tag_hint("beta", added=False) in receipt.echoes
    assert [write.method for write in standin.writes] == ["DELETE"]


async def test_an_unanswered_removal_is_simply_repeated(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    standin.faults.append(Fault.lost(after=True, method="DELETE"))
    await adapter.remove_tags(ticket, ("beta",), "m")  # the repeat is answered with 404
    assert standin.look(ticket).tags == ()


# ── assignment ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_assigning_a_closed_ticket_does_not_open_it(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    standin.opens_tickets = True
    ticket = standin.open_ticket("Invoice", "Wrong.")
    standin.set_status(ticket, "closed")
    await adapter.assign(ticket, "815", "Tier 2", "m")
    look = standin.look(ticket)
    assert (look.assignee, look.team, look.status) == ("815", "Tier 2", Status.SOLVED)
    assert standin.desk.conversations[ticket].state == "closed"


@pytest.mark.parametrize("agent", ["815", "Agnes@desk.example.com"])
async def test_a_ticket_is_assigned_to_team_and_agent(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str, agent: str
) -> None:
    since = len(standin.sent)
    receipt = await adapter.assign(ticket, agent, "tier 2", "m")
    look = standin.look(ticket)
    assert (look.assignee, look.team) == ("815", "Tier 2")
    assert receipt.echoes == (field_hint("team", "Tier 2"), field_hint("assignee", "815"))
    assert field_hint("assignee", "815") in echoes(standin, adapter, since)


async def test_who_cannot_be_found_is_named(adapter: IntercomAdapter, ticket: str) -> None:
    with pytest.raises(RejectedError, match="Support, Tier 2"):
        await adapter.assign(ticket, None, "Tier 3", "m")
    with pytest.raises(RejectedError, match="no 'Agnes' among its admins"):
        await adapter.assign(ticket, "Agnes", None, "m")
    with pytest.raises(RejectedError, match="neither an agent nor a team"):
        await adapter.assign(ticket, None, None, "m")


async def test_a_new_team_is_found_without_a_restart(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    time = [0.0]
    adapter._client._monotonic = lambda: time[0]
    await adapter.assign(ticket, None, "Support", "m")
    standin.desk.teams["503"] = "Tier 3"
    time[0] = 31
    await adapter.assign(ticket, None, "Tier 3", "m")
    assert standin.look(ticket).team == "Tier 3"


# ── status and priority ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (Status.CLOSED, Status.SOLVED),
        (Status.SOLVED, Status.SOLVED),
        (Status.PENDING, Status.PENDING),
        (Status.ON_HOLD, Status.PENDING),
        (Status.OPEN, Status.OPEN),
    ],
)
async def test_a_conversation_is_closed_snoozed_or_opened(
    standin: IntercomStandIn, adapter: IntercomAdapter, conversation: str, status: Status, becomes: Status
) -> None:
    standin.set_status(conversation, "snoozed" if status is Status.OPEN else "open")
    since = len(standin.sent)
    receipt = await adapter.set_status(conversation, status, "m")
    assert standin.look(conversation).status is becomes
    assert set(receipt.echoes) == {field_hint("status", becomes), field_hint("status", status)}
    assert field_hint("status", becomes) in echoes(standin, adapter, since)


async def test_a_snooze_ends_after_as_long_as_the_settings_say(
    standin: IntercomStandIn, connect: Callable[..., IntercomAdapter], conversation: str
) -> None:
    adapter = connect(snooze="3h")
    before = standin.clock.now()
    await adapter.set_status(conversation, Status.PENDING, "m")
    until = standin.desk.conversations[conversation].snoozed_until
    assert until is not None
    assert 3 * 3600 - 2 <= (until - before).total_seconds() <= 3 * 3600 + 10


@pytest.mark.parametrize("status", [Status.NEW, Status.OPEN, Status.PENDING, Status.SOLVED])
async def test_a_ticket_has_states(standin: IntercomStandIn, adapter: IntercomAdapter, status: Status) -> None:
    standin.opens_tickets = True
    ticket = standin.open_ticket("Invoice", "Wrong.")
    standin.set_status(ticket, "pending" if status is Status.NEW else "new")
    since = len(standin.sent)
    receipt = await adapter.set_status(ticket, status, "m")
    assert standin.look(ticket).status is status
    assert field_hint("status", status) in set(receipt.echoes) & echoes(standin, adapter, since)


async def test_closing_a_ticket_closes_it_in_the_inbox_and_it_is_solved(
    standin: IntercomStandIn, adapter: IntercomAdapter
) -> None:
    standin.opens_tickets = True
    ticket = standin.open_ticket("Invoice", "Wrong.")
    since = len(standin.sent)
    receipt = await adapter.set_status(ticket, Status.CLOSED, "m")
    closed = standin.desk.conversations[ticket]
    assert (closed.state, closed.state_of_ticket) == ("closed", "submitted")
    assert standin.look(ticket).status is Status.SOLVED
    assert field_hint("status", Status.SOLVED) in set(receipt.echoes) & echoes(standin, adapter, since)


async def test_opening_a_closed_ticket_opens_it(standin: IntercomStandIn, adapter: IntercomAdapter) -> None:
    standin.opens_tickets = True
    ticket = standin.open_ticket("Invoice", "Wrong.")
    await adapter.set_status(ticket, Status.CLOSED, "m")
    await adapter.set_status(ticket, Status.OPEN, "m")
    assert standin.desk.conversations[ticket].state == "open"
    await adapter.set_status(ticket, Status.CLOSED, "m")
    await adapter.set_status(ticket, Status.SOLVED, "m")
    assert standin.desk.conversations[ticket].state == "closed"  # solving must not open it again


async def test_a_lost_answer_to_setting_a_status_is_simply_repeated(
    standin: IntercomStandIn, adapter: IntercomAdapter, ticket: str
) -> None:
    method = "PUT" if standin.opens_tickets else "POST"
    standin.faults.append(Fault.lost(after=True, method=method))
    await adapter.set_status(ticket, Status.CLOSED, "m")
    assert standin.desk.conversations[ticket].state == "closed"


@pytest.mark.parametrize("status", [Status.SPAM, Status.DELETED, Status.OTHER])
async def test_a_status_that_cannot_be_set_is_unsupported(
    adapter: IntercomAdapter, ticket: str, status: Status
) -> None:
    with pytest.raises(UnsupportedError, match=status.value):
        await adapter.set_status(ticket, status, "m")


async def test_a_priority_is_not_for_us_to_set_and_what_is_is_named(adapter: IntercomAdapter) -> None:
    with pytest.raises(UnsupportedError, match=r"tag: \[priority-urgent\]"):
        await adapter.set_priority("1", Priority.URGENT, "m")


# ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_person_is_told_how_to_make_the_subscription() -> None:
    adapter = IntercomAdapter("chat", make_settings())
    url = "https://cornerdesk.example.com/webhooks/chat"
    with pytest.raises(UnsupportedError) as told:
        await adapter.register_webhook(url)
    steps, topics = str(told.value).split("choose these topics, and save:\n")
    for part in ("Developer Hub", "Read conversations", "2.16"):
        assert part in steps
    assert any(line.endswith(f"endpoint: {url}") for line in steps.splitlines())
    assert [line.split(".")[0].strip() for line in steps.splitlines()[1:]] == list("12345")
    chosen = [line.strip() for line in topics.splitlines()]
    assert chosen == [topic for topic, handler in TOPICS.items() if callable(handler)]
    assert {"conversation.user.created", "ticket.state.updated"} <= set(chosen)
    assert "conversation.read" not in chosen


async def test_a_person_is_told_how_to_mend_it() -> None:
    adapter = IntercomAdapter("chat", make_settings())
    with pytest.raises(UnsupportedError, match="Set live"):
        await adapter.repair_webhook(Subscription(id="1", url="x", state=SubscriptionState.SUSPENDED), "https://y")
