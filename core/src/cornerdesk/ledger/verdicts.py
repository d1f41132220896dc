"""What an error means for an effect: again, when, or never. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cornerdesk.actions import EffectState
from cornerdesk.errors import (
    CornerdeskError,
    CredentialsError,
    RetryableError,
    UnknownOutcomeError,
)

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Patience:
    """How long the executor waits and how often it tries. Seconds and lengths of time, all measured by its clock.

    Attributes:
        send_timeout: seconds that one `send` or `look_up` may take in all.
        record_timeout: seconds that one `record` may take; its transaction is open all the while.
        grace: seconds added before another worker takes a `sent` effect for abandoned.
        settle_delay: seconds to wait before an unknown outcome is looked up: the vendor may still be at work on it.
        max_attempts: attempts, look-ups included, after which an effect is dead.
        max_age: the same, counted from when it was first to be done.
        first_delay, longest_delay: seconds; the delay doubles from one to the other.
        credentials_delay, credentials_attempts: refused credentials are tried again this seldom, this often.
        concurrency: effects that one executor does at a time.
        keeping_delays: seconds between attempts to store the outcome of what was sent.
    """

    send_timeout: float = 30.0
    record_timeout: float = 10.0
    grace: float = 5.0
    settle_delay: float = 10.0
    max_attempts: int = 12
    max_age: timedelta = timedelta(hours=24)
    first_delay: float = 5.0
    longest_delay: float = 3600.0
    credentials_delay: float = 900.0
    credentials_attempts: int = 4
    concurrency: int = 16
    keeping_delays: tuple[float, ...] = (0.2, 1.0, 3.0)

    @property
    def lease(self) -> timedelta:
        """How long an attempt that began may still be running somewhere."""
        return timedelta(seconds=self.send_timeout + self.grace)


@dataclass(frozen=True)
class Verdict:
    """What becomes of the effect; `delay` until it is tried again, None when it is not."""

    state: EffectState
    reason: str
    delay: timedelta | None = None


def judge(
    error: Exception,
    *,
    action: str,
    attempts: int,
    age: timedelta,
    again: EffectState,
    patience: Patience,
    jitter: Callable[[], float],
) -> Verdict:
    """What becomes of an effect whose attempt ended in `error`.

    Args:
        attempts: how many were begun, this one included.
        age: since it was first to be done.
        again: the state it takes when it is to be tried again: `failed`, or `unknown` while its outcome is in doubt.
        jitter: a number from 0 to 1, so that what failed together does not come back together.
    """
    reason = reason_of(error, action)
    if isinstance(error, CredentialsError):
        if attempts >= patience.credentials_attempts:
            return Verdict(EffectState.DEAD, reason)
        return Verdict(again, reason, timedelta(seconds=patience.credentials_delay * (0.75 + jitter() / 2)))
    if not isinstance(error, RetryableError):
        return Verdict(EffectState.DEAD, reason)
    if attempts >= patience.max_attempts:
        return Verdict(EffectState.DEAD, f"given up after {attempts} attempts: {reason}")
    if age >= patience.max_age:
        return Verdict(EffectState.DEAD, f"given up after {age.total_seconds() / 3600:.0f} hours: {reason}")
    state = EffectState.UNKNOWN if isinstance(error, UnknownOutcomeError) else again
    return Verdict(state, reason, timedelta(seconds=_delay(error, state, attempts, patience, jitter)))


def reason_of(error: Exception, action: str) -> str:
    """The error in words that hold nothing of a customer's: our own errors promise that, others do not."""
    if isinstance(error, CornerdeskError):
        return str(error)[:_LONGEST_REASON]
    return f"{type(error).__name__} in action {action}"


def _delay(
    error: RetryableError, state: EffectState, attempts: int, patience: Patience, jitter: Callable[[], float]
) -> float:
    doubled: float = patience.first_delay * 2 ** min(attempts - 1, 30)
    delay = min(doubled, patience.longest_delay) * (0.5 + jitter() / 2)
    if state is EffectState.UNKNOWN:
        delay = max(delay, patience.settle_delay)
    if error.retry_after is not None:
        asked = min(error.retry_after, patience.max_age.total_seconds())
        delay = max(delay, asked * (1 + jitter() / 10))
    return delay
