"""The words that a vote quotes: the customer's own sentence, bounded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import Snapshot
from cornerdesk_votes.quotes import LONGEST, quote_of

Making = Callable[..., Snapshot]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Do you support SSO?", "Do you support SSO?"),
        ("Hello. We use v2.5 and need SSO for acme.com! Bye.", "We use v2.5 and need SSO for acme.com!"),
        ("Hi Jo,\n\nwe need\nSSO by May\n\nCheers", "we need SSO by May"),
        ("SSO", "SSO"),
        ("We need SSO (or SAML).", "We need SSO (or SAML)."),
    ],
)
def test_the_sentence_that_names_the_feature_is_quoted(text: str, quote: str, ticket: Making) -> None:
    assert quote_of(ticket(text=text), "sso") == quote


def test_without_a_signal_the_first_sentence_is_quoted(ticket: Making) -> None:
    assert quote_of(ticket(text="\n  Log in with our accounts? Thanks.", signal=False), "sso") == (
        "Log in with our accounts?"
    )


def test_a_signal_in_the_subject_quotes_the_subject(ticket: Making) -> None:
    assert quote_of(ticket(text="See above.", subject="SSO please"), "sso") == "SSO please"


def test_who_said_nothing_is_not_quoted(ticket: Making) -> None:
    assert quote_of(ticket(text="  ", signal=False), "sso") is None


@pytest.mark.parametrize("text", ["x" * 5000 + " SSO " + "y" * 5000, "word " * 999 + "SSO", "SSO " * 3000])
def test_a_quote_is_bounded(text: str, ticket: Making) -> None:
    quote = quote_of(ticket(text=text), "sso")
    assert quote is not None
    assert len(quote) <= LONGEST
