"""Which deliveries are taken for Intercom's, and which are the same one again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cornerdesk import Delivery, SignatureError, sign
from cornerdesk_intercom.adapter import IntercomAdapter
from cornerdesk_intercom.testing import NOW, SECRET, make_delivery, make_settings
from cornerdesk_intercom.webhooks import APP_CALL, BODY_SIGNATURE, SIGNATURE, delivery_key

FIXTURES = Path(__file__).parent / "fixtures"
PING = b'{"type":"notification_event","topic":"ping","id":null}'
PING_SIGNATURE = "sha1=30f2238fdd5528706120a772b4a41c83993f39b7"


def intercom(**changes: object) -> IntercomAdapter:
    return IntercomAdapter("chat", make_settings(**changes))


def delivery(body: bytes = PING, **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(headers=named, body=body, received_at=NOW)


def attempt(name: str, **envelope: object) -> Delivery:
    body = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return make_delivery(json.dumps({**body, **envelope}).encode())


def test_the_fact_sheets_vector_is_verified() -> None:
    intercom().verify(delivery(x_hub_signature=PING_SIGNATURE), NOW)


@pytest.mark.parametrize("written", [PING_SIGNATURE.upper(), PING_SIGNATURE.replace("f", "F")])
def test_the_case_of_the_hex_does_not_matter(written: str) -> None:
    intercom().verify(delivery(x_hub_signature=written), NOW)


def test_hex_without_its_prefix_is_refused() -> None:
    with pytest.raises(SignatureError):
        intercom().verify(delivery(x_hub_signature=PING_SIGNATURE.removeprefix("sha1=")), NOW)


def test_either_secret_will_do_while_one_is_being_rotated() -> None:
    both = intercom(client_secret=["new secret", SECRET])
    both.verify(make_delivery(PING), NOW)
    both.verify(make_delivery(PING, secret="new secret"), NOW)


def test_nothing_signed_says_when_so_a_late_delivery_passes() -> None:
    intercom().verify(make_delivery(PING), NOW.replace(year=2030))


# ── calls about the app ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_call_about_the_app_is_kept_and_never_read_as_an_event(prefix: str) -> None:
    body = (FIXTURES / "conversation_deleted.json").read_bytes()
    call = delivery(body, x_body_signature=prefix + sign(SECRET, body, encoding="hex"))
    intercom().verify(call, NOW)
    assert intercom().read(call).ignored == APP_CALL


@pytest.mark.parametrize("signed", ["", "0" * 64, PING_SIGNATURE, sign("another", PING, encoding="hex")])
def test_a_call_about_the_app_that_cannot_be_verified_is_refused(signed: str) -> None:
    with pytest.raises(SignatureError, match="an address of their own") as refused:
        intercom().verify(delivery(x_body_signature=signed), NOW)
    assert SECRET not in str(refused.value)


def test_the_bodys_signature_is_no_way_round_the_webhooks() -> None:
    good = sign(SECRET, PING, encoding="hex")
    with pytest.raises(SignatureError, match=SIGNATURE):
        intercom().verify(delivery(x_hub_signature="sha1=0", x_body_signature=good), NOW)
    assert BODY_SIGNATURE not in make_delivery(PING).headers


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_notifications_key_is_its_id() -> None:
    first = attempt("conversation_user_replied")
    again = attempt("conversation_user_replied", delivery_attempts=2, delivery_status="retry", first_sent_at=1)
    assert delivery_key(first) == delivery_key(again)
    assert delivery_key(first).startswith("notification:notif_")


@pytest.mark.parametrize("name", ["ping", "conversation_read"])
def test_without_an_id_what_stays_the_same_over_attempts_is_the_key(name: str) -> None:
    changed = {"delivery_attempts": 2, "delivery_status": "retry", "first_sent_at": 1791201999, "delivered_at": 5}
    assert delivery_key(attempt(name)) == delivery_key(attempt(name, **changed))
    assert delivery_key(attempt(name)) != delivery_key(attempt(name, created_at=1791201999))


def test_the_key_does_not_depend_on_how_the_body_is_written() -> None:
    body = json.loads((FIXTURES / "ping.json").read_bytes())
    backwards = dict(reversed(body.items()))
    assert delivery_key(make_delivery(json.dumps(backwards, indent=3).encode())) == delivery_key(attempt("ping"))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"[]", b'{"id": 7}', b"{}"])
def test_whatever_came_has_a_key(body: bytes) -> None:
    key = delivery_key(make_delivery(body))
    assert key.isprintable()
    assert key.partition(":")[0] in ("body", "content")
