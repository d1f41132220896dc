"""`record`: a real delivery as a fixture without real people."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cornerdesk.cli import console
from cornerdesk.cli.options import config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.errors import RejectedError

if TYPE_CHECKING:
    from cornerdesk.adapters.interface import Delivery
    from cornerdesk.configuration import Configuration
    from cornerdesk.scaffold.recording import Recording


@click.command(epilog=example("cornerdesk record support 0190aa77 --into tests/fixtures --name reply_added"))
@click.argument("source")
@click.argument("delivery_id", metavar="[DELIVERY-ID]", required=False)
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A body, instead of one stored."
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="With --file: a header that came with it."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("tests/fixtures"),
    show_default=True,
    help="Where the fixture goes; the test goes beside this folder.",
)
@click.option("--name", default="recorded", show_default=True, help="The fixture's name.")
@click.option("--keep", multiple=True, metavar="FIELD", help="A field whose values are nobody's, and are kept.")
@config_option
@json_option
def record(
    source: str,
    delivery_id: str | None,
    file: Path | None,
    headers: tuple[str, ...],
    into: Path,
    name: str,
    keep: tuple[str, ...],
    config: Path,
    as_json: bool,
) -> None:
    """Write a delivery of SOURCE as a fixture and a test, with every person, company, id, time and text replaced.

    DELIVERY-ID is one that `cornerdesk deliveries` lists. The same value gets the same pseudonym in all that is written
    into one folder, by a secret salt that is kept there, unlisted by git: keep it to yourself. Read a fixture before
    you publish it.
    """
    if (file is None) is (delivery_id is None):
        raise click.UsageError("give either a DELIVERY-ID or --file")
    configuration = read_configuration(config)
    if source not in configuration.sources:
        known = ", ".join(sorted(configuration.sources))
        raise click.UsageError(f"no source is called {source!r}; there are: {known}")
    delivery = (
        _delivery(file, headers) if file is not None else asyncio.run(_stored(configuration, source, str(delivery_id)))
    )
    recording, written = asyncio.run(_write(configuration, source, delivery, into, name, keep))
    if as_json:
        told = [{"kind": fact.kind, "ticket": fact.ticket_id} for fact in recording.reading.facts]
        row = {"name": name, "files": list(map(str, written)), "facts": told, "ignored": recording.reading.ignored}
        console.json_lines([row])
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo("\nRead the fixture before you publish it: what looks like an enum's value or a field's name was kept.")


async def _write(
    configuration: Configuration, source: str, delivery: Delivery, into: Path, name: str, keep: tuple[str, ...]
) -> tuple[Recording, list[Path]]:
    from cornerdesk.scaffold.recording import record as make_recording
    from cornerdesk.scaffold.recording import salt_of, write_recording
    from cornerdesk.sources import open_adapters

    async with open_adapters(configuration, installed_plugins(), None, only=[source]) as adapters:
        recording = make_recording(adapters[source], delivery, name, salt_of(into), keep)
        return recording, write_recording(adapters[source], recording, into)


def _delivery(file: Path, headers: tuple[str, ...]) -> Delivery:
    from cornerdesk.adapters.interface import Delivery

    pairs = (each.partition(":") for each in headers)
    told = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Delivery(headers=told, body=file.read_bytes(), received_at=datetime.now(UTC))


async def _stored(configuration: Configuration, source: str, delivery_id: str) -> Delivery:
    from sqlalchemy import select

    from cornerdesk.adapters.interface import Delivery
    from cornerdesk.storage import tables
    from cornerdesk.store import open_tables

    table = tables.deliveries
    wanted = select(table).where(table.c.source == source, table.c.id == delivery_id)
    async with open_tables(configuration, installed_plugins()) as storage, storage.reading() as tx:
        rows = await tx.rows(wanted)
    if not rows:
        raise RejectedError(f"no delivery of {source} has the id {delivery_id!r}; `cornerdesk deliveries` lists them")
    return Delivery(headers=rows[0]["headers"], body=rows[0]["body"], received_at=rows[0]["received_at"])
