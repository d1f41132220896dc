"""The findings of the last examination, in the table `findings`: since when each is there, for whoever asks next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, delete, func, or_, select

from cornerdesk.storage import Storage, tables
from cornerdesk.storage.transaction import Transaction
from cornerdesk.subscriptions.findings import Examination, Finding

_TABLE = tables.findings


@dataclass(frozen=True)
class News:
    """What is different from the last time.

    Attributes:
        new: findings that were not there.
        gone: the kinds of those that are not there any more.
    """

    new: tuple[Finding, ...] = ()
    gone: tuple[str, ...] = ()


async def remember(tx: Transaction, examination: Examination, now: datetime) -> tuple[Examination, News]:
    """Store the findings of one source instead of those before; each with the time since when it is there."""
    source = examination.source
    rows = await tx.rows(tx.locked(select(_TABLE).where(_TABLE.c.source == source)))
    before = {(row["what"], row["subject"]): row["since"] for row in rows}
    findings = tuple(_with_since(finding, before, now) for finding in examination.findings)
    names = {finding.name for finding in findings}
    kept = {name for name in before if name[0] in examination.unjudged}
    gone = [name for name in before if name not in names | kept]
    if gone:
        these = [and_(_TABLE.c.what == what, _TABLE.c.subject == subject) for what, subject in gone]
        await tx.execute(delete(_TABLE).where(_TABLE.c.source == source, or_(*these)))
    await _store(tx, findings)
    news = News(tuple(each for each in findings if each.name not in before), tuple(what for what, _ in gone))
    return replace(examination, findings=findings), news


async def known_findings(storage: Storage, sources: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many findings of each kind each of these sources has, as far as was last known."""
    count = select(_TABLE.c.source, _TABLE.c.what, func.count().label("count")).where(_TABLE.c.source.in_(sources))
    async with storage.reading() as tx:
        rows = await tx.rows(count.group_by(_TABLE.c.source, _TABLE.c.what))
    return {(row["source"], row["what"]): row["count"] for row in rows}


def _with_since(finding: Finding, before: dict[tuple[str, str], datetime], now: datetime) -> Finding:
    return finding if finding.since else finding.model_copy(update={"since": before.get(finding.name, now)})


async def _store(tx: Transaction, findings: Sequence[Finding]) -> None:
    rows = {
        finding.name: {
            "source": finding.source,
            "what": finding.what.value,
            "subject": finding.subscription or "",
            "since": finding.since,
            "detail": finding.detail,
        }
        for finding in findings
    }
    if rows:
        insert = tx.upsert(_TABLE)
        newer = {name: insert.excluded[name] for name in ("since", "detail")}
        changing = insert.on_conflict_do_update(index_elements=["source", "what", "subject"], set_=newer)
        await tx.execute(changing, list(rows.values()))
