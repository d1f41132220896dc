"""What takes a phrase back: a negation before it in its clause, or the word that the thing is not wanted. Pure.

"We will not cancel", "no plans to leave", "instead of cancelling" take back; "I can't cancel", "I don't know how to
cancel" and "not only ... but" do not: there the wish stands. The words are data (`data/negation.toml`).
"""

from __future__ import annotations

from cornerdesk_signals.shipped import negation_words
from cornerdesk_signals.tokens import Tokens

WINDOW = 8
"""Words before a phrase in which a negation counts."""

_AFTER = 6
_NEXT_TO = 3


class Negation:
    """Judges matches by the words around them."""

    def __init__(self) -> None:
        words = negation_words()
        self._negators = words["negators"]
        self._inability = words["inability"]
        self._not_only = words["not_only"]
        self._harmless = words["harmless"]
        self._stops = words["stops"]
        self._subjects = words["subjects"]
        self._bridges = words["bridges"]
        self._wishes = words["wishes"]
        self._content = words["content"]
        self._importance = words["importance"]
        self._praise = words["praise"]
        self._praise_links = words["praise_links"]
        self._conditionals = words["conditionals"]
        self._asks = words["asks"]
        self._shows = words["shows"]
        self._complete = words["complete"]
        self._approval = words["approval"]
        self._indifference = words["indifference"]
        self._able = words["able"]
        self._subordinators = words["subordinators"]

    def in_clause(self, tokens: Tokens, start: int) -> bool:
        """Whether a negation governs the words from `start` on."""
        words = tokens.words
        for place in self._back(tokens, start):
            word = words[place]
            if word in self._harmless:
                return False
            if self._negates(words, place):
                return not self._is_of_another_clause(tokens, place, start)
        return False

    def of_wish(self, tokens: Tokens, start: int, end: int) -> bool:
        """Whether the words `start` to `end` name something that is not wanted, not needed, or there and praised."""
        return (
            self._refused_before(tokens, start) or self._refused_after(tokens, end) or self._praised(tokens, start, end)
        )

    def _back(self, tokens: Tokens, start: int) -> list[int]:
        """The places before `start` that may govern it, nearest first."""
        places: list[int] = []
        for place in range(start - 1, max(-1, start - 1 - WINDOW), -1):
            word = tokens.words[place]
            if tokens.clauses[place] != tokens.clauses[start] or word in self._stops:
                break
            if tokens.words[place + 1] in self._subjects and word not in self._bridges:
                break  # a new subject begins a clause of its own: "it does not work we cancel"
            places.append(place)
        return places

    def _is_of_another_clause(self, tokens: Tokens, place: int, start: int) -> bool:
        """ "If you do not answer by Monday my lawyer will": what "if" opened ends before the phrase."""
        opened = [word for word in tokens.words[max(0, place - 4) : place] if word in self._subordinators]
        return bool(opened) and start - place > _NEXT_TO

    def _negates(self, words: list[str], place: int) -> bool:
        word, before = words[place], words[place - 1] if place else ""
        if (before, word) in (("rather", "than"), ("instead", "of")):
            return True
        return word in self._negators and not self._spared(words, place)

    def _spared(self, words: list[str], place: int) -> bool:
        """ "can not" tells of being unable, "not only" of more to come, "why not" proposes."""
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        if before in self._inability:
            return after not in self._indifference  # "could not care less"
        return after in self._not_only or before == "why"

    def _refused_before(self, tokens: Tokens, start: int) -> bool:
        words = tokens.words
        wished = words[start] in self._wishes  # "need a DPA": the wish may be the phrase's own first word
        for place in self._back(tokens, start):
            word = words[place]
            if word == "without":
                return self._content_without(tokens, place)
            if word in self._praise and (place + 1 == start or words[place + 1] in self._praise_links):
                return not self._is_conditional(tokens, place)
            if word in self._able:
                return False  # "not being able to use it" is a wish
            if wished and self._negates(words, place):
                return True
            wished = wished or word in self._wishes
        return False

    def _content_without(self, tokens: Tokens, place: int) -> bool:
        """ "fine without it", but not "can not live without it"."""
        before = [tokens.words[at] for at in self._back(tokens, place)[:5]]
        return any(word in self._content for word in before) and not any(word in self._negators for word in before)

    def _is_conditional(self, tokens: Tokens, place: int) -> bool:
        """ "We would love the dark theme": what is praised is not there yet."""
        return any(tokens.words[at] in self._conditionals for at in self._back(tokens, place)[:4])

    def _is_open(self, tokens: Tokens, start: int) -> bool:
        """Whether it is wished for or asked about, rather than told."""
        before = [tokens.words[at] for at in self._back(tokens, start)]
        return any(word in self._conditionals or word in self._asks for word in before)

    def _praised(self, tokens: Tokens, start: int, end: int) -> bool:
        """ "SSO works great", "the dark theme is lovely"; but not "would be lovely", nor "I wonder if SSO works"."""
        words, last = tokens.words, len(tokens.words)
        verb = next((at for at in range(end, min(last, end + 3)) if words[at] in self._shows), last)
        if verb == last or tokens.clauses[verb] != tokens.clauses[end - 1] or self._is_open(tokens, start):
            return False
        if any(word in self._conditionals or word in self._negators for word in words[end:verb]):
            return False
        rest = [words[at] for at in range(verb + 1, min(last, verb + 4)) if tokens.clauses[at] == tokens.clauses[verb]]
        if not rest:
            return words[verb] in self._complete
        return any(word in self._approval for word in rest) and not any(word in self._negators for word in rest)

    def _refused_after(self, tokens: Tokens, end: int) -> bool:
        negated = False
        for place in range(end, min(len(tokens.words), end + _AFTER)):
            word = tokens.words[place]
            if tokens.clauses[place] != tokens.clauses[end - 1] or word in self._stops:
                return False
            if negated and word in self._importance:
                return True
            negated = negated or word in self._negators
        return False
