"""Things that go wrong on demand between a client and a stand-in's API.

standin.faults.append(Fault.too_many(wait="17", method="PUT"))
standin.faults.append(Fault.lost(after=True, path="/tickets/*/notes"))
standin.faults.append(Fault.shifted_page(path="/tickets", skip=1))     # before the second page
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from starlette.requests import Request

from cornerdesk import JSON

Kind = Literal[
    "status",
    "status_after",
    "slow",
    "silent",
    "drop",
    "drop_after",
    "truncated",
    "trickle",
    "huge",
    "repeated_page",
    "shifted_page",
    "empty_page",
]

EMPTY_PAGE = "cornerdesk.empty_page"
"""In a request's scope: its answer is to be an empty page."""


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match. Everything but `status`, `silent` and `drop` does
    what was asked for, writes included.

    The kinds:
        status: answers with `status`, `headers` and `body`, and does nothing.
        status_after: does it, and answers so.
        slow: does it, and answers after `seconds`.
        silent: does nothing, and breaks the connection after `seconds`.
        drop, drop_after: breaks the connection without doing it; having done it.
        truncated: breaks the connection in the middle of the answer.
        trickle: answers byte by byte, `seconds` apart.
        huge: answers with `size` bytes.
        repeated_page: gives the answer to the last request of this path again; waits for one that was asked before.
        shifted_page: somebody touches a ticket first, so that pages of a list shift (`StandIn.touch`).
        empty_page: a page without rows that is not the last (lists made with `page_of`).

    Attributes:
        kind: see there.
        method: only these requests; None: any.
        path: only paths that contain this; `*` stands for anything, `$` at the end for the path's end: `/tickets$` is
            the list and no ticket of it.
        status: of the answer.
        retry_after: the header's value; None: no such header.
        seconds, size: see the kinds.
        body, content_type: of the answer.
        headers: further ones.
        skip: how many that match go well first.
        times: how many it hits.
    """

    kind: Kind = "status"
    method: str | None = None
    path: str = ""
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    body: str = "Number of allowed API requests per minute exceeded"
    times: int = 1
    skip: int = 0
    size: int = 0
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no fault is called {self.kind!r}; there are: {', '.join(get_args(Kind))}")

    def matches(self, method: str, path: str) -> bool:
        wanted = f"*{self.path[:-1]}" if self.path.endswith("$") else f"*{self.path}*"
        return self.times > 0 and self.method in (None, method) and fnmatchcase(path, wanted)

    def on(self, method: str | None = None, path: str = "", *, times: int = 1, skip: int = 0) -> Fault:
        """The same fault for these requests only."""
        return replace(self, method=method, path=path, times=times, skip=skip)

    def show(self) -> JSON:
        """Its JSON form, which `/_standin/faults` takes."""
        return asdict(self)

    # ── by name ─────────────────────────────────────────────────────────────────────────────────────────────────────
    # `where` holds method, path, times and skip.

    @classmethod
    def too_many(cls, wait: str | datetime | None = None, *, plain: bool = False, **where: Any) -> Fault:
        """429. `wait` stands in `Retry-After`: seconds, or a time for the form of an HTTP date; None: no such header.
        The body is JSON, or text for `plain`."""
        asked = format_datetime(wait, usegmt=True) if isinstance(wait, datetime) else wait
        if plain:
            return cls(status=429, retry_after=asked, body="Sorry, too many requests.", **where)
        return cls._json(429, {"error": "too_many_requests"}, retry_after=asked, **where)

    @classmethod
    def server_error(cls, status: int = 502, *, after: bool = False, **where: Any) -> Fault:
        """5xx; `after` what was asked for took place."""
        return cls("status_after" if after else "status", status=status, body="upstream error", **where)

    @classmethod
    def html_page(cls, status: int = 502, **where: Any) -> Fault:
        """A proxy's error page."""
        page = "<!doctype html><html><body><h1>Bad gateway</h1></body></html>"
        return cls(status=status, body=page, content_type="text/html", **where)

    @classmethod
    def not_json(cls, *, after: bool = False, **where: Any) -> Fault:
        """200, with a page instead of JSON."""
        page = "<html><body>Scheduled maintenance</body></html>"
        return cls("status_after" if after else "status", status=200, body=page, content_type="text/html", **where)

    @classmethod
    def expired_token(cls, **where: Any) -> Fault:
        """401. A token that did expire, for every request: `Tokens.revoke`."""
        return cls._json(401, {"error": "invalid_token", "error_description": "The access token expired"}, **where)

    @classmethod
    def redirect(cls, to: str, status: int = 302, **where: Any) -> Fault:
        """To another address, where credentials must not go."""
        return cls(status=status, body="", headers={"location": to}, **where)

    @classmethod
    def lost(cls, *, after: bool = False, **where: Any) -> Fault:
        """The connection breaks before an answer; `after` what was asked for took place."""
        return cls("drop_after" if after else "drop", **where)

    @classmethod
    def no_answer(cls, seconds: float = 3600.0, *, after: bool = False, **where: Any) -> Fault:
        """No answer for so long that the client gives up; `after` what was asked for took place."""
        return cls("slow" if after else "silent", seconds=seconds, **where)

    @classmethod
    def truncated(cls, **where: Any) -> Fault:
        """Half an answer to what took place."""
        return cls("truncated", **where)

    @classmethod
    def trickle(cls, seconds: float = 0.1, **where: Any) -> Fault:
        """An answer byte by byte, `seconds` apart."""
        return cls("trickle", seconds=seconds, **where)

    @classmethod
    def huge(cls, size: int = 50_000_000, **where: Any) -> Fault:
        """An answer of `size` bytes, 200 and JSON by its header."""
        return cls("huge", size=size, **where)

    @classmethod
    def repeated_page(cls, **where: Any) -> Fault:
        """The answer to the last request of this path once more. `skip=1` hits the second page."""
        return cls("repeated_page", **{"skip": 1, **where})

    @classmethod
    def shifted_page(cls, **where: Any) -> Fault:
        """A ticket changes before this page is read, and its list shifts. `skip=1` hits the second page."""
        return cls("shifted_page", **{"skip": 1, **where})

    @classmethod
    def empty_page(cls, **where: Any) -> Fault:
        """An empty page that is not the last one."""
        return cls("empty_page", **where)

    @classmethod
    def _json(cls, status: int, body: Mapping[str, Any], **more: Any) -> Fault:
        return cls(status=status, body=json.dumps(body), content_type="application/json", **more)


def wants_empty_page(request: Request) -> bool:
    """Whether this request is to get an empty page."""
    return bool(request.scope.get(EMPTY_PAGE))
