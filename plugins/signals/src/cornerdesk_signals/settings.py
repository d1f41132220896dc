"""The section `plugins: {signals: ...}` of cornerdesk.yaml: phrases of the company's own. Models only."""

from __future__ import annotations

import re
from typing import Annotated, Self

from cornerdesk import Section
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from cornerdesk_signals.phrases import PhraseError, read_phrase
from cornerdesk_signals.shipped import Negation, shipped_signals

NAME = re.compile(r"[a-z][a-z0-9_]*")
RESERVED = frozenset({"feature"})


def _readable(phrase: str) -> str:
    try:
        read_phrase(phrase)
    except PhraseError as error:
        raise ValueError(str(error)) from None
    return phrase


PhraseText = Annotated[str, AfterValidator(_readable)]
"""A phrase in the little language of `phrases`, checked when the file is read."""


class SignalSettings(Section):
    """One signal: more words for one that ships, or a new one."""

    about: str | None = Field(None, description="one line about the signal; a new signal needs it")
    phrases: tuple[PhraseText, ...] = Field((), description="any of these raises the signal")
    ignore: tuple[PhraseText, ...] = Field((), description="a match that overlaps one of these does not count")
    negation: Negation | None = Field(
        None,
        description="what takes a match back: `clause` (any negation before it; the default), `refusal` (only that it"
        " is not wanted), `none`",
    )
    replace: bool = Field(False, description="true: these phrases instead of those that ship, not beside them")


class Settings(Section):
    """Signals by name: those that ship, and the company's own, named like `wants_migration`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, SignalSettings]

    @property
    def signals(self) -> dict[str, SignalSettings]:
        """The settings of each signal that the file names."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, signal in self.signals.items():
            if not NAME.fullmatch(name) or name in RESERVED:
                raise ValueError(f"{name!r} cannot be a signal's name; expected one like wants_migration")
            if name not in shipped_signals() and not (signal.about and signal.phrases):
                known = ", ".join(shipped_signals())
                raise ValueError(f"signal {name!r} is new, so it needs `about` and `phrases`; those that ship: {known}")
        return self
