"""The whole family of errors; its branches say what the caller should do.

    CornerdeskError
    ├── RetryableError            try again later; `retry_after` seconds if the other side named them
    │   └── UnknownOutcomeError   the request went out and no answer came back: look it up before repeating it
    ├── FatalError                nothing works until a person changes something
    │   ├── ConfigurationError    a file or setting is wrong; carries every `Problem` found
    │   ├── CredentialsError      the vendor refuses our credentials
    │   └── PluginError           a plugin breaks its contract; names plugin, hook and argument
    ├── RejectedError             this one item cannot be done, and will not be by repeating it
    │   └── SignatureError        a delivery's signature is missing or wrong
    └── UnsupportedError          the adapter or plugin does not claim to be able to do this

A message says what failed, why, and what to do next, and never holds a secret or a customer's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CornerdeskError(Exception):
    """The root of every error that Cornerdesk raises on purpose."""


class RetryableError(CornerdeskError):
    """Something passing: an overloaded vendor, a lost connection.

    Args:
        message: what failed and why.
        retry_after: seconds the other side asked us to wait, or None when it named no time.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnknownOutcomeError(RetryableError):
    """A request was sent and its answer never came: it may or may not have taken place."""


class FatalError(CornerdeskError):
    """Nothing of this kind will work until a person changes something."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file, with the place to look at.

    Attributes:
        file: the path as the user wrote it.
        line: 1-based, or None when the whole file is meant.
        column: 1-based, or None.
        message: what is wrong.
        expected: what would have been right, or None.
        nearest: the nearest name that exists, or None.
        source: the text of the line, for a caret below it, or None.
    """

    file: str
    line: int | None
    column: int | None
    message: str
    expected: str | None = None
    nearest: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{place}: {self.message}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        if self.source is not None and self.column is not None:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return text


class ConfigurationError(FatalError):
    """One or more files are wrong; every problem found is in `problems`, in file order."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, self.problems)))


class CredentialsError(FatalError):
    """The vendor refuses our credentials; says which source and what to renew."""


class PluginError(FatalError):
    """A plugin breaks its contract; the message names plugin, hook and argument."""


class RejectedError(CornerdeskError):
    """This item cannot be done and repeating it will not help: it becomes a dead letter with this reason."""


class SignatureError(RejectedError):
    """The signature of a delivery is missing, wrong, or too old. Answered with 401; nothing is stored."""


class UnsupportedError(CornerdeskError):
    """Asked of an adapter or plugin that does not declare this capability."""
