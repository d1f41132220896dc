"""`backfill` as people use it: what it says, how it ends, and that it goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from cornerdesk import (
    Adapter,
    Capability,
    CredentialsError,
    Delivery,
    Fact,
    HistoryPage,
    HistoryRecord,
    Reading,
    RejectedError,
    TicketState,
    hookimpl,
)
from cornerdesk.cli import options
from cornerdesk.intake.leases import LEASE, new_holder
from cornerdesk.plugins import Plugins, load_plugins
from cornerdesk.runtime import open_runtime
from cornerdesk.storage import Storage, open_storage, tables
from sqlalchemy import func, insert, select, update

if TYPE_CHECKING:
    from core.tests.cli.conftest import Done

Run = Callable[..., "Done"]

OPENED = datetime(2026, 1, 5, 9, tzinfo=UTC)
CONFIGURATION = """\
database: sqlite:///desk.db
sources:
  support: {adapter: bookish}
  mute: {adapter: mute}
rules: rules.yaml
"""
RULES = """\
rules:
  - rule: late-too
    when: ticket.created
    late: true
    then: [{tag: [found]}]
  - rule: fresh-only
    when: ticket.created
    then: [{tag: [fresh]}]
"""


class BookishDesk(Adapter):
    """Tells `tickets` tickets of one message each, two on a page."""

    helpdesk = "bookish"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.HISTORY, Capability.TAG})
    tickets = 5
    lacking: ClassVar[set[int]] = set()
    broken: ClassVar[set[int]] = set()
    trouble: Exception | None = None
    fetching: Callable[[str | None], Any] | None = None
    asked: ClassVar[list[tuple[datetime | None, str | None]]] = []

    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise RejectedError("it sends nothing")

    def delivery_key(self, delivery: Delivery) -> str:
        return ""

    def read(self, delivery: Delivery) -> Reading:
        raise RejectedError("it sends nothing")

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        self.asked.append((since, cursor))
        if self.trouble is not None:
            raise self.trouble
        if self.fetching is not None:
            await self.fetching(cursor)
        start = int(cursor or 0)
        end = min(start + 2, self.tickets)
        records = tuple(self._record(number) for number in range(start, end))
        return HistoryPage(records=records, cursor=str(end), end=end == self.tickets, total=self.tickets)

    def _record(self, number: int) -> HistoryRecord:
        return HistoryRecord(
            key=f"ticket:{number}:1",
            ticket_id=str(number),
            body=b"{}",
            parts=1,
            parts_counted=3 if number in self.lacking else 1,
        )

    def read_history(self, record: HistoryRecord) -> Reading:
        if int(record.ticket_id) in self.broken:
            raise RejectedError("there is no field `status`")
        said = {"id": f"m{record.ticket_id}", "direction": "inbound", "text": "Hello", "created_at": OPENED}
        created = {"kind": "ticket.created", "keys": (f"created:{record.ticket_id}",), "ticket_id": record.ticket_id}
        ticket = {"id": record.ticket_id, "number": record.ticket_id, "status": "open", "created_at": OPENED}
        return Reading(
            facts=(Fact.model_validate({**created, "occurred_at": OPENED, "message": said}),),
            states=(TicketState.model_validate({"ticket": ticket, "as_of": OPENED}),),
        )


class MuteDesk(BookishDesk):
    """Tells nothing."""

    helpdesk = "mute"
    capabilities: ClassVar[frozenset[Capability]] = frozenset()


class Desks:
    """The plugin."""

    @hookimpl
    def cornerdesk_adapters(self) -> Sequence[type[Adapter]]:
        return [BookishDesk, MuteDesk]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> type[BookishDesk]:
    """The help desk, as it is before a test does something to it."""
    for name in ("tickets", "trouble", "fetching"):
        monkeypatch.setattr(BookishDesk, name, getattr(BookishDesk, name))
    for name in ("lacking", "broken"):
        monkeypatch.setattr(BookishDesk, name, set())
    monkeypatch.setattr(BookishDesk, "asked", [])
    return BookishDesk


@pytest.fixture
def company(folder: Path, desk: type[BookishDesk], monkeypatch: pytest.MonkeyPatch, cornerdesk: Run) -> Iterator[Path]:
    """A folder with a source that tells its past, and its tables."""
    (folder / "cornerdesk.yaml").write_text(CONFIGURATION)
    (folder / "rules.yaml").write_text(RULES)

    def load(**_: Any) -> Plugins:
        return load_plugins(extra={"desks": Desks()})

    # Without the detectors that ship: they take a second to build.
    others = [point for point in entry_points(group="cornerdesk") if point.name != "signals"]
    monkeypatch.setattr("cornerdesk.plugins.entry_points", lambda group: others)
    monkeypatch.setattr("cornerdesk.plugins.load_plugins", load)
    options.installed_plugins.cache_clear()
    assert cornerdesk("database", "migrate").code == 0
    yield folder
    options.installed_plugins.cache_clear()


def ask(folder: Path, question: Callable[[Storage], Any]) -> Any:
    async def asked() -> Any:
        async with await open_storage(f"sqlite:///{folder}/desk.db") as storage:
            return await question(storage)

    return asyncio.run(asked())


def count(folder: Path, table: Any) -> int:
    async def counted(storage: Storage) -> int:
        async with storage.reading() as tx:
            return int(await tx.value(select(func.count()).select_from(table)))

    return int(ask(folder, counted))


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def test_it_tells_what_it_did_and_that_nothing_is_missing(company: Path, cornerdesk: Run) -> None:
    done = cornerdesk("backfill", "support")
    assert done.code == 0
    assert "support: all history, without asking any rule" in done.err
    assert "support: 5 of 5 tickets" in done.err
    assert done.out.splitlines() == [
        "5 tickets, 5 new events.",
        "5 parts stored, 5 counted by the help desk.",
        "Complete.",
    ]
    assert (count(company, tables.events), count(company, tables.effects)) == (5, 0)


def test_what_is_missing_is_named_and_the_exit_code_says_so(
    company: Path, desk: type[BookishDesk], cornerdesk: Run
) -> None:
    desk.lacking.add(3)
    desk.broken.add(4)
    done = cornerdesk("backfill", "support")
    assert done.code == 1
    assert "  ticket 3: 1 stored, 3 counted" in done.out
    assert "1 record could not be read: `cornerdesk deadletters list` says why" in done.out
    assert "there is no field `status`" in cornerdesk("deadletters", "list").out


def test_as_json_every_difference_is_told(company: Path, desk: type[BookishDesk], cornerdesk: Run) -> None:
    desk.tickets = 30
    desk.lacking.update(range(25))
    told = lines(cornerdesk("backfill", "support", "--json"))
    assert [each["what"] for each in told] == [
        "started",
        *["progress"] * 15,
        *["differs"] * 25,
        "summary",
    ]
    assert {"tickets": 30, "missing": 25, "parts": 30, "counted": 80}.items() <= told[-1].items()
    assert told[15]["total"] == 30


def test_rules_are_asked_only_when_told_to_and_only_those_that_want_what_is_late(
    company: Path, cornerdesk: Run
) -> None:
    assert cornerdesk("backfill", "support", "--act").code == 0
    effects = [json.loads(line) for line in cornerdesk("effects", "--json").out.splitlines()]
    assert {effect["rule"] for effect in effects} == {"late-too"}
    assert len(effects) == 5


@pytest.mark.parametrize(("options_given", "effects"), [((), 0), (("--act",), 5)], ids=["watching", "acting"])
def test_a_dead_record_that_serve_tries_again_is_acted_on_only_if_the_backfill_was_to(
    company: Path, desk: type[BookishDesk], cornerdesk: Run, options_given: tuple[str, ...], effects: int
) -> None:
    desk.broken.add(4)
    assert cornerdesk("backfill", "support", *options_given).code == 1
    desk.broken.clear()
    [dead] = lines(cornerdesk("deadletters", "list", "--json"))
    assert cornerdesk("deadletters", "retry", dead["id"]).code == 0
    asyncio.run(work_until_all_is_read(company))
    assert (count(company, tables.events), count(company, tables.effects)) == (5, effects)


async def work_until_all_is_read(folder: Path) -> None:
    configuration = options.read_configuration(folder / "cornerdesk.yaml")
    stop = asyncio.Event()
    async with asyncio.timeout(30), open_runtime(configuration, options.installed_plugins()) as runtime:
        working = asyncio.create_task(runtime.work(stop))
        unread = select(func.count()).where(tables.deliveries.c.state != "done")
        while True:
            async with runtime.store.storage.reading() as tx:
                if not await tx.value(unread):
                    break
            await asyncio.sleep(0.02)
        stop.set()
        await working


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["suport"], 2, "the configuration has no source 'suport'; did you mean 'support'?"),
        (["mute"], 1, "mute tells no history"),
        (["support", "--since", "yore"], 2, "'yore' is neither a time"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    company: Path, cornerdesk: Run, arguments: list[str], code: int, says: str
) -> None:
    done = cornerdesk("backfill", *arguments)
    assert (done.code, says in done.err) == (code, True), done.err


def test_credentials_that_are_refused_end_it(company: Path, desk: type[BookishDesk], cornerdesk: Run) -> None:
    desk.trouble = CredentialsError("support: the token is refused; renew it")
    done = cornerdesk("backfill", "support")
    assert (done.code, "the token is refused; renew it" in done.err) == (2, True)
    [row] = [row for row in lines(cornerdesk("sources", "--json")) if row["source"] == "support"]
    assert (row["backfill_state"], row["reason"]) == ("failed", "support: the token is refused; renew it")


def test_a_beginning_in_the_future_is_a_mistake(company: Path, cornerdesk: Run) -> None:
    done = cornerdesk("backfill", "support", "--since", "2999-01-01")
    assert (done.code, "'2999-01-01' lies in the future" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("tickets", "said"),
    [
        (0, ["0 tickets, 0 new events.", "Complete."]),
        (1, ["1 ticket, 1 new event.", "1 part stored, 1 counted by the help desk.", "Complete."]),
    ],
)
def test_what_there_is_little_of_is_told_in_plain_words(
    company: Path, desk: type[BookishDesk], cornerdesk: Run, tickets: int, said: list[str]
) -> None:
    desk.tickets = tickets
    assert cornerdesk("backfill", "support").out.splitlines() == said


def test_it_begins_where_it_is_told_to(company: Path, desk: type[BookishDesk], cornerdesk: Run) -> None:
    done = cornerdesk("backfill", "support", "--since", "2026-01-01")
    assert "all history since 2026-01-01 00:00:00" in done.err
    assert {since for since, _ in desk.asked} == {datetime(2026, 1, 1, tzinfo=UTC)}


def test_interrupted_it_says_so_and_the_same_command_goes_on(
    company: Path, desk: type[BookishDesk], cornerdesk: Run
) -> None:
    async def interrupt(cursor: str | None) -> None:
        if cursor == "4":
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    desk.fetching = staticmethod(interrupt)
    done = cornerdesk("backfill", "support", "--since", "90d")
    assert (done.code, "interrupted; the same command goes on" in done.err) == (130, True)
    desk.fetching = None
    other = cornerdesk("backfill", "support")
    assert (other.code, "`cornerdesk backfill support --since 90d` goes on with it" in other.err) == (2, True)
    again = cornerdesk("backfill", "support", "--since", "90d")
    assert (again.code, "going on behind page 2 (4 tickets)" in again.err) == (0, True)
    assert count(company, tables.events) == 5


def test_two_at_once_are_refused(company: Path, cornerdesk: Run) -> None:
    async def hold(storage: Storage) -> None:
        now = datetime.now(UTC)
        row = {"source": "support", "origin": "backfill", "state": "running", "started_at": now}
        async with storage.transaction() as tx:
            await tx.execute(insert(tables.history_runs), [{**row, "holder": new_holder(), "lease_until": now + LEASE}])

    ask(company, hold)
    done = cornerdesk("backfill", "support")
    assert (done.code, "runs already: process" in done.err) == (1, True)


def test_restarted_it_begins_anew(company: Path, desk: type[BookishDesk], cornerdesk: Run) -> None:
    assert cornerdesk("backfill", "support").code == 0

    async def interrupted(storage: Storage) -> None:
        async with storage.transaction() as tx:
            await tx.execute(update(tables.history_runs).values(state="running", ended=False, cursor="2"))

    ask(company, interrupted)
    desk.asked.clear()
    done = cornerdesk("backfill", "support", "--restart")
    assert (done.code, desk.asked[0][1], "5 tickets, 0 new events." in done.out) == (0, None, True)


def test_on_a_terminal_there_is_a_bar_and_the_rest_stays_readable(
    company: Path, desk: type[BookishDesk], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    from cornerdesk.cli.app import run

    assert run(["backfill", "support"]) == 0
    printed = capsys.readouterr()
    assert "5/5" in printed.err
    assert "Complete." in printed.out
