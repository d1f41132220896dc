"""Words of vendors' enums, however they are written."""

from __future__ import annotations

import pytest
from cornerdesk import RejectedError
from cornerdesk.wire import Loose, Word, parse


class Ticket(Loose):
    status: Word = None


@pytest.mark.parametrize(
    ("written", "read"),
    [("Open", "open"), (" Waiting on customer ", "waiting on customer"), (2, "2"), (0, "0"), ("", None), (None, None)],
)
def test_a_word_is_read(written: object, read: str | None) -> None:
    assert parse(Ticket, {"status": written}).status == read


@pytest.mark.parametrize("written", [True, 1.5, [2], {"id": 2}, 10**40])
def test_what_is_no_word_is_rejected(written: object) -> None:
    with pytest.raises(RejectedError, match="status"):
        parse(Ticket, {"status": written})
