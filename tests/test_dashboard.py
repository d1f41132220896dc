"""The dashboard of the running example company in a real browser: what scripts, style sheets and the CSP make of it."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cornerdesk.demo.stage import Stage
from cornerdesk.testing.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe",
]  # fmt: skip
SECONDS = 20
PAGES = ("/", "/events", "/escalations", "/deadletters", "/leads", "/votes", "/explain/5001", "/events?colour=red")
POLICY = ("script-src", "style-src", "connect-src")
UNREADABLE = """
(() => {
  const rgba = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > .99) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(".hidden, .skip, option")) continue;
    const a = light(rgba(getComputedStyle(element).color)), b = light(behind(element));
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) found.push(`${element.textContent.trim().slice(0, 40)}: ${contrast.toFixed(1)}`);
  }
  return found;
})()
"""
NAMELESS = """
[...document.querySelectorAll("input, select, textarea, button, summary, a")].filter(element =>
  !(element.labels?.length || element.getAttribute("aria-label") || element.textContent.trim())).map(e => e.outerHTML)
"""


class Browser:
    """Headless Chromium, spoken to over its pipe: one page, whose errors are kept."""

    def __init__(self, chromium: str, profile: Path) -> None:
        reads, self._out = os.pipe()
        self._in, writes = os.pipe()
        # Its pipe is file descriptors 3 and 4, one of which may be an end of ours here: they are first moved away.
        away = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reads, writes)]
        silence = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        pipe = [(os.POSIX_SPAWN_DUP2, end, number) for end, number in zip(away, (3, 4), strict=True)]
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = os.posix_spawn(chromium, command, os.environ, file_actions=[*silence, *pipe])
        for end in (reads, writes, *away):
            os.close(end)
        self._numbers = itertools.count(1)
        self._received = b""
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []

    def open_page(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; its result."""
        message: dict[str, Any] = {"id": next(self._numbers), "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            told = self._read()
            if told.get("id") == message["id"]:
                assert "error" not in told, told["error"]
                result: dict[str, Any] = told["result"]
                return result
            self._events.append(told)

    def visit(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._forget("Page.loadEventFired")
        self.call("Page.navigate", url=url)
        self._await("Page.loadEventFired")

    def do(self, script: str) -> Any:
        """What JavaScript gives. It is ours, as from the console: the page's CSP does not hold for it."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def leave_by(self, script: str) -> None:
        """Do what leads to another page, and wait until that is loaded."""
        self._forget("Page.loadEventFired")
        self.do(script)
        self._await("Page.loadEventFired")

    def look(self, width: int, scheme: str) -> None:
        """Be a window this wide, of somebody who likes it `light` or `dark`."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    @property
    def text(self) -> str:
        return str(self.do("document.body.innerText"))

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts, and whatever the CSP or another policy stopped."""
        bad = []
        for event in self._events:
            params = event.get("params", {})
            match event.get("method"):
                # That a page was left by a script, as these tests do, is no fault of the page.
                case "Audits.issueAdded" if "NavigationEntryMarkedSkippable" not in str(params):
                    bad.append(str(params)[:500])
                case "Runtime.exceptionThrown":
                    bad.append(str(params)[:500])
                case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                    bad.append(str(params)[:500])
                case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                    bad.append(params["entry"]["text"])
        return bad

    def forgive(self) -> None:
        """Forget what it complained of: the test meant it."""
        self._events.clear()

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)

    def _forget(self, method: str) -> None:
        self._events = [event for event in self._events if event.get("method") != method]

    def _await(self, method: str) -> None:
        while not any(event.get("method") == method for event in self._events):
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium says nothing for {SECONDS} s"
            chunk = os.read(self._in, 65_536)
            assert chunk, "Chromium has ended"
            self._received += chunk
        one, _, self._received = self._received.partition(b"\0")
        told: dict[str, Any] = json.loads(one)
        return told


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The example company, after a canary has cried (5001) and somebody ordinary has asked (5002)."""
    with Stage(tmp_path_factory.mktemp("company"), sources=["support"]) as stage:
        for requester, subject, text in (
            ("hank@globex.example", "Leaving <script>alert(1)</script>", "We will cancel our contract."),
            ("uma@umbra.example", "The manual", "Where is it?"),
        ):
            stage.support.ask("tickets", subject=subject, text=text, requester=requester, name="Hank")
        stage.support.ask("settled")
        wait_until(lambda: bool(stage.rows("escalations")), seconds=SECONDS, what="the escalation")
        wait_until(lambda: bool(stage.rows("tickets", ticket="5002")), seconds=SECONDS, what="both tickets")
        yield stage


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser of this test's own. What it complained of fails the test."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        reason = "there is no Chromium to look at the dashboard with (on Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    made = Browser(chromium, tmp_path / "profile")
    try:
        made.open_page()
        yield made
        assert made.complaints == []
    finally:
        made.close()


def test_the_overview_shows_what_came_in_and_refreshes_itself_under_the_policy(
    company: Stage, browser: Browser
) -> None:
    browser.visit(company.url)
    assert "support zendesk" in browser.text
    assert "Leaving <script>alert(1)</script>" in browser.text
    assert "Escalations" in browser.text
    browser.do("window.neverLeft = true; document.querySelector('#list-events').focus()")

    company.support.ask("tickets", subject="It came later", text="Hello?", requester="uma@umbra.example", name="Uma")
    wait_until(lambda: "It came later" in browser.text, seconds=SECONDS, what="the new ticket on the open page")
    assert browser.do("window.neverLeft")
    assert browser.do("document.activeElement.id") == "list-events"
    stamp = browser.do("document.querySelector('h1 time').title")
    wait_until(
        lambda: bool(browser.do("document.querySelector('h1 time').title") != stamp),
        seconds=SECONDS,
        what="the next refresh",
    )


def test_a_filter_chosen_in_the_form_narrows_the_list(company: Stage, browser: Browser) -> None:
    browser.visit(f"{company.url}/events")
    assert "The manual" in browser.text
    browser.do("document.querySelector('[name=ticket]').value = '5001'")
    browser.leave_by("document.querySelector('.filters button').click()")
    assert "Leaving" in browser.text
    assert "The manual" not in browser.text
    assert browser.do("document.querySelector('[name=ticket]').value") == "5001"


def test_a_ticket_leads_to_the_condition_that_kept_its_rule_from_firing(company: Stage, browser: Browser) -> None:
    browser.visit(f"{company.url}/events?ticket=5002")
    browser.leave_by("document.querySelector('td a[href*=\"/explain/5002\"]').click()")
    assert 'canary-in-distress because not account.tier == "canary"' in " ".join(browser.text.split())
    assert not browser.do("document.querySelector('details.rule').open")
    browser.do("document.querySelector('details.rule summary').click()")
    assert "the first that failed" in browser.text
    assert "directory accounts.csv" in browser.text


def test_a_button_in_the_menu_does_it_and_says_so(company: Stage, browser: Browser) -> None:
    browser.look(390, "light")
    browser.visit(f"{company.url}/escalations?ticket=5001")
    assert "Withdraw" not in browser.text
    browser.do("document.querySelector('.more').click()")
    box = browser.do("document.querySelector('.menu:popover-open').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0
    assert box["right"] <= 390
    assert box["bottom"] <= 900
    browser.do("document.querySelector('form[action*=withdraw] [name=reason]').value = 'a test'")
    browser.leave_by("document.querySelector('form[action*=withdraw] button').click()")
    assert "Withdrawn: Globex" in browser.text
    assert browser.do("location.search") == "?ticket=5001"
    assert company.rows("escalations", ticket="5001")[0]["state"] == "withdrawn"
    browser.visit(f"{company.url}/escalations?ticket=5001")
    assert "Withdrawn: Globex" not in browser.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_every_page_can_be_read_by_everybody(company: Stage, browser: Browser, width: int, scheme: str) -> None:
    browser.look(width, scheme)
    for page in PAGES:
        browser.visit(company.url + page)
        browser.do("document.querySelector('.more')?.click()")
        assert browser.do("document.documentElement.scrollWidth") <= width, f"{page} must be moved sideways"
        assert browser.do(UNREADABLE) == [], page
        assert browser.do(NAMELESS) == [], page
        assert browser.do("document.title"), page
        assert browser.do("document.querySelectorAll('h1, [role=alert]').length"), page
    assert all("400 (Bad Request)" in complaint for complaint in browser.complaints)
    browser.forgive()


def test_the_policy_stops_scripts_and_styles_that_are_not_our_files(company: Stage, browser: Browser) -> None:
    browser.visit(company.url)
    browser.do("""document.body.insertAdjacentHTML("beforeend",
        '<img src="data:," onerror="window.stolen = 1"><p style="color: red">x</p>')""")
    browser.do("document.head.append(Object.assign(document.createElement('script'), {text: 'window.stolen = 1'}))")
    browser.do("fetch('http://192.0.2.1/').catch(() => 0)")
    wait_until(
        lambda: browser.do("1") == 1 and len({word for c in browser.complaints for word in POLICY if word in c}) == 3,
        seconds=SECONDS,
        what="a complaint about each",
    )
    assert browser.do("window.stolen === undefined")
    browser.forgive()
