"""Tokens expire, rotate and are revoked; limits are told under any names."""

from __future__ import annotations

import pytest
from cornerdesk import JSON
from cornerdesk.testing.desk import RateHeaders, RateLimit, RefusedError, Tokens, bearer

CLIENT = {"client_id": "cd", "client_secret": "s"}


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


def refused(tokens: Tokens, asked: JSON) -> str:
    with pytest.raises(RefusedError) as error:
        tokens.grant(asked)
    return str(error.value.body["error"])


def test_a_client_gets_tokens_for_its_own_credentials() -> None:
    tokens = Tokens("cd", "s")
    given = tokens.grant({**CLIENT, "grant_type": "client_credentials"})
    assert tokens.accepts(given["access_token"])
    assert "refresh_token" not in given
    assert "expires_in" not in given
    assert not tokens.accepts("made up")
    assert refused(tokens, {**CLIENT, "client_secret": "x", "grant_type": "client_credentials"}) == "invalid_client"
    assert refused(tokens, {**CLIENT, "grant_type": "password"}) == "unsupported_grant_type"


def test_a_token_lasts_for_its_lifetime() -> None:
    now = Hand()
    tokens = Tokens(lifetime=300, now=now)
    given = tokens.grant({**CLIENT, "grant_type": "client_credentials"})
    assert given["expires_in"] == 300
    now.at += 299
    assert tokens.accepts(given["access_token"])
    now.at += 1
    assert not tokens.accepts(given["access_token"])


def test_a_refresh_token_is_good_once_and_ends_the_pair_before() -> None:
    tokens = Tokens()
    first = tokens.new()
    asked = {**CLIENT, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = tokens.grant(asked)
    assert refused(tokens, asked) == "invalid_grant"
    assert (tokens.accepts(first["access_token"]), tokens.accepts(second["access_token"])) == (False, True)
    assert tokens.given == 2


def test_revoked_access_can_be_refreshed_unless_all_was_taken() -> None:
    tokens = Tokens()
    pair = tokens.new()
    tokens.revoke()
    assert not tokens.accepts(pair["access_token"])
    pair = tokens.grant({**CLIENT, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]})
    tokens.revoke_all()
    asked = {**CLIENT, "grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert refused(tokens, asked) == "invalid_grant"


@pytest.mark.parametrize(("header", "token"), [("Bearer x", "x"), ("bearer x", "x"), ("Basic x", ""), (None, "")])
def test_a_bearer_token_is_read(header: str | None, token: str) -> None:
    assert bearer(header) == token


def test_a_limit_counts_by_window_and_tells_of_it() -> None:
    now = Hand()
    now.at = 120.0
    names = RateHeaders(limit=("x-limit",), remaining=("x-left",), reset=("x-reset",), wait=("x-wait",))
    limit = RateLimit(2, names, seconds=60, now=now)
    assert limit.count() == ({"x-limit": "2", "x-left": "1", "x-reset": "60"}, False)
    now.at += 50
    assert limit.count() == ({"x-limit": "2", "x-left": "0", "x-reset": "10"}, False)
    assert limit.count() == ({"x-limit": "2", "x-left": "0", "x-reset": "10", "x-wait": "10"}, True)
    now.at += 10
    assert limit.count()[1] is False


def test_a_reset_may_be_a_time() -> None:
    limit = RateLimit(2, RateHeaders(reset=("reset",), reset_at=True), seconds=10, now=lambda: 1003.0)
    assert limit.count()[0] == {"reset": "1010"}


def test_no_limit_is_not_told_of() -> None:
    assert RateLimit(None, RateHeaders(limit=("x",))).count() == ({}, False)
