"""What a plugin's web route is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cornerdesk.configuration import Configuration


@dataclass(frozen=True)
class WebContext:
    """What a route may use: `transaction()` and `reading()` open transactions; `plan(tx, intents, source=, ticket=)`
    plans effects in one (each intent with a `scope`); `render(template_html, **values)` wraps an HTML body in the
    house's page, autoescaped."""

    configuration: Configuration
    now: Callable[[], datetime]
    transaction: Callable[[], Any]
    reading: Callable[[], Any]
    plan: Callable[..., Awaitable[Any]]
    render: Callable[..., Response]


@dataclass(frozen=True)
class WebRoute:
    """A page: `path` in Starlette's syntax, `methods`, and `endpoint(request, context)`.

    `public`: reachable without a login; then the path must hold an unguessable token, and GET must change nothing.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Callable[[Request, WebContext], Awaitable[Response]]
    public: bool = False
