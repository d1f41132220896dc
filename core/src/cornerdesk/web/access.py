"""Who may see what, and the headers every answer carries.

Health, metrics and plugins' public pages are open. The API takes a bearer token. The dashboard is for whoever sits at
this machine: a loopback client that no proxy speaks for, asking for a loopback name (so that a page elsewhere cannot
reach it by DNS rebinding). A form is only taken from our own pages.
"""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
CLOSED = (
    "The dashboard is open to this machine only. Open it on the machine that runs `cornerdesk serve`,"
    " for example through `ssh -L 8484:127.0.0.1:8484 HOST`.\n"
)
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class HeadersMiddleware:
    """Security headers, unless a page set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AccessMiddleware:
    """Lets in who may come in."""

    def __init__(self, app: ASGIApp, public: frozenset[str]) -> None:
        self.app = app
        self.public = [compile_path(path)[0] for path in public]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._open(scope["path"]):
            request = Request(scope)
            if refusal := _refusal(request):
                await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _open(self, path: str) -> bool:
        return path.startswith((API, "/static/")) or any(pattern.match(path) for pattern in self.public)


def _refusal(request: Request) -> str | None:
    if not _at_this_machine(request):
        return CLOSED
    if request.method not in {"GET", "HEAD"} and not _from_our_page(request.headers):
        return "This form was not sent from a page of Cornerdesk.\n"
    return None


def _at_this_machine(request: Request) -> bool:
    client = request.client.host if request.client else ""
    host = (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
    forwarded = any(name in request.headers for name in FORWARDED)
    return _is_loopback(client) and not forwarded and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _from_our_page(headers: Headers) -> bool:
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def token_is_valid(request: Request, tokens: tuple[str, ...]) -> bool:
    """Whether the request carries one of the API's bearer tokens; compared in constant time."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens]
    return kind.lower() == "bearer" and any(matches)
