"""The section `plugins: email:` refuses what cannot work or would give a password away."""

from __future__ import annotations

from typing import Any

import pytest
from cornerdesk import Configuration, Person, RejectedError
from cornerdesk_email import cornerdesk_channels
from cornerdesk_email.settings import EmailSettings
from pydantic import ValidationError


def read(**values: Any) -> EmailSettings:
    return EmailSettings.model_validate({"host": "mail.example.com", **values})


def test_the_section_may_be_absent_and_then_nobody_can_be_mailed() -> None:
    channel = cornerdesk_channels(Configuration())[0]
    with pytest.raises(RejectedError, match="`plugins: email: host` is missing"):
        channel.address_of(Person(name="Ada Park", email="ada@acme.example"), "")


@pytest.mark.parametrize(
    ("values", "port"),
    [({}, 25), ({"username": "u", "password": "p"}, 587), ({"tls": True}, 465), ({"port": 2525}, 2525)],
)
def test_the_usual_port_is_taken_where_none_is_given(values: dict[str, Any], port: int) -> None:
    assert read(**values).connect_port == port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_a_password_may_go_in_clear_to_this_machine(host: str) -> None:
    assert read(host=host, username="u", password="p", starttls="no").on_this_machine


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.5", "localhost.example.com"])
def test_a_password_may_not_go_in_clear_over_a_network(host: str) -> None:
    with pytest.raises(ValidationError, match="does not go over a network in clear"):
        read(host=host, username="u", password="p", starttls="no")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"username": "u"}, "belong together"),
        ({"password": "p"}, "belong together"),
        ({"tls": True, "starttls": "yes"}, "exclude each other"),
        ({"sender": "nobody"}, "expected an address"),
        ({"sender": ""}, "expected an address"),
        ({"sender": "A <a@b.example>\nBcc: x@y.example"}, "expected an address"),
        ({"starttls": "maybe"}, "starttls"),
        ({"hots": "x"}, "hots"),
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read(**values)


def test_the_password_does_not_show() -> None:
    assert "hunter2" not in repr(read(username="u", password="hunter2", starttls="yes"))
