"""Writing effects down, each once by its key, and setting them off. Acts on nothing itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cornerdesk.actions import AnyAction, Effect, EffectState, Intent
from cornerdesk.clock import Clock
from cornerdesk.engine.jobs import JobRequest, Jobs
from cornerdesk.errors import PluginError
from cornerdesk.ledger.keys import (
    effect_key,
    key_targets,
    marker_of,
    moment_words,
    once_words,
    window_key,
    window_name,
)
from cornerdesk.ledger.once import Window, enter_window
from cornerdesk.ledger.rows import effect_of
from cornerdesk.model import Event, new_id
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Row, Transaction

if TYPE_CHECKING:
    # Plans are only read here; the room that makes them takes its time to import.
    from cornerdesk.rules.plan import Plan, PlannedEffect

JOB = "effects"


@dataclass(frozen=True)
class _Claim:
    """One planned effect with the key that it claims. `running`: its window was opened before this event."""

    planned: PlannedEffect
    target: str
    window: Window | None = None

    @property
    def key(self) -> str:
        return effect_key(self.planned.owner, self.planned.scope, self.target, self._window_name)

    def suppressed_key(self, event: str) -> str:
        owner = self.planned.owner
        tail = (event,) if owner == self.planned.rule else (event, self.planned.rule)
        return effect_key(owner, self.planned.scope, self.target, self._window_name, *tail)

    @property
    def running(self) -> bool:
        return self.window is not None and not self.window.opened

    @property
    def _window_name(self) -> str:
        return window_name(self.window.anchor) if self.window else ""


class Ledger:
    """Effects, each written down once.

    Args:
        actions: every action by its name, looked at when it is needed: more may be added until the work begins.
        jobs: where effects are set off.
        clock: what time it is.
    """

    def __init__(self, actions: Mapping[str, AnyAction], jobs: Jobs, clock: Clock) -> None:
        self.actions = actions
        self.jobs = jobs
        self.clock = clock

    async def record(self, tx: Transaction, plan: Plan, event: Event, book_version: str) -> list[Effect]:
        """Write down what is new in a plan, and set it off when `tx` commits.

        What was done before for another event is written down as suppressed, with the reason; what this event had
        asked for already is not written again.

        Returns:
            The effects that are new, in the plan's order, then the suppressed ones.
        """
        claims = await self._claim(tx, plan.effects, event)
        fresh: dict[str, Row] = {}
        for claim in claims:
            if not claim.running and claim.key not in fresh:
                fresh[claim.key] = self._row(claim, claim.key, event, book_version)
        inserted = await self._insert(tx, fresh.values())
        new = [row for key, row in fresh.items() if key in inserted]
        held = await self._hold_back(tx, claims, {(row["key"], row["rule"]) for row in new}, event, book_version)
        await self._set_off(tx, new)
        return [effect_of(row) for row in (*new, *held)]

    async def plan_intents(
        self,
        tx: Transaction,
        intents: Sequence[Intent],
        *,
        rule: str,
        action: str | None,
        source: str | None,
        ticket: str | None,
        event: str | None = None,
        parent: str | None = None,
    ) -> list[str]:
        """Write down what an effect, a verb or a page asks for, and set it off when `tx` commits.

        Each intent is made once by its action, its `scope` and its target, whichever rule or person asks.

        Args:
            action: the action meant by intents that name none.

        Returns:
            The ids of the effects that are new.

        Raises:
            PluginError: an intent has no scope, or names no action that is installed.
        """
        self.check_intents(intents, action)
        now = self.clock.now()
        rows: dict[str, Row] = {}
        for intent in intents:
            name = intent.action or action or ""
            key = effect_key(name, intent.scope or "", intent.target)
            if key in rows:
                continue
            rows[key] = _new_row(
                key,
                rule=rule,
                action=name,
                target=intent.target,
                payload=intent.payload,
                source=source,
                ticket=ticket,
                event=event,
                parent=parent,
                internal=intent.internal,
                planned_at=now,
                not_before=intent.not_before,
            )
        inserted = await self._insert(tx, rows.values())
        new = [row for key, row in rows.items() if key in inserted]
        await self._set_off(tx, new)
        return [row["id"] for row in new]

    async def follow(self, tx: Transaction, effect: Effect, intents: Sequence[Intent]) -> list[str]:
        """Plan what follows from an effect, as its children."""
        return await self.plan_intents(
            tx,
            intents,
            rule=effect.rule,
            action=effect.action,
            source=effect.source,
            ticket=effect.ticket,
            event=effect.event,
            parent=effect.id,
        )

    def check_intents(self, intents: Sequence[Intent], action: str | None) -> None:
        """Refuse follow-ups that break the contract, by name.

        Raises:
            PluginError: an intent has no scope, or names no action that is installed.
        """
        for intent in intents:
            name = intent.action or action
            if name not in self.actions:
                raise PluginError(f"action {action!r} plans {name!r}, and there is no such action; install its plugin")
            if not intent.scope:
                raise PluginError(
                    f"action {action!r} plans {name!r} to {intent.target!r} without a scope; a follow-up needs one:"
                    " it is what the effect is done once for"
                )

    async def set_off(self, tx: Transaction, ids: Sequence[str], *, not_before: datetime | None = None) -> None:
        """Have these effects done, now or at `not_before`, in one job."""
        await self.jobs.enqueue(tx, [_job(ids, not_before)])

    async def _claim(self, tx: Transaction, planned: Sequence[PlannedEffect], event: Event) -> list[_Claim]:
        claims = [_Claim(effect, target) for effect, target in zip(planned, key_targets(planned), strict=True)]
        windows: dict[str, Window] = {}
        keys = {window_key(c.planned.owner, c.planned.scope, c.target): c for c in claims if c.planned.every}
        # Sorted, so that two transactions never wait for each other's windows.
        for key, claim in sorted(keys.items(), key=lambda item: item[0]):
            if every := claim.planned.every:
                windows[key] = await enter_window(tx, key, event.occurred_at, every)
        return [
            _Claim(c.planned, c.target, windows[window_key(c.planned.owner, c.planned.scope, c.target)])
            if c.planned.every
            else c
            for c in claims
        ]

    async def _insert(self, tx: Transaction, rows: Iterable[Row]) -> set[str]:
        """Sorted by key, for the same reason as windows."""
        ordered = sorted(rows, key=lambda row: str(row["key"]))
        return await tx.insert_new(tables.effects, ordered, unique=["key"], returning="key")

    async def _hold_back(
        self,
        tx: Transaction,
        claims: Sequence[_Claim],
        won: set[tuple[str, str]],
        event: Event,
        book_version: str,
    ) -> list[Row]:
        """Write down as suppressed what another event, or another rule, had done before."""
        beaten = [claim for claim in claims if (claim.key, claim.planned.rule) not in won]
        if not beaten:
            return []
        columns = tables.effects.c
        found = await tx.rows(
            select(columns.key, columns.event, columns.rule, columns.planned_at).where(
                columns.key.in_({claim.key for claim in beaten})
            )
        )
        before = {row["key"]: row for row in found}
        held: dict[str, Row] = {}
        for claim in beaten:
            reason = _reason(claim, before.get(claim.key), event)
            key = claim.suppressed_key(event.id)
            if reason is not None and key not in held:
                held[key] = {
                    **self._row(claim, key, event, book_version),
                    "state": EffectState.SUPPRESSED.value,
                    "reason": reason,
                    "done_at": self.clock.now(),
                }
        inserted = await self._insert(tx, held.values())
        return [row for key, row in held.items() if key in inserted]

    def _row(self, claim: _Claim, key: str, event: Event, book_version: str) -> Row:
        planned = claim.planned
        return _new_row(
            key,
            rule=planned.rule,
            rule_version=planned.rule_version or book_version,
            action=planned.action,
            target=planned.target,
            payload=planned.payload,
            source=event.source,
            ticket=event.ticket.id,
            event=event.id,
            internal=planned.internal,
            planned_at=self.clock.now(),
            not_before=planned.not_before,
        )

    async def _set_off(self, tx: Transaction, rows: Sequence[Row]) -> None:
        """One job for everything due now, and one for each moment at which something is due later."""
        now = self.clock.now()
        due: dict[datetime | None, list[str]] = {}
        for row in rows:
            at = row["not_before"]
            due.setdefault(at if at is not None and at > now else None, []).append(row["id"])
        if due:
            await self.jobs.enqueue(tx, [_job(ids, at) for at, ids in due.items()])


def _job(ids: Sequence[str], not_before: datetime | None) -> JobRequest:
    return JobRequest(JOB, json.dumps(list(ids), separators=(",", ":")).encode(), not_before=not_before)


def _new_row(key: str, **values: Any) -> Row:
    effect_id = new_id()
    defaults = {"rule_version": None, "parent": None, "attempts": 0, "done_at": None, "reason": None, "receipt": None}
    return {
        "id": effect_id,
        "key": key,
        "marker": marker_of(effect_id),
        "state": EffectState.PLANNED.value,
        **defaults,
        **values,
    }


def _reason(claim: _Claim, before: Row | None, event: Event) -> str | None:
    """Why not, or None when this is only the same fact told again."""
    planned = claim.planned
    once = once_words(planned.scope, planned.every)
    if before is not None and before["event"] == event.id:
        return None if before["rule"] == planned.rule else f"{once}: rule {before['rule']} asked for it already"
    if planned.scope.startswith("event:"):
        return None
    if claim.window is not None:
        return f"{once}: done for an earlier event at {moment_words(claim.window.anchor)}"
    moment = f" at {moment_words(before['planned_at'])}" if before else ""
    return f"{once}: done for an earlier event{moment}"
