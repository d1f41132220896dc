"""kill -9 at random moments under steady load: is anything lost, is anything done twice?

Run with `python benchmarks/kills.py [--kills 30] [--only sqlite] [--rate 4] [--seed N] [--json FILE]`. The example
company runs as real processes: on SQLite one, on PostgreSQL a receiver and two workers. The stand-in of Zendesk opens
tickets and writes comments all the while and sends its webhooks, again where nobody answered. Again and again one
process of ours, drawn at random, gets SIGKILL and is started anew; a third of the time the next kill may fall into
its start. When all kills are done and everything has come to its end, the world (tickets, notes, tags, mails at a real
SMTP server) is compared with our tables, one by one.

Exit 1 when anything acknowledged is missing, or anything was done twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email
import json
import os
import random
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from cornerdesk.demo.mailbox import Mailbox
from cornerdesk.demo.stage import Stage

from benchmarks.kills_count import Line, count, open_work, read_books

POSTGRESQL = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
ROLES = {"sqlite": ("all",), "postgresql": ("receiver", "worker", "worker")}
PATIENCE = 240.0
"""Seconds for everything to come to its end after the last kill; a call in flight at a kill waits out its lease."""

RULE = """
rules:
  - rule: note-every-word
    when: [ticket.created, message.added]
    if: ['message.direction == "inbound"']
    then: [{note: "seen {{ message.id }}"}]
"""
TEXTS = {
    "Leaving": "We will cancel our contract.",
    "SSO?": "Do you support SSO?",
    "Hello": "Where is the manual?",
}


class Post(Mailbox):
    """A mail server that remembers the Message-ID of everything it took."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.ids: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.ids.append(str(email.message_from_bytes(envelope.content)["Message-ID"]))
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Result:
    """One database."""

    database: str
    kills: int
    killed: dict[str, int]
    tickets: int
    deliveries: int
    effects: int
    mails_repeated: int
    settled_after: float
    lines: list[Line] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        return sum(len(line.lost) + len(line.doubled) for line in self.lines)


def main() -> int:
    """Run on each database; the exit code."""
    arguments = _arguments()
    results = []
    for database in [arguments.only] if arguments.only else list(ROLES):
        with tempfile.TemporaryDirectory(prefix="cornerdesk-kills-") as folder, _url(database, Path(folder)) as url:
            results.append(_run(database, url, Path(folder), arguments))
        _show(results[-1])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return 1 if any(result.wrong for result in results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30, help="on each database")
    parser.add_argument("--rate", type=float, default=4.0, help="tickets and comments a second")
    parser.add_argument("--only", choices=sorted(ROLES))
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--json", help="write the figures to this file")
    return parser.parse_args()


@contextlib.contextmanager
def _url(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'cornerdesk.db'}"
        return
    schema = f"kills_{secrets.token_hex(4)}"
    asyncio.run(_sql(f"CREATE SCHEMA {schema}"))
    try:
        yield f"{POSTGRESQL}?options={quote(f'-csearch_path={schema}')}"
    finally:
        asyncio.run(_sql(f"DROP SCHEMA {schema} CASCADE"))


async def _sql(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRESQL)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(database: str, url: str, folder: Path, arguments: argparse.Namespace) -> Result:
    stage = Stage(folder, database=url, roles=ROLES[database], sources=["support"])
    stage.mailbox = post = Post(stage.mail_port)
    stage.support.process.arguments += ["--rate-limit", "1000000"]
    (folder / "rules").mkdir()
    (folder / "rules" / "kills.yaml").write_text(RULE)
    with stage:
        killed = _kill_under_load(stage, arguments)
        began = time.monotonic()
        # What the vendor gave up while nobody was there comes again by hand, with everything else: nothing may double.
        _settle(stage)
        _wait_for_the_end(url, stage)
        settled = time.monotonic() - began
        desk, books = stage.support.state(), asyncio.run(read_books(url))
        lines = count(books, desk, post.ids)
        return Result(
            database=database,
            kills=sum(killed.values()),
            killed=killed,
            tickets=len(desk["tickets"]),
            deliveries=len(books.deliveries),
            effects=len(books.effects),
            mails_repeated=len(post.ids) - len(set(post.ids)),
            settled_after=round(settled, 1),
            lines=lines,
        )


def _kill_under_load(stage: Stage, arguments: argparse.Namespace) -> dict[str, int]:
    chance, enough = random.Random(arguments.seed), threading.Event()
    load = threading.Thread(target=_load, args=(stage.support.url, arguments.rate, enough))
    load.start()
    killed: dict[str, int] = {}
    try:
        for _ in range(arguments.kills):
            time.sleep(chance.uniform(0.2, 2.5))  # a crash comes at any moment: that is what is tried here
            number = chance.randrange(len(stage.serves))
            victim, role = stage.serves[number], stage.serves[number].arguments[-1]
            if not victim.running:
                raise SystemExit(f"{role} had ended by itself:\n{victim.tail()}")
            victim.kill()
            killed[role] = killed.get(role, 0) + 1
            victim.start()
            if chance.random() > 0.33:
                stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
            print(".", end="", flush=True)
    finally:
        enough.set()
        load.join()
    print()
    stage.serves[0].wait_until_answers(f"{stage.url}/readyz")
    return killed


def _load(desk_url: str, rate: float, enough: threading.Event) -> None:
    """Tickets of three kinds in turn; to every second one the customer adds something."""
    with httpx.Client(base_url=f"{desk_url}/_standin", timeout=30) as http:
        number, tickets = 0, list[int]()
        while not enough.wait(1 / rate):
            number += 1
            if number % 3 == 0:
                http.post(f"/tickets/{tickets[-2]}/comments", json={"text": f"One more thing: {number}"})
                continue
            subject = list(TEXTS)[len(tickets) % 3]
            domain = {"Leaving": "globex.example", "SSO?": f"company{number}.example"}.get(subject, "umbra.example")
            who = "p" if subject == "SSO?" else f"p{number}"
            ticket = {"subject": subject, "text": TEXTS[subject], "requester": f"{who}@{domain}"}
            tickets.append(int(http.post("/tickets", json=ticket).json()["id"]))


def _settle(stage: Stage) -> None:
    with httpx.Client(timeout=120) as http:
        for what in ("settled", "redeliver", "settled"):
            http.post(f"{stage.support.url}/_standin/{what}", json={}).raise_for_status()


def _wait_for_the_end(url: str, stage: Stage) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(left := asyncio.run(open_work(url))):
        if time.monotonic() > deadline:
            print(f"not at its end after {PATIENCE:g} s: {left[0]} deliveries, {left[1]} effects", file=sys.stderr)
            return
        time.sleep(0.5)


def _show(result: Result) -> None:
    killed = ", ".join(f"{number} {role}" for role, number in sorted(result.killed.items()))
    print(
        f"{result.database}: {result.kills} kills ({killed}) over {result.tickets} tickets, {result.deliveries}"
        f" deliveries, {result.effects} effects; at its end {result.settled_after:g} s after the last"
    )
    print(f"  {'':26}{'expected':>9}{'found':>9}{'lost':>7}{'doubled':>9}")
    for line in result.lines:
        print(f"  {line.what:26}{line.expected:9}{line.found:9}{len(line.lost):7}{len(line.doubled):9}")
        for name in [*line.lost[:5], *line.doubled[:5]]:
            print(f"      {name}")
    print(f"  mails sent a second time under their Message-ID: {result.mails_repeated}")


if __name__ == "__main__":
    sys.exit(main())
