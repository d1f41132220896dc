"""`check` and `schema`: is it right, and what may be written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from cornerdesk.accounts import open_directory
from cornerdesk.cli import console
from cornerdesk.cli.options import config_option, example, installed_plugins, json_option, read_configuration
from cornerdesk.cli.vendors import open_vendors
from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.rules import load_rules
from cornerdesk.runtime import make_catalogue
from cornerdesk.schema import configuration_schema, rules_schema
from cornerdesk.subscriptions.doctor import examine_online
from cornerdesk.subscriptions.findings import Examination


@click.command(epilog=example("cornerdesk check --online"))
@config_option
@json_option
@click.option("--online", is_flag=True, help="Also ask each help desk about our credentials and subscriptions.")
def check(config: Path, as_json: bool, online: bool) -> int:
    """Check configuration, rules, accounts and plugins; every problem at once, each with file, line and column."""
    try:
        configuration, rules = _read(config)
    except ConfigurationError as error:
        if not as_json:
            raise
        console.json_lines(
            _row(problem) for problem in error.problems or (Problem(str(config), None, None, str(error)),)
        )
        return 2
    examined = asyncio.run(_ask_vendors(configuration)) if online else []
    amiss = [each.source for each in examined if each.findings]
    if as_json:
        console.json_lines(_source_row(each) for each in examined)
    else:
        for each in examined:
            _say(each)
        verdict = f"right as written, but not all is well with {', '.join(amiss)}" if amiss else "fine"
        click.echo(f"{config}: {verdict}. {_summary(configuration, rules)}.")
        if not configuration.sources:
            console.note("It names no `sources`, so nothing will come in.")
        elif not rules:
            console.note("There are no rules yet, so nothing will come of what comes in.")
    return 1 if amiss else 0


@click.command(epilog=example("cornerdesk schema rules > rules.schema.json"))
@click.argument("what", type=click.Choice(["configuration", "rules"]), default="rules")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), envvar="CORNERDESK_CONFIG", default=None,
              help="Take the names of people and features from this configuration.")  # fmt: skip
def schema(what: str, config: Path | None) -> None:
    """Print the JSON Schema (2020-12) of cornerdesk.yaml or of rule files, plugins' actions and settings included."""
    plugins = installed_plugins()
    configuration = read_configuration(config) if config else None
    found = configuration_schema(plugins) if what == "configuration" else rules_schema(plugins, configuration)
    click.echo(json.dumps(found, indent=2))


def _read(config: Path) -> tuple[Configuration, int]:
    plugins = installed_plugins()
    if broken := [report for report in plugins.reports if report.problem]:
        raise ConfigurationError("\n".join(f"plugin {report.name!r}: {report.problem}" for report in broken))
    configuration = read_configuration(config)
    problems: list[Problem] = []
    rules = 0
    try:
        rules = len(load_rules(configuration.rule_files, make_catalogue(configuration, plugins)).rules)
    except ConfigurationError as error:
        problems += _of(error, config)
    try:
        asyncio.run(open_directory(configuration))
    except ConfigurationError as error:
        problems += _of(error, config)
    if problems:
        raise ConfigurationError(problems)
    return configuration, rules


def _summary(configuration: Configuration, rules: int) -> str:
    counts = {
        "rule": rules,
        "source": len(configuration.sources),
        "person": len(configuration.people),
        "feature": len(configuration.features),
    }
    return ", ".join(
        f"{count} {_PLURALS.get(name, name + 's') if count != 1 else name}" for name, count in counts.items()
    )


_PLURALS = {"person": "people"}


def _of(error: ConfigurationError, config: Path) -> tuple[Problem, ...]:
    return error.problems or (Problem(str(config), None, None, str(error)),)


def _row(problem: Problem) -> dict[str, object]:
    return {name: getattr(problem, name) for name in Problem.__slots__}


async def _ask_vendors(configuration: Configuration) -> list[Examination]:
    async with open_vendors(configuration, list(configuration.sources)) as adapters:
        return await asyncio.gather(*(examine_online(adapter, configuration) for adapter in adapters.values()))


def _say(examined: Examination) -> None:
    """What the vendor said is a result; what is wrong stands among the errors."""
    if examined.line is not None and all(finding.detail != examined.line for finding in examined.findings):
        click.echo(f"{examined.source}: {console.plain(examined.line)}")
    for finding in examined.findings:
        text = f"{finding.source}: {console.plain(f'{finding.detail}; {finding.to_do}')}"
        click.secho(text, fg="red", err=True, color=console.colour())
    for remark in examined.remarks:
        console.note(f"{examined.source}: {console.plain(remark)}")


def _source_row(examined: Examination) -> dict[str, object]:
    said = examined.line or "; ".join(finding.detail for finding in examined.findings)
    findings = [finding.model_dump(mode="json") for finding in examined.findings]
    return {"source": examined.source, "fine": not findings, "said": said, "findings": findings}
