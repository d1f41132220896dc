"""What the tests of the signals share: a small catalogue, a detector over it, and a short way to ask it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import Configuration, Detector, Direction, Feature, Message
from cornerdesk_signals import cornerdesk_detectors

FEATURES = {
    "sso": Feature(key="sso", title="Single sign-on (SSO)", phrases=("saml",)),
    "audit_log": Feature(key="audit_log", title="Audit log", phrases=("audit trail",)),
    "dark_mode": Feature(key="dark_mode", title="Dark mode", phrases=("dark theme",)),
    "custom_reports": Feature(key="custom_reports", title="Custom reports", phrases=("(customised|own) report",)),
}

EXAMPLE_FEATURES = {
    "sso": Feature(key="sso", title="Single sign-on", phrases=("SSO", "single sign-on", "SAML", "Okta login")),
    "dark_mode": Feature(key="dark_mode", title="Dark mode", phrases=("dark mode", "dark theme", "night mode")),
    "api_export": Feature(
        key="api_export",
        title="Export through the API",
        phrases=("export api", "export through the api", "bulk export"),
    ),
}
"""The catalogue that a new project begins with."""

Look = Callable[..., dict[str, list[str]]]
"""Signals in a text, each with the words it rests on."""


@pytest.fixture(scope="session")
def detector() -> Detector:
    return cornerdesk_detectors(Configuration(features=FEATURES))[0]


@pytest.fixture(scope="session")
def example_detector() -> Detector:
    return cornerdesk_detectors(Configuration(features=EXAMPLE_FEATURES))[0]


@pytest.fixture(scope="session")
def look(detector: Detector) -> Look:
    def ask(text: str, subject: str | None = None, detector: Detector = detector) -> dict[str, list[str]]:
        signals = detector.detect(Message(id="1", direction=Direction.INBOUND, text=text), subject)
        return {signal.name: [evidence.text for evidence in signal.evidence] for signal in signals}

    return ask
