"""How long 1,000 rules take to be asked about one snapshot. Target: under 1 ms.

Run with `python benchmarks/rules.py [--rules N] [--rounds N]`. All rules wait for the same kind of event, so that every
one could fire; each has two or three conditions, and nearly all do not hold, as in life. Three books are measured: one
whose rules repeat some conditions, one in which every expression is different, and, as the worst case, one without a
single `==` or signal, so that no rule can be left out before it is asked (see `rules/index.py`). What is timed is the
whole of `RuleBook.plan`: making what the engine sees of the snapshot, asking the rules, planning what fired. Beside the
time by the clock stands the processor's, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cornerdesk.actions import Action, ActionSettings, Intent, PlanContext, TextSetting
from cornerdesk.configuration import Configuration
from cornerdesk.model import Account, Customer, Event, EventKind, Message, Signal, Snapshot, Status, Ticket
from cornerdesk.rules import Catalogue, RuleBook, load_rules_from_texts
from cornerdesk.signals.interface import SignalSpec

SIGNALS = [f"signal_{number}" for number in range(20)]
TARGET = 0.001
"""Seconds for 1,000 rules."""

_NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


class NoteSettings(ActionSettings):
    """A text."""

    text: TextSetting


class NoteAction(Action[NoteSettings]):
    """Plans one effect."""

    name = "note"
    about = "a note"
    settings_model = NoteSettings
    shorthand = "text"

    def plan(self, settings: NoteSettings, context: PlanContext) -> Sequence[Intent]:
        """One intent."""
        return [Intent(target="ticket", payload={"text": settings.text})]


def make_snapshot() -> Snapshot:
    """A canary's complaint, with much known and some unknown."""
    account = Account(
        id="a", name="Acme", tier="canary", status="active", domains=("acme.example",), fields={"Seats": 40}
    )
    ticket = Ticket(
        id="12",
        subject="Exports fail",
        status=Status.OPEN,
        tags=("export", "billing", "vip"),
        customer=Customer(id="c", email="jo@acme.example", name="Jo"),
        account=account,
        created_at=_NOW - timedelta(hours=3),
        message_count=3,
        fields={"Plan": "gold", "Region": "emea"},
    )
    message = Message(id="m", direction="inbound", text="The export fails every night. " * 20)
    event = Event(
        id="e",
        source="support",
        helpdesk="zendesk",
        kind=EventKind.MESSAGE_ADDED,
        occurred_at=_NOW,
        received_at=_NOW,
        ticket=ticket,
        message=message,
    )
    signals = (Signal(name="signal_3"), Signal(name="signal_4"))
    return Snapshot(event=event, signals=signals, known_signals=frozenset(SIGNALS), now=_NOW)


def repeating(number: int) -> list[str]:
    """Conditions such as people write them, some the same in many rules."""
    tier = ("canary", "key", "standard")[number % 3]
    extra = (
        ['ticket.status == "solved"'],
        ["account.revenue > 100000"],
        ['"vip" in ticket.tags', "ticket.message_count > 10"],
        ['now - ticket.created_at > duration("4h")'],
        ["ticket.waiting_since != null"],
    )[number % 5]
    return [f'account.tier == "{tier}"', f"signals.{SIGNALS[number % 20]}", *extra][: 2 + number % 2]


def different(number: int) -> list[str]:
    """Conditions that no other rule has."""
    first = (
        f'account.name == "Company {number}"',
        f'ticket.subject == "Subject {number}"',
        f"ticket.message_count > {100 + number}",
        f'"tag-{number}" in ticket.tags',
        f'ticket.fields["Plan"] == "plan-{number}"',
    )[number % 5]
    return [first, f'account.plan != "plan-{number}"', f"signals.{SIGNALS[number % 20]}"][: 2 + number % 2]


def unindexed(number: int) -> list[str]:
    """Different conditions, none of which says beforehand what a value must be."""
    first = (
        f"ticket.message_count > {100 + number}",
        f'"tag-{number}" in ticket.tags',
        f'ticket.subject.startsWith("Subject {number}")',
        f"account.revenue > {number}.0",
    )[number % 4]
    return [first, f'account.tier != "tier-{number}"', f"ticket.message_count < {number}"][: 2 + number % 2]


BOOKS: dict[str, Callable[[int], list[str]]] = {
    "some conditions repeated": repeating,
    "all conditions different": different,
    "different, every rule asked": unindexed,
}


def make_book(rules: int, conditions: Callable[[int], list[str]]) -> RuleBook:
    """A book of so many rules; one in 200 holds."""
    lines = ["rules:"]
    for number in range(rules):
        lines += [f"  - rule: rule-{number}", "    when: message.added", "    if:"]
        asked = (
            conditions(number) if number % 200 else ['account.tier == "canary"', f"ticket.message_count < {number + 9}"]
        )
        lines += [f"      - '{condition}'" for condition in asked]
        lines += ['    then: [{note: "{{ account.name }} again"}]']
    catalogue = Catalogue({"note": NoteAction()}, Configuration(), [SignalSpec(name=s, about=s) for s in SIGNALS])
    return load_rules_from_texts({"rules.yaml": "\n".join(lines)}, catalogue)


def measure(book: RuleBook, snapshot: Snapshot, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds that each of so many plans took by the clock, and seconds of the processor alone; both sorted."""
    clock, processor = [], []
    for _ in range(20):
        book.plan(snapshot)
    gc.collect()
    for _ in range(rounds):
        start, busy = time.perf_counter(), time.thread_time()
        book.plan(snapshot)
        clock.append(time.perf_counter() - start)
        processor.append(time.thread_time() - busy)
    return sorted(clock), sorted(processor)


def summary(times: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and best, in milliseconds."""
    return {
        "median": statistics.median(times) * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "best": times[0] * 1000,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2000)
    options: Any = parser.parse_args(arguments)
    snapshot = make_snapshot()
    for name, conditions in BOOKS.items():
        start = time.perf_counter()
        book = make_book(options.rules, conditions)
        read = time.perf_counter() - start
        fired = len(book.plan(snapshot).fired)
        print(f"{options.rules} rules, {name}: {fired} fired, read in {read:.2f} s")
        for what, times in zip(("by the clock", "processor"), measure(book, snapshot, options.rounds), strict=True):
            figures = ", ".join(f"{name} {value:.3f} ms" for name, value in summary(times).items())
            print(f"    {what}: {figures}")


if __name__ == "__main__":
    main()
