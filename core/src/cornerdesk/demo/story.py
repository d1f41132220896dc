"""The story: what a help desk sends in one minute, and what Cornerdesk makes of it. Told while it happens."""

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
from cornerdesk.demo.stage import Stage
from cornerdesk.demo.summary import show_summary
from cornerdesk.errors import CornerdeskError
from cornerdesk.testing.processes import ProcessFailed, wait_until

PATIENCE = 30.0
QUIET_RULE = "canary-in-distress"


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
        self._say(
            "A help desk", f"stand-in of Zendesk at {self.stage.desk_url}; `cornerdesk serve` at {self.stage.url}"
        )
        globex = self._canary_cries()
        self._chief_acknowledges(globex)
        stark = self._nobody_answers()
        self._prospect_asks()
        quiet = self._ordinary_ticket()
        self._noise()
        self._settle()
        show_summary(self.stage, self.console, {globex: "Globex", stark: "Stark", quiet: "Umbra"})
        self._explain(quiet)
        self.console.print(f"\n[green]Told in {time.monotonic() - self.began:.0f} seconds.[/green]")

    def _canary_cries(self) -> int:
        ticket = self._open(
            "Not happy with the last weeks",
            "Hello,\n\nthe third failed import this month. If this goes on we will cancel our contract.\n\nHank",
            "hank@globex.example", "Hank Moreau",
        )  # fmt: skip
        mail = self._mail("ada.park@acme.example")
        self._say("A canary cries", f"Globex writes ticket {ticket}; Ada Park (ceo) gets “{mail.subject}”")
        return ticket

    def _chief_acknowledges(self, ticket: int) -> None:
        link = self._ack_link(ticket)
        page = self.stage.http.get(link)
        page.raise_for_status()
        state = self._escalation(ticket)["state"]
        answer = self.stage.http.post(link, data={"answer": "I call Hank today."}, headers={"origin": self.stage.url})
        answer.raise_for_status()
        self._wait(lambda: self._escalation(ticket)["state"] == "acknowledged", "the acknowledgement")
        self._wait(lambda: bool(self._notes(ticket)), "the note on the ticket")
        self._say("One click", f"the link shows a page (still {state}), the button answers; on the ticket now stands:")
        self.console.print(f"      [dim]“{self._notes(ticket)[0]}”[/dim]")
        self._wait(lambda: self._echoes(ticket) > 0, "the echo of our own note")
        self._say("Our own echo", "Zendesk tells us of that note by webhook; it is known as ours and wakes no rule")

    def _nobody_answers(self) -> int:
        ticket = self._open(
            "Exports",
            "We are thinking about leaving: the export has been broken for days and nobody answers.",
            "ines@stark.example", "Ines Stark",
        )  # fmt: skip
        self._mail("ada.park@acme.example")
        began = time.monotonic()
        self._mail("bo.lindqvist@acme.example")
        waited = time.monotonic() - began
        self._say(
            "Nobody answers", f"Stark writes ticket {ticket}; Ada is told, and after {waited:.1f} s Bo Lindqvist (coo)"
        )
        return ticket

    def _prospect_asks(self) -> None:
        ticket = self._open(
            "Question before we buy",
            "Hi, do you support SSO? We are 80 people and would like to move to you next quarter.",
            "tara@initech.example", "Tara Voss",
        )  # fmt: skip
        mail = self._mail("sales@acme.example")
        self._wait(lambda: bool(self.stage.rows("leads")) and bool(self.stage.rows("votes")), "the lead and the vote")
        lead, vote = self.stage.rows("leads")[0], self.stage.rows("votes")[0]
        self._say(
            "A prospect in the inbox",
            f"ticket {ticket} from {lead['domain']}, no customer of ours: a {lead['kind']} lead, a vote for"
            f" {vote['feature']}, and sales reads “{_first_line(mail)}”",
        )

    def _ordinary_ticket(self) -> int:
        ticket = self._open(
            "Our plan",
            "We will cancel our subscription at the end of the month. How do we get our data out?",
            "uma@umbra.example", "Uma Brandt",
        )  # fmt: skip
        self._wait(lambda: bool(self.stage.rows("events", ticket=str(ticket))), "the ordinary ticket")
        self._say("An ordinary ticket", f"Umbra, a standard account, writes ticket {ticket}: no executive is woken")
        return ticket

    def _noise(self) -> None:
        before = len(self.stage.rows("events")), len(self.stage.rows("effects"))
        for _ in range(10):
            self.stage.ask_desk("redeliver", last=1)
        self.stage.ask_desk("settled")
        forged = self.stage.http.post(f"{self.stage.url}/webhooks/support", content=b'{"type": "forged"}')
        after = len(self.stage.rows("events")), len(self.stage.rows("effects"))
        self._say(
            "Noise",
            f"the last delivery ten times more: {after[0] - before[0]} new events, {after[1] - before[1]} new effects;"
            f" a forged one: {forged.status_code}",
        )

    def _settle(self) -> None:
        self.stage.ask_desk("settled")
        busy = {"planned", "sent", "failed", "unknown"}
        self._wait(lambda: not [e for e in self.stage.rows("effects") if e["state"] in busy], "every effect")
        self._wait(lambda: not self.stage.rows("deliveries", state="stored"), "every delivery")

    def _explain(self, ticket: int) -> None:
        self.console.print(
            f"\n[bold]Why was nobody woken for ticket {ticket}?[/bold]  cornerdesk explain {ticket} --rule {QUIET_RULE}"
        )
        told = self.stage.command("explain", str(ticket), "--rule", QUIET_RULE)
        self.console.print(told.rstrip(), markup=False)

    def _open(self, subject: str, text: str, requester: str, name: str) -> int:
        return int(self.stage.ask_desk("tickets", subject=subject, text=text, requester=requester, name=name)["id"])

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

    def _ack_link(self, ticket: int) -> str:
        return str(self._escalation(ticket)["ack_url"])

    def _escalation(self, ticket: int) -> dict[str, Any]:
        return next(row for row in self.stage.rows("escalations") if row["ticket"] == str(ticket))

    def _echoes(self, ticket: int) -> int:
        return sum(
            row["actor"]["kind"] == "self" for row in self.stage.rows("events", ticket=str(ticket)) if row["message"]
        )

    def _notes(self, ticket: int) -> list[str]:
        found = next(each for each in self.stage.desk_state()["tickets"] if each["id"] == ticket)
        return [_plain(comment["body"]) for comment in found["comments"] if not comment["public"]]

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        wait_until(reached, seconds=PATIENCE, what=what)

    def _say(self, title: str, text: str) -> None:
        self.console.print(f"[dim]{time.monotonic() - self.began:4.1f} s[/dim]  [bold]{title}.[/bold] ", end="")
        self.console.print(text, markup=False)


def _first_line(mail: Mail) -> str:
    return next((line for line in mail.text.splitlines() if line.strip()), "")


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).strip()
