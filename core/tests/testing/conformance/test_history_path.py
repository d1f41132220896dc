"""Faults of history hit pages of history, or the standard tests say that they did not."""

from __future__ import annotations

import pytest
from cornerdesk.testing.conformance.bench import opened
from cornerdesk.testing.conformance.standard import NOW

from .kit import PlainHistory

OF_PAGES = [
    "test_pages_that_shift_leave_nothing_out",
    "test_a_repeated_page_does_no_harm",
    "test_an_empty_page_is_no_end",
]


@pytest.mark.parametrize("test", OF_PAGES)
async def test_a_fault_that_hits_no_page_is_told(test: str) -> None:
    class Elsewhere(PlainHistory):
        history_path = "/v2/tickets"

    kit = Elsewhere()
    async with opened(kit.make_standin, lambda url: kit.make_adapter(base_url=url), NOW) as bench:
        with pytest.raises(AssertionError, match="hit no page: is `history_path` right"):
            await getattr(kit, test)(bench)


class TestAnAnchoredPath(PlainHistory):
    history_path = "/tickets$"
