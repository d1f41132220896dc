"""The customer's words for a vote: the sentence that names the feature. Pure, and bounded."""

from __future__ import annotations

from cornerdesk import Evidence, Snapshot

LONGEST = 280
"""Characters of a quote at most."""

_REACH = 200
_ENDS = ".!?\u2026"


def quote_of(snapshot: Snapshot, feature: str) -> str | None:
    """The sentence around the first evidence of `feature.<key>`; without any, the message's first sentence; else the
    subject. None when nothing was said."""
    text = snapshot.message.text if snapshot.message else ""
    subject = snapshot.ticket.subject or ""
    evidence = [each for signal in snapshot.signals if signal.name == f"feature.{feature}" for each in signal.evidence]
    for each in evidence:
        if each.where == "message.text":
            return _sentence(text, each)
    if evidence and subject:
        return _shortened(subject)
    start = len(text) - len(text.lstrip())
    words = _sentence(text, Evidence(text="", start=start, end=start)) if text.strip() else subject
    return _shortened(words) or None


def _sentence(text: str, evidence: Evidence) -> str:
    start = _begin(text, evidence.start)
    return _shortened(text[start : _end(text, max(evidence.end, start))], keep=evidence.start - start)


def _begin(text: str, start: int) -> int:
    for place in range(start, max(0, start - _REACH), -1):
        if text[place - 1] == "\n" and text[max(0, place - 2)] == "\n":
            return place
        if text[place - 1] in _ENDS and text[place : place + 1].isspace():
            return place
    return max(0, start - _REACH)


def _end(text: str, end: int) -> int:
    for place in range(end, min(len(text), end + _REACH)):
        if text[place] in _ENDS and (place + 1 == len(text) or not text[place + 1].isalnum()):
            return place + 1
        if text[place : place + 2] == "\n\n":
            return place
    return min(len(text), end + _REACH)


def _shortened(text: str, keep: int = 0) -> str:
    """White space folded; cut to length, around what stands at `keep`."""
    if len(text) > LONGEST * 4:
        text = text[max(0, keep - LONGEST) : keep + LONGEST * 3]
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "\u2026"
