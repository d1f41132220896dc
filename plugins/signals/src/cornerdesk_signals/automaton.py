"""All phrases at once: one pass over the words, linear in the length of the text. Pure.

Two machines. An Aho-Corasick automaton (Rust) finds the *anchors*, one telling word of each phrase, in the folded text;
only the stretches around them are cut into words. A finite automaton over these words, made deterministic as it goes,
then says which phrases end where; where they begin is found by walking back, no further than a phrase is long.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick

from cornerdesk_signals.inflection import FIXED
from cornerdesk_signals.phrases import NUMBER, Choice, Gap, Phrase, Word, longest, shortest
from cornerdesk_signals.tokens import Tokens, tokenise

REACH = 240
"""Characters looked at on both sides of an anchor: more than any phrase with its negation takes."""

PIECE = 20_000
"""Characters taken at a time."""

_MOST_STATES = 20_000
_OTHER = 0
_NEGATION = -1  # a class of its own: a gap does not swallow "not"
_NEGATIONS = ("not", "never")


@dataclass(frozen=True)
class Match:
    """Phrase number `phrase` at the words `start` to `end` (not included)."""

    phrase: int
    start: int
    end: int


@dataclass(frozen=True)
class Stretch:
    """A part of a text in which a phrase may stand. A long one comes in pieces that overlap: a match is of the piece
    in whose `after` to `until` its last character is."""

    tokens: Tokens
    after: float = float("-inf")
    until: float = float("inf")


@dataclass
class _State:
    moves: dict[int, list[int]] = field(default_factory=dict)  # class of words -> states
    any_word: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    accepts: int | None = None


class Automaton:
    """Finds phrases.

    Args:
        phrases: known from then on by their place in this list.
    """

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        self._states: list[_State] = []
        self._classes: dict[frozenset[str], int] = {}
        self._entries = [self._add_phrase(number, phrase) for number, phrase in enumerate(phrases)]
        self._phrases = tuple(phrases)
        self._shortest = [shortest(phrase) for phrase in phrases]
        self._longest = [longest(phrase) for phrase in phrases]
        self._closures = [self._closure(state) for state in range(len(self._states))]
        self._start = frozenset().union(*(self._closures[entry] for entry in self._entries))
        self._signatures, self._signature_classes = self._sign_words()
        self._forget()
        anchors = sorted({word for phrase in phrases for word in _anchor(phrase)})
        self._anchors = AhoCorasick(anchors) if anchors else None

    def stretches(self, text: str) -> Iterator[Stretch]:
        """The parts of folded `text` in which a phrase may stand, in order."""
        for start, end in self._windows(text):
            after = float("-inf")
            while end - start > PIECE:
                until = start + PIECE - REACH
                yield Stretch(tokenise(text, *_to_spaces(text, start, start + PIECE)), after, until)
                start, after = until - REACH, until
            yield Stretch(tokenise(text, *_to_spaces(text, start, end)), after)

    def find(self, stretch: Stretch, skip: Container[int] = ()) -> list[Match]:
        """Every phrase that ends in the stretch and is not in `skip`, in the order of their ends; of the ways in which
        a phrase may end there, the shortest."""
        tokens = stretch.tokens
        number = self._signatures.get(NUMBER, _OTHER)
        signed = [self._signatures.get(word, number if word.isdigit() else _OTHER) for word in tokens.words]
        matches: list[Match] = []
        clause, opened, state = -1, 0, 0
        for place, signature in enumerate(signed):
            if tokens.clauses[place] != clause:
                clause, opened, state = tokens.clauses[place], place, 0
            following = self._table[state].get(signature)
            state = self._step(state, signature) if following is None else following
            for phrase in self._accepting[state]:
                if phrase in skip or not self._ends_well(phrase, tokens, place + 1):
                    continue
                start = self._begin(phrase, signed, opened, place + 1)
                if start == opened or not self._phrases[phrase].first:
                    matches.append(Match(phrase, start, place + 1))
        return matches

    def _ends_well(self, phrase: int, tokens: Tokens, end: int) -> bool:
        clauses = tokens.clauses
        return not self._phrases[phrase].last or end == len(clauses) or clauses[end] != clauses[end - 1]

    def _windows(self, text: str) -> Iterator[tuple[int, int]]:
        start = end = -1
        for _, first, last in self._anchors.find_matches_as_indexes(text) if self._anchors else ():
            if end >= 0 and first - REACH <= end:
                end = last + REACH
                continue
            if end >= 0:
                yield start, end
            start, end = max(0, first - REACH), last + REACH
        if end >= 0:
            yield start, min(end, len(text))

    # ── building ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _new(self) -> int:
        self._states.append(_State())
        return len(self._states) - 1

    def _add_phrase(self, number: int, phrase: Phrase) -> int:
        entry = self._new()
        self._states[self._add(phrase, entry)].accepts = number
        return entry

    def _add(self, item: Phrase | Word | Gap | Choice, entry: int) -> int:
        if isinstance(item, Phrase):
            for part in item.items:
                entry = self._add(part, entry)
            return entry
        leave = self._new()
        if isinstance(item, Word):
            number = self._classes.setdefault(item.forms, len(self._classes))
            self._states[entry].moves.setdefault(number, []).append(leave)
        elif isinstance(item, Choice):
            self._add_choice(item, entry, leave)
        else:
            self._add_gap(item, entry, leave)
        return leave

    def _add_choice(self, choice: Choice, entry: int, leave: int) -> None:
        for option in choice.options:
            self._states[self._add(option, entry)].free.append(leave)
        if choice.optional:
            self._states[entry].free.append(leave)

    def _add_gap(self, gap: Gap, entry: int, leave: int) -> None:
        for _ in range(gap.most):
            self._states[entry].free.append(leave)
            following = self._new()
            self._states[entry].any_word.append(following)
            entry = following
        self._states[entry].free.append(leave)

    def _closure(self, state: int) -> frozenset[int]:
        seen, waiting = {state}, [state]
        while waiting:
            for following in self._states[waiting.pop()].free:
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return frozenset(seen)

    def _sign_words(self) -> tuple[dict[str, int], list[tuple[int, ...]]]:
        """Words that play the same parts in all phrases get the same number; 0 is every word in no phrase."""
        parts: dict[str, list[int]] = {}
        for words, number in self._classes.items():
            for word in words:
                parts.setdefault(word, []).append(number)
        for word, also in parts.items():
            if word.isdigit():
                also += parts.get(NUMBER, [])
        for word in _NEGATIONS:
            parts.setdefault(word, []).append(_NEGATION)
        numbers: dict[tuple[int, ...], int] = {(): _OTHER}
        return {w: numbers.setdefault(tuple(sorted(p)), len(numbers)) for w, p in parts.items()}, list(numbers)

    # ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _forget(self) -> None:
        self._known: dict[frozenset[int], int] = {}
        self._sets: list[frozenset[int]] = []
        self._table: list[dict[int, int]] = []
        self._accepting: list[tuple[int, ...]] = []
        self._number(self._start)

    def _number(self, states: frozenset[int]) -> int:
        if states not in self._known:
            self._known[states] = len(self._sets)
            self._sets.append(states)
            self._table.append({})
            found = {self._states[state].accepts for state in states}
            self._accepting.append(tuple(sorted(number for number in found if number is not None)))
        return self._known[states]

    def _step(self, state: int, signature: int) -> int:
        reached = self._follow(self._sets[state], signature) | self._start
        if len(self._sets) > _MOST_STATES:
            self._forget()
            return self._number(reached)
        self._table[state][signature] = following = self._number(reached)
        return following

    def _follow(self, states: Iterable[int], signature: int) -> frozenset[int]:
        classes = self._signature_classes[signature]
        gaps = _NEGATION not in classes
        reached: set[int] = set()
        for number in states:
            state = self._states[number]
            for following in state.any_word if gaps else ():
                reached |= self._closures[following]
            for part in classes:
                for following in state.moves.get(part, ()):
                    reached |= self._closures[following]
        return frozenset(reached)

    def _begin(self, phrase: int, signed: list[int], opened: int, end: int) -> int:
        for start in range(end - self._shortest[phrase], max(opened, end - self._longest[phrase]) - 1, -1):
            states = self._closures[self._entries[phrase]]
            for place in range(start, end):
                states = self._follow(states, signed[place])
                if not states:
                    break
            if any(self._states[state].accepts == phrase for state in states):
                return start
        return opened  # not reached: the phrase ended here, so it began somewhere


def _to_spaces(text: str, start: int, end: int) -> tuple[int, int]:
    """The window widened to whole words, by a little at most."""
    start, end = max(0, start), min(len(text), end)
    before = next((at for at in range(start, max(0, start - 40), -1) if text[at - 1].isspace()), start)
    after = next((at for at in range(end, min(len(text), end + 40)) if text[at].isspace()), end)
    return before, after


def _anchor(phrase: Phrase) -> frozenset[str]:
    """Words one of which stands in every match: those of the most telling item that cannot be absent."""
    return max((_needed(item) for item in phrase.items), key=_telling)


def _needed(item: Word | Gap | Choice) -> frozenset[str]:
    if isinstance(item, Word):
        return item.forms - {NUMBER}
    if isinstance(item, Gap) or item.optional:
        return frozenset()
    return frozenset().union(*(_anchor(option) for option in item.options))


def _telling(words: frozenset[str]) -> tuple[bool, bool, int, int]:
    """Rarer is better: no small words, long words, few of them."""
    return bool(words), not words & FIXED, min(map(len, words), default=0), -len(words)
