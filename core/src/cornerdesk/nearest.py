"""The nearest name that exists, for errors. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is alike enough to be meant."""
    found = process.extractOne(name, list(known), scorer=DamerauLevenshtein.normalized_similarity, score_cutoff=0.6)
    return found[0] if found else None
