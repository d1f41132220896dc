"""Where tokens that change are kept: by source, encrypted, and changed by one process at a time.

Some vendors give a new refresh token with each refresh and refuse the old one from then on. A new pair is therefore
stored before it is used, and of all processes on all machines one refreshes while the others wait for what it gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from cornerdesk.model import FrozenModel


class TokenPair(FrozenModel, hide_input_in_errors=True):
    """What a token endpoint gave.

    Attributes:
        access_token: sent with requests.
        refresh_token: gets the next pair; None where the vendor gives none.
        renew_at: from when on another is wanted, in seconds since 1970, a little before the access token ends; None
            where the vendor does not say when it does.
        origin: a hash of what the configuration had to get it with; a pair of another origin is not used.
    """

    access_token: str
    refresh_token: str | None = None
    renew_at: float | None = None
    origin: str | None = None

    def __repr__(self) -> str:
        return "TokenPair(...)"

    __str__ = __repr__


class CredentialStore(Protocol):
    """Keeps one source's tokens. The core gives each adapter one (`Adapter.use_credentials`)."""

    async def load(self) -> TokenPair | None:
        """What was stored last; None: nothing, or it cannot be read any more because the secret it was encrypted with
        has changed."""

    async def save(self, pair: TokenPair) -> None:
        """Store durably. Only within `renewing`."""

    def renewing(self) -> AbstractAsyncContextManager[None]:
        """Held by one process at a time, for as long as one request to a token endpoint takes.

        Raises:
            RetryableError: another process has held it for too long.
        """


class MemoryCredentials:
    """Keeps tokens for this process alone: for tests, and for vendors whose tokens can always be had anew."""

    def __init__(self) -> None:
        self._pair: TokenPair | None = None
        self._lock = asyncio.Lock()

    async def load(self) -> TokenPair | None:
        return self._pair

    async def save(self, pair: TokenPair) -> None:
        self._pair = pair

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        async with self._lock:
            yield

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return self._renewing()
