"""What customers write and what must not be made of it, one trap at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import Detector, Direction, Message
from hypothesis import given, settings
from hypothesis import strategies as st

Look = Callable[..., dict[str, list[str]]]


@pytest.mark.parametrize(
    "text",
    [
        "cancel our subscription",
        "cancels our subscription",
        "cancelled our subscription",
        "canceled our subscription",
        "we are cancelling",
        "We're canceling our subscription",
        "We’re cancelling",
        "we'd like to cancel",
        "the cancellation of our subscription",
        "CANCEL OUR SUBSCRIPTION",
        "cancel our whole annual subscription",
        "can\u00adcel our sub\u200bscription",
        "cancel\nour\nsubscription",
        "ｃａｎｃｅｌ our subscription",
    ],
)
def test_every_form_of_cancelling_is_churn(text: str, look: Look) -> None:
    assert "churn_risk" in look(text)


@pytest.mark.parametrize(
    "text",
    [
        "We will not cancel.",
        "We won't cancel",
        "We won’t cancel",
        "we don't want to cancel",
        "I dont want to cancel my account",
        "No plans to leave you.",
        "We would never cancel our plan.",
        "I don't think we'll cancel.",
        "Nobody wants to cancel our subscription.",
        "Can we pause rather than cancel our subscription?",
        "Is there a way to downgrade without cancelling my subscription?",
        "Please do not close our account.",
    ],
)
def test_a_negation_in_the_clause_takes_churn_back(text: str, look: Look) -> None:
    assert "churn_risk" not in look(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can't log in, we will cancel.",
        "It does not work and we will cancel.",
        "We did not get an answer so we are cancelling.",
        "We do not want this but we will cancel our contract.",
        "This isn't what we bought. We will cancel.",
        "No, we will cancel.",
        "No we want to cancel",
        "Not only will we complain but we will cancel our plan.",
        "I don't know how to cancel my account",
        "Please don't forget to cancel my plan",
    ],
)
def test_a_negation_of_something_else_takes_nothing_back(text: str, look: Look) -> None:
    assert "churn_risk" in look(text)


def test_who_cannot_cancel_feels_trapped_and_wants_to_leave(look: Look) -> None:
    assert {"churn_risk", "bad_profit"} <= look("Why can't I cancel?").keys()


@pytest.mark.parametrize("text", ["Please cancel my appointment.", "I will cancel the order.", "cancel the meeting"])
def test_cancelling_something_else_is_no_churn(text: str, look: Look) -> None:
    assert look(text) == {}


def test_a_word_within_a_word_is_not_the_word(look: Look) -> None:
    assert look("Our issue pursues the tissue in the courtyard.") == {}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Do you support SSO?", True),
        ("we can't use SSO", True),
        ("You do not have SSO.", True),
        ("We cannot go live without SSO", True),
        ("We do not use Okta, we need SSO", True),
        ("we don't need SSO", False),
        ("We do not really need any kind of SSO", False),
        ("no need for SSO", False),
        ("SSO is not needed for us", False),
        ("We're happy without SSO", False),
        ("Thanks for adding SSO", False),
        ("SSO works great", False),
        ("Does SSO work well?", True),
        ("SSO would be great", True),
        ("Glad that SSO is here", False),
        ("I would be glad to have SSO", True),
        ("We could not care less about SSO", False),
        ("We need single signon", True),
    ],
)
def test_a_feature_is_asked_for_unless_it_is_not_wanted(text: str, seen: bool, look: Look) -> None:
    assert ("feature.sso" in look(text)) is seen


@pytest.mark.parametrize("text", ["audit logs", "the audit-log", "auditlog", "Audit_Log", "audit trails", "AUDIT\nLOG"])
def test_a_feature_is_known_by_title_phrases_and_key_in_their_forms(text: str, look: Look) -> None:
    assert "feature.audit_log" in look(f"Is there something like {text}?")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Can I export all our reports via your API?", True),
        ("We export by API every night", True),
        ("We export wine, and the API is down", False),
    ],
)
def test_a_title_is_known_with_other_articles_and_an_object_between(
    text: str, seen: bool, example_detector: Detector, look: Look
) -> None:
    assert ("feature.api_export" in look(text, detector=example_detector)) is seen


def test_a_wish_within_the_phrase_can_be_refused(look: Look) -> None:
    assert "security_request" not in look("We don't need a DPA for this one.")
    assert "security_request" in look("We need a DPA.")


def test_a_name_is_no_accusation(look: Look) -> None:
    assert look("Rob from accounting will answer.") == {}


def test_quoted_lines_are_not_looked_at(look: Look) -> None:
    assert look("Thanks!\n> We will cancel our plan.\n>> Call me back\nBye") == {}
    assert look("Solved.\n\n-----Original Message-----\nWe will cancel our plan.") == {}
    assert "churn_risk" in look("> thanks for the answer\nWe will cancel our plan.")


def test_the_subject_counts_when_it_is_given(detector: Detector) -> None:
    message = Message(id="1", direction=Direction.INBOUND, text="See above.", quoted="call me back")
    signals = detector.detect(message, "Cancel our contract")
    assert [(s.name, s.evidence[0].where) for s in signals] == [("churn_risk", "ticket.subject")]


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, ﬁrst: “We’re cancelling our plan” — now!",
        "e\u0301te\u0301 😀 we will cancel our plan…",
        "Straße ŉ İ İ we will\u00a0cancel our plan",
        "\u200b\u200bwe\u200b will cancel our plan",
    ],
)
def test_evidence_is_the_customers_own_words(text: str, detector: Detector) -> None:
    (signal,) = detector.detect(Message(id="1", direction=Direction.INBOUND, text=text), None)
    for evidence in signal.evidence:
        assert text[evidence.start : evidence.end] == evidence.text
        assert "cancel" in evidence.text.lower()
        assert evidence.text.endswith("plan")
        assert evidence.text[:2].lower() == "we"


def test_evidence_is_bounded(look: Look) -> None:
    assert len(look("We will cancel our contract. " * 500)["churn_risk"]) == 5


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("we'll not cancel our plan, “SSO”\n>.ﬁé\u0301\u200b—ß😀İ"), max_size=60))
def test_no_text_breaks_the_detector_and_evidence_always_fits(detector: Detector, text: str) -> None:
    for signal in detector.detect(Message(id="1", direction=Direction.INBOUND, text=f"{text} cancel our plan"), text):
        for evidence in signal.evidence:
            where = text if evidence.where == "ticket.subject" else f"{text} cancel our plan"
            assert where[evidence.start : evidence.end] == evidence.text
