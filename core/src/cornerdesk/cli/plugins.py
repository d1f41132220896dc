"""`plugins`: what is installed, and what is wrong with it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.cli import console
from cornerdesk.cli.groups import Group
from cornerdesk.cli.options import example, installed_plugins, json_option, unread_config_option
from cornerdesk.plugins import PluginReport, load_plugins


@click.group(cls=Group)
def plugins() -> None:
    """The plugins installed.

    Example: cornerdesk plugins list
    """


@plugins.command("list", epilog=example("cornerdesk plugins list --json"))
@unread_config_option
@json_option
@click.option("--strict", is_flag=True, help="Exit with 2 when any plugin is broken.")
def list_plugins(as_json: bool, strict: bool) -> None:
    """Every plugin, what it brings, and its problem if it has one."""
    found = load_plugins(strict=True) if strict else installed_plugins()
    rows = [_row(report) for report in found.reports]
    if as_json:
        console.json_lines(rows)
        return
    for row in rows:
        click.secho(f"{row['name']:<12}", bold=True, nl=False)
        click.echo(f" {row['distribution'] or row['module']} {row['version'] or ''}")
        if row["problem"]:
            click.secho(f"{'':<13}{row['problem']}", fg="red")
        else:
            click.echo(f"{'':<13}{', '.join(hook.removeprefix('cornerdesk_') for hook in row['hooks']) or 'nothing'}")


@plugins.command(epilog=example("cornerdesk plugins capabilities --markdown"))
@unread_config_option
@json_option
@click.option("--markdown", is_flag=True, help="As a table in Markdown.")
def capabilities(as_json: bool, markdown: bool) -> None:
    """What the adapters installed can do, each at its help desk."""
    adapters = installed_plugins().adapters()
    if as_json:
        console.json_lines(
            {"adapter": name, **{each.value: each in adapter.capabilities for each in Capability}}
            for name, adapter in adapters.items()
        )
    elif markdown:
        click.echo(capability_table(adapters), nl=False)
    else:
        for name, adapter in adapters.items():
            click.secho(name, bold=True)
            for each in Capability:
                able = each in adapter.capabilities
                click.secho(f"  {'yes' if able else 'no ':<4} {each.about}", dim=not able)


def capability_table(adapters: Mapping[str, type[Adapter]]) -> str:
    """What each adapter can do, as a table in Markdown."""
    names = sorted(adapters)
    rows = [["can", *names], ["---", *(":-:" for _ in names)]]
    rows += [
        [each.about, *("yes" if each in adapters[name].capabilities else "" for name in names)] for each in Capability
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


@plugins.command(epilog=example("cornerdesk plugins check my_package.my_plugin"))
@click.argument("module", required=False)
@unread_config_option
@json_option
def check(module: str | None, as_json: bool) -> int:
    """Check the installed plugins, or a MODULE that is not installed yet, against the contract."""
    if module:
        sys.path.insert(0, "")
        try:
            extra = {module: importlib.import_module(module)}
        except ImportError as error:
            raise click.BadParameter(f"{module} does not import: {error}", param_hint="MODULE") from None
        reports = [report for report in load_plugins(extra=extra).reports if report.name == module]
    else:
        reports = installed_plugins().reports
    broken = [report for report in reports if report.problem]
    if as_json:
        console.json_lines(_row(report) for report in reports)
    for report in () if as_json else reports:
        click.echo(f"{report.name}: {report.problem or 'fine'}", err=bool(report.problem))
    return 1 if broken else 0


def _row(report: PluginReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "distribution": report.distribution,
        "version": report.version,
        "module": report.module,
        "hooks": list(report.hooks),
        "problem": report.problem,
    }
