"""All history of a large help desk: how fast, in how much memory, and what a kill -9 in the middle does.

Run with `python benchmarks/backfill.py [--tickets 10000] [--only sqlite] [--kills 3] [--seed N] [--json FILE]`. The
help desk is made up as it is asked (endless_desk.py), so what is measured is ours: pages stored, read, settled, with
the detectors that ship. For each database: a small run, a large one for speed and memory (flat, if both need about the
same), and the large one again, killed at random moments and gone on with by the same command, whose tickets, events
and facts are then compared with those of the run that nobody disturbed.

Exit 1 when anything is missing or doubled, or memory grows with the number of tickets.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
from cornerdesk.storage import open_storage, tables
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.endless_desk import total_messages

POSTGRESQL = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
DESK = Path(__file__).parent / "endless_desk.py"
DATABASES = ("sqlite", "postgresql")
GROWTH = 80_000_000
"""Bytes that ten times the tickets may take more: SQLite's caches fill, up to 32 MB for each connection."""


@dataclass(frozen=True)
class Counts:
    """What stands in the tables afterwards."""

    deliveries: int
    unfinished: int
    tickets: int
    events: int
    facts: int


@dataclass(frozen=True)
class Line:
    """One run."""

    database: str
    run: str
    tickets: int
    seconds: float
    memory: int
    counts: Counts

    @property
    def rate(self) -> float:
        return self.tickets / self.seconds

    @property
    def events_rate(self) -> float:
        return self.counts.events / self.seconds


def main() -> int:
    """Run on each database; the exit code."""
    arguments = _arguments()
    lines: list[Line] = []
    wrong: list[str] = []
    _show_heading()
    for database in [arguments.only] if arguments.only else DATABASES:
        found = [_show(line) for line in _measure(database, arguments)]
        lines += found
        wrong += _faults(found)
    for each in wrong:
        print(f"WRONG: {each}", file=sys.stderr)
    if arguments.json:
        rows = [{**asdict(line), "rate": round(line.rate, 1)} for line in lines]
        Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tickets", type=int, default=10_000, help="of the large runs; the small one has a tenth")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--only", choices=DATABASES)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--json", help="write the figures to this file")
    return parser.parse_args()


def _measure(database: str, arguments: argparse.Namespace) -> Iterator[Line]:
    small, large = max(arguments.tickets // 10, 100), arguments.tickets
    for name, tickets in (("small", small), ("large", large)):
        with _company(database) as (folder, url):
            seconds, memory = _backfill(folder, tickets)
            yield Line(database, name, tickets, round(seconds, 1), memory, asyncio.run(_count(url)))
    with _company(database) as (folder, url):
        chance, began = random.Random(arguments.seed), time.monotonic()
        for number in range(arguments.kills):
            share = (number + chance.uniform(0.2, 0.9)) / (arguments.kills + 1)
            _kill_in_the_middle(folder, large, round(large * share), chance.uniform(0, 1.0))
        _, memory = _backfill(folder, large)
        seconds = time.monotonic() - began
        name = f"killed {arguments.kills} times"
        yield Line(database, name, large, round(seconds, 1), memory, asyncio.run(_count(url)))


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def _company(database: str) -> Iterator[tuple[Path, str]]:
    """A folder with a configuration and migrated tables."""
    with tempfile.TemporaryDirectory(prefix="cornerdesk-backfill-") as name, _url(database, Path(name)) as url:
        folder = Path(name)
        (folder / "cornerdesk.yaml").write_text(f'database: "{url}"\nsources:\n  support: {{adapter: endless}}\n')
        subprocess.run(_command("database", "migrate"), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        yield folder, url


@contextlib.contextmanager
def _url(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'cornerdesk.db'}"
        return
    schema = f"backfill_{secrets.token_hex(4)}"
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


def _command(*arguments: str) -> list[str]:
    return [sys.executable, str(DESK), *arguments]


def _environment(folder: Path, tickets: int) -> dict[str, str]:
    return {**os.environ, "ENDLESS_TICKETS": str(tickets), "ENDLESS_MEMORY": str(folder / "memory")}


def _backfill(folder: Path, tickets: int) -> tuple[float, int]:
    """One whole run: seconds, start included, and bytes of memory at most."""
    began = time.monotonic()
    done = subprocess.run(
        _command("backfill", "support"), cwd=folder, env=_environment(folder, tickets), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"backfill ended with {done.returncode}:\n{done.stdout}{done.stderr[-3000:]}")
    return time.monotonic() - began, int((folder / "memory").read_text())


def _kill_in_the_middle(folder: Path, tickets: int, behind: int, after: float) -> None:
    """SIGKILL, `after` seconds after so many tickets were told of: between two pages, or in the middle of one."""
    command = _command("backfill", "support", "--json")
    with subprocess.Popen(
        command, cwd=folder, env=_environment(folder, tickets), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        if not any(json.loads(line)["tickets"] >= behind for line in running.stdout if b'"progress"' in line):
            raise SystemExit("it ended before it could be killed; take more tickets")
        time.sleep(after)  # a crash comes at any moment: that is what is tried here
        if running.poll() is not None:
            raise SystemExit("it ended before it could be killed; take more tickets")
        running.kill()


async def _count(url: str) -> Counts:
    async with await open_storage(url) as storage, storage.reading() as tx:
        every = {
            name: await tx.value(select(func.count()).select_from(tables.metadata.tables[name]))
            for name in ("deliveries", "tickets", "events", "facts")
        }
        state = tables.deliveries.c.state
        return Counts(**every, unfinished=await tx.value(select(func.count()).where(state != "done")))


# ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _faults(lines: list[Line]) -> Iterator[str]:
    small, large, killed = lines
    for line in lines:
        wanted = (line.tickets, 0, line.tickets, total_messages(line.tickets))
        found = line.counts
        if (found.deliveries, found.unfinished, found.tickets, found.events) != wanted:
            yield f"{line.database}, {line.run}: {found} instead of {wanted}"
    if killed.counts != large.counts:
        yield f"{killed.database}: killed and gone on with it is {killed.counts}, undisturbed {large.counts}"
    if (more := large.memory - small.memory) > GROWTH:
        yield f"{large.database}: {more / 1e6:.0f} MB more memory for ten times the tickets"


def _show_heading() -> None:
    print(f"{'database':<12}{'run':<16}{'tickets':>9}{'events':>9}{'seconds':>9}{'tickets/s':>11}", end="")
    print(f"{'events/s':>10}{'peak MB':>9}{'missing or doubled':>20}")


def _show(line: Line) -> Line:
    wrong = abs(line.counts.events - total_messages(line.tickets)) + abs(line.counts.tickets - line.tickets)
    print(f"{line.database:<12}{line.run:<16}{line.tickets:>9,}{line.counts.events:>9,}{line.seconds:>9.1f}", end="")
    print(f"{line.rate:>11,.0f}{line.events_rate:>10,.0f}{line.memory / 1e6:>9,.0f}{wrong:>20}", flush=True)
    return line


if __name__ == "__main__":
    sys.exit(main())
