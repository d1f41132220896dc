"""What customers call a feature of the catalogue: its title, its phrases and its key. Pure."""

from __future__ import annotations

import re

from cornerdesk import ConfigurationError, Feature

from cornerdesk_signals.phrases import Phrase, PhraseError, plain_words, read_phrase
from cornerdesk_signals.text import fold
from cornerdesk_signals.tokens import tokenise

_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_PARTS = re.compile(r"[()\[\]{}/|]")


def feature_phrases(key: str, feature: Feature) -> tuple[Phrase, ...]:
    """The title ("Single sign-on (SSO)" is "single sign on" or "sso"), the phrases, and the key's words.

    Raises:
        ConfigurationError: a phrase that cannot be read.
    """
    plain = [key.replace("_", " ").replace("-", " "), *_names(feature.title)]
    plain += [joined for name in plain if (joined := _joined(name))]
    found = [sequence for name in dict.fromkeys(plain) if (sequence := plain_words(name))]
    for phrase in feature.phrases:
        try:
            found.append(read_phrase(phrase))
        except PhraseError as error:
            raise ConfigurationError(f"feature {key!r}: {error}") from None
    return tuple(found)


def _names(title: str) -> list[str]:
    """The title without its brackets, and each of its parts: brackets and slashes set names apart."""
    return [name.strip() for name in (_BRACKETS.sub(" ", title), *_PARTS.split(title)) if name.strip()]


def _joined(name: str) -> str | None:
    """Two words written as one: "audit log" is also "auditlog"."""
    words = tokenise(fold(name).text).words
    return "".join(words) if len(words) == 2 and min(map(len, words)) > 2 else None
