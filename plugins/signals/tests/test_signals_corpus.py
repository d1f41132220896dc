"""The labelled sentences: how many signals are right, and how many are found. The figures stand in the README."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cornerdesk import Detector, Direction, Message

DATA = Path(__file__).parent / "data"


@dataclass
class Score:
    """What was seen beside what should be."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def _score(name: str, detector: Detector, only: str | None = None) -> tuple[Score, str]:
    score, misses = Score(), []
    for line in (DATA / name).read_text("utf-8").splitlines():
        label, text = line.split("\t", 1)
        message = Message(id="1", direction=Direction.INBOUND, text=text.replace("\\n", "\n"))
        wanted = {name for name in label.split(",") if name != "-" and only in (None, name)}
        seen = {signal.name for signal in detector.detect(message, None) if only in (None, signal.name)}
        score.right += len(wanted & seen)
        score.wrong += len(seen - wanted)
        score.missed += len(wanted - seen)
        if wanted != seen:
            misses.append(f"{text!r}: expected {sorted(wanted)}, saw {sorted(seen)}")
    return score, "\n".join(misses)


@pytest.mark.parametrize(("name", "precision", "recall"), [("corpus.tsv", 0.99, 0.99), ("held_out.tsv", 0.90, 0.90)])
def test_the_labelled_sentences_are_read_as_well_as_the_readme_says(
    name: str, precision: float, recall: float, detector: Detector
) -> None:
    score, misses = _score(name, detector)
    assert score.precision >= precision, misses
    assert score.recall >= recall, misses


@pytest.mark.parametrize(
    ("name", "only", "precision", "recall"),
    [
        ("broadening.tsv", None, 0.97, 0.97),
        ("broadening.tsv", "churn_risk", 0.97, 0.97),
        ("held_out_2.tsv", None, 0.87, 0.92),
        ("held_out_2.tsv", "churn_risk", 0.85, 0.85),
        ("held_out_3.tsv", None, 0.95, 0.95),
        ("held_out_4.tsv", "churn_risk", 0.95, 0.95),
        ("held_out_5.tsv", "churn_risk", 0.78, 0.50),
    ],
)
def test_sentences_for_the_example_catalogue_are_read_as_well_as_the_readme_says(
    name: str, only: str | None, precision: float, recall: float, example_detector: Detector
) -> None:
    score, misses = _score(name, example_detector, only)
    assert score.precision >= precision, misses
    assert score.recall >= recall, misses


def test_every_signal_has_sentences_that_raise_it(look: Callable[[str], dict[str, list[str]]]) -> None:
    labels = [line.split("\t", 1)[0] for line in (DATA / "corpus.tsv").read_text("utf-8").splitlines()]
    assert len(labels) >= 150
    assert labels.count("-") >= 50
    from cornerdesk_signals.shipped import shipped_signals

    for name in shipped_signals():
        assert sum(name in label.split(",") for label in labels) >= 10, name
