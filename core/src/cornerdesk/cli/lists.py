"""One command for every listing: `cornerdesk effects --state dead --json`, `cornerdesk leads not-a-lead ID`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from cornerdesk.cli import console
from cornerdesk.cli.options import Since, config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.listings import Filter, Listing, Question, Request, Verb
from cornerdesk.store import known_listings, open_store

CLI_ACTOR = "cli"


@functools.lru_cache(maxsize=1)
def _listings() -> dict[str, Listing]:
    return known_listings(installed_plugins())


def names() -> list[str]:
    """Every listing's name."""
    return list(_listings())


def command(name: str) -> click.Command | None:
    """The command of a listing, or None."""
    listing = _listings().get(name)
    return None if listing is None else _group(listing)


def _group(listing: Listing) -> click.Group:
    def show(config: Path, as_json: bool, limit: int, **filters: Any) -> None:
        if click.get_current_context().invoked_subcommand is None:
            _show(listing, config, as_json, limit, filters)

    def show_list(config: Path, as_json: bool, limit: int, **filters: Any) -> None:
        _show(listing, config, as_json, limit, filters)

    about = listing.about[0].upper() + listing.about[1:].rstrip(".") + "."
    text = f"{about}\n\n{example(listing.example or f'cornerdesk {listing.name} --json')}"
    group = click.Group(
        listing.name,
        callback=show,
        params=_parameters(listing),
        invoke_without_command=True,
        help=text,
        short_help=about,
    )
    group.add_command(
        click.Command("list", callback=show_list, params=_parameters(listing), help=text, short_help=about)
    )
    for verb in listing.verbs:
        group.add_command(_verb(listing, verb))
    return group


def _parameters(listing: Listing) -> list[click.Parameter]:
    limit = click.Option(
        ["--limit"], type=click.IntRange(1, 100_000), default=50, show_default=True, help="Rows at most."
    )
    shared = click.Command("shared", callback=config_option(json_option(lambda: None))).callback
    extra: list[click.Parameter] = list(reversed(getattr(shared, "__click_params__", [])))
    return [*map(_option, listing.filters), limit, *extra]


def _option(wanted: Filter) -> click.Option:
    flag = f"--{wanted.name.replace('_', '-')}"
    text = wanted.about[0].upper() + wanted.about[1:].rstrip(".") + "."
    if wanted.flag:
        return click.Option([flag, wanted.name], is_flag=True, default=None, help=text)
    kind: Any = (
        click.Choice(wanted.choices) if wanted.choices else Since() if wanted.name in {"since", "until"} else str
    )
    return click.Option([flag, wanted.name], type=kind, default=None, help=text)


def _show(listing: Listing, config: Path, as_json: bool, limit: int, filters: dict[str, Any]) -> None:
    given = {name: value for name, value in filters.items() if value is not None}
    rows = asyncio.run(_rows(listing, config, limit, given))
    if as_json:
        console.json_lines(rows)
    elif rows:
        console.table(rows, listing.columns)
    else:
        console.out().print(f"No {listing.name}" + (" that match." if given else " yet."))


async def _rows(listing: Listing, config: Path, limit: int, filters: dict[str, Any]) -> Sequence[BaseModel]:
    configuration = read_configuration(config)
    async with open_store(configuration, installed_plugins()) as store, store.storage.reading() as tx:
        current = store.listings[listing.name]
        return await current.rows(Question(tx, configuration, store.clock.now(), filters, limit))


def _verb(listing: Listing, verb: Verb) -> click.Command:
    def ask(config: Path, id: str, **options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        click.echo(asyncio.run(_ask(listing.name, verb.name, config, id, given)))

    shared = click.Command("shared", callback=config_option(lambda: None)).callback
    extra: list[click.Parameter] = list(getattr(shared, "__click_params__", []))
    about = verb.about[0].upper() + verb.about[1:].rstrip(".") + "."
    return click.Command(
        verb.name,
        callback=ask,
        params=[click.Argument(["id"]), *map(_option, verb.options), *extra],
        help=f"{about}\n\n{example(f'cornerdesk {listing.name} {verb.name} ID')}",
        short_help=about,
    )


async def _ask(listing: str, verb: str, config: Path, id: str, options: dict[str, Any]) -> str:
    configuration = read_configuration(config)
    async with open_store(configuration, installed_plugins()) as store:
        found = next(each for each in store.listings[listing].verbs if each.name == verb)
        async with store.storage.transaction() as tx:
            return await found.run(
                Request(tx, configuration, store.clock.now(), id, options, CLI_ACTOR, store.ledger.plan_intents)
            )
