"""Phrases of the company's own, and the little language that they are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cornerdesk import Configuration, ConfigurationError, Detector, Feature
from cornerdesk_signals import cornerdesk_detectors, cornerdesk_settings
from cornerdesk_signals.phrases import PhraseError, read_phrase
from cornerdesk_signals.settings import Settings
from pydantic import ValidationError

Look = Callable[..., dict[str, list[str]]]


def _detector(**signals: Any) -> Detector:
    return cornerdesk_detectors(Configuration(plugins={"signals": Settings.model_validate(signals)}))[0]


def test_a_company_adds_phrases_to_a_signal_that_ships(look: Look) -> None:
    detector = _detector(churn_risk={"phrases": ["(adieu|sayonara) ... friends"]})
    assert look("Adieu, my friends", detector=detector) == {}, "a gap stays within its clause"
    assert look("Adieu my dear friends", detector=detector) == {"churn_risk": ["Adieu my dear friends"]}
    assert "churn_risk" in look("We will cancel.", detector=detector)


def test_a_company_says_what_to_ignore(look: Look) -> None:
    detector = _detector(outage={"ignore": ["is down [in the] game"]})
    assert look("Your site is down in the game", detector=detector) == {}


def test_a_company_replaces_the_phrases_that_ship(look: Look) -> None:
    detector = _detector(outage={"replace": True, "phrases": ["kaput"]})
    assert look("Your site is down.", detector=detector) == {}
    assert "outage" in look("Alles kaput", detector=detector)


def test_a_signal_of_the_companys_own_is_found_and_announced(look: Look) -> None:
    detector = _detector(wants_migration={"about": "Wants to move in.", "phrases": ["migrate ..2 (to|onto) you"]})
    assert look("We migrated everything over to you", detector=detector).keys() == {"wants_migration"}
    assert ("wants_migration", "Wants to move in.") in {(s.name, s.about) for s in detector.signals}


def test_negation_can_be_switched_off(look: Look) -> None:
    own = {"about": "x", "phrases": ["zebra"]}
    assert look("no zebra", detector=_detector(animal=own)) == {}
    assert look("no zebra", detector=_detector(animal={**own, "negation": "none"})) == {"animal": ["zebra"]}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"chrun_risk": {"phrases": ["x y"]}}, "needs `about`"),
        ({"Bad-Name": {"about": "x", "phrases": ["y"]}}, "cannot be a signal's name"),
        ({"feature": {"about": "x", "phrases": ["y"]}}, "cannot be a signal's name"),
        ({"churn_risk": {"phrases": ["(a|b"]}}, "')' is missing"),
        ({"churn_risk": {"phrase": ["a"]}}, "phrase"),
        ({"churn_risk": {"negation": "sometimes"}}, "refusal"),
    ],
)
def test_what_is_wrong_in_the_settings_is_said(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        cornerdesk_settings().model_validate(settings)
    assert told in str(caught.value)


def test_every_setting_has_a_default() -> None:
    assert cornerdesk_settings()().model_dump() == {}


@pytest.mark.parametrize(
    ("phrase", "told"),
    [
        ("", "no word"),
        ("[maybe]", "no word"),
        ("... word", "begins or ends"),
        ("word ..2", "begins or ends"),
        ("a ..99 b", "1 to 8"),
        ("@nothing else", "no word list"),
        ("okta (saml)", "one choice"),
        ("a|b", "never opened"),
        ("a)", "never opened"),
        ("(a||b)", "empty choice"),
        ("x" * 3000, "at most"),
    ],
)
def test_a_phrase_that_cannot_be_read_is_refused_with_the_reason(phrase: str, told: str) -> None:
    with pytest.raises(PhraseError, match=told.replace("(", r"\(")):
        read_phrase(phrase)


def test_a_features_broken_phrase_is_refused_with_its_name() -> None:
    features = {"sso": Feature(key="sso", title="SSO", phrases=("(saml",))}
    with pytest.raises(ConfigurationError, match="feature 'sso'"):
        cornerdesk_detectors(Configuration(features=features))


def test_a_title_is_plain_words_whatever_it_holds(look: Look) -> None:
    features = {"ab": Feature(key="ab", title="A/B testing [beta] @home ... (split tests)")}
    detector = cornerdesk_detectors(Configuration(features=features))[0]
    assert "feature.ab" in look("do you have split tests?", detector=detector)


def test_signals_are_named_once_and_described(detector: Detector) -> None:
    names = [signal.name for signal in detector.signals]
    assert len(names) == len(set(names))
    assert {"churn_risk", "callback_request", "security_request", "pricing_request", "bad_profit"} <= set(names)
    assert {"outage", "legal_threat", "talk_to_ceo", "feature.sso", "feature.audit_log"} <= set(names)
    assert all(signal.about for signal in detector.signals)


def test_a_phrase_may_ask_for_a_number_and_for_the_ends_of_a_clause(look: Look) -> None:
    own = {"about": "x", "phrases": ["^room # [please]$"]}
    detector = _detector(room=own)
    assert look("Hello, room 12 please!", detector=detector) == {"room": ["room 12 please"]}
    assert look("the room 12", detector=detector) == {}
    assert look("room 12 is cold", detector=detector) == {}
    assert look("room twelve", detector=detector) == {}
