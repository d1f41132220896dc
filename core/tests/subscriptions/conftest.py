"""A help desk whose account may be in any state, the company that it belongs to, and deliveries of any time."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from cornerdesk import Adapter, Capability, Delivery, Reading, SourceSettings, UnsupportedError, hookimpl
from cornerdesk.adapters.subscriptions import Registration, Subscription, SubscriptionState
from cornerdesk.cli import options
from cornerdesk.cli.app import run
from cornerdesk.configuration import Configuration, Server
from cornerdesk.plugins import Plugins, load_plugins
from cornerdesk.storage import Storage, tables
from cornerdesk.subscriptions.doctor import examine
from cornerdesk.subscriptions.findings import Examination, Trouble
from cornerdesk.subscriptions.record import News, remember
from cornerdesk.subscriptions.repairing import repair
from pydantic import SecretStr
from sqlalchemy import insert

NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)  # a Wednesday
PUBLIC = "https://desk.acme.example"
ADDRESS = f"{PUBLIC}/webhooks/support"
DAY = timedelta(days=1)


@dataclass
class Account:
    """The vendor's side. What is set to fail raises what it is set to."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    line: str | Exception = "signed in as user 7"
    listing: Exception | None = None
    writing: Exception | None = None
    secret: SecretStr | None = None
    calls: list[str] = field(default_factory=list)

    def has(self, id: str = "s1", url: str = ADDRESS, **more: Any) -> Subscription:
        """Put a subscription into the account: a good one, unless told otherwise."""
        values = {"state": SubscriptionState.ENABLED, "name": "Cornerdesk", **more}
        self.subscriptions[id] = Subscription(id=id, url=url, **values)
        return self.subscriptions[id]


class MoodyDesk(Adapter):
    """Speaks to the account of its class."""

    helpdesk: ClassVar[str] = "moody"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.WEBHOOK_LISTING, Capability.WEBHOOK_REGISTRATION, Capability.HISTORY}
    )
    account: ClassVar[Account]

    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise NotImplementedError

    def delivery_key(self, delivery: Delivery) -> str:
        raise NotImplementedError

    def read(self, delivery: Delivery) -> Reading:
        raise NotImplementedError

    async def check(self) -> str:
        if isinstance(self.account.line, Exception):
            raise self.account.line
        return self.account.line

    async def list_webhooks(self) -> tuple[Subscription, ...]:
        if self.account.listing:
            raise self.account.listing
        return tuple(self.account.subscriptions.values())

    async def register_webhook(self, url: str) -> Registration:
        if Capability.WEBHOOK_REGISTRATION not in self.capabilities:
            raise UnsupportedError(f"in moody subscriptions are made by hand: open Settings > Hooks and enter {url}")
        self.account.calls.append(f"register {url}")
        if self.account.writing:
            raise self.account.writing
        made = self.account.has(f"new{len(self.account.calls)}", url)
        return Registration(id=made.id, secret=self.account.secret, detail="sends 12 kinds of events")

    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        self.account.calls.append(f"repair {subscription.id}")
        if self.account.writing:
            raise self.account.writing
        self.account.has(subscription.id, url)


@pytest.fixture
def moody() -> type[MoodyDesk]:
    """The adapter's class, with an account of this test's own."""

    class Desk(MoodyDesk):
        account = Account()

    return Desk


@pytest.fixture
def account(moody: type[MoodyDesk]) -> Account:
    """The account, as it is before a test does something to it: without any subscription."""
    return moody.account


@pytest.fixture
def adapter(moody: type[MoodyDesk]) -> MoodyDesk:
    return moody("support", SourceSettings(adapter="moody"))


@pytest.fixture
def configuration() -> Configuration:
    settings = SourceSettings(adapter="moody")
    return Configuration(server=Server(public_url=PUBLIC), sources={"support": settings, "sales": settings})


Came = Callable[..., Awaitable[None]]


@pytest.fixture
def came(storage: Storage) -> Came:
    """Stores deliveries of these times, as the receiver does."""

    async def store(
        times: Sequence[datetime], source: str = "support", origin: str = "webhook", state: str = "done"
    ) -> None:
        rows = [_delivery(time, source, origin, state) for time in times]
        async with storage.transaction() as tx:
            await tx.execute(insert(tables.deliveries), rows)

    return store


def _delivery(time: datetime, source: str, origin: str, state: str) -> dict[str, Any]:
    drawn = uuid4().int & ((1 << 80) - 1)
    id = str(UUID(int=int(time.timestamp() * 1000) << 80 | drawn))
    same = {"key": id, "headers": {}, "body": b"{}"}
    return {"id": id, "source": source, "received_at": time, "origin": origin, "state": state, **same}


class FixedClock:
    def now(self) -> datetime:
        return NOW


class World:
    """Asks the doctor."""

    def __init__(self, adapter: MoodyDesk, configuration: Configuration, storage: Storage) -> None:
        self.adapter, self.configuration, self.storage = adapter, configuration, storage
        self.clock = FixedClock()

    async def examine(self) -> Examination:
        return await examine(self.adapter, self.configuration, self.storage, NOW)

    async def troubles(self) -> list[Trouble]:
        return [finding.what for finding in (await self.examine()).findings]

    async def repair(self) -> Examination:
        return await repair(self.adapter, self.configuration, self.storage, await self.examine())

    async def remember(self, examination: Examination, now: datetime = NOW) -> tuple[Examination, News]:
        async with self.storage.transaction() as tx:
            return await remember(tx, examination, now)

    async def reconciled(self, **row: Any) -> None:
        """What the row of reconcile says."""
        values = {"source": "support", "origin": "reconcile", "state": "fine", "started_at": NOW - 9 * DAY, **row}
        async with self.storage.transaction() as tx:
            await tx.execute(insert(tables.history_runs), [values])


@pytest.fixture
def world(adapter: MoodyDesk, configuration: Configuration, storage: Storage) -> World:
    return World(adapter, configuration, storage)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def company(
    tmp_path: Path, moody: type[MoodyDesk], migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The company's folder; we stand in it, and its only plugin is the moody desk."""
    (tmp_path / "cornerdesk.yaml").write_text(
        f'server: {{public_url: "{PUBLIC}"}}\nsources:\n  support: {{adapter: moody}}\n'
    )
    shutil.copy(migrated_file, tmp_path / "cornerdesk.db")
    monkeypatch.delenv("CORNERDESK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    plugin = ModuleType("moody")
    vars(plugin)["cornerdesk_adapters"] = hookimpl(lambda: [moody])

    def load(**_: Any) -> Plugins:
        return load_plugins(extra={"moody": plugin})

    monkeypatch.setattr("cornerdesk.plugins.entry_points", lambda **_: ())
    monkeypatch.setattr("cornerdesk.plugins.load_plugins", load)
    options.installed_plugins.cache_clear()
    yield tmp_path
    options.installed_plugins.cache_clear()


@pytest.fixture
def cornerdesk(company: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in the company's folder; what it printed and how it ended."""

    def ran(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(arguments)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)

    return ran
