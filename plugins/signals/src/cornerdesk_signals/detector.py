"""The detector: every signal's phrases in one automaton, and the judgement of what it finds. Pure, never raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cornerdesk import Configuration, Detector, Evidence, Message, Signal, SignalSpec

from cornerdesk_signals.automaton import Automaton, Match
from cornerdesk_signals.features import feature_phrases
from cornerdesk_signals.negation import Negation
from cornerdesk_signals.phrases import Phrase, read_phrase
from cornerdesk_signals.settings import Settings, SignalSettings
from cornerdesk_signals.shipped import Definition, shipped_signals
from cornerdesk_signals.shipped import Negation as NegationKind
from cornerdesk_signals.text import Folded, fold
from cornerdesk_signals.tokens import Tokens

MOST_EVIDENCE = 5
"""Places kept for one signal in one text: enough to see what it rests on."""


@dataclass(frozen=True)
class KnownSignal:
    """A signal with its phrases read."""

    name: str
    about: str
    phrases: tuple[Phrase, ...]
    ignore: tuple[Phrase, ...] = ()
    negation: NegationKind = "clause"


class PhraseDetector(Detector):
    """Finds signals by their phrases."""

    def __init__(self, known: Sequence[KnownSignal]) -> None:
        self._known = tuple(known)
        self._negation = Negation()
        self._owners: list[tuple[int, bool]] = []  # by phrase number: the signal, and whether the phrase takes back
        every: list[Phrase] = []
        for number, signal in enumerate(self._known):
            self._owners += [(number, False)] * len(signal.phrases) + [(number, True)] * len(signal.ignore)
            every += (*signal.phrases, *signal.ignore)
        self._automaton = Automaton(every)
        self._phrases_of: dict[int, set[int]] = {}
        for phrase, (number, _) in enumerate(self._owners):
            self._phrases_of.setdefault(number, set()).add(phrase)

    @property
    def signals(self) -> Sequence[SignalSpec]:
        return [SignalSpec(name=signal.name, about=signal.about) for signal in self._known]

    def detect(self, message: Message, subject: str | None) -> Sequence[Signal]:
        found: dict[int, list[Evidence]] = {}
        for text, where in ((subject, "ticket.subject"), (message.text, "message.text")):
            if text:
                self._look(text, where, found)
        return [Signal(name=self._known[number].name, evidence=tuple(found[number])) for number in sorted(found)]

    def _look(self, text: str, where: str, found: dict[int, list[Evidence]]) -> None:
        folded = fold(text)
        here: dict[int, list[Evidence]] = {}
        enough: set[int] = set()
        for stretch in self._automaton.stretches(folded.text):
            tokens = stretch.tokens
            matches, ignored = self._sorted_out(self._automaton.find(stretch, enough))
            for number, spans in matches.items():
                kept = here.setdefault(number, [])
                for start, end in self._valid(number, spans, ignored.get(number, []), tokens):
                    if len(kept) < MOST_EVIDENCE and stretch.after < tokens.ends[end - 1] <= stretch.until:
                        kept.append(_evidence(text, folded, tokens, start, end, where))
                if len(kept) == MOST_EVIDENCE:
                    enough |= self._phrases_of[number]
        for number, evidence in here.items():
            if evidence:
                found.setdefault(number, []).extend(evidence)

    def _sorted_out(self, matches: Iterable[Match]) -> tuple[dict[int, list[Match]], dict[int, list[Match]]]:
        phrases_of: dict[int, list[Match]] = {}
        ignored: dict[int, list[Match]] = {}
        for match in matches:
            number, takes_back = self._owners[match.phrase]
            (ignored if takes_back else phrases_of).setdefault(number, []).append(match)
        return phrases_of, ignored

    def _valid(self, number: int, matches: list[Match], ignored: list[Match], tokens: Tokens) -> list[tuple[int, int]]:
        blocked = _merged((match.start, match.end) for match in ignored)
        spans = _outside(sorted({(match.start, match.end) for match in matches}), blocked)
        kind = self._known[number].negation
        return _merged(span for span in spans if not self._taken_back(kind, tokens, *span))

    def _taken_back(self, kind: NegationKind, tokens: Tokens, start: int, end: int) -> bool:
        if kind == "clause":
            return self._negation.in_clause(tokens, start)
        return kind == "refusal" and self._negation.of_wish(tokens, start, end)


def make_detector(configuration: Configuration) -> PhraseDetector:
    """The detector for this configuration: what ships, what the company added, and one signal per feature."""
    settings = configuration.settings_of(Settings).signals
    definitions = dict(shipped_signals())
    for name, own in settings.items():
        definitions[name] = _changed(name, definitions.get(name), own)
    known = [_read(definition) for definition in definitions.values()]
    for key, feature in configuration.features.items():
        about = f"The customer speaks of {feature.title}."
        known.append(KnownSignal(f"feature.{key}", about, feature_phrases(key, feature), negation="refusal"))
    return PhraseDetector(known)


def _changed(name: str, shipped: Definition | None, own: SignalSettings) -> Definition:
    base = None if own.replace else shipped
    return Definition(
        name=name,
        about=own.about or (shipped.about if shipped else name),
        phrases=(*(base.phrases if base else ()), *own.phrases),
        ignore=(*(base.ignore if base else ()), *own.ignore),
        negation=own.negation or (shipped.negation if shipped else "clause"),
    )


def _read(definition: Definition) -> KnownSignal:
    return KnownSignal(
        definition.name,
        definition.about,
        tuple(map(read_phrase, definition.phrases)),
        tuple(map(read_phrase, definition.ignore)),
        definition.negation,
    )


def _evidence(text: str, folded: Folded, tokens: Tokens, start: int, end: int, where: str) -> Evidence:
    first, last = folded.original(tokens.starts[start], tokens.ends[end - 1])
    return Evidence(text=text[first:last], start=first, end=last, where=where)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping spans as one, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _outside(spans: list[tuple[int, int]], blocked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of the sorted `spans` that overlap none of the sorted, disjoint `blocked`."""
    kept: list[tuple[int, int]] = []
    at = 0
    for start, end in spans:
        while at < len(blocked) and blocked[at][1] <= start:
            at += 1
        if at == len(blocked) or blocked[at][0] >= end:
            kept.append((start, end))
    return kept
