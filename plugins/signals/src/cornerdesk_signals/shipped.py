"""The phrases and word lists that come with the plugin: TOML files in `data/`, one per signal. Reads them, once.

They are data, to be read and argued about by people who write no Python.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from cornerdesk import JSON, FrozenModel

Negation = Literal["clause", "refusal", "none"]
"""What takes a phrase back: any negation before it in its clause; only that the thing is not wanted; nothing."""


class Definition(FrozenModel):
    """What makes a signal: `phrases` any of which raises it, `ignore` phrases that take back a match they overlap."""

    name: str
    about: str
    phrases: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    negation: Negation = "clause"


@cache
def shipped_signals() -> Mapping[str, Definition]:
    """The signals that ship, by name, in alphabetical order."""
    names = sorted(
        entry.name.removesuffix(".toml")
        for entry in files(__package__).joinpath("data", "signals").iterdir()
        if entry.name.endswith(".toml")
    )
    return {name: Definition(name=name, **_read(f"signals/{name}.toml")) for name in names}


@cache
def word_lists() -> Mapping[str, tuple[str, ...]]:
    """The lists that phrases name with `@`."""
    return {name: tuple(words) for name, words in _read("words.toml")["lists"].items()}


@cache
def word_forms() -> Mapping[str, tuple[str, ...]]:
    """Forms that no rule makes, by the word they belong to."""
    return {word: tuple(others) for word, others in _read("words.toml")["forms"].items()}


@cache
def fixed_words() -> frozenset[str]:
    """Words that have no other forms."""
    return frozenset(_read("words.toml")["fixed"])


@cache
def negation_words() -> Mapping[str, frozenset[str]]:
    """The words of negation, by the part they play."""
    return {part: frozenset(words) for part, words in _read("negation.toml").items()}


def _read(name: str) -> JSON:
    return tomllib.loads(files(__package__).joinpath("data", name).read_text("utf-8"))
