"""What is known of an attempt, in words that people read. Pure."""

from __future__ import annotations

from cornerdesk.ledger.keys import moment_words
from cornerdesk.ledger.rows import Held, Progress


def sent_words(progress: Progress) -> str:
    """`sent at 2026-11-22T09:00:00Z`."""
    return f"sent at {moment_words(progress.sent_at)}" if progress.sent_at else "sent"


def with_evidence(held: Held, reason: str) -> str:
    """The reason, with when it went out if nobody knows what became of it."""
    return f"{sent_words(held.progress)}, outcome not known: {reason}" if held.progress.sent_at else reason


def past_looking_up(held: Held, reason: str) -> str:
    """The reason for a person who has to find out what no program can."""
    return (
        f"{sent_words(held.progress)}, no answer, cannot be looked up: {reason}. See for yourself:"
        f" `cornerdesk deadletters retry {held.effect.id}` sends it again, `drop` leaves it"
    )


def place_of(error: Exception) -> str | None:
    """File and line where a stranger's error was raised. Its text may hold a customer's words, so that stays out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
