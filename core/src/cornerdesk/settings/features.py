"""The file of features: the catalogue that votes go to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cornerdesk.configuration import Feature
from cornerdesk.documents import DataPath, Document, validate
from cornerdesk.errors import Problem

FEATURE_KEY = r"^[a-z][a-z0-9_]*$"
"""A feature's key stands in conditions as `signals.feature.KEY`."""

RESERVED_NAMES = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"}
    | {"namespace", "null", "package", "return", "true", "var", "void", "while"}
)
"""Words that the language of conditions keeps for itself (CEL specification, reserved words)."""

_KEY = re.compile(FEATURE_KEY)
_OTHER = re.compile(r"[^a-z0-9]+")


def read_features(document: Document) -> tuple[dict[str, Feature], list[Problem]]:
    """Features by key, and what is wrong with them. `features:` at the top may be left out."""
    at, section, problems = _section(document)
    features: dict[str, Feature] = {}
    if not isinstance(section, dict):
        return {}, [*problems, document.problem(at, "this is no mapping", "`key: {title: ...}`, one for each feature")]
    for key, data in section.items():
        problems += _key_problems(document, at, key, data)
        if not isinstance(data, dict):
            message = f'"{key}" is {"empty" if data is None else "not a mapping"}'
            problems.append(document.problem((*at, key), message, "`{title: ..., phrases: [...]}`"))
            continue
        feature, found = validate(document, Feature, data, (*at, key))
        problems += found
        if feature is not None:
            features[key] = feature.model_copy(update={"key": key})
    return features, problems


def _section(document: Document) -> tuple[DataPath, Any, list[Problem]]:
    data = document.data
    if not isinstance(data, dict) or "features" not in data or _is_feature(data["features"]):
        return (), data, []
    extra = [
        document.problem((key,), f'there is no key "{key}" here', 'the feature below "features"', key=True)
        for key in data
        if key != "features"
    ]
    return ("features",), data["features"] if data["features"] is not None else {}, extra


def _is_feature(data: Any) -> bool:
    """A feature that is itself called `features`, in a file without the heading."""
    return isinstance(data, dict) and isinstance(data.get("title"), str)


def _key_problems(document: Document, at: DataPath, key: str, data: Any) -> Iterator[Problem]:
    if not _KEY.match(key) or key.endswith("\n"):
        guess = _OTHER.sub("_", key.lower()).strip("_")
        yield document.problem(
            (*at, key),
            "a feature cannot have this key",
            "small letters, digits and _, beginning with a letter, as conditions say signals.feature.KEY",
            guess if _KEY.match(guess) else None,
            key=True,
        )
    elif key in RESERVED_NAMES:
        yield document.problem((*at, key), f'"{key}" is a word of the conditions', "another key", key=True)
    if isinstance(data, dict) and "key" in data:
        yield document.problem(
            (*at, key, "key"), 'there is no key "key" here', "the name above it is the key", key=True
        )
    for index, phrase in _phrases(data):
        if isinstance(phrase, str) and not phrase.strip():
            yield document.problem((*at, key, "phrases", index), "this phrase is empty", "words that customers use")


def _phrases(data: Any) -> Iterator[tuple[int, Any]]:
    phrases = data.get("phrases") if isinstance(data, dict) else None
    yield from enumerate(phrases if isinstance(phrases, list) else ())
