"""The timer of `after` rules: when it fires, the rule is asked again, on the state of then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from cornerdesk.actions import ActionSettings, Effect, Intent, Outcome, PlanContext, RecordContext, RecordedAction
from cornerdesk.storage.transaction import Transaction

Reconsider = Callable[[Transaction, Effect, datetime], Awaitable[None]]


class ReconsiderAction(RecordedAction[ActionSettings]):
    """Asks a rule again, within the transaction that marks the timer done.

    Args:
        reconsider: plans the rule again and records what it asks for. The ledger knows no rules, so it is handed in.
    """

    name = "reconsider"
    about = "asks an `after` rule again"
    settings_model = ActionSettings
    usable_in_rules = False

    def __init__(self, reconsider: Reconsider) -> None:
        self._reconsider = reconsider

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        return ()

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        await self._reconsider(context.tx, effect, context.now)
        return Outcome()
