"""What the plugin does, without a server: most of a plugin is pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cornerdesk import (
    Configuration,
    Delivery,
    EventKind,
    Message,
    RejectedError,
    SignatureError,
    sign,
)
from cornerdesk_postbox.adapter import SIGNATURE, PostboxAdapter, PostboxSourceSettings
from cornerdesk_postbox.detector import PraiseDetector
from cornerdesk_postbox.settings import PostboxSettings

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LETTER = {
    "letter": "L-1", "about": "12", "sent": "2026-03-04T12:00:00Z", "first": True, "subject": "Hello",
    "from": {"id": "7", "name": "Hank", "email": "hank@globex.example"}, "text": "Thank you!",
}  # fmt: skip
SETTINGS = PostboxSourceSettings(adapter="postbox", webhook_secret="for-trying", base_url="https://box.example")


def adapter(**options: Any) -> PostboxAdapter:
    return PostboxAdapter("letters", SETTINGS, **options)


def delivered(content: object, *, signature: str | None = None) -> Delivery:
    body = json.dumps(content).encode()
    headers = {SIGNATURE: signature or sign(SETTINGS.webhook_secret, body, encoding="hex")}
    return Delivery(headers=headers, body=body, received_at=NOON)


def test_a_first_letter_makes_a_ticket() -> None:
    delivery = delivered(LETTER)
    adapter().verify(delivery, NOON)
    [fact] = adapter().read(delivery).facts
    assert (fact.kind, fact.ticket_id, fact.keys) == (EventKind.TICKET_CREATED, "12", ("message:L-1",))
    assert fact.ticket["customer"].email == "hank@globex.example"


def test_a_wrong_signature_is_refused() -> None:
    with pytest.raises(SignatureError, match=SIGNATURE):
        adapter().verify(delivered(LETTER, signature="00"), NOON)


@pytest.mark.parametrize("content", [{**LETTER, "text": None}, {"letter": 1}, ["letter"], "letter"])
def test_what_is_no_letter_is_refused_by_field_and_quotes_nobody(content: object) -> None:
    with pytest.raises(RejectedError, match="no letter that can be read") as caught:
        adapter().read(delivered(content))
    assert "Hank" not in str(caught.value)


def test_other_messages_of_the_vendor_are_ignored_with_a_reason() -> None:
    assert adapter().read(delivered({"ping": True})).ignored == "not a letter"


async def test_a_note_carries_the_key_that_makes_it_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url == "https://box.example/matters/12/notes"
        assert json.loads(request.content) == {"text": "Seen.", "key": "m-1"}
        return httpx.Response(200, json={"id": 5})

    desk = adapter(transport=httpx.MockTransport(answer))
    assert (await desk.add_note("12", "Seen.", "m-1")).id == "5"
    await desk.aclose()


def test_praise_is_seen_with_its_words() -> None:
    detector = PraiseDetector(Configuration().settings_of(PostboxSettings).praise)
    message = Message(id="1", direction="inbound", text="Oh, THANK YOU so much")
    [signal] = detector.detect(message, None)
    assert signal.evidence[0].text == "THANK YOU"
    assert detector.detect(message.model_copy(update={"text": "no"}), None) == []
