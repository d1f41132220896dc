"""`database`: migrations, by whoever runs the thing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from cornerdesk.cli import console
from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.store import open_tables


@click.group(cls=Group)
@config_option
def database(config: Path) -> None:
    """Make and inspect the tables.

    Example: cornerdesk database migrate
    """


@database.command(epilog=example("cornerdesk database migrate --config production.yaml"))
@config_option
@json_option
def migrate(config: Path, as_json: bool) -> None:
    """Bring the tables, the plugins' included, up to date. Safe to run twice, and by two at once."""
    applied = asyncio.run(_migrate(config))
    if as_json:
        console.json_lines({"revision": revision} for revision in applied)
    elif applied:
        for revision in applied:
            click.echo(f"applied {revision}")
    else:
        click.echo("nothing to do: the tables are up to date")


@database.command(epilog=example("cornerdesk database status --json"))
@config_option
@json_option
def status(config: Path, as_json: bool) -> int:
    """Which migrations are in, and which are pending. Exit code 1 when any is."""
    rows = asyncio.run(_status(config))
    if as_json:
        console.json_lines(rows)
    else:
        for row in rows:
            state = f"pending: {', '.join(row['pending'])}" if row["pending"] else "up to date"
            click.echo(f"{row['branch']:<12} {row['current'] or 'nothing yet':<24} {state}")
    return 1 if any(row["pending"] for row in rows) else 0


async def _migrate(config: Path) -> list[str]:
    async with open_tables(read_configuration(config), installed_plugins(), migrated=False) as storage:
        return await storage.migrate()


async def _status(config: Path) -> list[dict[str, Any]]:
    async with open_tables(read_configuration(config), installed_plugins(), migrated=False) as storage:
        return [
            {
                "branch": each.branch,
                "current": each.current,
                "head": each.head,
                "pending": [str(revision) for revision in each.pending],
            }
            for each in (await storage.migration_status()).branches
        ]
