"""Signatures of deliveries, as the three desks make them."""

from datetime import UTC, datetime, timedelta

import pytest
from cornerdesk import SignatureError, check_secret, check_signature, check_window, sign
from pydantic import SecretStr

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


def test_any_of_the_secrets_will_do_while_one_is_being_rotated() -> None:
    given = sign(SecretStr("old"), b"body")
    check_signature(given, [SecretStr("new"), SecretStr("old")], b"body")


def test_hexadecimal_with_a_prefix_is_read_too() -> None:
    given = "sha1=" + sign("secret", b"body", algorithm="sha1", encoding="hex")
    check_signature(given, ["secret"], b"body", algorithm="sha1", encoding="hex", prefix="sha1=")


@pytest.mark.parametrize("given", [None, "", "x", "\u00e4\ud800", sign("other", b"body"), sign("secret", b"body ")])
def test_a_wrong_or_missing_signature_is_refused_without_telling_the_right_one(given: str | None) -> None:
    with pytest.raises(SignatureError) as refused:
        check_signature(given, ["secret"], b"body", header="X-Signature")
    assert sign("secret", b"body") not in str(refused.value)
    assert "X-Signature" in str(refused.value)


def test_without_a_secret_nothing_passes() -> None:
    with pytest.raises(SignatureError, match="no webhook secret"):
        check_signature(sign("", b"body"), [], b"body")


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_within_the_window_a_delivery_passes(seconds: int) -> None:
    check_window(NOW + timedelta(seconds=seconds), NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_outside_the_window_it_does_not(seconds: int) -> None:
    with pytest.raises(SignatureError, match="clock"):
        check_window(NOW + timedelta(seconds=seconds), NOW)


# ── a secret as it is ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_carried_secret_is_accepted_whichever_of_them_it_is() -> None:
    for given in ("the-old-one", "the-new-one", " the-new-one "):
        check_secret(given, (SecretStr("the-old-one"), "the-new-one"))


@pytest.mark.parametrize("given", [None, "", " ", "the-new-on", "the-new-one2", "THE-NEW-ONE", "\udcff", "é"])
def test_any_other_secret_is_refused_and_quoted_nowhere(given: str | None) -> None:
    with pytest.raises(SignatureError, match=r"^x-secret is ") as refused:
        check_secret(given, ("the-new-one",), header="x-secret")
    assert "the-new-one" not in str(refused.value)


def test_an_empty_configured_secret_lets_nobody_in() -> None:
    for given in ("", " "):
        with pytest.raises(SignatureError):
            check_secret(given, ("", " "))


def test_without_a_configured_secret_nobody_is_let_in() -> None:
    with pytest.raises(SignatureError, match="no webhook secret is configured"):
        check_secret("anything", ())
