"""The signal detectors that ship with Cornerdesk: phrases as data, found in one pass. Does no I/O after its import."""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Configuration, Detector, hookimpl
from pydantic import BaseModel

from cornerdesk_signals.detector import make_detector
from cornerdesk_signals.settings import Settings


@hookimpl
def cornerdesk_settings() -> type[BaseModel]:
    """Phrases of the company's own."""
    return Settings


@hookimpl
def cornerdesk_detectors(configuration: Configuration) -> Sequence[Detector]:
    """One detector for everything: one pass over the text."""
    return [make_detector(configuration)]
