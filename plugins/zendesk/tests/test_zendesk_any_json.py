"""Whatever arrives is a reading or a rejection, and never another error."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from cornerdesk import Fact, HistoryRecord, RejectedError
from cornerdesk.intake.told import checked_fields
from cornerdesk.wire import parse
from cornerdesk_zendesk.events import EVENTS
from cornerdesk_zendesk.limits import allowance_of
from cornerdesk_zendesk.recording import Names, event_record, read_rows, ticket_record, without_noise
from cornerdesk_zendesk.records import read_record
from cornerdesk_zendesk.schemas import Child, Detail, ExportedTicket, Happening, TicketEvent, User
from cornerdesk_zendesk.testing import make_delivery
from cornerdesk_zendesk.updates import FIELDS
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


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────

USERS = st.dictionaries(st.sampled_from(["77", "5", "-1"]), shaped(User) | ANY, max_size=2) | ANY
CHANGE = st.dictionaries(
    st.sampled_from([*FIELDS, "tags", "custom_ticket_fields", "author_id", "body"]), ANY, max_size=4
)
CHILDREN = st.lists(
    st.builds(
        lambda kind, named, changed, before: {**kind, **named, **changed, "previous_value": before},
        st.sampled_from(["Change", "Create", "Comment", "VoiceComment", "Notification", "?"]).map(
            lambda kind: {"id": 9, "event_type": kind}
        ),
        shaped(Child),
        CHANGE,
        ANY,
    )
    | ANY,
    max_size=3,
)
EVENT_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just(1) | ANY,
        "ticket_id": st.just(5158) | ANY,
        "created_at": st.just("2026-10-05T12:00:00Z") | ANY,
        "timestamp": st.just(1791201600) | ANY,
        "updater_id": ANY,
        "via": ANY,
        "child_events": CHILDREN | ANY,
    },
)
TICKET_ROWS = st.builds(
    lambda row, whole: {**whole, **row},
    shaped(ExportedTicket),
    st.just({"id": 5158, "updated_at": "2026-10-05T12:00:00Z"}) | st.just({}),
)
RECORDS = (
    st.fixed_dictionaries({"ticket": TICKET_ROWS | ANY}, optional={"users": USERS, "organization": ANY, "titles": ANY})
    | st.fixed_dictionaries({"event": EVENT_ROWS | ANY}, optional={"users": USERS, "groups": ANY, "titles": ANY})
    | ANY
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECORDS)
def test_any_record_is_read_or_rejected(data: object) -> None:
    record = HistoryRecord(key="k", ticket_id="5158", body=json.dumps(data).encode())
    try:
        reading = read_record(record, PAGES)
    except RejectedError:
        return
    assert bool(reading.facts) != bool(reading.ignored)
    for fact in reading.facts:
        checked_fields(fact)  # the core takes it
        fact.model_dump_json()
        assert all(0 < len(key) < 500 for key in fact.keys)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TICKET_ROWS | EVENT_ROWS | st.dictionaries(st.text(max_size=5), ANY, max_size=3), max_size=4))
def test_any_row_becomes_a_record_or_is_skipped_for_a_reason(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        tickets, skipped = read_rows([row], lambda each: parse(ExportedTicket, each), "ticket")
        for kept, ticket in tickets:
            record = ticket_record(kept, ticket, Names(), look=True)
            read_or_reject_record(record)
        worth = without_noise(row)
        events, more = read_rows([worth] if worth is not None else [], lambda each: parse(TicketEvent, each), "event")
        for kept, event in events:
            read_or_reject_record(event_record(kept, event, Names()))
        assert all(each.reason and each.key for each in (*skipped, *more))


def read_or_reject_record(record: HistoryRecord) -> None:
    with suppress(RejectedError):
        read_record(record, PAGES)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=40), st.text(max_size=40), max_size=4))
def test_any_headers_tell_of_a_limit_or_of_none(headers: dict[str, str]) -> None:
    told = allowance_of(headers)
    assert told is None or (told.limit >= 0 and told.resets > 0)


WHOLE_TICKET = {
    "id": 5158,
    "created_at": "2026-10-05T12:00:00Z",
    "updated_at": "2026-10-05T12:30:00Z",
    "generated_timestamp": 1791201600,
    "status": "closed",
    "subject": "Export stops",
    "description": "We will cancel.",
    "tags": ["closed_by_merge"],
    "requester_id": 77,
    "satisfaction_rating": {"score": "bad", "comment": "Slow."},
    "custom_fields": [{"id": 5, "value": "pro"}],
}
WHOLE_CHILDREN: list[dict[str, Any]] = [
    {"id": 1, "event_type": "Comment", "author_id": 77, "body": "Hello", "public": True, "attachments": []},
    {"id": 2, "event_type": "Change", "status": "open", "previous_value": "new"},
    {"id": 3, "event_type": "Change", "custom_ticket_fields": {"5": "pro"}, "previous_value": None},
    {"id": 4, "event_type": "Change", "tags": ["a"], "added_tags": ["a"], "previous_value": []},
    {"id": 5, "type": "Change", "field_name": "group_id", "value": "3", "previous_value": None},
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ExportedTicket.model_fields)), ANY)
def test_one_field_of_a_ticket_gone_wrong_is_read_or_rejected(field: str, value: object) -> None:
    row = {**WHOLE_TICKET, field: value}
    users = {"77": {"id": 77, "role": "end-user", "email": "bo@example.com"}}
    check_record({"ticket": row, "users": users, "titles": {"5": "Plan"}})


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(range(len(WHOLE_CHILDREN))),
    st.sampled_from(
        ["id", "type", "author_id", "body", "via", "value", "previous_value", "status", "tags", "field_name"]
    ),
    ANY,
)
def test_one_field_of_an_update_gone_wrong_is_read_or_rejected(child: int, field: str, value: object) -> None:
    children = [dict(each) for each in WHOLE_CHILDREN]
    children[child][field] = value
    row = {"id": 9, "ticket_id": 5158, "timestamp": 1791201600, "updater_id": 77, "child_events": children}
    check_record({"event": row, "groups": {"3": "Support"}, "titles": {"5": "Plan"}})


def test_what_is_not_wrong_is_read() -> None:
    assert len(check_record({"ticket": WHOLE_TICKET})) == 3
    row = {"id": 9, "ticket_id": 5158, "timestamp": 1791201600, "child_events": WHOLE_CHILDREN}
    assert len(check_record({"event": row})) == 5


def check_record(data: object) -> tuple[Fact, ...]:
    record = HistoryRecord(key="k", ticket_id="5158", body=json.dumps(data).encode())
    try:
        facts = read_record(record, PAGES).facts
    except RejectedError:
        return ()
    for fact in facts:
        checked_fields(fact)
        assert "\\u0000" not in fact.model_copy(update={"raw": {}}).model_dump_json()
    return facts
