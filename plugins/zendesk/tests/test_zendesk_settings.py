"""What a Zendesk source may say in cornerdesk.yaml."""

from typing import Any

import pytest
from cornerdesk_zendesk.testing import make_settings
from pydantic import ValidationError

TOKEN = {"oauth": None, "email": "ada@example.com", "api_token": "t"}


def test_oauth_is_one_way_to_sign_in() -> None:
    settings = make_settings()
    assert settings.address == "https://acme.zendesk.com"
    assert "client-secret" not in repr(settings)


def test_an_api_token_is_the_other() -> None:
    assert make_settings(**TOKEN).email == "ada@example.com"


def test_two_secrets_are_for_rotation() -> None:
    assert len(make_settings(webhook_secret=["a", "b"]).secrets) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (TOKEN | {"oauth": {"client_id": "a", "client_secret": "b"}}, "exactly one way"),
        ({"oauth": None}, "exactly one way"),
        ({"oauth": None, "email": "ada@example.com"}, "go together"),
        ({"oauth": {"client_id": "a"}}, "go together"),
        ({"oauth": {}}, "needs client_id"),
        ({"oauth": {"access_token": "a", "refresh_token": "c"}}, "refresh_token needs"),
        ({"webhook_secret": []}, "one secret"),
        ({"webhook_secret": ["a", "b", "c"]}, "one secret"),
        ({"webhook_secret": " "}, "none may be empty"),
        ({"subdomain": "acme.zendesk.com"}, "subdomain"),
        ({"subdomain": "https://acme"}, "subdomain"),
        ({"tokn": "x"}, "tokn"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_settings(**changes)
