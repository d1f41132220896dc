"""How a backfill shows where it is: a bar on a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cornerdesk.cli import console
from cornerdesk.intake.backfill import News, Progressed, Started, Waiting
from cornerdesk.intake.runs import Run

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY = 5.0
"""Seconds between two lines where there is no terminal."""


class Pace:
    """Tickets a second of this process, and what is left of the time: what an earlier one did says nothing of it."""

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._before = run.tickets
        self._begun = clock()
        self._clock = clock

    def rate(self, run: Run) -> float:
        return (run.tickets - self._before) / max(self._clock() - self._begun, 0.001)

    def remaining(self, run: Run) -> float | None:
        """Seconds; None where the vendor does not say how many tickets there are."""
        rate = self.rate(run)
        if run.total is None or run.tickets > run.total or not rate:
            return None
        return (run.total - run.tickets) / rate


class Display(ABC):
    """Hears the news of one run."""

    def __init__(self) -> None:
        self._pace: Pace | None = None

    def tell(self, news: News) -> None:
        if isinstance(news, Started):
            self._pace = Pace(news.run)
            self.started(news)
        elif isinstance(news, Progressed):
            assert self._pace is not None
            self.progressed(news.run, self._pace)
        else:
            self.waits(news)

    @abstractmethod
    def started(self, news: Started) -> None: ...

    @abstractmethod
    def progressed(self, run: Run, pace: Pace) -> None: ...

    @abstractmethod
    def waits(self, news: Waiting) -> None: ...


class Lines(Display):
    """A line now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last = float("-inf")

    def started(self, news: Started) -> None:
        click.echo(beginning(news), err=True)

    def progressed(self, run: Run, pace: Pace) -> None:
        if self._clock() - self._last >= LINE_EVERY or run.ended:
            self._last = self._clock()
            click.echo(_line(run, pace), err=True)

    def waits(self, news: Waiting) -> None:
        click.echo(_waiting(news), err=True)


class JsonLines(Display):
    """One object for each piece of news."""

    def started(self, news: Started) -> None:
        since = news.run.since.isoformat() if news.run.since else None
        self._print("started", news.run, resumed=news.resumed, since=since)

    def progressed(self, run: Run, pace: Pace) -> None:
        remaining = pace.remaining(run)
        numbers = {"rate": round(pace.rate(run), 1), "remaining": None if remaining is None else round(remaining)}
        self._print("progress", run, **numbers)

    def waits(self, news: Waiting) -> None:
        console.json_lines([{"what": "waiting", "seconds": round(news.seconds, 1), "reason": news.reason}])

    def _print(self, what: str, run: Run, **more: Any) -> None:
        numbers = {name: getattr(run, name) for name in ("source", "pages", "records", "tickets", "total")}
        console.json_lines([{"what": what, **numbers, **more}])


class Bar(Display):
    """A bar with rate and remaining time."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task: TaskID | None = None

    def started(self, news: Started) -> None:
        self._progress.console.print(beginning(news), markup=False)
        run = news.run
        self._task = self._progress.add_task(
            run.source, total=run.total, completed=run.tickets, rate="", remaining="", note=""
        )

    def progressed(self, run: Run, pace: Pace) -> None:
        assert self._task is not None
        total = None if run.total is None else max(run.total, run.tickets)
        remaining = pace.remaining(run)
        self._progress.update(
            self._task,
            total=run.tickets if run.ended else total,
            completed=run.tickets,
            rate=_rate(pace, run),
            remaining="" if remaining is None else f"{length(remaining)} left",
            note="",
        )

    def waits(self, news: Waiting) -> None:
        assert self._task is not None
        self._progress.update(self._task, note=_waiting(news))


@contextmanager
def display(*, as_json: bool) -> Iterator[Display]:
    """What fits the output."""
    if as_json:
        yield JsonLines()
        return
    screen = console.error_output()
    if not screen.is_terminal:
        yield Lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tickets {task.fields[rate]} {task.fields[remaining]}", markup=False),
        TextColumn("{task.fields[note]}", style="yellow", markup=False),
    )
    with Progress(*columns, console=screen) as progress:
        yield Bar(progress)


def beginning(news: Started) -> str:
    """Where a run begins or goes on, for people."""
    run = news.run
    since = f" since {console.when(run.since)}" if run.since else ""
    if not news.resumed:
        return f"{run.source}: all history{since}" + (", with the rules" if run.act else ", without asking any rule")
    begun = console.when(run.started_at)
    return f"{run.source}: going on behind page {run.pages:,} ({run.tickets:,} tickets), begun {begun}{since}"


def length(seconds: float) -> str:
    """A time as people say it: its two largest units."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {whole % 60}s" if minutes else f"{whole}s"


def _line(run: Run, pace: Pace) -> str:
    total = f" of {run.total:,}" if run.total is not None and run.total >= run.tickets else ""
    remaining = pace.remaining(run)
    left = f", {length(remaining)} left" if remaining is not None and not run.ended else ""
    return f"{run.source}: {run.tickets:,}{total} tickets, {_rate(pace, run)}{left}"


def _rate(pace: Pace, run: Run) -> str:
    """Tickets a second; with a digit behind the point where there are few, for 0/s looks like a standstill."""
    rate = pace.rate(run)
    return f"{rate:,.0f}/s" if rate >= _MANY else f"{rate:.1f}/s"


_MANY = 9.5


def _waiting(news: Waiting) -> str:
    return f"waiting {length(max(news.seconds, 1))}: {console.plain(news.reason)}"
