"""Doing an effect that changes the world: commit the attempt, send, commit the receipt; look up what is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cornerdesk.actions import SendContext
from cornerdesk.adapters.interface import Adapter
from cornerdesk.errors import UnknownOutcomeError
from cornerdesk.ledger.attempts import Attempt, Attempts
from cornerdesk.storage.errors import StorageUnavailable

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteExecution:
    """Goes on with attempts that have begun."""

    attempts: Attempts
    adapters: Mapping[str, Adapter]
    hooks: Any

    async def go_on(self, attempt: Attempt) -> None:
        """Send what was begun, once, as far as anybody can know."""
        sending = await self._look_up(attempt) if attempt.looking else attempt
        if sending is not None:
            await self._send(sending)

    async def _look_up(self, attempt: Attempt) -> Attempt | None:
        """The attempt to send it, when the last one certainly did not take place."""
        effect, action = attempt.held.effect, attempt.action
        try:
            receipt = await self._answer(action.look_up(effect, self._context(attempt)))
            outcome = None if receipt is None else action.found(effect, receipt)
        except Exception as failure:  # noqa: BLE001 - a plugin is run
            error = failure
            await self._keep(lambda: self.attempts.fail(attempt, error))
            return None
        if outcome is None:
            return await self.attempts.send_again(attempt)
        found = outcome
        await self._keep(lambda: self.attempts.end(attempt, found))
        return None

    async def _send(self, attempt: Attempt) -> None:
        try:
            outcome = await self._answer(attempt.action.send(attempt.held.effect, self._context(attempt)))
        except Exception as failure:  # noqa: BLE001 - a plugin is run
            error = failure
            await self._keep(lambda: self.attempts.fail(attempt, error))
            return
        await self._keep(lambda: self.attempts.end(attempt, outcome))

    async def _answer(self, call: Awaitable[T]) -> T:
        limit = self.attempts.patience.send_timeout
        try:
            async with asyncio.timeout(limit):
                return await call
        except TimeoutError:
            raise UnknownOutcomeError(f"no answer within {limit:g} seconds") from None

    async def _keep(self, store: Callable[[], Awaitable[None]]) -> None:
        """Store what came back, and not give up at once: what is lost here has to be looked up later."""
        for delay in self.attempts.patience.keeping_delays:
            try:
                return await store()
            except StorageUnavailable:
                await asyncio.sleep(delay)
        return await store()

    def _context(self, attempt: Attempt) -> SendContext:
        return SendContext(
            now=self.attempts.clock.now(),
            configuration=self.attempts.configuration,
            adapters=self.adapters,
            hooks=self.hooks,
            marker=attempt.held.marker,
            reading=self.attempts.storage.reading,
        )
