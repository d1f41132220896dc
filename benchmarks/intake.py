"""How many deliveries a second are taken in durably, beside the same server that stores nothing, in one run.

Run with `python benchmarks/intake.py [--seconds 5] [--rounds 3] [--json FILE] [--load own] [--only sqlite]`. A real
uvicorn process with the real receiver, the Zendesk adapter and its signatures; 64 connections; 4 KB deliveries, every
one new. Three ways to store: none at all, one transaction per request, and the inbox with its group commit. PostgreSQL
is measured when CORNERDESK_TEST_POSTGRESQL (or the default on loopback) answers, in a schema made and dropped for it.

Targets, as shares of the server that stores nothing and as multiples of one transaction per request: SQLite 33 % and
2.7, PostgreSQL 48 % and 3. After each run the stored rows are counted: whatever was acknowledged has to be there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.intake_load import SECRET, Measured, has_wrk, make_deliveries, measure

POSTGRESQL = os.environ.get("CORNERDESK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
TARGETS = {"sqlite": (0.33, 2.7), "postgresql": (0.48, 3.0)}
MODES = ("group", "single")
RATES = {"none": 40_000, "group": 25_000, "single": 12_000}
"""Deliveries made per second of a run: more than any of them takes, so that none is sent twice."""


@dataclass(frozen=True)
class Result:
    """The median run of one way."""

    database: str
    mode: str
    rate: float
    p50: float
    p99: float
    refused: int
    stored: int | None


def main() -> None:
    arguments = _arguments()
    if arguments.serve:
        uvloop.run(_serve(arguments.serve, arguments.url))
        return
    wrk = arguments.load == "wrk" or (arguments.load == "auto" and has_wrk())
    print(f"load by {'wrk' if wrk else 'our own sender'}, {arguments.rounds} rounds of {arguments.seconds:g} s")
    runs: dict[tuple[str, str], list[Result]] = {}
    for _ in range(arguments.rounds):
        # Interleaved: a noisy neighbour troubles every way alike.
        for database, mode in _ways(arguments.only):
            result = _run(database, mode, arguments.seconds, wrk=wrk)
            runs.setdefault((database, mode), []).append(result)
    medians = [sorted(each, key=lambda one: one.rate)[len(each) // 2] for each in runs.values()]
    _print(medians, runs)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(each) for each in medians], indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="also write the medians here")
    parser.add_argument("--load", choices=("auto", "wrk", "own"), default="auto")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--serve", choices=("none", *MODES), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser.parse_args()


def _ways(only: str | None) -> Iterator[tuple[str, str]]:
    yield "none", "none"
    for database in ("sqlite", "postgresql"):
        if only in (None, database) and (database == "sqlite" or asyncio.run(_postgresql_answers())):
            yield from ((database, mode) for mode in MODES)


async def _postgresql_answers() -> bool:
    import asyncpg

    try:
        await (await asyncpg.connect(POSTGRESQL, timeout=5)).close()
    except (OSError, TimeoutError):
        return False
    return True


def _run(database: str, mode: str, seconds: float, *, wrk: bool) -> Result:
    deliveries = make_deliveries(int(RATES[mode] * (seconds + 1)))
    with _database(database) as url, _server(mode, url) as port:
        measured = measure(port, seconds, deliveries, wrk=wrk)
        stored = asyncio.run(_count(url)) if url else None
    _check(measured, seconds, stored)
    return Result(database, mode, measured.rate, measured.p50, measured.p99, measured.refused, stored)


def _check(measured: Measured, seconds: float, stored: int | None) -> None:
    acknowledged = int(measured.rate * seconds * 0.95)
    if stored is not None and stored < acknowledged:
        raise SystemExit(f"about {acknowledged} deliveries were acknowledged and {stored} are stored: that must not be")


@contextlib.contextmanager
def _database(database: str) -> Iterator[str | None]:
    if database == "none":
        yield None
    elif database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/cornerdesk.db"
    else:
        schema = f"benchmark_{uuid.uuid4().hex[:8]}"
        asyncio.run(_sql(f"CREATE SCHEMA {schema}"))
        try:
            yield f"{POSTGRESQL}?options=-csearch_path%3D{schema}"
        finally:
            asyncio.run(_sql(f"DROP SCHEMA {schema} CASCADE"))


async def _sql(statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(POSTGRESQL)
    await connection.execute(statement)
    await connection.close()


async def _count(url: str) -> int:
    from cornerdesk.storage import open_storage, tables
    from sqlalchemy import func, select

    async with await open_storage(url) as storage, storage.reading() as tx:
        return int(await tx.value(select(func.count()).select_from(tables.deliveries)))


@contextlib.contextmanager
def _server(mode: str, url: str | None) -> Iterator[int]:
    command = [sys.executable, __file__, "--serve", mode, *(["--url", url] if url else [])]
    # Senders that hang up when their time is over are no news.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline()
        if not port:
            raise SystemExit(f"the server did not start; see {' '.join(command)}")
        yield int(port)
    finally:
        process.terminate()
        process.wait()


# ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────────


class StoresNothing:
    """An inbox that says "stored" at once: what the server could do at most."""

    async def put(self, item: Any) -> Any:
        from cornerdesk.intake import PutResult

        return PutResult(item.id, True)


class StoresEach:
    """An inbox without groups: one transaction per request."""

    def __init__(self, storage: Any, jobs: Any) -> None:
        self._storage = storage
        self._jobs = jobs

    async def put(self, item: Any) -> Any:
        from cornerdesk.intake import PutResult

        new = await self._storage.store_deliveries([item], self._enqueue)
        return PutResult(item.id, item.id in new)

    async def _enqueue(self, tx: Any, ids: Sequence[str]) -> None:
        from cornerdesk.intake.inbox import job_requests

        await self._jobs.enqueue(tx, job_requests(ids))


async def _serve(mode: str, url: str | None) -> None:
    """Serve on a free port, which goes to standard output, until terminated."""
    import socket

    import uvicorn
    from cornerdesk.clock import SystemClock
    from cornerdesk.intake import Receiver
    from cornerdesk.plugins import adapter_for, load_plugins

    adapter = adapter_for(load_plugins(), "zendesk")
    settings = {"adapter": "zendesk", "subdomain": "acme", "oauth": {"access_token": "x"}}
    source = adapter("support", adapter.settings_model.model_validate({**settings, "webhook_secret": SECRET}))
    async with contextlib.AsyncExitStack() as stack:
        inbox = await _inbox(mode, url, stack)
        receiver = Receiver({"support": source}, inbox, SystemClock(), 1_000_000)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(256)
            print(listener.getsockname()[1], flush=True)
            config = uvicorn.Config(
                receiver, http="httptools", lifespan="off", log_config=None, access_log=False, proxy_headers=False
            )
            await uvicorn.Server(config).serve(sockets=[listener])


async def _inbox(mode: str, url: str | None, stack: contextlib.AsyncExitStack) -> Any:
    from cornerdesk.clock import SystemClock
    from cornerdesk.engine import open_jobs
    from cornerdesk.intake import Inbox
    from cornerdesk.storage import open_storage

    if url is None:
        return StoresNothing()
    storage = await stack.enter_async_context(await open_storage(url))
    await storage.migrate()
    jobs = open_jobs(storage)
    if mode == "single":
        return StoresEach(storage, jobs)
    inbox = Inbox(storage, jobs, SystemClock())
    inbox.start()
    stack.push_async_callback(inbox.aclose)
    return inbox


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(medians: Sequence[Result], runs: Mapping[tuple[str, str], Sequence[Result]]) -> None:
    bare = next(each.rate for each in medians if each.mode == "none")
    singles = {each.database: each.rate for each in medians if each.mode == "single"}
    print(f"{'':24}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'of bare':>9}{'x single':>10}   spread")
    for each in medians:
        name = "nothing stored" if each.mode == "none" else f"{each.database}, {each.mode}"
        times = f"{each.rate / singles[each.database]:9.2f}" if each.mode == "group" else " " * 9
        rates = [one.rate for one in runs[each.database, each.mode]]
        spread = f"{min(rates):,.0f}-{max(rates):,.0f}" + (f", refused {each.refused}" if each.refused else "")
        shown = f"{each.rate:9,.0f}{each.p50:9.1f}{each.p99:9.1f}{each.rate / bare:9.0%} {times}   {spread}"
        print(f"{name:24}{shown}")
    for each in medians:
        if each.mode == "group":
            share, times_single = TARGETS[each.database]
            met = each.rate >= share * bare and each.rate >= times_single * singles[each.database]
            print(
                f"{each.database}: target {share:.0%} of bare and {times_single}x single: {'met' if met else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
