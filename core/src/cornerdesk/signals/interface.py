"""What a detector is. This file is the manual: subclass `Detector`, name your signals, find them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from cornerdesk.model import FrozenModel, Message, Signal


class SignalSpec(FrozenModel):
    """A signal that may be seen: `name` (`churn_risk`; features are `feature.<key>`), and one line about it."""

    name: str
    about: str


class Detector(ABC):
    """Looks at what a customer wrote. Pure, linear in the length of the text, and never raises."""

    @property
    @abstractmethod
    def signals(self) -> Sequence[SignalSpec]:
        """Every signal this detector may report."""

    @abstractmethod
    def detect(self, message: Message, subject: str | None) -> Sequence[Signal]:
        """The signals in `message` (its `text`, never `quoted`) and, for a ticket's first message, in `subject`
        (None otherwise). Only called for inbound messages. `Evidence.where` is `message.text` or `ticket.subject`."""
