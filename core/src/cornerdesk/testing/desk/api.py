"""The part that every vendor's API has in common: who is let in, how often, what was asked for, what was done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from cornerdesk import JSON
from cornerdesk.testing.desk.faults import wants_empty_page
from cornerdesk.testing.desk.rates import RateLimit
from cornerdesk.testing.desk.refusals import RefusedError

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Any]]
"""What answers a request: with JSON, or with a response of its own. May raise `RefusedError`."""


@dataclass(frozen=True)
class Write:
    """Something that the API was asked to do, and did.

    Attributes:
        note: the text of a message that was added.
        public: whether customers see it.
        marker: the effect's marker, where the request carried it.
        tags: those that were added or removed.
        changes: fields that were set, by the vendor's names.
    """

    method: str
    path: str
    ticket: str
    note: str | None = None
    public: bool | None = None
    marker: str | None = None
    tags: tuple[str, ...] = ()
    changes: JSON = field(default_factory=dict)

    def show(self) -> JSON:
        return asdict(self)


class Api(ABC):
    """A vendor's API over its desk. A subclass brings `routes`, made with `at`, and `admit`.

    Args:
        rate: how many requests it takes.

    Attributes:
        requests: what was asked for: method and path.
        writes: what was done.
    """

    def __init__(self, rate: RateLimit) -> None:
        self.rate = rate
        self.requests: list[tuple[str, str]] = []
        self.writes: list[Write] = []

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Every route of the API."""

    @abstractmethod
    def admit(self, request: Request) -> None:
        """Let in whoever may.

        Raises:
            RefusedError: anybody else.
        """

    def too_many(self, headers: dict[str, str]) -> Response:
        """The answer to one request too many; `headers` say when to come back."""
        return JSONResponse({"error": "too_many_requests"}, 429, headers)

    def revoke_tokens(self) -> None:  # noqa: B027 - an API whose tokens are fixed has none to revoke
        """Every access token given so far is refused from now on."""

    def at(self, path: str, endpoint: Endpoint, method: str = "GET", *, status: int = 200) -> Route:
        """A route of the API: counted, limited, guarded. `status` is that of an answer given as JSON."""

        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            headers, over = self.rate.count()
            if over:
                return self.too_many(headers)
            try:
                self.admit(request)
                data = await endpoint(request)
            except RefusedError as refused:
                return JSONResponse(refused.body, refused.status, {**headers, **refused.headers})
            if isinstance(data, Response):
                data.headers.update(headers)
                return data
            return JSONResponse(data, status, headers)

        return Route(path, answer, methods=[method])

    def note(self, request: Request, ticket: str, **more: Any) -> None:
        """Keep what was done, as a `Write`."""
        self.writes.append(Write(request.method, request.url.path, ticket, **more))


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list. `next` is the place where the next page begins; None: there is none. Where pages are numbered,
    the next one's number is made of it (`page.next // size + 1`) and not by counting on: after `Fault.empty_page` it is
    the same place once more."""

    rows: list[T]
    next: int | None


def page_of(request: Request, rows: Sequence[T], start: int, size: int) -> Page[T]:
    """The rows from `start` on. Does what `Fault.empty_page` asks for, so that it may hit any list made with this."""
    start = max(0, start)
    if wants_empty_page(request):
        return Page([], start)
    end = start + size
    return Page(list(rows[start:end]), end if end < len(rows) else None)
