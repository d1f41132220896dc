"""What a visitor sees when something fails: a page or, from the API, JSON; and what the log says about it.

Never a traceback, a table's name or a customer's words: an error of ours says what to do, any other says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import PurePath
from traceback import extract_tb

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cornerdesk.errors import CornerdeskError, RejectedError, RetryableError
from cornerdesk.web.access import API
from cornerdesk.web.pages import Pages

log = structlog.get_logger()
RETRY_AFTER = "5"
_PAGE = """<h1>{{ heading }}</h1><p role="alert">{{ message }}</p><p><a href="">Try again</a></p>"""
_UNEXPECTED = "Something went wrong that should not have. The log of `cornerdesk serve` says where."


class FailureMiddleware:
    """Answers instead of whatever raised. One that has begun to answer is cut off: the client sees that."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            # Pages are plugins' too, and may raise anything.
            _note(scope["path"], error)
            if begun:
                raise
            await _answer(self.pages, Request(scope), error)(scope, receive, send)


def say_refusal(pages: Pages) -> Callable[[Request, Exception], Response]:
    """Answers Starlette's own refusals: no such page, not by this method, an unreadable form."""

    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _told(pages, request, error.status_code, error.detail, dict(error.headers or {}))

    return handle


def _answer(pages: Pages, request: Request, error: Exception) -> Response:
    match error:
        case RetryableError():
            return _told(pages, request, 503, str(error), {"retry-after": RETRY_AFTER})
        case RejectedError():
            return _told(pages, request, 422, str(error))
        case CornerdeskError():
            return _told(pages, request, 500, str(error))
        case _:
            return _told(pages, request, 500, _UNEXPECTED)


def _told(
    pages: Pages, request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"error": message}, status, headers)
    title = HTTPStatus(status).phrase
    return pages.wrap(_PAGE, title=title, heading=title, message=message, status=status, headers=headers)


def _note(path: str, error: Exception) -> None:
    """The first word of the path only: the rest may hold a token. Of a stranger's error only kind and place: its text
    may quote a customer."""
    page = "/" + path.strip("/").partition("/")[0]
    if isinstance(error, RejectedError):
        return
    if isinstance(error, CornerdeskError):
        log.warning("page_failed", page=page, error=type(error).__name__, reason=str(error))
        return
    frames = [
        f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)
    ]
    log.error("page_failed", page=page, error=type(error).__name__, at=" < ".join(reversed(frames[-6:])))
