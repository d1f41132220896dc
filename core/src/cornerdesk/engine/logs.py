"""PgQueuer's own log lines, brought into ours. Never their arguments: a traceback may quote a customer."""

from __future__ import annotations

import logging

import structlog

_ROUTINE = "Exception while processing"
"""Our own handler has said what failed, and without anybody's words."""


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        template = str(record.msg)
        if template.startswith(_ROUTINE):
            return
        error = record.exc_info[0] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno, "engine_report", report=template, error=error.__name__ if error else None
        )


def forward_engine_logs() -> None:
    """Send PgQueuer's warnings and errors to our log, its chatter nowhere. Calling it again changes nothing."""
    logger = logging.getLogger("pgqueuer")
    if not any(isinstance(handler, _Forward) for handler in logger.handlers):
        logger.addHandler(_Forward(logging.WARNING))
        logger.propagate = False
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
