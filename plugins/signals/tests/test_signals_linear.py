"""Time grows with the text and not faster, whatever the text is. Counted in work, not in seconds, where it can be."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from cornerdesk_signals.automaton import Automaton, Stretch
from cornerdesk_signals.phrases import read_phrase
from cornerdesk_signals.tokens import tokenise

Look = Callable[..., dict[str, list[str]]]

TEXTS = {
    "ordinary": "The quick brown fox jumps over the lazy dog, and we like it a lot. ",
    "anchors": "cancel ",
    "negations": "we will not cancel our plan ",
    "matches": "We will cancel our contract. Call me back. Our server is down. ",
    "gaps": "cancel our our our ",
    "spaces": " \n",
    "dashes": "- ",
    "quotes": "> ",
    "one word": "a",
    "accents": "e\u0301",
    "other letters": "Мы хотим отменить ",
}


def _seconds(look: Look, text: str) -> float:
    best = 10.0
    for _ in range(2):
        begin = time.process_time()
        look(text)
        best = min(best, time.process_time() - begin)
    return best


@pytest.mark.parametrize("name", TEXTS)
def test_ten_times_the_text_takes_about_ten_times_as_long(name: str, look: Look) -> None:
    unit = TEXTS[name]
    small, large = (unit * (size // len(unit) + 1) for size in (50_000, 500_000))
    look(small[:2000])
    assert _seconds(look, large) < 25 * _seconds(look, small) + 0.1


def test_a_megabyte_is_read_well_under_two_seconds_even_when_all_of_it_matters(look: Look) -> None:
    text = TEXTS["matches"]
    assert _seconds(look, text * (1_000_000 // len(text))) < 2


def test_the_automaton_keeps_a_bounded_memory_of_what_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cornerdesk_signals.automaton._MOST_STATES", 5)
    automaton = Automaton([read_phrase("alpha ..8 beta ..8 gamma"), read_phrase("alpha alpha gamma")])
    stretch = Stretch(tokenise("alpha beta alpha alpha gamma beta x gamma alpha " * 50))
    fresh = Automaton([read_phrase("alpha ..8 beta ..8 gamma"), read_phrase("alpha alpha gamma")])
    assert automaton.find(stretch) == fresh.find(stretch)
    assert len(automaton._sets) <= 7


def test_a_match_across_the_pieces_of_a_long_text_is_found_once_and_with_its_negation(look: Look) -> None:
    for at in range(19_300, 20_300, 7):
        filler = ("cancel " * 3000)[:at]
        assert look(f"{filler} . we will cancel our plan . {filler}") == {"churn_risk": ["we will cancel our plan"]}, at
        assert look(f"{filler} . we will not cancel our plan . {filler}") == {}, at
