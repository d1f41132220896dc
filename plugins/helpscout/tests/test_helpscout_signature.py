"""Which deliveries are taken for Help Scout's, and which are one and the same."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cornerdesk import Delivery, SignatureError
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.testing import NOW, SECRET, make_delivery, make_settings
from cornerdesk_helpscout.webhooks import EVENT, SIGNATURE, delivery_key

FIXTURES = Path(__file__).parent / "fixtures"


def read_fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def helpscout(**changes: object) -> HelpScoutAdapter:
    return HelpScoutAdapter("inbox", make_settings(**changes))


def delivered(body: bytes, signature: str | None = None, event: str | None = "convo.created") -> Delivery:
    headers = {SIGNATURE: signature, EVENT: event}
    return Delivery(headers={k: v for k, v in headers.items() if v is not None}, body=body, received_at=NOW)


def test_the_published_vector_is_verified() -> None:
    # The fact sheet's other vectors sign bodies of somebody else's repositories, which are not ours to copy.
    delivery = delivered(b'{"id":123}', "7S2+kN8bZsrdAEADJ+yYfWWsf/4=")
    helpscout(webhook_secret="asdfasdf").verify(delivery, NOW)


def test_white_space_around_a_signature_does_not_matter() -> None:
    delivery = delivered(b'{"id":123}', "\t7S2+kN8bZsrdAEADJ+yYfWWsf/4= ")
    helpscout(webhook_secret="asdfasdf").verify(delivery, NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "ed2dbe90df1b66cadd00400327ec987d65ac7ffe",
        "sha1=ed2dbe90df1b66cadd00400327ec987d65ac7ffe",
        "7S2+kN8bZsrdAEADJ+yYfWWsf/5=",
        "ä",
    ],
)
def test_hexadecimal_as_an_unreliable_page_shows_it_is_refused(signature: str) -> None:
    with pytest.raises(SignatureError, match="does not match"):
        helpscout(webhook_secret="asdfasdf").verify(delivered(b'{"id":123}', signature), NOW)


def test_either_secret_will_do_while_one_is_being_changed() -> None:
    both = helpscout(webhook_secret=["new secret", SECRET])
    both.verify(make_delivery(b"{}"), NOW)
    both.verify(make_delivery(b"{}", secret="new secret"), NOW)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_body_written_anew_is_refused(ascii_only: bool) -> None:
    delivery = make_delivery(read_fixture("customer_updated"), "customer.updated")
    helpscout().verify(delivery, NOW)
    again = json.dumps(json.loads(delivery.body), separators=(",", ":"), ensure_ascii=ascii_only).encode()
    with pytest.raises(SignatureError, match="proxy"):
        helpscout().verify(delivery.model_copy(update={"body": again}), NOW)


def test_a_missing_signature_is_named() -> None:
    with pytest.raises(SignatureError, match="X-HelpScout-Signature is missing"):
        helpscout().verify(delivered(b"{}"), NOW)


@pytest.mark.parametrize("signature", [None, "7S2+kN8bZsrdAEADJ+yYfWWsf/4="])
def test_a_dynamic_apps_request_is_told_apart(signature: str | None) -> None:
    delivery = delivered(read_fixture("dynamic_app"), signature, event=None)
    with pytest.raises(SignatureError, match="dynamic app"):
        helpscout().verify(delivery, NOW)


def test_a_delivery_is_as_good_an_hour_later() -> None:
    helpscout().verify(make_delivery(b"{}"), NOW + timedelta(hours=1))


def test_retries_share_a_key_although_relative_text_drifts() -> None:
    body = read_fixture("customer_reply")
    later = body.replace(b'"friendly":"Just now"', b'"friendly":"31 min ago"')
    assert later != body
    first = make_delivery(body, "convo.customer.reply.created")
    again = make_delivery(later, "convo.customer.reply.created", received_at=NOW + timedelta(minutes=31))
    assert delivery_key(first) == delivery_key(again)


def test_order_of_keys_and_spelling_of_letters_do_not_matter() -> None:
    body = json.loads(read_fixture("tags"))
    again = json.dumps(dict(reversed(body.items())), ensure_ascii=False).encode()
    assert delivery_key(make_delivery(read_fixture("tags"))) == delivery_key(make_delivery(again))


def test_two_events_that_tell_one_state_have_two_keys() -> None:
    body = read_fixture("status_closed")
    names = ("convo.status", "convo.agent.reply.created", "convo.assigned")
    assert len({delivery_key(make_delivery(body, name)) for name in names}) == 3


@pytest.mark.parametrize(
    ("was", "became"),
    [(b'"tag":"beta"', b'"tag":"gamma"'), (b'"value":"40"', b'"value":"41"'), (b'"mailboxId":85', b'"mailboxId":86')],
)
def test_any_difference_of_the_state_makes_another_key(was: bytes, became: bytes) -> None:
    body = read_fixture("convo_created")
    assert was in body
    assert delivery_key(make_delivery(body)) != delivery_key(make_delivery(body.replace(was, became)))


def test_an_address_alone_tells_no_state_so_every_delivery_counts() -> None:
    body = read_fixture("only_address")
    later = make_delivery(body, "convo.tags", received_at=NOW + timedelta(seconds=1))
    assert delivery_key(make_delivery(body, "convo.tags")) != delivery_key(later)


def test_a_deletion_is_told_once() -> None:
    body = read_fixture("deleted")
    later = make_delivery(body, "convo.deleted", received_at=NOW + timedelta(seconds=1))
    assert delivery_key(make_delivery(body, "convo.deleted")) == delivery_key(later)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"[]", b"7", b'{"id": {"a": 1}}'])
def test_whatever_came_has_a_key(body: bytes) -> None:
    assert delivery_key(delivered(body, event=None)).startswith("state:")
