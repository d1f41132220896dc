"""The dashboard's pages: what they show, that every value is escaped and none is too long, and that buttons work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from cornerdesk.runtime import Runtime
from cornerdesk.storage import tables
from cornerdesk.web import dashboard
from cornerdesk.web.overview import first_id

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(1)>"'><b>{{ 7 * 7 }}</b>"""
OURS = {"origin": "http://127.0.0.1:8484"}


class Page(HTMLParser):
    """What a browser makes of a page: text, links, and what could run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        return [str(each.get("href")) for each in self.of("a")]

    @property
    def ids(self) -> list[str]:
        return [str(each["id"]) for _, each in self.tags if "id" in each]


async def read(browser: httpx.AsyncClient, path: str, *, status: int = 200) -> Page:
    answer = await browser.get(path)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def assert_harmless(page: Page) -> None:
    """Nothing but our own script runs, and nothing in the page was made by a customer's words."""
    assert {each.get("src") for each in page.of("script")} <= {"/static/htmx.min.js"}
    assert {each.get("src") for each in page.of("img")} <= {"/static/icon.svg"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith(("on", "hx-on"))]
    assert not [link for link in page.links if link.startswith("javascript:")]


async def test_an_idle_desk_says_that_nothing_is_stuck(browser: httpx.AsyncClient, records: Any) -> None:
    await records.delivery("support", age=timedelta(minutes=5))
    await records.effect("confirmed")
    page = await read(browser, "/")
    assert "Nothing is stuck." in page.text
    assert "support played 5 min ago last delivery · 1 in 24 h" in page.text
    assert "chat played silent no delivery in 24 h" in page.text
    assert "1 confirmed" in page.text


async def test_what_is_stuck_stands_first_with_the_way_to_it(browser: httpx.AsyncClient, records: Any) -> None:
    await records.delivery(state="dead", reason="no")
    await records.delivery("chat", state="stored", age=timedelta(minutes=3))
    await records.effect("dead")
    await records.effect("failed")
    await records.effect("unknown")
    await records.effect("planned", planned_at=records.now - timedelta(minutes=3))
    page = await read(browser, "/")
    assert "Nothing is stuck" not in page.text
    for told in (
        "2 Dead letters",
        "1 Deliveries not read yet",
        "1 Effects overdue",
        "1 Effects in doubt",
        "1 Effects that failed",
    ):
        assert told in page.text
    for link in ("/deadletters", "/deliveries?state=stored", "/effects?state=unknown&timers=yes"):
        assert link in page.links
        await read(browser, link)


async def test_what_is_fetched_does_not_hide_that_a_help_desk_sends_nothing(
    browser: httpx.AsyncClient, records: Any
) -> None:
    await records.delivery("support", origin="reconcile")
    await records.delivery("chat", origin="backfill", state="stored", age=timedelta(minutes=3))
    page = await read(browser, "/")
    assert "support played silent no delivery in 24 h" in page.text
    assert "from 0 deliveries and 2 records of history" in page.text
    assert "1 Deliveries not read yet" in page.text


async def test_what_doctor_found_is_seen_without_asking_it(browser: httpx.AsyncClient, runtime: Runtime) -> None:
    found: list[dict[str, str]] = [
        {"what": "silent"},
        {"what": "lacking", "subject": "1"},
        {"what": "lacking", "subject": "2"},
    ]
    gone = {"source": "once", "what": "missing"}
    row = {"source": "support", "subject": "", "since": datetime.now(UTC), "detail": "no subscription"}
    async with runtime.store.storage.transaction() as tx:
        await tx.execute(tables.findings.insert(), [{**row, **each} for each in [*found, gone]])
    page = await read(browser, "/")
    assert "3 Findings about sources: see `cornerdesk doctor`" in page.text
    assert "/sources" in page.links
    assert "lacking, silent" in (await read(browser, "/sources")).text


async def test_what_is_under_way_or_to_come_is_not_stuck(browser: httpx.AsyncClient, records: Any) -> None:
    await records.delivery(state="stored")
    await records.effect("planned")
    hour = timedelta(hours=1)
    await records.effect("planned", planned_at=records.now - hour, not_before=records.now + hour, internal=True)
    assert "Nothing is stuck." in (await read(browser, "/")).text


async def test_the_overview_refreshes_itself_and_keeps_the_focus_by_ids(
    browser: httpx.AsyncClient, records: Any
) -> None:
    await records.event(words="Hello")
    page = await read(browser, "/")
    [live] = [each for each in page.of("div") if each.get("id") == "live"]
    assert live["hx-get"] == "/"
    assert live["hx-select"] == "#live"
    assert len(page.ids) == len(set(page.ids))
    inside = [each for each in page.of("a") if str(each.get("href")).startswith(("/explain", "/events?"))]
    assert inside
    assert all("id" in each for each in inside)


async def test_every_list_has_a_page_that_the_menu_leads_to(browser: httpx.AsyncClient, runtime: Runtime) -> None:
    links = (await read(browser, "/")).links
    for name, listing in runtime.store.listings.items():
        assert f"/{name}" in links
        page = await read(browser, f"/{name}")
        assert listing.about in page.text
        # What is configured is there from the beginning; what comes in is not.
        shown = [*runtime.store.configuration.sources] if name == "sources" else ["Nothing yet."]
        assert all(each in page.text for each in shown)
        named = {each.get("name") for tag in ("input", "select") for each in page.of(tag)}
        assert {each.name for each in listing.filters} <= named


async def test_a_filter_narrows_and_stays_in_its_field(browser: httpx.AsyncClient, records: Any) -> None:
    await records.event("7", words="Hello")
    await records.event("8", "chat", words="Salut")
    page = await read(browser, "/events?source=chat&kind=ticket.created&ticket=")
    assert "Salut" in page.text
    assert "Hello" not in page.text
    assert [each["value"] for each in page.of("input") if each.get("name") == "source"] == ["chat"]
    assert [each["value"] for each in page.of("option") if "selected" in each] == ["ticket.created"]
    assert "Nothing that matches." in (await read(browser, "/events?source=mail")).text


async def test_a_flag_is_checked_when_it_is_set(browser: httpx.AsyncClient) -> None:
    for query, checked in (("?all=yes", True), ("?all=no", False), ("", False)):
        [box] = [each for each in (await read(browser, f"/wishes{query}")).of("input") if each.get("name") == "all"]
        assert ("checked" in box) is checked


async def test_a_filter_that_cannot_be_is_told_with_the_way_back(browser: httpx.AsyncClient) -> None:
    page = await read(browser, "/wishes?colour=red", status=400)
    assert "there is no filter 'colour'" in page.text
    assert "/wishes" in page.links


async def test_no_more_than_a_hundred_rows_are_shown_and_that_is_said(
    browser: httpx.AsyncClient, board: Any, wish: Any
) -> None:
    board.wishes = [wish(id=str(number)) for number in range(500)]
    page = await read(browser, "/wishes")
    assert len(page.of("tr")) == 101
    assert "Only the newest 100 are shown" in page.text


async def test_hostile_words_are_words_on_every_page(
    browser: httpx.AsyncClient, records: Any, board: Any, wish: Any
) -> None:
    event = await records.event("7", words=HOSTILE, tags=(HOSTILE,), url="javascript:alert(1)")
    await records.event(HOSTILE, "chat", words=HOSTILE)
    await records.delivery(state="dead", reason=HOSTILE, ticket=HOSTILE)
    await records.effect("dead", reason=HOSTILE, target=HOSTILE, event=event, ticket=HOSTILE, source="support")
    board.wishes = [wish(id=HOSTILE, text=HOSTILE, tickets=(HOSTILE,), state=HOSTILE, url="javascript:alert(1)")]
    pages = ["/", "/events", "/tickets", "/deliveries", "/effects", "/deadletters", "/wishes", f"/explain/{event}"]
    for path in pages:
        page = await read(browser, path)
        assert_harmless(page)
        assert "<script>alert(1)</script>" in page.text, path


@pytest.mark.parametrize("path", ["/events?{}=1", "/events?source={}", "/events?kind={}", "/explain/{}", "/{}"])
async def test_hostile_words_in_an_address_are_words(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path.format(str(httpx.QueryParams({"q": HOSTILE}))[2:]))
    assert_harmless(Page(answer.text))


async def test_huge_values_leave_the_page_usable(
    browser: httpx.AsyncClient, records: Any, board: Any, wish: Any
) -> None:
    huge = "Aaaa" * 250_000
    event = await records.event("7", words=huge, fields={"long": huge})
    await records.effect("dead", reason=huge, target=huge, event=event, rule="urgent-first")
    board.wishes = [
        wish(id="1", text=huge, tickets=tuple(str(number) for number in range(10_000)), url=f"http://{huge}")
    ]
    for path in ("/", "/events", "/tickets", "/effects", "/deadletters", "/wishes", "/explain/7"):
        assert len((await browser.get(path)).text) < 40_000, path


async def test_a_long_reason_can_be_opened(browser: httpx.AsyncClient, records: Any) -> None:
    await records.effect("dead", reason="It did not work because " + "of this and that, " * 20 + "and no more.")
    page = await read(browser, "/deadletters")
    assert page.of("details")
    assert "and no more." in page.text


async def test_times_are_exact_on_hover_and_for_machines(browser: httpx.AsyncClient, records: Any) -> None:
    await records.event(words="Hello", occurred_at=records.now.replace(hour=1, minute=2, second=3, microsecond=0))
    page = await read(browser, "/events")
    day = f"{records.now:%Y-%m-%d}"
    assert f"{day} 01:02:03" in page.text
    assert {"datetime": f"{day}T01:02:03+00:00", "title": f"{day} 01:02:03 UTC"} in page.of("time")


async def test_an_explanation_shows_each_condition_and_the_first_that_failed(
    browser: httpx.AsyncClient, records: Any
) -> None:
    await records.event("7", words="Hello", priority="low")
    page = await read(browser, "/explain/7")
    assert 'did not fire urgent-first because not ticket.priority == "urgent"' in page.text
    assert "the first that failed" in page.text
    assert page.text.count("the first that failed") == 1
    assert "ticket.priority = low" in page.text


async def test_an_explanation_tells_what_was_done(browser: httpx.AsyncClient, records: Any) -> None:
    event = await records.event("7", words="Hello")
    await records.effect("failed", event=event, reason="the vendor is away")
    page = await read(browser, f"/explain/{event}")
    assert "fired urgent-first" in page.text
    assert "tag seen: failed (the vendor is away)" in page.text


async def test_a_ticket_of_the_same_id_in_two_sources_is_told_apart(browser: httpx.AsyncClient, records: Any) -> None:
    await records.event("7", "support", words="Hello")
    await records.event("7", "chat", words="Salut")
    both = await read(browser, "/explain/7")
    assert "More than one ticket is called that: chat, support" in both.text
    assert len(both.of("section")) == 2
    assert {"/explain/7?source=chat", "/explain/7?source=support"} <= set(both.links)
    one = await read(browser, "/explain/7?source=chat")
    assert len(one.of("section")) == 1
    assert "ticket 7 · chat" in one.text
    assert "/explain/7?source=chat" in (await read(browser, "/events?source=chat")).links
    await read(browser, "/explain/7?source=mail", status=404)


async def test_an_explanation_of_a_long_ticket_shows_its_newest_events(
    browser: httpx.AsyncClient, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "MOST_EVENTS", 2)
    for minutes in (3, 2, 1):
        await records.event("7", words="Hello", occurred_at=records.now - timedelta(minutes=minutes))
    page = await read(browser, "/explain/7")
    assert "The last 2 of 3 events" in page.text
    assert len(page.of("section")) == 2


@pytest.mark.parametrize("reference", ["8", "%00", "a%2Fb", "x" * 20_000])
async def test_a_ticket_nobody_knows_is_told(browser: httpx.AsyncClient, reference: str) -> None:
    await read(browser, f"/explain/{reference}", status=404)


async def test_ids_of_tickets_with_slashes_and_spaces_lead_to_their_explanation(
    browser: httpx.AsyncClient, records: Any
) -> None:
    await records.event("a/b ?c#d%", words="Hello")
    [link] = [link for link in (await read(browser, "/events")).links if "source=" in link]
    assert "a/b ?c#d%" in (await read(browser, link)).text


async def test_every_row_has_its_buttons_with_labelled_options(
    browser: httpx.AsyncClient, board: Any, wish: Any
) -> None:
    board.wishes = [wish(id="a/b"), wish(id="2")]
    page = await read(browser, "/wishes?state=open")
    forms = [each for each in page.of("form") if each.get("method") == "post"]
    assert [each["action"] for each in forms] == ["/wishes/a%2Fb/grant-it?state=open", "/wishes/2/grant-it?state=open"]
    menus = [each["id"] for _, each in page.tags if "popover" in each]
    assert menus == [each["popovertarget"] for each in page.of("button") if "popovertarget" in each]
    assert "in which way" in page.text
    assert len(page.ids) == len(set(page.ids))


async def test_a_button_does_it_and_leads_back_to_the_list_as_it_was(browser: httpx.AsyncClient, board: Any) -> None:
    form = {"by": "ada", "how": "", "loudly": "yes"}
    answer = await browser.post("/wishes/1/grant-it?state=open", data=form, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/wishes?state=open")
    [request] = board.done
    assert (request.options, request.by) == ({"by": "ada", "loudly": True}, "dashboard")


async def test_what_a_button_did_is_said_once_escaped_and_on_its_own_list(
    browser: httpx.AsyncClient, board: Any
) -> None:
    answer = await browser.post("/wishes/1/grant-it", data={"by": HOSTILE}, headers=OURS)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "script" not in answer.headers["location"]
    assert "granted:" not in (await read(browser, "/events")).text
    page = await read(browser, "/wishes")
    assert f"granted: {HOSTILE}" in page.text
    assert_harmless(page)
    assert "granted:" not in (await read(browser, "/wishes")).text


async def test_a_link_cannot_put_words_in_our_mouth(browser: httpx.AsyncClient) -> None:
    assert "Call this number" not in (await read(browser, "/wishes?text=x")).text
    await read(browser, "/wishes?said=Call+this+number", status=400)


async def test_a_button_that_refuses_says_why_with_the_way_back(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/wishes/none/grant-it?state=open", headers=OURS)
    assert answer.status_code == 422
    page = Page(answer.text)
    assert "there is no such wish" in page.text
    assert "/wishes?state=open" in page.links


@pytest.mark.parametrize("path", ["/wishes/1/explode", "/nothing/1/grant-it", "/events/1/grant-it"])
async def test_a_button_that_does_not_exist_is_told(browser: httpx.AsyncClient, path: str) -> None:
    assert (await browser.post(path, headers=OURS)).status_code == 404


async def test_a_file_or_a_broken_form_is_refused(browser: httpx.AsyncClient, board: Any) -> None:
    given = await browser.post("/wishes/1/grant-it", files={"by": b"x"}, headers=OURS)
    broken = await browser.post(
        "/wishes/1/grant-it", content=b"nonsense", headers={**OURS, "content-type": "multipart/form-data"}
    )
    assert [given.status_code, broken.status_code] == [400, 400]
    assert board.done == []


def test_the_first_id_of_a_moment_is_before_all_made_since(records: Any) -> None:
    from cornerdesk import new_id

    made = new_id()
    assert first_id(records.now - timedelta(seconds=5)) < made < first_id(records.now + timedelta(hours=1))
