"""`explain`: what every rule made of a ticket or event, condition by condition."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from cornerdesk.cli import console
from cornerdesk.cli.options import config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.explaining import EventExplanation
from cornerdesk.explaining import explain as explain_events
from cornerdesk.rules import load_rules
from cornerdesk.rules.plan import ConditionResult
from cornerdesk.runtime import make_catalogue
from cornerdesk.store import open_tables

MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


@click.command(epilog=example("cornerdesk explain 1234 --rule canary-in-distress"))
@click.argument("reference", metavar="TICKET-or-EVENT")
@click.option("--rule", help="Only this rule.")
@click.option("--echoes", is_flag=True, help="Also events that were our own echo.")
@config_option
@json_option
def explain(reference: str, rule: str | None, echoes: bool, config: Path, as_json: bool) -> None:
    """What every rule made of a ticket or event: each condition, the value it saw and where that came from."""
    found = asyncio.run(_explain(config, reference, rule, echoes))
    if as_json:
        console.json_lines(found)
    else:
        show(found, every_condition=rule is not None)


def show(found: list[EventExplanation], *, every_condition: bool) -> None:
    """Print explanations for people; rules for other kinds of event get one line together, unless asked for."""
    event = None
    for each in found:
        if each.event != event:
            event = each.event
            click.secho(
                f"\n{each.kind} on ticket {each.ticket} ({each.source}) at {console.when(each.occurred_at)}", bold=True
            )
        _show_rule(each, every_condition)


def _show_rule(each: EventExplanation, every_condition: bool) -> None:
    verdict = "fired" if each.fired and not each.suppressed else "held back" if each.fired else "did not fire"
    click.secho(f"  {each.rule}: {verdict}", fg="green" if verdict == "fired" else None, nl=False)
    click.echo(f", {each.suppressed}" if each.suppressed else "")
    if each.conditions and (every_condition or not each.suppressed):
        for condition in each.conditions:
            _show_condition(condition, first_failed=condition.text == each.first_failed)
    elif each.first_failed and not each.suppressed:
        click.echo(f"      {each.first_failed}")
    for effect in each.effects:
        click.echo(f"      → {console.plain(effect)}")


def _show_condition(condition: ConditionResult, *, first_failed: bool) -> None:
    mark, colour = MARKS[condition.value]
    click.secho(f"    {mark} ", fg=colour, nl=False)
    click.echo(condition.text + ("   ← the first that failed" if first_failed else ""))
    for path, value in condition.seen.items():
        click.secho(
            f"        {path} = {_short(value)}   ({console.plain(condition.origins.get(path, 'vendor'))})", dim=True
        )
    if condition.reason:
        click.secho(f"        {console.plain(condition.reason)}", fg="yellow")


def _short(value: Any) -> str:
    text = "nobody knows" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 100 else text[:99] + "…"


async def _explain(config: Path, reference: str, rule: str | None, echoes: bool) -> list[EventExplanation]:
    configuration = read_configuration(config)
    catalogue = make_catalogue(configuration, installed_plugins())
    book = load_rules(configuration.rule_files, catalogue)
    async with open_tables(configuration, installed_plugins()) as storage, storage.reading() as tx:
        return await explain_events(tx, reference, catalogue, book, rule=rule, echoes=echoes)
