"""Whatever arrives is a reading or a rejection, and never another error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cornerdesk import RejectedError
from cornerdesk_zendesk.events import EVENTS
from cornerdesk_zendesk.schemas import Detail, Happening
from cornerdesk_zendesk.testing import make_delivery
from cornerdesk_zendesk.webhooks import delivery_key, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAGES = "https://acme.zendesk.com/agent/tickets/"
TICKET_CREATED = (Path(__file__).parent / "fixtures" / "ticket_created.json").read_bytes()
ODD = ["0", "", "5158", "OPEN", "2026-10-05T12:00:00.123456789Z", "9999-12-31T23:59:59-12:00", -1, 10**40]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["0", "", "5158", "OPEN", "2026-10-05T12:00:00.123456789Z", "9999-12-31T23:59:59-12:00", -1, 10**40]
    )
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from([f"zen:event-type:{name}" for name in EVENTS]) | SCALARS


def shaped(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a model's fields, each of any shape."""
    return st.dictionaries(st.sampled_from(sorted(model.model_fields)), ANY, max_size=6)


COMMENT = st.fixed_dictionaries({}, optional={"id": ANY, "body": ANY, "is_public": ANY, "author": ANY})
EVENT = shaped(Happening) | st.fixed_dictionaries({"comment": COMMENT}) | ANY
BODIES = st.fixed_dictionaries(
    {"type": TYPES},
    optional={
        "id": ANY,
        "time": ANY,
        "subject": ANY,
        "detail": shaped(Detail) | ANY,
        "event": EVENT,
        "account_id": ANY,
    },
)
TRIGGERS = st.fixed_dictionaries(
    {"cornerdesk": ANY | st.just(1)}, optional={"ticket": ANY, "updated_at": ANY, "actor": ANY}
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES | TRIGGERS | ANY)
def test_any_json_is_read_or_rejected(data: object) -> None:
    read_or_reject(json.dumps(data).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(EVENTS)), st.sampled_from(sorted(Detail.model_fields)), ANY)
def test_one_field_gone_wrong_is_read_or_rejected(kind: str, field: str, value: object) -> None:
    body = json.loads(TICKET_CREATED)
    body["type"] = f"zen:event-type:{kind}"
    body["detail"][field] = value
    read_or_reject(json.dumps(body).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(body: bytes) -> None:
    read_or_reject(body)


def read_or_reject(body: bytes) -> None:
    delivery = make_delivery(body)
    assert delivery_key(delivery)
    try:
        reading = read(delivery, PAGES)
    except RejectedError:
        return
    assert bool(reading.facts) != bool(reading.ignored)
    for fact in reading.facts:
        written = fact.model_dump_json()  # it can be stored, too
        assert "\\u0000" not in written
        assert all(0 < len(key) < 500 for key in fact.keys)
