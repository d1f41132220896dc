"""`doctor`: what is wrong with the sources, since when, and what to do; and mends what it can."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from cornerdesk.adapters.interface import Adapter
from cornerdesk.cli import console
from cornerdesk.cli.options import config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.cli.vendors import chosen
from cornerdesk.clock import SystemClock
from cornerdesk.configuration import Configuration
from cornerdesk.sources import open_adapters
from cornerdesk.storage import Storage
from cornerdesk.store import open_tables
from cornerdesk.subscriptions.doctor import examine
from cornerdesk.subscriptions.findings import Examination, Trouble
from cornerdesk.subscriptions.record import remember
from cornerdesk.subscriptions.repairing import repair

_TO_COME = frozenset({Trouble.CREDENTIALS_END})
"""What has not begun yet; when it was noticed says nothing."""


@click.command(epilog=example("cornerdesk doctor support --repair"))
@click.argument("source", required=False)
@click.option(
    "--repair", "mend", is_flag=True, help="Mend subscriptions where the vendor lets us, and fetch what was missed."
)
@config_option
@json_option
def doctor(source: str | None, mend: bool, config: Path, as_json: bool) -> int:
    """Say what is wrong with the sources: credentials, subscriptions, silence, dead letters, reconcile.

    `cornerdesk serve` looks for the same every hour. Exit code 1 when anything is wrong (and was not mended).
    """
    configuration = read_configuration(config)
    examinations = asyncio.run(_examine(configuration, chosen(configuration, source), mend=mend))
    for examination in examinations:
        if as_json:
            console.json_lines(examination.findings)
        else:
            show(examination)
        for remark in examination.remarks:
            console.note(f"{examination.source}: {console.plain(remark)}")
    if not examinations:
        console.note("The configuration names no `sources`, so there is nothing to examine.")
    left = [finding for each in examinations for finding in each.findings if not finding.repaired]
    return 1 if left else 0


def show(examination: Examination) -> None:
    """What was found, for people."""
    if not examination.findings:
        said = f" ({console.plain(examination.line)})" if examination.line else ""
        click.echo(f"{examination.source}: fine{said}")
    for finding in examination.findings:
        since = f" since {console.when(finding.since)} UTC" if finding.since and finding.what not in _TO_COME else ""
        what = finding.what.replace("_", " ")
        click.secho(
            f"{finding.source}: {what}{since}", fg="green" if finding.repaired else "red", color=console.colour()
        )
        click.echo(f"    {console.plain(finding.detail)}")
        click.echo(f"    {'mended' if finding.repaired else console.plain(finding.to_do)}")


async def _examine(configuration: Configuration, sources: list[str], *, mend: bool) -> list[Examination]:
    plugins = installed_plugins()
    async with (
        open_tables(configuration, plugins) as storage,
        open_adapters(configuration, plugins, storage, only=sources) as adapters,
    ):
        examined = (_examine_one(adapter, configuration, storage, mend=mend) for adapter in adapters.values())
        return await asyncio.gather(*examined)


async def _examine_one(adapter: Adapter, configuration: Configuration, storage: Storage, *, mend: bool) -> Examination:
    now = SystemClock().now()
    examination = await _remembered(await examine(adapter, configuration, storage, now), storage)
    if not mend:
        return examination
    after = await repair(adapter, configuration, storage, examination)
    left = tuple(finding for finding in after.findings if not finding.repaired)
    await _remembered(replace(after, findings=left), storage)
    return after


async def _remembered(examination: Examination, storage: Storage) -> Examination:
    async with storage.transaction() as tx:
        told, _ = await remember(tx, examination, SystemClock().now())
    return told
