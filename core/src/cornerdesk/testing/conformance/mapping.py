"""Standard tests of `read`. Pure: no stand-in is needed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from cornerdesk.adapters.echo import hints_of
from cornerdesk.adapters.interface import Capability, Fact, Reading
from cornerdesk.errors import RejectedError
from cornerdesk.model import EventKind, Ticket
from cornerdesk.testing.conformance.arbitrary import bounded, near_samples
from cornerdesk.testing.conformance.samples import Sample, find, leaves, put
from cornerdesk.testing.conformance.standard import StandardTests

LONGEST_FACT_KEY = 400
MARTIAN = "martian"
"""A value that no vendor has in any enum."""

WORDS = "Mrs Quillfeather would like her money back"
"""What no reason may quote."""

_NO_OBJECTS = {
    "nothing": b"",
    "bytes": b"\xff\xfe",
    "no JSON": b"not json",
    "too deep": b"[" * 50_000,
    "text": b'"text"',
    "null": b"null",
    "a list": b"[]",
}


class MappingTests(StandardTests):
    """What deliveries tell, in our words."""

    def unknown_event(self, name: str) -> Sample:
        """A delivery of an event type that does not exist: `name`, spelt as the vendor spells its types."""
        raise NotImplementedError(f"{type(self).__name__} has to give unknown_event")

    # ── what it means ───────────────────────────────────────────────────────────────────────────────────────────────

    def test_there_are_samples(self) -> None:
        """Without a sample that tells something nothing here is tested.

        When it fails: put a delivery of the vendor's documentation, or one made with `cornerdesk record`, into
        `samples`.
        """
        assert any(sample.tells for sample in self.samples)

    def test_a_sample_means_what_it_says(self, sample: Sample) -> None:
        """The sample's facts are those its `Told` list.

        When it fails: either the mapping is wrong or the expectation is; the message has the differing fields.
        """
        facts = list(self._read(sample).facts)
        assert len(facts) == len(sample.tells), f"{len(facts)} facts: {[(fact.kind, fact.keys) for fact in facts]}"
        for told in sample.tells:
            differences = {index: told.differences(fact) for index, fact in enumerate(facts)}
            nearest = min(differences, key=lambda index: len(differences[index]))
            assert not differences[nearest], f"{sample.name}: {'; '.join(differences[nearest])}"
            facts.pop(nearest)

    def test_a_reading_has_facts_or_a_reason(self, sample: Sample) -> None:
        """A delivery that tells nothing says why, so that it can be counted.

        When it fails: return `Reading(ignored="a reason")`, one of few, where there is no fact, and none where there
        is one.
        """
        reading = self._read(sample)
        assert bool(reading.facts) != bool(reading.ignored)

    def test_reading_twice_tells_the_same(self, sample: Sample) -> None:
        """Replay reads stored deliveries again, years later and with another clock.

        When it fails: nothing of a reading may come from the clock, from a random id or from state of the adapter;
        `delivery.received_at` is the time to fall back to.
        """
        assert self._read(sample) == self._read(sample)

    # ── the form of facts ───────────────────────────────────────────────────────────────────────────────────────────

    def test_facts_have_keys(self, sample: Sample) -> None:
        """A key that is empty, long or unprintable cannot be looked up.

        When it fails: build keys of ids, such as `message:77`, and never of text.
        """
        for key in (key for fact in self._read(sample).facts for key in fact.keys):
            assert key.strip(), "a key is empty"
            assert len(key) <= LONGEST_FACT_KEY, f"a key of {len(key)} characters"
            assert key.isprintable(), "a key holds what cannot be printed"

    def test_ids_are_text(self, sample: Sample) -> None:
        """JSON has ids as numbers here and as text there; ours are text, so that they are the same everywhere.

        When it fails: type the field as `cornerdesk.wire.Id` in the schema, which reads both.
        """
        for fact in self._read(sample).facts:
            wrong = [".".join(map(str, place)) for place, value in _told(fact) if place[-1] == "id" and _no_id(value)]
            assert not wrong, f"not text: {', '.join(wrong)}"

    def test_times_are_aware(self, sample: Sample) -> None:
        """A time without a zone is an hour wrong half of the year.

        When it fails: type the field as `cornerdesk.wire.Time` in the schema, which reads the vendors' spellings.
        """
        for fact in self._read(sample).facts:
            wrong = [".".join(map(str, place)) for place, value in _told(fact) if _naive(value)]
            assert not wrong, f"without a zone: {', '.join(wrong)}"

    def test_what_is_told_of_a_ticket_fits_the_model(self, sample: Sample) -> None:
        """`Fact.ticket` is checked against `Ticket` when it is settled, and a dead letter when it does not fit.

        When it fails: the message names the fields; spell them as in `cornerdesk.Ticket`, and use its types.
        """
        for fact in self._read(sample).facts:
            try:
                Ticket.model_validate({**fact.ticket, "id": fact.ticket_id})
            except ValidationError as error:
                wrong = {".".join(map(str, each["loc"])) for each in error.errors() if not _told_elsewhere(each)}
                assert not wrong, f"no field of a ticket, or of another type: {', '.join(sorted(wrong))}"

    def test_a_change_is_told_on_both_sides(self, sample: Sample) -> None:
        """A `ticket.changed` says what changed, or is of no kind and leaves finding out to the core.

        When it fails: a fact that names no field has `kind=None`; and no change has the same value on both sides.
        """
        for fact in self._read(sample).facts:
            assert fact.kind is not EventKind.TICKET_CHANGED or fact.changes, "tells a change, but not of what"
            same = [name for name, change in fact.changes.items() if change.before == change.after]
            assert not same, f"before is after: {', '.join(same)}"

    def test_facts_can_be_stored(self, sample: Sample) -> None:
        """A fact waits in the database as JSON.

        When it fails: hand on `raw` as `json.loads` gave it, and no objects of your own.
        """
        for fact in self._read(sample).facts:
            assert json.loads(fact.model_dump_json())

    def test_changes_have_plain_values(self, sample: Sample) -> None:
        """Changes are compared with stored ones and with the hints of our own writes: a person in them is
        `{"id": ...}`, and no object.

        When it fails: put `model_dump()` of people into `Change`.
        """
        for fact in self._read(sample).facts:
            stored = Fact.model_validate_json(fact.model_dump_json())
            assert hints_of(None, stored.changes) == hints_of(None, fact.changes)

    # ── one fact, several deliveries ────────────────────────────────────────────────────────────────────────────────

    def test_the_same_fact_from_two_deliveries_shares_a_key(self) -> None:
        """One action of a person that arrives as several deliveries is one event.

        When it fails: name facts by what they are about (`message:77`), and not by the delivery that tells them.
        """
        groups = [group for group in self._named_facts().values() if len(group) > 1]
        if not groups:
            pytest.skip("no two samples name a fact alike (`Told.fact`)")
        for group in groups:
            shared = set.intersection(*(set(fact.keys) for fact in group))
            assert shared, f"nothing in common: {[fact.keys for fact in group]}"

    def test_different_facts_share_no_key(self) -> None:
        """Two facts with one key, and the second is taken for a repetition of the first.

        When it fails: put everything that makes the fact another one into its key: a ticket's id is not enough.
        """
        owners: dict[str, str] = {}
        for name, facts in self._named_facts().items():
            for key in {key for fact in facts for key in fact.keys}:
                assert owners.setdefault(key, name) == name, f"{name} and {owners[key]} both have {key!r}"

    # ── the unknown ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_unknown_enum_values_survive(self, sample: Sample) -> None:
        """The vendor, or one of its customers, makes a new status tomorrow: the event goes through and shows the word.

        When it fails: look words up with a default (`OTHER`, None) and put the word itself into `status_label`,
        `priority_label` or `channel_label`.
        """
        if not sample.enums:
            pytest.skip("names no enums")
        for path in sample.enums:
            reading = self._read(sample.with_data(put(sample.data, find(sample.data, path), MARTIAN)))
            assert reading.facts, f"{path}: ignored for a word it does not know ({reading.ignored})"
            told = json.dumps([_plain(fact) for fact in reading.facts], default=str).lower()
            assert MARTIAN in told, f"{path}: the vendor's own word is lost"

    def test_unknown_event_types_are_ignored_with_a_reason(self) -> None:
        """New event types appear unannounced; they are counted by their reason, and no dead letters.

        When it fails: return `Reading(ignored=...)` where the type is in no table. The reason is the same for every
        type, or strangers could make as many counters as they like.
        """
        reasons = {self._read(self.unknown_event(name)).ignored for name in ("martian_landed", "martian_left")}
        assert None not in reasons, "an unknown event tells something"
        assert len(reasons) == 1, f"several reasons: {reasons}"
        assert all(reasons), "an empty reason"

    def test_any_json_is_read_or_rejected(self) -> None:
        """Whatever JSON comes is a reading or a `RejectedError`, which names the field, and never another error.

        When it fails: read bodies with `load_json` and `cornerdesk.wire.parse`, and nothing by `data["key"]`.
        """

        @bounded(200)
        @given(near_samples(self.samples))
        def check(sample: Sample) -> None:
            self._read_or_reject(sample)

        check()

    @pytest.mark.parametrize(
        "body", [b"", b"\xff\xfe", b"not json", b"[" * 50_000, b'"text"', b"null", b"[]"], ids=repr
    )
    def test_what_is_no_object_is_rejected(self, body: bytes) -> None:
        """A body that is no JSON object is a dead letter with a reason.

        When it fails: read it with `load_json`, which raises `RejectedError`, and check that it is a dict.
        """
        with pytest.raises(RejectedError):
            self._read(Sample("odd", body, headers=self.samples[0].headers))

    def test_reasons_quote_nobody(self) -> None:
        """Reasons are logged, counted and shown in lists: a customer's words have no place there.

        When it fails: name the field and not its value; `cornerdesk.wire.parse` does.
        """
        for sample in self.samples:
            for place, _ in leaves(sample.data):
                for value in (WORDS, {"text": WORDS}):
                    said = self._said(sample.with_data(put(sample.data, place, value)))
                    assert WORDS not in said, f"{sample.name}, {'.'.join(map(str, place))}: quoted"

    # ── capabilities ────────────────────────────────────────────────────────────────────────────────────────────────

    def test_old_values_are_told_as_declared(self) -> None:
        """`BEFORE_AND_AFTER` tells the core whether a missing old value means "was unset" or "is not told".

        When it fails: declare it if deliveries tell old values, and have a sample that shows it; else do not.
        """
        seen = any(
            change.before is not None
            for sample in self.samples
            for fact in self._read(sample).facts
            for change in fact.changes.values()
        )
        self._compare(Capability.BEFORE_AND_AFTER, seen, "tells a changed field's old value")

    def test_ratings_are_told_as_declared(self) -> None:
        """Rules that need ratings are checked against `RATINGS`.

        When it fails: declare it if deliveries tell ratings, and have a sample that shows it; else do not.
        """
        facts = [fact for sample in self.samples for fact in self._read(sample).facts]
        seen = any(fact.kind is EventKind.TICKET_RATED and fact.rating is not None for fact in facts)
        self._compare(Capability.RATINGS, seen, "tells a rating")

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, sample: Sample) -> Reading:
        return self.make_adapter().read(self.make_delivery(sample))

    def _read_or_reject(self, sample: Sample) -> None:
        try:
            self._read(sample)
        except RejectedError:
            return

    def _said(self, sample: Sample) -> str:
        try:
            return self._read(sample).ignored or ""
        except RejectedError as error:
            return str(error)
        except Exception:  # noqa: BLE001 - whether it crashes is another test's business
            return ""

    def _named_facts(self) -> dict[str, list[Fact]]:
        named: dict[str, list[Fact]] = defaultdict(list)
        for sample in self.samples:
            facts = self._read(sample).facts
            for told in (told for told in sample.tells if told.fact):
                named[told.fact] += [fact for fact in facts if not told.differences(fact)][:1]
        return named

    def _compare(self, capability: Capability, seen: bool, what: str) -> None:
        if capability in self.declared:
            assert seen, f"{capability} is declared, and no sample {what}"
        else:
            assert not seen, f"a sample {what}, and {capability} is not declared"


def _plain(fact: Fact) -> dict[str, Any]:
    """All that a fact tells, without the delivery's own JSON."""
    changes = {name: change.model_dump() for name, change in fact.changes.items()}
    return {"ticket": _as_data(fact.ticket), "changes": changes, "occurred_at": fact.occurred_at}


def _as_data(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(inner) for inner in value]
    return value.model_dump() if hasattr(value, "model_dump") else value


def _told(fact: Fact) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value of a fact with its place; but for custom fields, whose values are the vendor's own."""
    whole = _as_data(fact.model_dump())
    del whole["raw"]
    return ((place, value) for place, value in leaves(whole) if place and "fields" not in place)


def _no_id(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and value)


def _naive(value: Any) -> bool:
    return isinstance(value, datetime) and value.utcoffset() != timedelta(0)


def _told_elsewhere(problem: Any) -> bool:
    """What the tests of ids and of times say already."""
    value = problem["input"]
    return (problem["loc"][-1:] == ("id",) and _no_id(value)) or _naive(value)
