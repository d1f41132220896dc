"""Whatever arrives is a reading or a rejection, and never another error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cornerdesk import RejectedError
from cornerdesk_intercom.events import TOPICS
from cornerdesk_intercom.schemas import Conversation, Part, VendorTicket
from cornerdesk_intercom.testing import APP, make_delivery
from cornerdesk_intercom.webhooks import delivery_key, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAGES = "https://app.intercom.com/a/inbox/wxyz/inbox/conversation/"
FIXTURES = Path(__file__).parent / "fixtures"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["0", "", "815", "open", "2026-10-05T12:00:00.123Z", "9999-12-31T23:59:59-12:00", -1, 10**40])
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def shaped(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a model's fields, each of any shape."""
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), ANY, max_size=6)


PARTS = st.lists(shaped(Part), max_size=2)
ITEMS = (
    shaped(Conversation)
    | shaped(VendorTicket)
    | st.fixed_dictionaries({"id": st.just("7")}, optional={"conversation_parts": PARTS, "ticket_parts": PARTS})
    | st.fixed_dictionaries({"conversation_message": ANY}, optional={"id": ANY, "user": ANY, "assignee": ANY})
    | st.fixed_dictionaries({}, optional={"conversation": ANY, "ticket": ANY, "conversation_id": ANY, "type": ANY})
    | ANY
)
DATA = st.fixed_dictionaries({"item": ITEMS})
BODIES = st.fixed_dictionaries(
    {"app_id": st.just(APP), "topic": st.sampled_from(sorted(TOPICS)) | SCALARS, "data": DATA},
    optional={"id": ANY, "created_at": ANY, "first_sent_at": ANY},
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES | ANY)
def test_any_json_is_read_or_rejected(data: object) -> None:
    read_or_reject(json.dumps(data).encode())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["conversation_user_replied", "ticket_state_updated", "legacy_user_replied"]),
    st.sampled_from(sorted(TOPICS)),
    st.sampled_from(sorted({*Conversation.model_fields, *VendorTicket.model_fields})),
    ANY,
)
def test_one_field_gone_wrong_is_read_or_rejected(name: str, topic: str, field: str, value: object) -> None:
    body = json.loads((FIXTURES / f"{name}.json").read_bytes())
    body["topic"] = topic
    body["data"]["item"][field] = value
    read_or_reject(json.dumps(body).encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(body: bytes) -> None:
    read_or_reject(body)


def read_or_reject(body: bytes) -> None:
    delivery = make_delivery(body)
    assert delivery_key(delivery)
    try:
        reading = read(delivery, APP, PAGES)
    except RejectedError:
        return
    assert bool(reading.facts) != bool(reading.ignored)
    for fact in reading.facts:
        written = fact.model_dump_json()  # it can be stored, too
        assert "\\u0000" not in written
        assert all(0 < len(key) < 400 for key in fact.keys)
