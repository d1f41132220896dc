"""One command for every listing: `cornerdesk effects --state dead --json`, `cornerdesk leads not-a-lead ID`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic import BaseModel

from cornerdesk.cli import console
from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import Since, config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.clock import SystemClock
from cornerdesk.listings import Filter, Listing, Question, Request, Verb, heading
from cornerdesk.store import known_listings, open_store, open_tables

CLI_ACTOR = "cli"
LIST = "list"


@functools.lru_cache(maxsize=1)
def _listings() -> dict[str, Listing]:
    return known_listings(installed_plugins())


def about() -> dict[str, str]:
    """A line about every listing, by its name."""
    return {name: _sentence(listing.about) for name, listing in _listings().items()}


def command(name: str) -> click.Command | None:
    """The command of a listing, or None."""
    listing = _listings().get(name)
    return None if listing is None else _group(listing)


def _group(listing: Listing) -> click.Group:
    def show(config: Path, as_json: bool, limit: int, **filters: Any) -> None:
        ctx = click.get_current_context()
        if ctx.invoked_subcommand is None:
            _show(listing, config, as_json, limit, filters)
        else:
            _pass_on(ctx, ctx.invoked_subcommand)

    def show_list(config: Path, as_json: bool, limit: int, **filters: Any) -> None:
        _show(listing, config, as_json, limit, filters)

    text = f"{_sentence(listing.about)}\n\n{example(listing.example or f'cornerdesk {listing.name} --json')}"
    shared: dict[str, Any] = {"help": text, "short_help": _sentence(listing.about)}
    group = Group(listing.name, callback=show, params=_parameters(listing), invoke_without_command=True, **shared)
    group.add_command(click.Command(LIST, callback=show_list, params=_parameters(listing), **shared))
    for verb in listing.verbs:
        group.add_command(_verb(listing, verb))
    return group


def _pass_on(ctx: click.Context, subcommand: str) -> None:
    """What stands before `list` counts as if it stood behind it. (`--config` looks for itself, before any verb.)"""
    given = {
        name: value
        for name, value in ctx.params.items()
        if name != "config" and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if given and subcommand != LIST:
        options = ", ".join("--" + name.removeprefix("as_").replace("_", "-") for name in given)
        ctx.fail(f"{options} is for the list, and {subcommand!r} has an ID to tell it what is meant")
    ctx.default_map = {subcommand: given}


def _parameters(listing: Listing) -> list[click.Parameter]:
    limit = click.Option(
        ["--limit"], type=click.IntRange(1, 100_000), default=50, show_default=True, help="Rows at most."
    )
    shared = click.Command("shared", callback=config_option(json_option(lambda: None))).callback
    extra: list[click.Parameter] = list(reversed(getattr(shared, "__click_params__", [])))
    return [*map(_option, listing.filters), limit, *extra]


def _option(wanted: Filter) -> click.Option:
    flag = f"--{wanted.name.replace('_', '-')}"
    text = _sentence(wanted.about)
    if wanted.flag:
        return click.Option([flag, wanted.name], is_flag=True, default=None, help=text)
    kind: Any = str
    if wanted.choices:
        # As text: of an enum's members click would take the names, which nobody types.
        kind = click.Choice([str(choice) for choice in wanted.choices], case_sensitive=False)
    elif wanted.name in {"since", "until"}:
        kind = Since()
    return click.Option([flag, wanted.name], type=kind, default=None, help=text)


def _show(listing: Listing, config: Path, as_json: bool, limit: int, filters: dict[str, Any]) -> None:
    given = {name: value for name, value in filters.items() if value is not None}
    rows = asyncio.run(_rows(listing, config, limit + 1, given))
    shown = rows[:limit]
    if as_json:
        console.json_lines(shown)
    elif shown:
        console.table(shown, listing.columns)
    else:
        click.echo(f"No {heading(listing.name)}" + (" that match." if given else " yet."))
    if len(rows) > limit:
        console.note("There are more: --limit shows them.")


async def _rows(listing: Listing, config: Path, limit: int, filters: dict[str, Any]) -> Sequence[BaseModel]:
    configuration = read_configuration(config)
    async with open_tables(configuration, installed_plugins()) as storage, storage.reading() as tx:
        return await listing.rows(Question(tx, configuration, SystemClock().now(), filters, limit))


def _verb(listing: Listing, verb: Verb) -> click.Command:
    def ask(config: Path, id: str, **options: Any) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        click.echo(asyncio.run(_ask(listing.name, verb.name, config, id, given)))

    shared = click.Command("shared", callback=config_option(lambda: None)).callback
    extra: list[click.Parameter] = list(getattr(shared, "__click_params__", []))
    return click.Command(
        verb.name,
        callback=ask,
        params=[click.Argument(["id"]), *map(_option, verb.options), *extra],
        help=f"{_sentence(verb.about)}\n\n{example(f'cornerdesk {listing.name} {verb.name} ID')}",
        short_help=_sentence(verb.about),
    )


async def _ask(listing: str, verb: str, config: Path, id: str, options: dict[str, Any]) -> str:
    configuration = read_configuration(config)
    async with open_store(configuration, installed_plugins()) as store:
        found = next(each for each in store.listings[listing].verbs if each.name == verb)
        async with store.storage.transaction() as tx:
            return await found.run(
                Request(tx, configuration, store.clock.now(), id, options, CLI_ACTOR, store.ledger.plan_intents)
            )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
