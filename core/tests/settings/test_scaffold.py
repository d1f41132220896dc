"""What `cornerdesk init` writes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from cornerdesk.accounts import open_directory
from cornerdesk.documents import read_yaml
from cornerdesk.errors import ConfigurationError
from cornerdesk.plugins import Plugins
from cornerdesk.scaffold import write_example
from cornerdesk.settings import load_configuration


def variables(folder: Path) -> set[str]:
    """What .env.example lists."""
    return set(re.findall(r"^([A-Z_]+)=$", (folder / ".env.example").read_text(), re.MULTILINE))


def test_the_example_loads_when_its_variables_are_set(tmp_path: Path, plugins: Plugins) -> None:
    folder = tmp_path / "new" / "ops"
    written = write_example(folder)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(written)
    found = load_configuration(folder / "cornerdesk.yaml", plugins, environ=dict.fromkeys(variables(folder), "s3cret"))
    assert {"ceo", "coo", "sales"} == set(found.people)
    assert {"sso", "dark_mode", "api_export"} == set(found.features)
    assert len(found.rule_files) == 3
    accounts = asyncio.run(open_directory(found)).accounts
    assert {"canary", "key"} <= {account.tier for account in accounts}
    assert {account.owner for account in accounts} <= set(found.people)


def test_a_newcomer_is_told_every_missing_variable_and_nothing_else(tmp_path: Path, plugins: Plugins) -> None:
    write_example(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path / "cornerdesk.yaml", plugins, environ={})
    lines = (tmp_path / "cornerdesk.yaml").read_text().splitlines()
    told = set()
    for problem in caught.value.problems:
        name = problem.message.removeprefix("the environment variable ").removesuffix(" is not set")
        assert problem.line is not None
        assert problem.column is not None
        assert lines[problem.line - 1][problem.column - 1 :].startswith(f"${{{name}}}")
        told.add(name)
    assert told == variables(tmp_path)


def test_rules_name_only_people_and_features_that_exist(tmp_path: Path) -> None:
    write_example(tmp_path)
    people = set(read_yaml(tmp_path / "cornerdesk.yaml").data["people"])
    features = set(read_yaml(tmp_path / "features.yaml").data["features"])
    names = []
    for path in (tmp_path / "rules").glob("*.yaml"):
        data = read_yaml(path).data
        assert data["tests"]
        for rule in data["rules"]:
            names.append(rule["rule"])
            assert rule["about"]
            for action in rule["then"]:
                for verb, value in action.items():
                    if verb in ("escalate", "notify"):
                        to = value["to"] if isinstance(value["to"], list) else [value["to"]]
                        assert set(to) <= people
                    if verb == "vote":
                        assert value in features
    assert len(names) == len(set(names))


def test_nothing_is_overwritten_and_what_is_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "features.yaml").write_text("mine")
    (tmp_path / ".env.example").symlink_to("nowhere")
    with pytest.raises(ConfigurationError) as caught:
        write_example(tmp_path)
    assert [Path(problem.file).name for problem in caught.value.problems] == [".env.example", "features.yaml"]
    assert (tmp_path / "features.yaml").read_text() == "mine"
    assert not (tmp_path / "cornerdesk.yaml").exists()


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError):
        write_example(tmp_path / "file" / "below")
