"""Asking an adapter for a page of history, whatever it does."""

from __future__ import annotations

import asyncio

from cornerdesk.adapters.history import HistoryPage
from cornerdesk.adapters.interface import Adapter
from cornerdesk.errors import CornerdeskError, RejectedError, RetryableError
from cornerdesk.intake.runs import Run

LONGEST = 600.0
"""Seconds for one page: some vendors want a call for every ticket on it, and allow few of them."""


async def fetch_page(adapter: Adapter, run: Run) -> HistoryPage:
    """The page that a run goes on with.

    Raises:
        RetryableError, CredentialsError: not now.
        RejectedError: the vendor refuses it, or the adapter fails on it; asking again will not help.
    """
    try:
        async with asyncio.timeout(LONGEST):
            page = await adapter.fetch_history(run.since, run.cursor)
    except TimeoutError:
        raise RetryableError(f"adapter {adapter.helpdesk} brought no page within {LONGEST:.0f} s") from None
    except CornerdeskError:
        raise
    except Exception as error:
        # A plugin's own error may quote a customer, so only its name is told.
        raise RejectedError(f"{type(error).__name__} in adapter {adapter.helpdesk} while it fetched history") from error
    if page.cursor == run.cursor and not page.end:
        raise RejectedError(f"adapter {adapter.helpdesk} goes round in circles: it wants the same page again")
    return page
