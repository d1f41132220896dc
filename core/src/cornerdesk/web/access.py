"""Who may see what, and the headers every answer carries.

Health, metrics and plugins' public pages are open. The API takes a bearer token. The dashboard is for whoever sits at
this machine: a loopback client that no proxy speaks for, asking for a loopback name (so that a page elsewhere cannot
reach it by DNS rebinding). A form is only taken from our own pages.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"
STATIC = "/static/"
FORWARDING = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "cdn-loop"}
)
CLOSED = (
    "The dashboard is open to this machine only. Open it on the machine that runs `cornerdesk serve`,"
    " for example through `ssh -L 8484:127.0.0.1:8484 HOST`.\n"
)
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_LOOPBACK_NAME = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class HeadersMiddleware:
    """Security headers, unless a page set its own. Nothing is kept by caches but our own files, and those are asked for
    anew each time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(STATIC) else "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AccessMiddleware:
    """Lets in who may come in. `public`: the routes that are open to everybody, each for its own methods only."""

    def __init__(self, app: ASGIApp, public: Iterable[Route]) -> None:
        self.app = app
        self.public = [(compile_path(route.path)[0], route.methods or set()) for route in public]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        closed = scope["type"] == "http" and not self._open(scope["path"], scope["method"])
        if closed and (refusal := _refusal(Request(scope))):
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _open(self, path: str, method: str) -> bool:
        if path.startswith((API, STATIC)):
            return True
        return any(method in methods and pattern.match(path) for pattern, methods in self.public)


def at_this_machine(request: Request) -> bool:
    """Whether the one who asks sits at this machine and asks for it by its own name, with nobody in between."""
    client = request.client.host if request.client else ""
    # No browser speaks HTTP/1.0, but a proxy that adds no header of its own may (nginx as it comes).
    direct = request.scope.get("http_version") != "1.0" and not _forwarded(request.headers)
    host = request.headers.getlist("host")
    return direct and _is_loopback(client) and len(host) == 1 and _LOOPBACK_NAME.fullmatch(host[0]) is not None


def token_is_valid(request: Request, tokens: tuple[str, ...]) -> bool:
    """Whether the request carries one of the API's bearer tokens; compared in constant time. An empty one is none."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens if token]
    return kind.lower() == "bearer" and any(matches)


def _refusal(request: Request) -> str | None:
    if not at_this_machine(request):
        return CLOSED
    if request.method not in {"GET", "HEAD"} and not _from_our_page(request):
        return "This form was not sent from a page of Cornerdesk.\n"
    return None


def _forwarded(headers: Headers) -> bool:
    return any(name in FORWARDING or name.startswith("x-forwarded") for name in headers)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _from_our_page(request: Request) -> bool:
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    return request.headers.get("origin") == f"{request.url.scheme}://{request.headers.get('host')}"
