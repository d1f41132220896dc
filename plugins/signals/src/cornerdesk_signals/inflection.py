"""English word forms: small, explicit and generous. Pure.

A form that no English text holds costs nothing, so the rules make every form that might be one; what rules cannot
know (`left`, `cancellation`, `cancle`) stands in `data/words.toml` under `forms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cornerdesk_signals.shipped import fixed_words, word_forms

_VOWELS = "aeiou"
FIXED = fixed_words()


@cache
def forms(word: str) -> frozenset[str]:
    """Every form of `word`, which may be given in any of its forms: `cancelling` gives `cancels`, too."""
    if word in FIXED:
        return frozenset({word})
    if len(word) < 3 or not word.isascii() or not word.isalpha():
        return frozenset({word, *word_forms().get(word, ())})
    irregular = word_forms()
    found = {word}
    for base in _bases(word, irregular):
        found |= _regular(base)
        for other in irregular.get(base, ()):
            found |= {other}
    return frozenset(found)


def _bases(word: str, irregular: Mapping[str, tuple[str, ...]]) -> set[str]:
    bases = {word} | {base for base, others in irregular.items() if word in others}
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        bases |= {word[:-1]} | _singular_of_es(word)
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and any(letter in _VOWELS + "y" for letter in stem):
            bases |= {stem, stem + "e"} | ({stem[:-1]} if stem[-1] == stem[-2] else set())
    return bases


def _singular_of_es(word: str) -> set[str]:
    if word.endswith("ies") and len(word) > 4:
        return {word[:-3] + "y"}
    return {word[:-2]} if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")) else set()


def _regular(base: str) -> set[str]:
    if base.endswith("y") and base[-2:-1] not in _VOWELS:
        return {base, base[:-1] + "ies", base[:-1] + "ied", base + "ing"}
    if base.endswith("e"):
        stem = base if base.endswith(("ee", "oe", "ye")) else base[:-1]
        return {base, base + "s", base + "d", stem + "ing"}
    plural = base + ("es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")
    found = {base, plural, base + "s", base + "ed", base + "ing"}
    if len(base) > 2 and base[-1] not in _VOWELS + "wxy" and base[-2] in _VOWELS and base[-3] not in _VOWELS:
        found |= {base + base[-1] + "ed", base + base[-1] + "ing"}
    return found
