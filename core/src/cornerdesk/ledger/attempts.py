"""The transactions around an attempt: it is committed before anything goes out, and its end after.

The row's state and its number of attempts are the fence. Whoever finds the row as another attempt left it has been
overtaken (a zombie, a job taken over): its failure is not heard any more, its success still counts, since it is true.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from cornerdesk.actions import Effect, EffectState, Outcome, RecordContext, RecordedAction, RemoteAction
from cornerdesk.clock import Clock
from cornerdesk.configuration import Configuration
from cornerdesk.errors import CornerdeskError, PluginError, RetryableError, UnknownOutcomeError, UnsupportedError
from cornerdesk.ledger.evidence import past_looking_up, place_of, sent_words, with_evidence
from cornerdesk.ledger.ledger import Ledger
from cornerdesk.ledger.metrics import Meter
from cornerdesk.ledger.rows import ENDED, IN_DOUBT, Held, change, hold, note_echoes
from cornerdesk.ledger.verdicts import Patience, Verdict, judge, reason_of
from cornerdesk.storage import Storage
from cornerdesk.storage.transaction import Transaction

log = structlog.get_logger()

_WORRYING = 3
"""The attempt from which on a failure is no longer a vendor's everyday life."""

_GOOD_ENDS = frozenset({EffectState.CONFIRMED, EffectState.SUPPRESSED})


@dataclass(frozen=True)
class Attempt:
    """An attempt that has begun: the row as this attempt left it. `looking`: look the last one up before sending."""

    held: Held
    action: RemoteAction[Any]
    looking: bool


@dataclass(frozen=True)
class Attempts:
    """Begins and ends attempts. `jitter` gives a number from 0 to 1."""

    storage: Storage
    ledger: Ledger
    clock: Clock
    configuration: Configuration
    patience: Patience
    meter: Meter
    jitter: Callable[[], float]

    async def begin(self, effect_id: str) -> Attempt | None:
        """Do the effect here and now if it changes only our own tables; else commit that its next attempt begins.

        Returns:
            The attempt to go on with, or None: there is nothing more to do, or not yet.

        Raises:
            Exception: whatever the action raised; nothing of the attempt is left.
        """
        now = self.clock.now()
        async with self.storage.transaction() as tx:
            held = await self._ready(tx, effect_id, now)
            if held is None:
                return None
            match self.ledger.actions.get(held.effect.action):
                case RemoteAction() as action:
                    return await self._begin(tx, held, action, now)
                case RecordedAction() as action:
                    outcome = await self._record(tx, held, action, now)
                    await self._finish(tx, held, outcome, now, attempts=held.effect.attempts + 1)
                    return None
                case _:
                    raise UnsupportedError(
                        f"no action {held.effect.action!r} is installed; install its plugin, then"
                        f" `cornerdesk deadletters retry {effect_id}`"
                    )

    async def _record(self, tx: Transaction, held: Held, action: RecordedAction[Any], now: datetime) -> Outcome:
        """Others wait for this transaction, on SQLite the receiver too, so it may not take for ever.

        Raises:
            RetryableError: it took too long, and is undone.
        """
        try:
            async with asyncio.timeout(self.patience.record_timeout) as limit:
                return await action.record(held.effect, RecordContext(tx, now, self.configuration))
        except TimeoutError:
            if not limit.expired():
                raise
            seconds = self.patience.record_timeout
            raise RetryableError(f"action {action.name} did not end within {seconds:g} seconds; undone") from None

    async def send_again(self, attempt: Attempt) -> Attempt | None:
        """Commit that it is sent again: looking it up has shown that it did not take place."""
        now = self.clock.now()
        async with self.storage.transaction() as tx:
            held = await hold(tx, attempt.held.effect.id)
            if held is None or not _still(held, attempt.held):
                return None
            return await self._start(tx, held, attempt.action, EffectState.SENT, now)

    async def _ready(self, tx: Transaction, effect_id: str, now: datetime) -> Held | None:
        """The effect, locked, if it is to be done now. If it is to be done later, another job will come for it."""
        held = await hold(tx, effect_id)
        if held is None or held.effect.state in ENDED:
            return None
        if held.effect.not_before is not None and held.effect.not_before > now:
            await self.ledger.set_off(tx, [effect_id], not_before=held.effect.not_before)
            return None
        return held

    async def end(self, attempt: Attempt, outcome: Outcome) -> None:
        """Commit how what was sent ended, and what follows from it."""
        now = self.clock.now()
        async with self.storage.transaction() as tx:
            held = await hold(tx, attempt.held.effect.id)
            if held is None or held.effect.state in _GOOD_ENDS:
                log.info("effect_confirmed_before", effect=attempt.held.effect.id)
                return
            # It took place, whatever else is wrong with the answer: it must never be sent again.
            refusal = self._refusal(held, outcome)
            if refusal is not None:
                log.error("effect_outcome_refused", effect=held.effect.id, action=held.effect.action, reason=refusal)
                outcome = Outcome(receipt=outcome.receipt, reason=refusal)
            await self._finish(tx, held, outcome, now)

    async def _finish(
        self, tx: Transaction, held: Held, outcome: Outcome, now: datetime, *, attempts: int | None = None
    ) -> None:
        """Mark the effect done, store the hints of its receipt, and plan its follow-ups.

        Raises:
            PluginError: the outcome breaks the contract.
        """
        if (refusal := self._refusal(held, outcome)) is not None:
            raise PluginError(refusal)
        effect, receipt = held.effect, outcome.receipt
        await change(
            tx,
            held,
            state=outcome.state.value,
            attempts=effect.attempts if attempts is None else attempts,
            reason=outcome.reason,
            done_at=now,
            not_before=held.progress.not_before,
            receipt=None if receipt is None else receipt.model_dump(mode="json"),
        )
        if receipt is not None:
            await note_echoes(tx, effect, receipt.echoes, now)
        await self.ledger.follow(tx, effect, outcome.follow_ups)
        tx.after_commit(lambda: self.meter.count(held, outcome.state, now))

    async def fail(self, attempt: Attempt, error: Exception) -> None:
        """Commit that the attempt ended in `error`: to be tried again, or dead."""
        now = self.clock.now()
        async with self.storage.transaction() as tx:
            held = await hold(tx, attempt.held.effect.id)
            if held is None or not _still(held, attempt.held):
                log.warning("effect_overtaken", effect=attempt.held.effect.id, error=type(error).__name__)
                return
            in_doubt = (
                attempt.looking or isinstance(error, UnknownOutcomeError) or not isinstance(error, CornerdeskError)
            )
            again = EffectState.UNKNOWN if in_doubt else EffectState.FAILED
            verdict = self._judge(held, error, again, now)
            if not in_doubt:
                held = replace(held, progress=held.progress.model_copy(update={"sent_at": None}))
            elif attempt.looking and isinstance(error, UnsupportedError):
                verdict = replace(verdict, reason=past_looking_up(held, verdict.reason))
                held = replace(held, progress=held.progress.model_copy(update={"sent_at": None}))
            else:
                verdict = replace(verdict, reason=with_evidence(held, verdict.reason))
            await self._close(tx, held, verdict, now)
        _tell(held, verdict, error)

    async def refuse(self, effect_id: str, error: Exception) -> None:
        """Commit that an attempt failed of which nothing is left but its error: it was undone wholly."""
        now = self.clock.now()
        async with self.storage.transaction() as tx:
            held = await self._ready(tx, effect_id, now)
            if held is None:
                return
            held = replace(held, effect=held.effect.model_copy(update={"attempts": held.effect.attempts + 1}))
            verdict = self._judge(held, error, EffectState.FAILED, now)
            verdict = replace(verdict, reason=with_evidence(held, verdict.reason))
            await self._close(tx, held, verdict, now)
        _tell(held, verdict, error)

    async def _begin(self, tx: Transaction, held: Held, action: RemoteAction[Any], now: datetime) -> Attempt | None:
        if held.effect.attempts < self.patience.max_attempts:
            state = EffectState.UNKNOWN if held.effect.state in IN_DOUBT else EffectState.SENT
            return await self._start(tx, held, action, state, now)
        reason = f"given up after {held.effect.attempts} attempts: the last one ended without a word"
        await self._close(tx, held, Verdict(EffectState.DEAD, with_evidence(held, reason)), now)
        return None

    async def _start(
        self, tx: Transaction, held: Held, action: RemoteAction[Any], state: EffectState, now: datetime
    ) -> Attempt:
        looking = state is EffectState.UNKNOWN
        progress = held.progress if looking else held.progress.model_copy(update={"sent_at": now})
        changes: dict[str, Any] = {
            "state": state,
            "attempts": held.effect.attempts + 1,
            "not_before": now + self.patience.lease,
            "reason": sent_words(progress) + (", no answer: being looked up" if looking else ", no answer yet"),
        }
        started = replace(held, effect=held.effect.model_copy(update=changes), progress=progress)
        await change(tx, held, **{**changes, "state": state.value, "receipt": progress.model_dump(mode="json")})
        if not looking:
            await note_echoes(tx, started.effect, action.echoes(started.effect), now)
        return Attempt(started, action, looking)

    async def _close(self, tx: Transaction, held: Held, verdict: Verdict, now: datetime) -> None:
        dead = verdict.state is EffectState.DEAD
        due = None if verdict.delay is None else now + verdict.delay
        await change(
            tx,
            held,
            state=verdict.state.value,
            attempts=held.effect.attempts,
            reason=verdict.reason,
            done_at=now if dead else None,
            not_before=held.progress.not_before if dead else due,
            receipt=held.progress.model_dump(mode="json"),
        )
        if due is not None:
            await self.ledger.set_off(tx, [held.effect.id], not_before=due)
        if dead:
            await self._go_round(tx, held.effect)
        tx.after_commit(lambda: self.meter.count(held, verdict.state, now))

    async def _go_round(self, tx: Transaction, effect: Effect) -> None:
        """Plan what its action does instead, now that it is a dead letter."""
        action = self.ledger.actions.get(effect.action)
        if not isinstance(action, RemoteAction):
            return
        try:
            instead = action.given_up(effect)
            self.ledger.check_intents(instead, effect.action)
        except Exception as error:  # noqa: BLE001 - a plugin is run, and the dead letter must be kept
            log.error("given_up_failed", effect=effect.id, action=effect.action, error=type(error).__name__)
            return
        await self.ledger.follow(tx, effect, instead)

    def _judge(self, held: Held, error: Exception, again: EffectState, now: datetime) -> Verdict:
        return judge(
            error,
            action=held.effect.action,
            attempts=held.effect.attempts,
            age=now - held.due_since,
            again=again,
            patience=self.patience,
            jitter=self.jitter,
        )

    def _refusal(self, held: Held, outcome: Outcome) -> str | None:
        if outcome.state not in _GOOD_ENDS:
            state = outcome.state.value
            return f"action {held.effect.action!r} ended in state {state!r}; only confirmed and suppressed are ends"
        try:
            self.ledger.check_intents(outcome.follow_ups, held.effect.action)
        except PluginError as error:
            return str(error)
        return None


def _tell(held: Held, verdict: Verdict, error: Exception) -> None:
    effect = held.effect
    often = log.warning if effect.attempts >= _WORRYING else log.info
    level = log.error if verdict.state is EffectState.DEAD else often
    level(
        f"effect_{verdict.state.value}",
        effect=effect.id,
        rule=effect.rule,
        action=effect.action,
        source=effect.source,
        ticket=effect.ticket,
        attempts=effect.attempts,
        reason=reason_of(error, effect.action),
        error=type(error).__name__,
        # Where an error of ours was raised says no more than its words do.
        **({} if isinstance(error, CornerdeskError) else {"at": place_of(error)}),
    )


def _still(held: Held, before: Held) -> bool:
    """Whether the row is as this attempt left it."""
    return held.effect.attempts == before.effect.attempts and held.effect.state is before.effect.state
