"""`webhooks`: the subscriptions that vendors keep for us, listed and made."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
from pydantic import BaseModel

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.adapters.subscriptions import Subscription, SubscriptionState
from cornerdesk.cli import console
from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import config_option, example, json_option, read_configuration
from cornerdesk.cli.vendors import chosen, open_vendors
from cornerdesk.configuration import Configuration
from cornerdesk.errors import CornerdeskError, UnsupportedError
from cornerdesk.subscriptions.addresses import shown_address
from cornerdesk.subscriptions.doctor import wanted_of
from cornerdesk.subscriptions.judging import is_ours
from cornerdesk.subscriptions.registering import Registered, public_address, register

COLUMNS = ("source", "id", "ours", "state", "state_label", "name", "url", "missing")


class WebhookRow(BaseModel):
    """One subscription, ours or somebody else's.

    Attributes:
        state: whether the vendor sends; `state_label` is its own word for that.
        ours: it sends to us; None: without `server.public_url` nobody can tell.
        missing: events that we could use and that it does not send.
    """

    source: str
    id: str
    url: str
    state: SubscriptionState
    state_label: str
    name: str
    ours: bool | None
    missing: tuple[str, ...]


class _ShownRow(WebhookRow):
    """The same in words."""

    ours: str  # type: ignore[assignment]


@click.group(cls=Group)
@config_option
def webhooks(config: Path) -> None:
    """List and make the subscriptions that help desks keep for us.

    Example: cornerdesk webhooks list
    """


@webhooks.command(
    "list",
    short_help="Show them: where each sends, and what it lacks.",
    epilog=example("cornerdesk webhooks list support --json"),
)
@click.argument("source", required=False)
@config_option
@json_option
def list_webhooks(source: str | None, config: Path, as_json: bool) -> int:
    """Every subscription, other people's too: where it sends, whether it works, and what it lacks."""
    configuration = read_configuration(config)
    rows, asked = asyncio.run(_list(configuration, chosen(configuration, source), named=source is not None))
    if as_json:
        console.json_lines(rows)
    elif rows:
        console.table([_shown(row) for row in rows], COLUMNS)
    elif asked:
        click.echo("No subscriptions.")
    if configuration.server.public_url is None:
        console.note("server.public_url is not set, so nobody can tell which are ours.")
    return 0 if asked else 1


@webhooks.command(
    "register",
    short_help="Have a help desk send to us.",
    epilog=example("cornerdesk webhooks register support --secret-file support.secret"),
)
@click.argument("source")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the secret that the vendor chooses. A new file, for you alone to read.",
)
@config_option
def register_webhook(source: str, secret_file: Path | None, config: Path) -> None:
    """Make a subscription that sends everything we can use, unless there is a good one.

    Where the vendor lets only a person do that, says how; exit code 1.
    """
    configuration = read_configuration(config)
    [name] = chosen(configuration, source)
    done = asyncio.run(_register(configuration, name, secret_file))
    if not done.made:
        click.echo(f"{name}: subscription {done.id} sends everything to {done.url} already; nothing to do")
        return
    click.echo(f"{name}: subscription {done.id} sends to {done.url}" + (f"; {done.detail}" if done.detail else ""))
    if done.secret_file is not None:
        click.echo(f"Its secret is in {done.secret_file}. Write in {config}, under sources.{name}:\n")
        click.echo(f'    webhook_secret: "${{file:{_named(done.secret_file, configuration)}}}"\n')
        click.echo("Then restart `cornerdesk serve`.")


async def _list(configuration: Configuration, sources: list[str], *, named: bool) -> tuple[list[WebhookRow], bool]:
    """The rows, and whether everybody could be asked."""
    rows: list[WebhookRow] = []
    asked = True
    async with open_vendors(configuration, sources) as adapters:
        for adapter in adapters.values():
            if Capability.WEBHOOK_LISTING not in adapter.capabilities and not named:
                console.note(f"{adapter.source}: {adapter.helpdesk} does not tell which subscriptions there are.")
                continue
            try:
                rows += [_row(adapter, each, configuration) for each in await adapter.list_webhooks()]
            except UnsupportedError:
                raise
            except CornerdeskError as error:
                console.error(f"{adapter.source}: {error}")
                asked = False
    return rows, asked


async def _register(configuration: Configuration, source: str, secret_file: Path | None) -> Registered:
    async with open_vendors(configuration, [source]) as adapters:
        adapter = adapters[source]
        return await register(adapter, public_address(configuration, adapter), secret_file)


def _row(adapter: Adapter, subscription: Subscription, configuration: Configuration) -> WebhookRow:
    wanted = wanted_of(adapter, configuration, heard=False)
    return WebhookRow(
        source=adapter.source,
        id=subscription.id,
        url=shown_address(subscription.url),
        state=subscription.state,
        state_label=subscription.state_label,
        name=subscription.name,
        ours=None if wanted is None else is_ours(subscription, wanted.address),
        missing=subscription.missing,
    )


def _shown(row: WebhookRow) -> _ShownRow:
    words = {True: "yes", False: "no", None: "?"}
    return _ShownRow.model_validate({**row.model_dump(), "ours": words[row.ours]})


def _named(file: Path, configuration: Configuration) -> str:
    """The file as cornerdesk.yaml names it: from where that stands, when it is below it."""
    absolute, folder = file.resolve(), configuration.directory.resolve()
    return os.fspath(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)
