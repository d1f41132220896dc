"""Whatever arrives is a reading or a rejection, and never another error."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from cornerdesk import HistoryRecord, Reading, RejectedError, Ticket
from cornerdesk_helpscout.events import EVENTS
from cornerdesk_helpscout.records import read_record
from cornerdesk_helpscout.schemas import ApiRating, Conversation, Thread
from cornerdesk_helpscout.testing import make_delivery
from cornerdesk_helpscout.webhooks import delivery_key, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOTE = json.loads((Path(__file__).parent / "fixtures" / "note.json").read_bytes())
ODD = ["0", "", "5158", "ACTIVE", "2026-10-05T12:00:00.123456789Z", "9999-12-31T23:59:59-12:00", -1, 10**40, "\u0000"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(ODD)
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(EVENTS)) | st.text(max_size=20)


def shaped(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a model's fields, each of any shape."""
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), ANY, max_size=6)


THREADS = st.fixed_dictionaries({"threads": st.lists(shaped(Thread) | ANY, max_size=3)})
CONVERSATIONS = st.builds(
    lambda shape, number, threads: {**shape, "id": number, "_embedded": threads},
    shaped(Conversation),
    ANY | st.just(7),
    THREADS | ANY,
)
RATINGS = st.builds(lambda shape: {"conversationId": 7, **shape}, shaped(ApiRating))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, CONVERSATIONS | RATINGS | ANY)
def test_any_json_is_read_or_rejected(event: str, data: object) -> None:
    read_or_reject(json.dumps(data).encode(), event)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.sampled_from(sorted(Conversation.model_fields)), ANY)
def test_one_field_gone_wrong_is_read_or_rejected(event: str, field: str, value: object) -> None:
    read_or_reject(json.dumps(NOTE | {field: value}).encode(), event)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.sampled_from(sorted(Thread.model_fields)), ANY)
def test_one_field_of_a_thread_gone_wrong_is_read_or_rejected(event: str, field: str, value: object) -> None:
    body = copy.deepcopy(NOTE)
    body["_embedded"]["threads"][0][field] = value
    read_or_reject(json.dumps(body).encode(), event)
    record = HistoryRecord(key="k", ticket_id="2040701", body=json.dumps({"conversation": body}).encode())
    try:
        reading = read_record(record)
    except RejectedError:
        return
    assert_storable(reading)


@settings(max_examples=100, deadline=None)
@given(NAMES, st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(event: str, body: bytes) -> None:
    read_or_reject(body, event)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["status", "type"]),
    st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=30),
)
def test_a_word_nobody_knows_stays_readable(field: str, word: str) -> None:
    body = NOTE | {field: word} | ({"source": None} if field == "type" else {})
    (fact,) = read(make_delivery(json.dumps(body).encode(), "convo.status")).facts
    label = fact.ticket["status_label" if field == "status" else "channel_label"]
    assert label == word.strip().lower()


def read_or_reject(body: bytes, event: str) -> None:
    delivery = make_delivery(body, event)
    assert delivery_key(delivery)
    try:
        reading = read(delivery)
    except RejectedError:
        return
    assert_storable(reading)


def assert_storable(reading: Reading) -> None:
    assert bool(reading.facts) != bool(reading.ignored)
    for fact in reading.facts:
        Ticket.model_validate({"id": fact.ticket_id, **fact.ticket})
        written = fact.model_dump_json()
        assert "\\u0000" not in written
        assert all(0 < len(key) < 500 for key in fact.keys)
