"""Structured logs on standard error. What must not be in them (texts, addresses, secrets) is kept out where they are
written: keys are ids and reasons."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO, cast

import structlog


class _StandardError:
    """Standard error as it is when something is written: whoever redirects it gets what is said from then on."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(form: str, *, quiet: bool = False) -> None:
    """`text` for a person, `json` for a collector. Libraries' logs come in at warning and above; `quiet`: ours too."""
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=28)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _StandardError())),
        # Whoever is quiet may yet start to serve, and is heard then.
        cache_logger_on_first_use=not quiet,
    )
    logging.basicConfig(level=logging.WARNING, stream=_StandardError(), format="%(name)s: %(message)s", force=True)
    # These log whole requests, addresses included, when they are let.
    for name in ("httpx", "httpcore", "aiosmtplib", "pgqueuer"):
        logging.getLogger(name).setLevel(logging.ERROR)
