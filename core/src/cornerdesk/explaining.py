"""Why did a rule fire, or not: recomputed from the stored snapshot with the version of the rules of that time.

Shared by CLI and dashboard. Reads; never decides anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from cornerdesk.errors import RejectedError
from cornerdesk.intake.listings import find_events
from cornerdesk.model import ActorKind, Snapshot
from cornerdesk.rules import Catalogue, RuleBook, load_rules_from_texts
from cornerdesk.rules.plan import Explanation
from cornerdesk.storage import tables
from cornerdesk.storage.transaction import Transaction


class EventExplanation(Explanation):
    """One rule on one event; `effects` are the states of what it planned."""

    event: str
    ticket: str
    source: str
    kind: str
    occurred_at: datetime
    effects: tuple[str, ...] = ()


async def explain(
    tx: Transaction,
    reference: str,
    catalogue: Catalogue,
    current: RuleBook,
    *,
    rule: str | None = None,
    echoes: bool = False,
) -> list[EventExplanation]:
    """What every rule made of a ticket's events, oldest first, or of one event.

    Args:
        reference: a ticket's id or number, or an event's id.
        rule: only this rule.
        echoes: also events that were our own echo.

    Raises:
        RejectedError: there is no such ticket or event, or no such rule.
    """
    events = await find_events(tx, reference)
    if not events:
        raise RejectedError(f"there is no ticket or event {reference!r}; `cornerdesk tickets` lists what came in")
    books: dict[str, RuleBook] = {current.version: current}
    found: list[EventExplanation] = []
    for row in events:
        snapshot = Snapshot.model_validate(row["snapshot"])
        if snapshot.event.actor.kind is ActorKind.SELF and not echoes and len(events) > 1:
            continue
        book = await _book_of(tx, row["rulebook"], books, catalogue, current)
        found += await _explain_one(tx, snapshot, book, rule)
    if rule and not found:
        raise RejectedError(f"there was no rule {rule!r} when {reference} came in")
    return found


async def _explain_one(tx: Transaction, snapshot: Snapshot, book: RuleBook, rule: str | None) -> list[EventExplanation]:
    event = snapshot.event
    effects = await _effects_of(tx, event.id)
    return [
        EventExplanation(
            **dict(explanation),
            event=event.id,
            ticket=event.ticket.id,
            source=event.source,
            kind=event.kind.value,
            occurred_at=event.occurred_at,
            effects=tuple(effects.get(explanation.rule, ())),
        ).model_copy(update={"suppressed": explanation.suppressed or _suppression(effects.get(explanation.rule, ()))})
        for explanation in book.explain(snapshot, rule)
    ]


async def _effects_of(tx: Transaction, event: str) -> Mapping[str, Sequence[str]]:
    rows = await tx.rows(
        select(tables.effects).where(tables.effects.c.event == event).order_by(tables.effects.c.planned_at)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        if not row["internal"]:
            reason = f" ({row['reason']})" if row["reason"] else ""
            found.setdefault(row["rule"], []).append(f"{row['action']} {row['target']}: {row['state']}{reason}")
    return found


def _suppression(effects: Sequence[str]) -> str | None:
    held = [effect for effect in effects if ": suppressed" in effect]
    return "; ".join(held) if held and len(held) == len(effects) else None


async def _book_of(
    tx: Transaction, version: str | None, books: dict[str, RuleBook], catalogue: Catalogue, current: RuleBook
) -> RuleBook:
    if version is None or version in books:
        return books.get(version or "", current)
    files = await tx.value(select(tables.rulebooks.c.files).where(tables.rulebooks.c.version == version))
    # Lenient: a person, feature or plugin that the rules of then named may be gone by now.
    books[version] = load_rules_from_texts(files, catalogue, lenient=True) if files else current
    return books[version]
