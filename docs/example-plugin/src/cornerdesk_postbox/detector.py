"""The signal `praise`: a customer is pleased. Pure, and linear in the length of the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cornerdesk import Detector, Evidence, Message, Signal, SignalSpec


class PraiseDetector(Detector):
    """Looks for words of praise.

    Args:
        words: in lower case.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)

    @property
    def signals(self) -> Sequence[SignalSpec]:
        """`signals.praise` in rules."""
        return [SignalSpec(name="praise", about="the customer is pleased")]

    def detect(self, message: Message, subject: str | None) -> Sequence[Signal]:
        """The first place where each word stands: what `explain` shows."""
        evidence = tuple(self._found(message.text, "message.text")) + tuple(self._found(subject, "ticket.subject"))
        return [Signal(name="praise", evidence=evidence)] if evidence else []

    def _found(self, text: str | None, where: str) -> Iterator[Evidence]:
        for word in self._words:
            start = (text or "").lower().find(word)
            if text and start >= 0:
                end = start + len(word)
                yield Evidence(text=text[start:end], start=start, end=end, where=where)
