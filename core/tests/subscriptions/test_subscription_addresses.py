"""Which address is ours, however a vendor spells it, and which no vendor could reach."""

from __future__ import annotations

import pytest
from cornerdesk.subscriptions.addresses import (
    is_loopback,
    same_address,
    shown_address,
    webhook_address,
    why_unreachable,
)

OURS = "https://desk.acme.example/webhooks/support"


@pytest.mark.parametrize(
    "spelling",
    [
        "https://DESK.Acme.example/webhooks/support",
        "HTTPS://desk.acme.example:443/webhooks/support",
        "https://desk.acme.example./webhooks/support/",
        "https://desk.acme.example/webhooks/supp%6Frt",
        " https://desk.acme.example/webhooks/support ",
    ],
)
def test_the_same_address_spelt_otherwise(spelling: str) -> None:
    assert same_address(spelling, OURS)


@pytest.mark.parametrize(
    "other",
    [
        "http://desk.acme.example/webhooks/support",
        "https://desk.acme.example:8443/webhooks/support",
        "https://desk.acme.example/webhooks/Support",
        "https://desk.acme.example/webhooks/support2",
        "https://desk.acme.example/webhooks/support?copy=1",
        "https://old.acme.example/webhooks/support",
        "https://desk.acme.example:port/webhooks/support",
        "https://[desk/webhooks/support",
        "",
    ],
)
def test_another_address(other: str) -> None:
    assert not same_address(other, OURS)


def test_two_addresses_that_cannot_be_read_are_not_the_same() -> None:
    assert not same_address("https://[", "https://[")


@pytest.mark.parametrize("public_url", ["https://acme.example/desk", "https://acme.example/desk/"])
def test_a_public_url_may_have_a_path(public_url: str) -> None:
    assert webhook_address(public_url, "support") == "https://acme.example/desk/webhooks/support"


def test_what_may_be_a_secret_is_not_shown() -> None:
    shown = shown_address("https://user:word@hooks.example.com/in?token=abc#x")
    assert shown == "https://hooks.example.com/in?..."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "desk.localhost", "127.1.2.3"])
def test_this_machine_is_not_reached_from_outside(host: str) -> None:
    assert is_loopback(f"https://{host}/webhooks/support")
    assert "this machine" in (why_unreachable(f"https://{host}/webhooks/support") or "")


@pytest.mark.parametrize("host", ["example.com", "cornerdesk.example.com", "example.org."])
def test_the_example_that_nobody_replaced_is_no_address(host: str) -> None:
    assert "example" in (why_unreachable(f"https://{host}/webhooks/support") or "")
    assert why_unreachable("https://anexample.com/webhooks/support") is None


@pytest.mark.parametrize("address", ["http://desk.acme.example/", "desk.acme.example", "ftp://desk.acme.example/", ""])
def test_what_no_vendor_should_send_to(address: str) -> None:
    assert why_unreachable(address)


def test_an_encrypted_address_of_the_outer_world_will_do() -> None:
    assert why_unreachable(OURS) is None
