"""What a Help Scout source may have in cornerdesk.yaml."""

from __future__ import annotations

import pytest
from cornerdesk_helpscout.testing import make_settings
from pydantic import ValidationError


def test_the_contracts_example_is_enough() -> None:
    settings = make_settings()
    assert settings.address == "https://api.helpscout.net"
    assert settings.client.refresh_token is None
    assert len(settings.secrets) == 1


def test_two_webhook_secrets_while_one_is_being_changed() -> None:
    assert [secret.get_secret_value() for secret in make_settings(webhook_secret=["new", "old"]).secrets] == [
        "new",
        "old",
    ]


def test_another_address_for_a_fake() -> None:
    assert make_settings(base_url="http://127.0.0.1:9").address == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_secret": ""},
        {"webhook_secret": []},
        {"webhook_secret": ["a", "b", "c"]},
        {"webhook_secret": ["a", " "]},
        {"app_secret": " "},
        {"app_id": ""},
        {"subdomain": "acme"},
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**changes)


@pytest.mark.parametrize("needed", ["app_id", "app_secret", "webhook_secret"])
def test_what_is_needed_is_named(needed: str) -> None:
    with pytest.raises(ValidationError, match=needed):
        make_settings(**{needed: None})


def test_no_secret_is_shown() -> None:
    shown = repr(make_settings(refresh_token="refresh-me", webhook_secret=["one-secret", "two-secret"]))
    for secret in ("app-secret", "refresh-me", "one-secret", "two-secret"):
        assert secret not in shown
