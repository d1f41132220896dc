"""A small company for the web's tests: a real runtime, two sources, a plugin with a list, a verb and three pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pluggy
import pytest
from cornerdesk import (
    Adapter,
    Capability,
    Customer,
    Delivery,
    Event,
    EventKind,
    Evidence,
    Filter,
    FrozenModel,
    Listing,
    Question,
    Reading,
    RejectedError,
    Request,
    Signal,
    SignatureError,
    Snapshot,
    SourceSettings,
    Status,
    Ticket,
    Verb,
    WebContext,
    WebRoute,
    hookimpl,
    hookspecs,
    new_id,
)
from cornerdesk.configuration import Configuration, Server
from cornerdesk.hookspecs import GROUP
from cornerdesk.ledger import desk
from cornerdesk.plugins import PluginReport, Plugins
from cornerdesk.runtime import Runtime, open_runtime
from cornerdesk.server import Role
from cornerdesk.storage import tables
from cornerdesk.web.app import make_app
from pydantic import SecretStr
from starlette.responses import PlainTextResponse, Response

TOKEN = "only-for-these-tests"
RULES = """
rules:
  - rule: urgent-first
    when: ticket.created
    if: [ticket.priority == "urgent", ticket.subject != null]
    then: [{tag: [seen]}]
"""


class PlayedDesk(Adapter):
    """A vendor that sends nothing."""

    helpdesk = "played"
    capabilities = frozenset({Capability.TAG})

    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise SignatureError("the signature is missing")

    def delivery_key(self, delivery: Delivery) -> str:
        raise NotImplementedError

    def read(self, delivery: Delivery) -> Reading:
        raise NotImplementedError


class TicketLink(FrozenModel):
    """A model named like one of another list's."""

    id: str


class Wish(FrozenModel):
    id: str
    source: str = "support"
    state: str = "open"
    text: str = ""
    tickets: tuple[str, ...] = ()
    links: tuple[TicketLink, ...] = ()
    url: str | None = None
    amount: float | None = None


@dataclass
class WishBoard:
    """A plugin: the list `wishes`, an open page, a closed one, and one that fails."""

    wishes: list[Wish] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    done: list[Request] = field(default_factory=list)
    failure: Exception | None = None

    @hookimpl
    def cornerdesk_adapters(self) -> Sequence[type[Adapter]]:
        return [PlayedDesk]

    @hookimpl
    def cornerdesk_listings(self) -> Sequence[Listing]:
        return [
            Listing(
                name="wishes",
                about="what people wish for",
                row=Wish,
                columns=("id", "state", "text", "tickets", "url", "amount"),
                rows=self._rows,
                filters=(
                    Filter("state", "only in this state", ("open", "granted")),
                    Filter("text", "only with this in it"),
                    Filter("since", "only those made since then"),
                    Filter("all", "also the withdrawn", flag=True),
                ),
                verbs=(
                    Verb(
                        "grant-it",
                        "make it come true",
                        self._grant,
                        (
                            Filter("by", "who does"),
                            Filter("how", "in which way", ("soon", "later")),
                            Filter("loudly", "tell everybody", flag=True),
                        ),
                    ),
                ),
            )
        ]

    @hookimpl
    def cornerdesk_routes(self) -> Sequence[WebRoute]:
        return [
            WebRoute("/open/{token}", ("GET", "POST"), self._open, public=True),
            WebRoute("/closed", ("GET",), self._open),
            WebRoute("/failing/{token}", ("GET",), self._fail, public=True),
        ]

    async def _rows(self, question: Question) -> Sequence[Wish]:
        if self.failure:
            raise self.failure
        self.asked.append({**question.filters, "limit": question.limit})
        return self.wishes[: question.limit]

    async def _grant(self, request: Request) -> str:
        if self.failure:
            raise self.failure
        if request.id == "none":
            raise RejectedError("there is no such wish")
        self.done.append(request)
        return f"granted: {request.options.get('by', 'nobody')}"

    async def _open(self, request: Any, context: WebContext) -> Response:
        return PlainTextResponse(f"{request.method} answered")

    async def _fail(self, request: Any, context: WebContext) -> Response:
        assert self.failure
        raise self.failure


@pytest.fixture
def board() -> WishBoard:
    return WishBoard()


@pytest.fixture
def plugins(board: WishBoard) -> Plugins:
    made = Plugins(pluggy.PluginManager(GROUP))
    made.manager.add_hookspecs(hookspecs)
    made.manager.register(desk, name="desk")
    made.manager.register(board, name="board")
    made.reports.append(PluginReport("broken", "broken", problem="does not import from /home/somebody"))
    return made


@pytest.fixture
async def runtime(migrated_url: str, plugins: Plugins, tmp_path: Path) -> AsyncIterator[Runtime]:
    """Everything of `serve` but the server and the worker, on both databases."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    configuration = Configuration(
        path=tmp_path / "cornerdesk.yaml",
        database=migrated_url,
        server=Server(api_tokens=(SecretStr(TOKEN),)),
        sources={name: SourceSettings(adapter="played") for name in ("support", "chat")},
        rule_files=(tmp_path / "rules.yaml",),
    )
    async with open_runtime(configuration, plugins) as opened:
        yield opened


Visit = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def visit(runtime: Runtime) -> AsyncIterator[Visit]:
    """Makes browsers: `visit()` sits at this machine, `visit(client="192.0.2.7")` elsewhere."""
    made: list[httpx.AsyncClient] = []

    def make(*, client: str = "127.0.0.1", http_version: str | None = None, role: Role = Role.ALL) -> httpx.AsyncClient:
        app = make_app(runtime, role=role)

        async def spoken(scope: Any, receive: Any, send: Any) -> None:
            scope["http_version"] = http_version or scope["http_version"]
            await app(scope, receive, send)

        transport = httpx.ASGITransport(spoken, client=(client, 50_000))
        made.append(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8484"))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


@pytest.fixture
def browser(visit: Visit) -> httpx.AsyncClient:
    """Somebody who sits at this machine."""
    return visit()


@pytest.fixture
def api(visit: Visit) -> httpx.AsyncClient:
    """A program elsewhere that has the token."""
    made = visit(client="192.0.2.7")
    made.headers["authorization"] = f"Bearer {TOKEN}"
    return made


@dataclass
class Records:
    """Puts rows where the web finds them."""

    runtime: Runtime
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def delivery(self, source: str = "support", state: str = "done", **values: Any) -> str:
        age: timedelta = values.pop("age", timedelta())
        id = new_id()
        row = {"id": id, "source": source, "key": id, "received_at": self.now - age, "headers": {}, "body": b"{}"}
        return await self._insert(tables.deliveries, {**row, "state": state, **values})

    async def effect(self, state: str = "confirmed", **values: Any) -> str:
        row = {"id": new_id(), "key": new_id(), "rule": "urgent-first", "action": "tag", "target": "seen"}
        return await self._insert(
            tables.effects, {**row, "payload": {}, "state": state, "planned_at": self.now, **values}
        )

    async def event(self, ticket: str = "7", source: str = "support", words: str | None = None, **values: Any) -> str:
        occurred = values.pop("occurred_at", self.now)
        fields = {"priority": "urgent", "subject": words, "number": ticket, "status": Status.OPEN, **values}
        told = Ticket(id=ticket, customer=Customer(id="c", name=words, email="who@example.com"), **fields)
        event = Event(
            id=new_id(), source=source, helpdesk="played", kind=EventKind.TICKET_CREATED, ticket=told,
            occurred_at=occurred, received_at=occurred,
        )  # fmt: skip
        seen = Signal(name="churn_risk", evidence=(Evidence(text=words or "", start=0, end=1),))
        snapshot = Snapshot(event=event, signals=(seen,), now=occurred, provenance={"ticket.subject": words or "?"})
        await self._ticket(source, told)
        return await self._insert(
            tables.events,
            {
                "id": event.id, "source": source, "helpdesk": "played", "kind": event.kind.value, "ticket": ticket,
                "occurred_at": occurred, "received_at": occurred, "actor_kind": "customer", "origin": "webhook",
                "snapshot": snapshot.model_dump(mode="json"),
            },
        )  # fmt: skip

    async def _ticket(self, source: str, told: Ticket) -> None:
        row = {"source": source, "id": told.id, "number": told.number, "state": told.model_dump(mode="json")}
        async with self.runtime.store.storage.transaction() as tx:
            await tx.insert_new(
                tables.tickets, [{**row, "status": "open", "complete": True}], unique=["source", "id"], returning="id"
            )

    async def _insert(self, table: Any, row: dict[str, Any]) -> str:
        async with self.runtime.store.storage.transaction() as tx:
            await tx.execute(table.insert().values(**row))
        return str(row["id"])


@pytest.fixture
def records(runtime: Runtime) -> Records:
    return Records(runtime)


@pytest.fixture
def wish() -> Callable[..., Wish]:
    """`Wish`, for tests: `--import-mode=importlib` lets them import nothing from here."""
    return Wish


@pytest.fixture
def break_storage(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes every use of the database raise, or hang."""

    def arrange(failure: Exception | None = None, *, hang: Callable[[], Awaitable[None]] | None = None) -> None:
        async def ping() -> None:
            if hang:
                await hang()
            assert failure
            raise failure

        class Gone(SimpleNamespace):
            async def __aenter__(self) -> None:
                await ping()

            async def __aexit__(self, *_: object) -> None: ...

        storage = runtime.store.storage
        monkeypatch.setattr(storage, "ping", ping)
        monkeypatch.setattr(storage, "reading", Gone)
        monkeypatch.setattr(storage, "transaction", Gone)

    return arrange
