"""What is promised of every command, whatever it does."""

from __future__ import annotations

import click
import pytest
from cornerdesk.cli.app import BUILT_IN
from cornerdesk.cli.reference import commands

ALL = {path: (command, ctx) for path, command, ctx in commands()}
LEAVES = {path: command for path, (command, _) in ALL.items() if not isinstance(command, click.Group)}


@pytest.mark.parametrize("path", ALL)
def test_help_ends_with_an_example(path: str) -> None:
    command, ctx = ALL[path]
    assert "Example: cornerdesk " in command.get_help(ctx)


@pytest.mark.parametrize("path", LEAVES)
def test_the_configuration_can_be_named(path: str) -> None:
    options = {name for parameter in LEAVES[path].params for name in parameter.opts}
    assert "--config" in options


@pytest.mark.parametrize("path", [path for path in LEAVES if path.endswith((" list", " status", "explain", " check"))])
def test_what_lists_or_reports_does_so_as_json_too(path: str) -> None:
    assert "--json" in {name for parameter in LEAVES[path].params for name in parameter.opts}


@pytest.mark.parametrize("path", LEAVES)
def test_choices_are_shown_as_they_are_typed(path: str) -> None:
    for parameter in LEAVES[path].params:
        if isinstance(parameter.type, click.Choice):
            assert all(isinstance(choice, str) and choice == choice.lower() for choice in parameter.type.choices)


def test_every_option_says_what_it_is_for() -> None:
    silent = [
        f"{path} {parameter.opts[0]}"
        for path, command in LEAVES.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


def test_the_overview_names_every_built_in_command() -> None:
    _, ctx = ALL["cornerdesk"]
    overview = ctx.command.get_help(ctx)
    assert all(f"\n  {name} " in overview for name in BUILT_IN)
