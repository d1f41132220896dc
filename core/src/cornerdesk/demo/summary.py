"""The summary at the end of the demo: what came in, what each rule made of it, what was done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cornerdesk.demo.stage import Stage

STYLES = {"confirmed": "green", "acknowledged": "green", "counted": "green", "open": "cyan", "suppressed": "dim"}


def show_summary(stage: Stage, console: Console, names: Mapping[str, str]) -> None:
    """Print the tables; `names` says who wrote which ticket."""
    deliveries, events = stage.rows("deliveries"), stage.rows("events")
    console.print("\n[bold]What came in[/bold]")
    kinds = Counter(event["kind"] for event in events)
    echoes = sum(event["actor"]["kind"] == "self" for event in events)
    console.print(
        f"{len(deliveries)} deliveries ({_counted(d['state'] for d in deliveries)}), {len(events)} events"
        f" ({_counted(kinds.elements())}), {echoes} of them our own echo"
    )
    console.print(_rules(stage, events, names))
    console.print(_effects(stage, names))
    console.print(_ledgers(stage, names))


def _rules(stage: Stage, events: list[dict[str, Any]], names: Mapping[str, str]) -> Table:
    table = _table("What each rule made of it", "rule", "fired on", "not on", "why not, mostly")
    found = [row for ticket in sorted({e["ticket"]["id"] for e in events}) for row in _explained(stage, ticket)]
    for rule in dict.fromkeys(row["rule"] for row in found):
        rows = [row for row in found if row["rule"] == rule]
        fired = [row["ticket"] for row in rows if row["fired"] and not row["suppressed"]]
        reasons = Counter(row["suppressed"] or row["first_failed"] for row in rows if row["ticket"] not in fired)
        why = reasons.most_common(1)[0][0] if reasons else ""
        tickets = ", ".join(_named(ticket, names) for ticket in dict.fromkeys(fired)) or "nothing"
        table.add_row(rule, tickets, str(len(rows) - len(fired)), why or "")
    return table


def _explained(stage: Stage, ticket: str) -> list[dict[str, Any]]:
    lines = stage.command("explain", ticket, "--json").splitlines()
    return [json.loads(line) for line in lines]


def _effects(stage: Stage, names: Mapping[str, str]) -> Table:
    table = _table("What was done", "source", "ticket", "rule", "action", "to", "state", "tries")
    for row in sorted(stage.rows("effects"), key=lambda row: row["planned_at"]):
        state = f"[{STYLES.get(row['state'], 'yellow')}]{row['state']}[/]"
        tries, ticket = str(row["attempts"]), _named(row["ticket"], names)
        table.add_row(row["source"] or "", ticket, row["rule"], row["action"], row["target"], state, tries)
    return table


def _ledgers(stage: Stage, names: Mapping[str, str]) -> Table:
    table = _table("What stands in the ledgers", "ledger", "what", "state", "more")
    for row in reversed(stage.rows("escalations")):
        by = f"by {row['acknowledged_by']}" if row["acknowledged_by"] else f"step {row['step']}"
        table.add_row("escalation", _named(row["ticket"], names), _state(row), by)
    for row in stage.rows("leads"):
        table.add_row(
            "lead",
            f"{row['company'] or row['domain']}, {row['kind']}",
            _state(row),
            f"tickets {', '.join(_named(ticket, names) for ticket in row['tickets'])}",
        )
    for row in stage.rows("votes"):
        table.add_row(
            "vote", row["feature"], _state(row), f"weight {row['weight']}, “{'; '.join(map(str, row['quotes']))}”"
        )
    return table


def _named(ticket: str | None, names: Mapping[str, str]) -> str:
    """A ticket by its id and who wrote it."""
    return f"{ticket} {names.get(ticket, '')}".strip() if ticket else ""


def _state(row: Mapping[str, Any]) -> str:
    return f"[{STYLES.get(row['state'], 'yellow')}]{row['state']}[/]"


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=f"\n{title}", title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column)
    return table


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())
