"""What makes an effect the same effect: its key, its window, its marker. Pure.

A key is a JSON array, `[owner, scope, target, window]`: parts cannot run into each other, whatever they hold. The
delivery or event that caused an effect is not part of it, so redelivery, replay and backfill make nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cornerdesk.durations import write_duration

if TYPE_CHECKING:
    from cornerdesk.rules.plan import PlannedEffect

_LONGEST = 400
"""A part longer than this is shortened to its beginning and a hash: an index on PostgreSQL holds 2,700 bytes a row."""

_WORD = re.compile(r"^[a-z][a-z_.]{0,30}(?=:)")


def effect_key(owner: str, scope: str, target: str, window: str = "", *tail: str) -> str:
    """The key of an effect; `tail` makes the key of a suppressed one its own."""
    parts = [owner, scope, target, window, *tail]
    return json.dumps([_shortened(part) for part in parts], separators=(",", ":"), ensure_ascii=False)


def key_targets(planned: Sequence[PlannedEffect]) -> list[str]:
    """The third part of each key, in order.

    A rule's own key names the action with the target, since a rule may do two things to one target (`escalate: ceo`,
    `notify: ceo`); and counts what it does twice to one target with another payload, such as two notes.
    """
    seen: dict[tuple[str, str, str], list[str]] = {}
    found = []
    for effect in planned:
        target = effect.target
        if effect.owner != effect.action:
            target = f"{effect.action} {target}"
            payloads = seen.setdefault((effect.owner, effect.scope, target), [])
            payload = json.dumps(effect.payload, sort_keys=True, default=str)
            if payload not in payloads:
                payloads.append(payload)
            if place := payloads.index(payload):
                target += f" #{place + 1}"
        found.append(target)
    return found


def window_key(owner: str, scope: str, target: str) -> str:
    """The key of a row in `once_windows`."""
    return effect_key(owner, scope, target)[: -len(',""]')] + "]"


def window_name(anchor: datetime) -> str:
    """The fourth part of a key: the time at which the window opened."""
    return anchor.astimezone(UTC).isoformat()


def once_words(scope: str, every: timedelta | None) -> str:
    """`once per ticket every 24h`, for reasons that people read. Only the scope's word: the rest may be personal."""
    word = _WORD.match(scope)
    text = f"once per {word.group()}" if word else "once"
    return text + (f" every {write_duration(every)}" if every else "")


def moment_words(moment: datetime) -> str:
    """`2026-11-22T09:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def marker_of(effect_id: str) -> str:
    """A short token, unique for the effect and the same in every attempt: what vendors keep as an idempotency key."""
    return f"cd-{hashlib.sha256(effect_id.encode()).hexdigest()[:20]}"


def _shortened(part: str) -> str:
    if len(part) <= _LONGEST:
        return part
    return f"{part[:64]}…{hashlib.sha256(part.encode()).hexdigest()[:32]}"
