"""What customers call a feature of the catalogue: its title, its phrases and its key. Pure."""

from __future__ import annotations

import re

from cornerdesk import ConfigurationError, Feature

from cornerdesk_signals.phrases import Choice, Gap, Phrase, PhraseError, Word, plain_words, read_phrase
from cornerdesk_signals.text import fold
from cornerdesk_signals.tokens import tokenise

_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_PARTS = re.compile(r"[()\[\]{}/|]")
_ARTICLES = ("the", "a", "an")
_MEANS = ("through", "via", "with", "using", "by", "over")
_OBJECT = 3
"""Words between what is done and what it is done with: "export all our reports through the API"."""

_MOST_JOINED = 4
_LEAST_JOINED = 2
_LEAST_ALONE = 6


def feature_phrases(key: str, feature: Feature) -> tuple[Phrase, ...]:
    """The title ("Single sign-on (SSO)" is "single sign on" or "sso"), the phrases, and the key's words.

    Raises:
        ConfigurationError: a phrase that cannot be read.
    """
    plain = [key.replace("_", " ").replace("-", " "), *_names(feature.title)]
    plain += [joined for name in plain for joined in _joined(name)]
    found = [_loosened(sequence) for name in dict.fromkeys(plain) if (sequence := plain_words(name))]
    for phrase in feature.phrases:
        try:
            found.append(read_phrase(phrase))
        except PhraseError as error:
            raise ConfigurationError(f"feature {key!r}: {error}") from None
    return tuple(found)


def _names(title: str) -> list[str]:
    """The title without its brackets, and each of its parts: brackets and slashes set names apart."""
    return [name.strip() for name in (_BRACKETS.sub(" ", title), *_PARTS.split(title)) if name.strip()]


def _joined(name: str) -> list[str]:
    """Neighbours written as one: "audit log" is also "auditlog", "single sign on" also "single signon"."""
    words = tokenise(fold(name).text).words
    if not 2 <= len(words) <= _MOST_JOINED:
        return []
    pairs = [at for at in range(len(words) - 1) if min(len(words[at]), len(words[at + 1])) >= _LEAST_JOINED]
    joined = [" ".join((*words[:at], words[at] + words[at + 1], *words[at + 2 :])) for at in pairs]
    return [one for one in joined if one.count(" ") or len(one) >= _LEAST_ALONE]


def _loosened(name: Phrase) -> Phrase:
    """ "Export through the API" as customers write it: "export reports via your API"."""
    items: list[Word | Gap | Choice] = []
    for at, item in enumerate(name.items):
        word = min(item.forms) if isinstance(item, Word) and len(item.forms) == 1 else ""
        inside = 0 < at < len(name.items) - 1
        if inside and word in _MEANS:
            items += [Gap(_OBJECT), _one_of(_MEANS), _ARTICLE]
        elif word not in _ARTICLES or not inside:
            items.append(item)
        elif items[-1] is not _ARTICLE:
            items.append(_ARTICLE)
    return Phrase(tuple(items))


def _one_of(words: tuple[str, ...], *, optional: bool = False) -> Choice:
    return Choice(tuple(Phrase((Word(frozenset({word})),)) for word in words), optional)


_ARTICLE = _one_of((*_ARTICLES, "your", "our", "some"), optional=True)
