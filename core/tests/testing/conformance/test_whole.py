"""The kit's tests of everything together: Plaindesk passes, what tells a thing twice or never does not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from cornerdesk import Adapter, Clock, EventKind, HistoryPage, HistoryRecord, Reading, Receipt
from cornerdesk.testing import StandIn, WholeTests
from cornerdesk.testing.plaindesk import PlainAdapter
from cornerdesk.testing.plaindesk.standin import PlainStandIn

from .kit import Plaindesk


class TestWhole(Plaindesk, WholeTests): ...


class KeysOfItsOwn(PlainAdapter):
    """History names its facts otherwise than webhooks do."""

    def read_history(self, record: HistoryRecord) -> Reading:
        return with_keys(super().read_history(record), "history")


def with_keys(reading: Reading, prefix: str) -> Reading:
    facts = [fact.model_copy(update={"keys": tuple(f"{prefix}:{key}" for key in fact.keys)}) for fact in reading.facts]
    return reading.model_copy(update={"facts": tuple(facts)})


class NewKeysEachTime(PlainAdapter):
    """Everything is read again each time, under another name."""

    runs = 0

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        self.runs += 1
        page = await super().fetch_history(None, None)
        renamed = tuple(record.model_copy(update={"key": f"{self.runs}:{record.key}"}) for record in page.records)
        return page.model_copy(update={"records": renamed})

    def read_history(self, record: HistoryRecord) -> Reading:
        return with_keys(super().read_history(record), record.key)


class Forgetful(PlainAdapter):
    """A backfill reads what there was at first, and nothing later."""

    first: HistoryPage | None = None

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        self.first = self.first or await super().fetch_history(since, cursor)
        return self.first


class NoRatings(PlainAdapter):
    """History keeps quiet about one kind of event."""

    def read_history(self, record: HistoryRecord) -> Reading:
        reading = super().read_history(record)
        told = tuple(fact for fact in reading.facts if fact.kind is not EventKind.TICKET_RATED)
        return reading.model_copy(update={"facts": told})


class NoHints(PlainAdapter):
    """Nobody can know its notes again."""

    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        receipt = await super().add_note(ticket_id, text, marker)
        return receipt.model_copy(update={"echoes": ("text:another",)})


BROKEN: list[tuple[type[PlainAdapter], str]] = [
    (KeysOfItsOwn, "test_history_after_webhooks_tells_nothing_again"),
    (KeysOfItsOwn, "test_webhooks_after_history_tell_nothing_again"),
    (KeysOfItsOwn, "test_any_half_of_the_webhooks_and_history_make_a_whole"),
    (NoRatings, "test_both_tell_the_same"),
    (NewKeysEachTime, "test_a_second_backfill_finds_nothing_new"),
    (Forgetful, "test_a_lost_message_is_found"),
    (NoHints, "test_what_we_wrote_is_known_as_ours_in_history"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN, ids=lambda part: part if isinstance(part, str) else part.__name__)
async def test_what_is_broken_is_found(broken: type[PlainAdapter], test: str, tmp_path: Path) -> None:
    class Broken(Plaindesk, WholeTests):
        def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
            return broken("support", self.make_settings(base_url), clock=clock)

    kit = Broken()
    more = {"tmp_path": tmp_path} if test == "test_both_tell_the_same" else {}
    async with kit.founded(tmp_path) as company:
        with pytest.raises(AssertionError):
            await getattr(kit, test)(company, **more)


def test_each_of_these_tests_is_proved() -> None:
    assert {name for name in vars(WholeTests) if name.startswith("test_")} == {test for _, test in BROKEN}


async def test_a_day_with_what_the_vendor_has_not_is_told_as_such(tmp_path: Path) -> None:
    class Unrated(PlainStandIn):
        def rate(self, ticket: str, score: str, comment: str | None = None) -> None:
            raise self.not_here("rate tickets")

    class Kit(Plaindesk, WholeTests):
        def make_timed_adapter(self, base_url: str, clock: Clock) -> Adapter:
            return PlainAdapter("support", self.make_settings(base_url), clock=clock)

        def make_standin(self, clock: Clock) -> StandIn:  # type: ignore[override]
            return Unrated(clock=clock)

    kit = Kit()
    async with kit.founded(tmp_path) as company:
        with pytest.raises(pytest.fail.Exception, match="nobody can rate tickets: override `a_day`"):
            await kit.test_a_second_backfill_finds_nothing_new(company)
