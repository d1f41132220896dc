"""What may stand in cornerdesk.yaml."""

from __future__ import annotations

import pytest
from cornerdesk_intercom.settings import HOSTS
from cornerdesk_intercom.testing import make_settings
from pydantic import ValidationError


@pytest.mark.parametrize("region", HOSTS)
def test_a_region_is_a_host(region: str) -> None:
    settings = make_settings(region=region)
    assert settings.address == HOSTS[region]
    part = "" if region == "us" else f".{region}"
    assert settings.agent_pages == f"https://app{part}.intercom.com/a/inbox/wxyz/inbox/conversation/"


def test_another_address_may_be_given() -> None:
    assert make_settings(base_url="http://127.0.0.1:4010").address == "http://127.0.0.1:4010"


def test_a_number_will_do_as_admin_id() -> None:
    assert make_settings(admin_id=814).admin_id == "814"
    assert make_settings(admin_id=None).admin_id is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "de"},
        {"app_id": "a/b"},
        {"app_id": None},
        {"access_token": " "},
        {"client_secret": ""},
        {"client_secret": ["a", "b", "c"]},
        {"client_secret": []},
        {"admin_id": "ada@acme.example"},
        {"snooze": "5s"},
        {"webhook_secret": "x"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_settings(**wrong)


def test_no_secret_is_shown() -> None:
    settings = make_settings(client_secret=["one-secret", "two-secret"])
    assert "secret'" not in repr(settings).replace("client_secret", "")
    assert "access-token" not in repr(settings)
