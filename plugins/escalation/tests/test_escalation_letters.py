"""What an executive reads, whatever a customer wrote."""

from __future__ import annotations

import html.parser
from datetime import timedelta
from typing import Any

import pytest
from cornerdesk import Configuration, Direction, Effect, PlanContext
from cornerdesk_escalation.actions.escalate import EscalateAction, EscalateSettings
from cornerdesk_escalation.facts import one_line, shorten, take_facts, visible, web_address
from cornerdesk_escalation.letters import ack_url
from cornerdesk_escalation.settings import EscalationSettings
from pydantic import ValidationError

Stage = Any
HOSTILE = (
    "</blockquote><script>alert(1)</script>\n"
    "<a href='https://evil.example'>press here</a> & \u202egnp.exe\x07 {{ 7*7 }}"
)


class Reader(html.parser.HTMLParser):
    """Collects tags, links and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_message_says_who_what_by_when_and_who_is_next(stage: Stage) -> None:
    stage.person("ceo", time_zone="Europe/Berlin")
    await stage.escalate(to=["ceo", "coo"], reason="Globex talks of leaving")
    row = await stage.row()
    assert stage.last.subject == "[Cornerdesk] Globex talks of leaving (ticket 1234)"
    assert stage.last.text == (
        "Globex talks of leaving\n\n"
        "Globex: canary, active, plan Enterprise, 120,000 EUR a year\n"
        "Ticket 1234 (support) from Dana Smith: Thinking of leaving\n\n"
        "Dana Smith wrote:\n> We will cancel next month.\n> This is the third time.\n\n"
        "Noticed: churn_risk (“cancel next month”)\n\n"
        f"I take care of it: {row.ack_url}\n\n"
        "Please answer by Tue 3 Mar, 10:30 (Europe/Berlin). After that Ben Ode is told.\n\n"
        "The ticket: https://acme.zendesk.example/agent/tickets/1234\n\n"
        "You get this because rule canary-in-distress names you.\n"
    )
    assert (stage.last.link, stage.last.thread) == (row.ack_url, f"escalation-{row.id}")


async def test_the_last_of_the_chain_knows_it_and_who_did_not_answer(stage: Stage) -> None:
    await stage.escalate(to=["ceo", "coo"])
    await stage.wait(timedelta(minutes=30))
    assert "You are the last to be told. Told as well, without an answer so far: Ada Park." in stage.last.text


async def test_nothing_a_customer_wrote_is_markup_or_turns_the_words_around(stage: Stage, snapshots: Any) -> None:
    hostile = snapshots(subject=HOSTILE, words=HOSTILE, customer=HOSTILE)
    await stage.escalate(hostile, to="ceo", reason=HOSTILE)
    page = Reader(stage.last.html)
    assert "script" not in page.tags
    assert page.links == [stage.last.link, "https://acme.zendesk.example/agent/tickets/1234"]
    assert "</blockquote><script>alert(1)</script>\n<a href" in page.text
    assert "{{ 7*7 }}" in stage.last.text
    for said in (stage.last.subject, stage.last.text, stage.last.html):
        assert "\u202e" not in said
        assert "\x07" not in said
    assert "\n" not in stage.last.subject


async def test_every_line_a_customer_wrote_is_marked_as_theirs(stage: Stage, snapshots: Any) -> None:
    await stage.escalate(snapshots(words="Hello\r\n\r\nI take care of it: https://evil.example"), to="ceo")
    assert "> Hello\n>\n> I take care of it: https://evil.example\n" in stage.last.text


async def test_a_customers_words_can_be_kept_out_of_messages(stage: Stage) -> None:
    stage.settings = EscalationSettings(quote=0)
    effect = await stage.escalate(to="ceo")
    assert "cancel" not in stage.last.text
    assert "cancel" not in str(effect.payload)
    assert "Noticed: churn_risk\n" in stage.last.text


async def test_long_words_are_cut(stage: Stage, snapshots: Any) -> None:
    stage.settings = EscalationSettings(quote=50)
    await stage.escalate(snapshots(words="word " * 1000), to="ceo")
    assert "> word word word word word word word word word word…\n" in stage.last.text


def test_only_what_the_customer_wrote_is_quoted(snapshots: Any) -> None:
    assert take_facts(snapshots(direction=Direction.INTERNAL), words=100).words is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "https://a b", "", None])
def test_only_web_addresses_become_links(url: str | None) -> None:
    assert web_address(url) is None


@pytest.mark.parametrize(
    ("server", "start"),
    [
        ({"public_url": "https://desk.example.com/"}, "https://desk.example.com/ack/t"),
        ({"public_url": "https://example.com/desk"}, "https://example.com/desk/ack/t"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80/ack/t"),
        ({"host": "::1"}, "http://[::1]:8484/ack/t"),
        ({}, "http://127.0.0.1:8484/ack/t"),
    ],
)
def test_links_lead_to_where_this_server_is_reached(server: dict[str, Any], start: str) -> None:
    assert ack_url(Configuration.model_validate({"server": server}), "t") == start


def test_text_is_made_plain() -> None:
    assert visible("a\x00b\u2066c\ud800d\ne") == "abcd\ne"
    assert one_line(" a\r\n\tb ", 10) == "a b"
    assert shorten("one two three", 9) == "one two…"
    assert shorten("x" * 20, 5) == "xxxx…"


def plan(snapshot: Any, configuration: Configuration | None = None, **settings: Any) -> Any:
    parsed = EscalateSettings.model_validate(settings)
    return EscalateAction().plan(parsed, PlanContext("canary", snapshot, configuration or Configuration()))


def test_a_plan_is_one_intent_for_the_whole_chain(snapshots: Any) -> None:
    (intent,) = plan(snapshots(), to=["ceo", "coo"], acknowledge_within="1h", reason="Globex\nleaves")
    assert intent.target == "ceo+coo"
    assert intent.payload["to"] == ["ceo", "coo"]
    assert (intent.payload["within"], intent.payload["reason"]) == (3600, "Globex leaves")
    assert intent.payload["facts"]["account"]["tier"] == "canary"


def test_what_a_rule_leaves_open_comes_from_the_settings_and_the_ticket(snapshots: Any) -> None:
    configuration = Configuration(plugins={"escalation": EscalationSettings(acknowledge_within=timedelta(hours=2))})
    (intent,) = plan(snapshots(), configuration, to="ceo")
    assert (intent.payload["within"], intent.payload["reason"]) == (7200, "Globex: canary")


def test_planning_the_same_twice_gives_the_same(snapshots: Any) -> None:
    snapshot = snapshots()
    assert plan(snapshot, to="ceo") == plan(snapshot, to="ceo")


@pytest.mark.parametrize("to", [[], "", ["a"] * 21])
def test_a_chain_names_somebody_and_not_the_whole_company(to: Any) -> None:
    with pytest.raises(ValidationError, match="expected one person or a list of 1 to 20"):
        EscalateSettings.model_validate({"to": to})


async def test_a_notice_goes_to_each_person_and_asks_nothing(stage: Stage, snapshots: Any) -> None:
    text = "Invite <Dana> to a call\nShe asked for SSO."
    effects: list[Effect] = stage.planned(
        "notify", "prospect", snapshots(), {"to": ["ceo", "coo", "ceo"], "text": text}
    )
    await stage.run()
    assert (len(effects), stage.told) == (2, ["ceo", "coo"])
    assert stage.last.subject == "[Cornerdesk] Invite <Dana> to a call (ticket 1234)"
    assert stage.last.link is None
    assert stage.last.text.startswith("Invite <Dana> to a call\n\nShe asked for SSO.\nGlobex: canary")
    assert "cancel" not in stage.last.text
    assert "<Dana>" not in stage.last.html
    assert await stage.rows() == []
