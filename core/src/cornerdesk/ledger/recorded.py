"""Doing an effect that changes only our own tables: in one transaction, wholly or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cornerdesk.actions import RecordContext, RecordedAction
from cornerdesk.configuration import Configuration
from cornerdesk.ledger.attempts import Attempts
from cornerdesk.storage.errors import StorageUnavailable


@dataclass(frozen=True)
class RecordedExecution:
    """Does recorded effects."""

    attempts: Attempts
    configuration: Configuration

    async def run(self, effect_id: str, action: RecordedAction[Any]) -> None:
        """Do this effect, exactly once."""
        try:
            await self._record(effect_id, action)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin is run
            await self.attempts.refuse(effect_id, error)

    async def _record(self, effect_id: str, action: RecordedAction[Any]) -> None:
        attempts = self.attempts
        now = attempts.clock.now()
        async with attempts.storage.transaction() as tx:
            held = await attempts.ready(tx, effect_id, now)
            if held is None:
                return
            outcome = await action.record(held.effect, RecordContext(tx, now, self.configuration))
            await attempts.finish(tx, held, outcome, now, attempts=held.effect.attempts + 1)
