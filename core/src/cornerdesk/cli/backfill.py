"""`backfill`: a source's history, through the vendor's API."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cornerdesk.backfilling import open_backfill
from cornerdesk.cli import console
from cornerdesk.cli.backfill_progress import Display, display
from cornerdesk.cli.options import Since, config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.configuration import Configuration
from cornerdesk.intake.backfill import Wish
from cornerdesk.intake.completeness import Summary, differences

INTERRUPTED = 130


class _Beginning(click.ParamType[tuple[str, datetime]]):
    """`--since`, and how it was typed: a length of time means another moment each time."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, datetime]:
        if isinstance(value, tuple):
            return value
        moment = Since().convert(value, param, ctx)
        if moment > datetime.now(UTC):
            self.fail(f"{value!r} lies in the future: nothing has changed since then")
        return value.strip(), moment


@click.command(epilog=example("cornerdesk backfill support --since 2026-01-01"))
@click.argument("source")
@click.option(
    "--since",
    type=_Beginning(),
    metavar="WHEN",
    help="Only tickets that changed since then: a date, a time, or a length of time back such as 90d.",
)
@click.option("--act", is_flag=True, help="Ask the rules, too: those that say `late: true` act on what is found.")
@click.option("--restart", is_flag=True, help="Begin anew, whatever an interrupted run has done.")
@config_option
@json_option
def backfill(
    source: str, since: tuple[str, datetime] | None, act: bool, restart: bool, config: Path, as_json: bool
) -> int:
    """Fetch the history of SOURCE through the help desk's API, and say at the end what is missing of it.

    May run beside `serve`, and be interrupted at any time: the same command goes on. Acts on nothing unless told to;
    what is known already makes no second event. Exit code 1 when anything is missing or could not be read.
    """
    wish = Wish(since[1] if since else None, since[0] if since else None, act, restart)
    configuration = read_configuration(config)
    try:
        with display(as_json=as_json) as shown:
            summary = asyncio.run(_run(configuration, source, wish, shown, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.error("interrupted; the same command goes on")
        return INTERRUPTED
    if not as_json:
        show(summary)
    return 0 if summary.complete else 1


async def _run(configuration: Configuration, source: str, wish: Wish, shown: Display, *, as_json: bool) -> Summary:
    opened = open_backfill(configuration, installed_plugins(), source, shown.tell, act=wish.act)
    with _ended_by_sigterm():
        async with opened as (work, store):
            summary = await work.run(wish)
            if as_json:
                async for each in differences(store.storage, source):
                    console.json_lines([{"what": "differs", "source": source, **each.model_dump()}])
                console.json_lines([{"what": "summary", **summary.model_dump(exclude={"differences"})}])
            return summary


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def show(summary: Summary) -> None:
    """What came of it, for people."""
    kinds = {name: getattr(summary, name) for name in ("deleted", "scrubbed", "spam", "merged")}
    apart = ", ".join(f"{count:,} {name}" for name, count in kinds.items() if count)
    tickets, events = console.counted(summary.tickets, "ticket"), console.counted(summary.events, "new event")
    click.echo(f"{tickets}{f' ({apart})' if apart else ''}, {events}.")
    if summary.unknown:
        click.echo(f"{summary.unknown:,} of the tickets told nothing that could be used.")
    _show_parts(summary)
    if summary.dead:
        click.echo(
            f"{console.counted(summary.dead, 'record')} could not be read: `cornerdesk deadletters list` says why;"
            " once that is mended, `cornerdesk deadletters retry` or this command tries again."
        )
    if summary.complete:
        click.secho("Complete.", fg="green", color=console.colour())


def _show_parts(summary: Summary) -> None:
    if not summary.tickets:
        return
    if not summary.compared:
        click.echo("The help desk does not count the parts of its tickets, so there is nothing to compare.")
        return
    click.echo(f"{console.counted(summary.parts, 'part')} stored, {summary.counted:,} counted by the help desk.")
    if not summary.differ:
        return
    differ = "1 ticket differs" if summary.differ == 1 else f"{summary.differ:,} tickets differ"
    click.echo(f"{differ}, {summary.missing:,} of them lack{'s' if summary.missing == 1 else ''} parts:")
    for each in summary.differences:
        click.echo(f"  ticket {console.plain(each.ticket)}: {each.parts:,} stored, {each.counted:,} counted")
    if summary.differ > len(summary.differences):
        console.note("There are more: --json tells all.")
