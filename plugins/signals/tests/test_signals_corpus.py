"""The labelled sentences: how many signals are right, and how many are found. The figures stand in the README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def _score(name: str, look: Callable[[str], dict[str, list[str]]]) -> tuple[float, float, list[str]]:
    right = wrong = missed = 0
    misses: list[str] = []
    for line in (DATA / name).read_text("utf-8").splitlines():
        label, text = line.split("\t", 1)
        wanted, seen = set(label.split(",")) - {"-"}, set(look(text.replace("\\n", "\n")))
        right, wrong, missed = right + len(wanted & seen), wrong + len(seen - wanted), missed + len(wanted - seen)
        if wanted != seen:
            misses.append(f"{text!r}: expected {sorted(wanted)}, saw {sorted(seen)}")
    return right / (right + wrong), right / (right + missed), misses


@pytest.mark.parametrize(("name", "precision", "recall"), [("corpus.tsv", 0.99, 0.99), ("held_out.tsv", 0.85, 0.80)])
def test_the_labelled_sentences_are_read_as_well_as_the_readme_says(
    name: str, precision: float, recall: float, look: Callable[[str], dict[str, list[str]]]
) -> None:
    measured_precision, measured_recall, misses = _score(name, look)
    assert measured_precision >= precision, "\n".join(misses)
    assert measured_recall >= recall, "\n".join(misses)


def test_every_signal_has_sentences_that_raise_it(look: Callable[[str], dict[str, list[str]]]) -> None:
    labels = [line.split("\t", 1)[0] for line in (DATA / "corpus.tsv").read_text("utf-8").splitlines()]
    assert len(labels) >= 150
    assert labels.count("-") >= 50
    from cornerdesk_signals.shipped import shipped_signals

    for name in shipped_signals():
        assert sum(name in label.split(",") for label in labels) >= 10, name
