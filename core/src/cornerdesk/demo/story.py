"""The story: what three help desks send in one minute, and what Cornerdesk makes of it. Told while it happens."""

from __future__ import annotations

import contextlib
import html
import queue
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from cornerdesk.demo.mailbox import Mail
from cornerdesk.demo.stage import Desk, Stage
from cornerdesk.demo.summary import show_summary
from cornerdesk.errors import CornerdeskError
from cornerdesk.testing.processes import ProcessFailed, wait_until

PATIENCE = 30.0
QUIET_RULE = "canary-in-distress"
VENDORS = {"zendesk": "Zendesk", "helpscout": "Help Scout", "intercom": "Intercom"}


class DemoFailed(CornerdeskError):
    """Something that should have happened did not; says what, and where the logs are."""


def tell(*, keep: bool) -> None:
    """Tell the whole story; with `keep`, leave it running until Ctrl-C.

    Raises:
        DemoFailed: something that should have happened did not.
    """
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    with tempfile.TemporaryDirectory(prefix="cornerdesk-demo-") as name:
        folder = Path(name)
        try:
            with Stage(folder) as stage:
                Story(stage, console).tell()
                if keep:
                    _keep(stage, console)
        except (TimeoutError, ProcessFailed, httpx.HTTPError) as error:
            logs = "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(folder.glob("*.log")))
            raise DemoFailed(f"the demo stopped: {error}\n{logs}") from error


def _keep(stage: Stage, console: Console) -> None:
    console.print(f"\n[bold]The dashboard is at {stage.url}[/bold] until you press Ctrl-C. Its files: {stage.folder}")
    with contextlib.suppress(KeyboardInterrupt):
        while stage.serves[0].running:
            time.sleep(0.5)


class Story:
    """The story on its stage."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self.stage = stage
        self.console = console
        self.began = time.monotonic()

    def tell(self) -> None:
        """Every scene, then the summary."""
        desks = ", ".join(f"{VENDORS[desk.vendor]} ({desk.source})" for desk in self.stage.desks.values())
        self._say("The help desks", f"stand-ins of {desks}; `cornerdesk serve` at {self.stage.url}; one file of rules")
        globex = self.canary_cries(self.support, "hank@globex.example", "Hank Moreau")
        self.chief_acknowledges(self.support, globex)
        stark = self._nobody_answers()
        initech = self._prospect_asks(self._desk("inbox"))
        piper = self._prospect_wants_a_call(self._desk("chat"))
        quiet = self._ordinary_ticket()
        self._noise()
        self.settle()
        names = {globex: "Globex", stark: "Stark", initech: "Initech", piper: "Piper", quiet: "Umbra"}
        show_summary(self.stage, self.console, names)
        self._explain(quiet)
        self.console.print(f"\n[green]Told in {time.monotonic() - self.began:.0f} seconds.[/green]")

    @property
    def support(self) -> Desk:
        return self.stage.support

    def _desk(self, source: str) -> Desk:
        """This desk, or Zendesk's where the company has fewer."""
        return self.stage.desks.get(source, self.support)

    def canary_cries(self, desk: Desk, requester: str, name: str) -> str:
        """A canary's customer writes at this desk, and the CEO hears of it. Returns the ticket."""
        ticket = desk.open(
            "Not happy with the last weeks",
            f"Hello,\n\nthe third failed import this month. If this goes on we will cancel our contract.\n\n{name}",
            requester, name,
        )  # fmt: skip
        mail = self._mail("ada.park@acme.example")
        self._say("A canary cries", f"{name} writes {self._called(desk, ticket)}; Ada Park (ceo) gets “{mail.subject}”")
        return ticket

    def chief_acknowledges(self, desk: Desk, ticket: str) -> None:
        """The CEO opens the link and presses the button; the note on the ticket and its echo are awaited."""
        link = self._ack_link(desk, ticket)
        page = self.stage.http.get(link)
        page.raise_for_status()
        state = self._escalation(desk, ticket)["state"]
        answer = self.stage.http.post(link, data={"answer": "I call Hank today."}, headers={"origin": self.stage.url})
        answer.raise_for_status()
        self._wait(lambda: self._escalation(desk, ticket)["state"] == "acknowledged", "the acknowledgement")
        self._wait(lambda: bool(desk.notes(ticket)), "the note on the ticket")
        self._say("One click", f"the link shows a page (still {state}), the button answers; on the ticket now stands:")
        self.console.print(f"      [dim]“{_plain(desk.notes(ticket)[0])}”[/dim]")
        self._wait(lambda: self._echoes(desk, ticket) > 0, "the echo of our own note")
        vendor = VENDORS[desk.vendor]
        self._say("Our own echo", f"{vendor} tells us of that note by webhook; it is known as ours and wakes no rule")

    def _nobody_answers(self) -> str:
        desk = self._desk("chat")
        ticket = desk.open(
            "Exports",
            "We are thinking about leaving: the export has been broken for days and nobody answers.",
            "ines@stark.example", "Ines Stark",
        )  # fmt: skip
        self._mail("ada.park@acme.example")
        began = time.monotonic()
        self._mail("bo.lindqvist@acme.example")
        waited = time.monotonic() - began
        told = f"Stark writes {self._called(desk, ticket)}; Ada is told, and after {waited:.1f} s Bo Lindqvist (coo)"
        self._say("Nobody answers", told)
        return ticket

    def _prospect_asks(self, desk: Desk) -> str:
        ticket = desk.open(
            "Question before we buy",
            "Hi, do you support SSO? We are 80 people and would like to move to you next quarter.",
            "tara@initech.example", "Tara Voss",
        )  # fmt: skip
        mail = self._mail("sales@acme.example")
        self._wait(lambda: bool(self.stage.rows("leads")) and bool(self.stage.rows("votes")), "the lead and the vote")
        lead, vote = self.stage.rows("leads")[0], self.stage.rows("votes")[0]
        self._say(
            "A prospect in the inbox",
            f"{self._called(desk, ticket)} from {lead['domain']}, no customer of ours: a {lead['kind']} lead, a vote"
            f" for {vote['feature']}, and sales reads “{_first_line(mail)}”",
        )
        return ticket

    def _prospect_wants_a_call(self, desk: Desk) -> str:
        ticket = desk.open(
            "Plans",
            "We have to decide today. Can somebody call me now?",
            "pia@piper.example", "Pia Piper",
        )  # fmt: skip
        mail = self._mail("sales@acme.example")
        self._wait(lambda: "call-me-now" in desk.look(ticket)["tags"], "the tag")
        told = f"{self._called(desk, ticket)}: sales gets “{mail.subject}”, and the conversation is tagged call-me-now"
        self._say("Call me now", told)
        return ticket

    def _ordinary_ticket(self) -> str:
        desk = self._desk("inbox")
        ticket = desk.open(
            "Our plan",
            "We will cancel our subscription at the end of the month. How do we get our data out?",
            "uma@umbra.example", "Uma Brandt",
        )  # fmt: skip
        self._wait(lambda: bool(self.stage.rows("events", source=desk.source, ticket=ticket)), "the ordinary ticket")
        told = f"Umbra, a standard account, writes {self._called(desk, ticket)}: no executive is woken"
        self._say("An ordinary ticket", told)
        return ticket

    def _noise(self) -> None:
        before = len(self.stage.rows("events")), len(self.stage.rows("effects"))
        for _ in range(10):
            self.support.ask("redeliver", last=1)
        self.support.ask("settled")
        forged = self.stage.http.post(f"{self.stage.url}/webhooks/support", content=b'{"type": "forged"}')
        after = len(self.stage.rows("events")), len(self.stage.rows("effects"))
        self._say(
            "Noise",
            f"the last delivery ten times more: {after[0] - before[0]} new events, {after[1] - before[1]} new effects;"
            f" a forged one: {forged.status_code}",
        )

    def settle(self) -> None:
        """Until everything that came in is decided on and everything planned is done."""
        for desk in self.stage.desks.values():
            desk.ask("settled")
        busy = {"planned", "sent", "failed", "unknown"}
        self._wait(lambda: not [e for e in self.stage.rows("effects") if e["state"] in busy], "every effect")
        self._wait(lambda: not self.stage.rows("deliveries", state="stored"), "every delivery")

    def _explain(self, ticket: str) -> None:
        self.console.print(
            f"\n[bold]Why was nobody woken for ticket {ticket}?[/bold]  cornerdesk explain {ticket} --rule {QUIET_RULE}"
        )
        told = self.stage.command("explain", ticket, "--rule", QUIET_RULE)
        self.console.print(told.rstrip(), markup=False)

    def _mail(self, to: str) -> Mail:
        """The next message to this address; others stay for later."""
        kept: list[Mail] = []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                mail = self.stage.mailbox.arrived.get(timeout=0.2)
                if mail.to == to:
                    for each in kept:
                        self.stage.mailbox.arrived.put(each)
                    return mail
                kept.append(mail)
        raise TimeoutError(f"no mail to {to} within {PATIENCE:g} s")

    def _called(self, desk: Desk, ticket: str) -> str:
        return f"{VENDORS[desk.vendor]} {ticket}"

    def _ack_link(self, desk: Desk, ticket: str) -> str:
        return str(self._escalation(desk, ticket)["ack_url"])

    def _escalation(self, desk: Desk, ticket: str) -> dict[str, Any]:
        rows = self.stage.rows("escalations")
        return next(row for row in rows if (row["source"], row["ticket"]) == (desk.source, ticket))

    def _echoes(self, desk: Desk, ticket: str) -> int:
        rows = self.stage.rows("events", source=desk.source, ticket=ticket)
        return sum(row["actor"]["kind"] == "self" for row in rows if row["message"])

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        wait_until(reached, seconds=PATIENCE, what=what)

    def _say(self, title: str, text: str) -> None:
        self.console.print(f"[dim]{time.monotonic() - self.began:4.1f} s[/dim]  [bold]{title}.[/bold] ", end="")
        self.console.print(text, markup=False)


def _first_line(mail: Mail) -> str:
    return next((line for line in mail.text.splitlines() if line.strip()), "")


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).strip()
