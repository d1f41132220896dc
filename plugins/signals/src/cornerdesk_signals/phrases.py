"""The little language that phrases are written in, and its reading. Pure; every mistake is named.

    cancel            the word in any of its forms (cancels, cancelled, cancellation, ...)
    =call             exactly this form
    (end|give up)     one of these
    [our|the]         one of these, or nothing
    ...  ..5          up to three (five) other words of the same clause, none of them "not" or "never"
    @contract         one of a list that ships (data/words.toml)
    #                 a number
    ^cancel  cancel$  only where a clause begins; only where it ends

Case, hyphens, apostrophes and contractions do not count: `we're` is `we are`, `sign-on` is `sign on`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from cornerdesk_signals.inflection import forms
from cornerdesk_signals.shipped import word_lists
from cornerdesk_signals.text import fold
from cornerdesk_signals.tokens import tokenise

_PART = re.compile(r"\s+|(?P<gap>\.\.(?:\.(?!\d)|\d+))|(?P<mark>[()\[\]|])|(?P<list>@\w*)|(?P<word>[^\s()\[\]|@]+)")
MAX_GAP = 8
MAX_LENGTH = 2000
DEFAULT_GAP = 3
NUMBER = "#"
"""Stands for any word that is a number."""


class PhraseError(ValueError):
    """A phrase that cannot be read; says why and what to write instead."""


@dataclass(frozen=True)
class Word:
    """One word in any of these forms."""

    forms: frozenset[str]


@dataclass(frozen=True)
class Gap:
    """Up to `most` other words."""

    most: int


@dataclass(frozen=True)
class Choice:
    """One of `options`; or nothing, when `optional`."""

    options: tuple[Phrase, ...]
    optional: bool = False


@dataclass(frozen=True)
class Phrase:
    """One after the other, in one clause; `first` and `last`: only where it begins or ends."""

    items: tuple[Word | Gap | Choice, ...]
    first: bool = False
    last: bool = False


def read_phrase(phrase: str) -> Phrase:
    """A phrase, read.

    Raises:
        PhraseError: it cannot be, or it would match nothing or everything.
    """
    if len(phrase) > MAX_LENGTH:
        raise PhraseError(f"a phrase has at most {MAX_LENGTH} characters")
    inner = phrase.strip()
    first, last = inner.startswith("^"), inner.endswith("$")
    sequence = _Reader(inner[first : len(inner) - last]).read()
    if not shortest(sequence):
        raise PhraseError(f"phrase {phrase!r} asks for no word; write at least one outside [ ] and ...")
    if isinstance(sequence.items[0], Gap) or isinstance(sequence.items[-1], Gap):
        raise PhraseError(f"phrase {phrase!r} begins or ends with a gap; leave the dots out there")
    return Phrase(sequence.items, first, last)


def plain_words(text: str) -> Phrase | None:
    """`text` word by word, nothing in it special; None when it holds no word."""
    words = tokenise(fold(text).text).words
    return Phrase(tuple(Word(forms(word)) for word in words)) if words else None


def shortest(item: Phrase | Word | Gap | Choice) -> int:
    """How many words it takes at least."""
    if isinstance(item, Phrase):
        return sum(map(shortest, item.items))
    if isinstance(item, Choice):
        return 0 if item.optional else min(map(shortest, item.options))
    return 1 if isinstance(item, Word) else 0


def longest(item: Phrase | Word | Gap | Choice) -> int:
    """How many words it takes at most."""
    if isinstance(item, Phrase):
        return sum(map(longest, item.items))
    if isinstance(item, Choice):
        return max(map(longest, item.options))
    return 1 if isinstance(item, Word) else item.most


class _Reader:
    def __init__(self, phrase: str) -> None:
        self.phrase = phrase
        self.parts = [part for part in _PART.finditer(phrase) if part.lastgroup]
        self.at = 0

    def read(self) -> Phrase:
        sequence = self._sequence()
        if self.at < len(self.parts):
            raise PhraseError(f"phrase {self.phrase!r}: {self.parts[self.at].group()!r} was never opened")
        return sequence

    def _sequence(self) -> Phrase:
        items: list[Word | Gap | Choice] = []
        while self.at < len(self.parts):
            part = self.parts[self.at]
            if part.lastgroup == "mark" and part.group() in "|)]":
                break
            self.at += 1
            items += self._item(str(part.lastgroup), part.group())
        return Phrase(tuple(items))

    def _item(self, kind: str, text: str) -> list[Word | Gap | Choice]:
        if kind == "gap":
            return [Gap(self._gap(text))]
        if kind == "list":
            return [_list(text[1:])]
        if kind == "mark":
            return [self._choice("]" if text == "[" else ")")]
        return list(_words(text))

    def _choice(self, closing: str) -> Choice:
        options = [self._sequence()]
        while self.at < len(self.parts) and self.parts[self.at].group() == "|":
            self.at += 1
            options.append(self._sequence())
        if self.at >= len(self.parts) or self.parts[self.at].group() != closing:
            raise PhraseError(f"phrase {self.phrase!r}: {closing!r} is missing")
        self.at += 1
        if not all(map(shortest, options)):
            raise PhraseError(f"phrase {self.phrase!r}: an empty choice; write [a|b] for what may be absent")
        if closing == ")" and len(options) == 1:
            raise PhraseError(
                f"phrase {self.phrase!r}: ( ) with one choice; leave the brackets out, or write [ ] for what may be"
                " absent"
            )
        return Choice(tuple(options), closing == "]")

    def _gap(self, text: str) -> int:
        most = DEFAULT_GAP if text == "..." else int(text[2:])
        if not 1 <= most <= MAX_GAP:
            raise PhraseError(f"phrase {self.phrase!r}: a gap has 1 to {MAX_GAP} words, not {most}")
        return most


@cache
def _list(name: str) -> Choice:
    lists = word_lists()
    if name not in lists:
        raise PhraseError(f"there is no word list @{name}; there are {', '.join('@' + known for known in lists)}")
    return Choice(tuple(read_phrase(entry) for entry in lists[name]))


def _words(text: str) -> tuple[Word, ...]:
    if text == NUMBER:
        return (Word(frozenset({NUMBER})),)
    exact = text.startswith("=")
    words = tokenise(fold(text.removeprefix("=")).text).words
    return tuple(Word(frozenset({word}) if exact else forms(word)) for word in words)
