"""Which deliveries are taken for Zendesk's."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cornerdesk import Delivery, SignatureError
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.testing import NOW, SECRET, make_delivery, make_settings
from cornerdesk_zendesk.webhooks import SIGNATURE, TIMESTAMP, delivery_key

FIXTURES = Path(__file__).parent / "fixtures"


def read_fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def zendesk(**changes: object) -> ZendeskAdapter:
    return ZendeskAdapter("support", make_settings(**changes))


def test_the_published_vector_is_verified() -> None:
    # The fact sheet's second vector signs a file of somebody else's repository, which is not ours to copy.
    delivery = Delivery(
        headers={
            TIMESTAMP: "2021-03-25T05:09:27Z",
            SIGNATURE: "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=",
        },
        body=b'{"event":"ticket.updated","id":123}',
        received_at=NOW,
    )
    zendesk().verify(delivery, datetime(2021, 3, 25, 5, 10, tzinfo=UTC))


def test_either_secret_will_do_while_one_is_being_rotated() -> None:
    both = zendesk(webhook_secret=["new secret", SECRET])
    both.verify(make_delivery(b"{}"), NOW)
    both.verify(make_delivery(b"{}", secret="new secret"), NOW)


def test_a_body_written_anew_is_refused() -> None:
    delivery = make_delivery(read_fixture("ticket_created"))
    again = json.dumps(json.loads(delivery.body)).encode()
    with pytest.raises(SignatureError, match="proxy"):
        zendesk().verify(delivery.model_copy(update={"body": again}), NOW)


def test_a_secret_is_never_decoded() -> None:
    decoded = base64.b64decode(SECRET).decode()
    with pytest.raises(SignatureError):
        zendesk().verify(make_delivery(b"{}", secret=decoded), NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_delivery_of_another_time_is_refused(seconds: int) -> None:
    delivery = make_delivery(b"{}")
    with pytest.raises(SignatureError, match="clock"):
        zendesk().verify(delivery, NOW + timedelta(seconds=seconds))


def test_the_window_is_about_sending_and_not_about_the_event() -> None:
    body = read_fixture("ticket_created").replace(b"2026-10-05T11:58:02", b"2026-10-04T01:00:00")
    zendesk().verify(make_delivery(body), NOW)


@pytest.mark.parametrize("missing", [TIMESTAMP, SIGNATURE])
def test_a_missing_header_is_named(missing: str) -> None:
    delivery = make_delivery(b"{}")
    headers = {name: value for name, value in delivery.headers.items() if name != missing}
    with pytest.raises(SignatureError, match=missing):
        zendesk().verify(delivery.model_copy(update={"headers": headers}), NOW)


@pytest.mark.parametrize("stamp", ["1234", "2026-10-05", "99999-01-01T00:00:00Z", "\u00e4"])
def test_a_timestamp_that_is_no_time_is_refused_even_when_it_is_signed(stamp: str) -> None:
    delivery = make_delivery(b"{}", stamp=stamp)
    with pytest.raises(SignatureError):
        zendesk().verify(delivery, NOW)


def test_a_delivery_without_body_can_be_signed() -> None:
    zendesk().verify(make_delivery(b""), NOW)


def test_an_events_key_is_its_id_whatever_carries_it() -> None:
    first = make_delivery(read_fixture("ticket_created"))
    again = make_delivery(read_fixture("ticket_created"), invocation="another")
    assert delivery_key(first) == delivery_key(again) == "event:2b24ef10-19d5-4740-93cf-5f98ec4776c0"


def test_a_triggers_key_is_its_invocation_which_survives_retries() -> None:
    body = read_fixture("trigger")
    retried = make_delivery(body, stamp="2026-10-05T12:04:00Z")
    assert delivery_key(make_delivery(body)) == delivery_key(retried) == "invocation:01HINVOCATION"


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"[]", b'{"type": 7, "id": 8}', b'{"id": "a"}'])
def test_whatever_came_has_a_key(body: bytes) -> None:
    plain = Delivery(headers={TIMESTAMP: "2026-10-05T12:00:00Z"}, body=body, received_at=NOW)
    later = Delivery(headers={TIMESTAMP: "2026-10-05T12:00:01Z"}, body=body, received_at=NOW)
    assert delivery_key(plain).startswith("body:")
    assert delivery_key(plain) != delivery_key(later)


def test_an_id_that_no_database_could_keep_is_no_key() -> None:
    body = b'{"type": "zen:event-type:ticket.created", "id": "a\\u0000b"}'
    assert delivery_key(make_delivery(body)) == "invocation:01HINVOCATION"
