"""Doing an effect that changes the world: commit the attempt, send, commit the receipt; look up what is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cornerdesk.actions import RemoteAction, SendContext
from cornerdesk.adapters.interface import Adapter
from cornerdesk.configuration import Configuration
from cornerdesk.errors import UnknownOutcomeError
from cornerdesk.ledger.attempts import Attempt, Attempts
from cornerdesk.storage.errors import StorageUnavailable

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteExecution:
    """Does remote effects."""

    attempts: Attempts
    adapters: Mapping[str, Adapter]
    configuration: Configuration
    hooks: Any

    async def run(self, effect_id: str, action: RemoteAction[Any]) -> None:
        """Do this effect, once, as far as anybody can know."""
        attempt = await self._begun(effect_id, self.attempts.begin(effect_id, action))
        if attempt is not None and attempt.looking:
            attempt = await self._look_up(attempt, action)
        if attempt is not None:
            await self._send(attempt, action)

    async def _begun(self, effect_id: str, beginning: Awaitable[Attempt | None]) -> Attempt | None:
        try:
            return await beginning
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin's `echoes` may raise anything
            await self.attempts.refuse(effect_id, error)
            return None

    async def _look_up(self, attempt: Attempt, action: RemoteAction[Any]) -> Attempt | None:
        """The attempt to send it, when the last one certainly did not take place."""
        effect = attempt.held.effect
        try:
            receipt = await self._answer(action.look_up(effect, self._context(attempt)))
            outcome = None if receipt is None else action.found(effect, receipt)
        except Exception as failure:  # noqa: BLE001 - a plugin is run
            error = failure
            await self._keep(lambda: self.attempts.fail(attempt, error))
            return None
        if outcome is None:
            return await self._begun(effect.id, self.attempts.send_again(attempt, action))
        found = outcome
        await self._keep(lambda: self.attempts.end(attempt, found))
        return None

    async def _send(self, attempt: Attempt, action: RemoteAction[Any]) -> None:
        try:
            outcome = await self._answer(action.send(attempt.held.effect, self._context(attempt)))
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
            configuration=self.configuration,
            adapters=self.adapters,
            hooks=self.hooks,
            marker=attempt.held.marker,
            reading=self.attempts.storage.reading,
        )
