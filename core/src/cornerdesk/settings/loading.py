"""Reads cornerdesk.yaml and the files it names, and tells every problem of all of them at once."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cornerdesk.configuration import Configuration, Feature
from cornerdesk.documents import DataPath, Document, read_yaml, validate
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.plugins import Plugins
from cornerdesk.settings.features import read_features
from cornerdesk.settings.file import ConfigurationFile
from cornerdesk.settings.people import read_people
from cornerdesk.settings.references import resolve
from cornerdesk.settings.sources import read_plugins, read_sources

_DATABASE = re.compile(r"sqlite:///.+|postgresql://.+", re.DOTALL)
_PUBLIC_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?\Z")
_SELECT = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)


def load_configuration(path: Path, plugins: Plugins, *, environ: Mapping[str, str]) -> Configuration:
    """The configuration at `path`, checked.

    Args:
        path: cornerdesk.yaml; other files are named relative to it.
        plugins: whose models check the sources and the plugins' own sections.
        environ: what `${NAME}` reads.

    Raises:
        ConfigurationError: with every problem found in all files; none holds a secret.
    """
    if not path.exists():
        message = "there is no such file"
        expected = "a file that `cornerdesk init` has written; --config or $CORNERDESK_CONFIG names another"
        raise ConfigurationError([Problem(str(path), None, None, message, expected)])
    return _Loading(path, plugins, environ).load()


class _Loading:
    def __init__(self, path: Path, plugins: Plugins, environ: Mapping[str, str]) -> None:
        self.path, self.plugins, self.environ = path, plugins, environ
        self.problems: list[Problem] = []
        self.elsewhere: list[Problem] = []

    def load(self) -> Configuration:
        document = self._read(self.path, self.problems)
        if not isinstance(document.data, dict):
            problem = document.problem((), "the file is no mapping", "`key: value` lines, as `cornerdesk init` writes")
            raise ConfigurationError([*self.problems, problem])
        data = _without_empty_parts(document.data)
        file = self._take(validate(document, ConfigurationFile, data))
        parts = {
            "sources": self._take(read_sources(document, data.get("sources"), self.plugins)),
            "people": self._take(read_people(document, data.get("people"))),
            "plugins": self._take(read_plugins(document, data.get("plugins"), self.plugins)),
            "features": self._features(document, data.get("features")),
            "rule_files": tuple(self._rule_files(document, data.get("rules"))),
        }
        self.problems += _plain_problems(document, data)
        self.problems += _accounts_problems(document, data.get("accounts"), self.path.parent)
        problems = [*_in_order(document, self.problems), *self.elsewhere]
        if problems or file is None:
            raise ConfigurationError(problems)
        plain = {name: getattr(file, name) for name in ("database", "server", "accounts", "late_after")}
        return Configuration(path=self.path, **plain, **parts)

    def _take(self, found: tuple[Any, list[Problem]]) -> Any:
        value, problems = found
        self.problems += problems
        return value

    def _read(self, path: Path, problems: list[Problem]) -> Document:
        document = read_yaml(path, problems=problems)
        filled, found = resolve(document, self.environ, self.path.parent)
        problems += found
        return filled

    def _features(self, document: Document, name: Any) -> dict[str, Feature]:
        at = ("features",)
        if not isinstance(name, str) or at in document.unresolved:
            return {}
        path = self.path.parent / name
        if problem := _missing_file(document, at, path, "a file of features, as `cornerdesk init` writes one"):
            self.problems.append(problem)
            return {}
        found: list[Problem] = []
        try:
            catalogue = self._read(path, found)
        except ConfigurationError as error:
            self.elsewhere += error.problems
            return {}
        features, wrong = read_features(catalogue)
        self.elsewhere += _in_order(catalogue, [*found, *wrong])
        return features

    def _rule_files(self, document: Document, patterns: Any) -> Iterator[Path]:
        several = isinstance(patterns, list)
        seen = set()
        for index, pattern in enumerate(patterns if several else [patterns]):
            at: DataPath = ("rules", index) if several else ("rules",)
            if not isinstance(pattern, str) or at in document.unresolved:
                continue
            matches = _matches(pattern, self.path.parent)
            if not matches:
                expected = "a file, or a pattern such as rules/*.yaml that some file matches"
                self.problems.append(document.problem(at, "no file is there", expected))
            yield from (match for match in matches if match not in seen)
            seen.update(matches)


def _in_order(document: Document, problems: list[Problem]) -> list[Problem]:
    shown = dict.fromkeys(document.shown(problems))
    return sorted(shown, key=lambda problem: (problem.line or 0, problem.column or 0))


def _without_empty_parts(data: dict[str, Any]) -> dict[str, Any]:
    """A heading with nothing below it says nothing: people comment out what they do not use yet."""
    filled = {
        key: value for key, value in data.items() if value is not None or key not in ConfigurationFile.model_fields
    }
    plugins = filled.get("plugins")
    if isinstance(plugins, dict):
        filled["plugins"] = {name: {} if section is None else section for name, section in plugins.items()}
    return filled


def _matches(pattern: str, directory: Path) -> list[Path]:
    try:
        names = sorted(glob.glob(pattern, root_dir=directory, recursive=True))
    except (OSError, ValueError, re.error):
        return []
    return [directory / name for name in names if (directory / name).is_file()]


def _missing_file(document: Document, at: DataPath, path: Path, expected: str) -> Problem | None:
    try:
        if path.is_file():
            return None
    except (OSError, ValueError):
        pass
    shown = "the file that this names" if at in document.written else str(path)
    return document.problem(at, f"{shown} is not there" if shown.isprintable() else "it is not there", expected)


def _plain_problems(document: Document, data: dict[str, Any]) -> Iterator[Problem]:
    database = data.get("database")
    if isinstance(database, str) and ("database",) not in document.unresolved and not _DATABASE.match(database):
        expected = "sqlite:///cornerdesk.db or postgresql://user:${DB_PASSWORD}@host/database"
        document.hide(("database",))
        yield document.problem(("database",), '"database" is no address of a database', expected)
    server = data.get("server")
    url = server.get("public_url") if isinstance(server, dict) else None
    at = ("server", "public_url")
    if isinstance(url, str) and at not in document.unresolved and not _PUBLIC_URL.match(url):
        yield document.problem(at, '"public_url" is no address', "one such as https://cornerdesk.example.com")


def _accounts_problems(document: Document, section: Any, directory: Path) -> Iterator[Problem]:
    if not isinstance(section, dict):
        return
    csv, sql, url = (section.get(name) for name in ("csv", "sql", "url"))
    if (csv is None) == (sql is None):
        what = 'has neither "csv" nor "sql"' if csv is None else 'has both "csv" and "sql"'
        yield document.problem(("accounts",), f'"accounts" {what}', "one of the two", key=True)
    if isinstance(csv, str) and ("accounts", "csv") not in document.unresolved:
        problem = _missing_file(
            document, ("accounts", "csv"), directory / csv, "a CSV file with a row for each account"
        )
        yield from () if problem is None else (problem,)
    if isinstance(sql, str) and ("accounts", "sql") not in document.unresolved and not _SELECT.match(sql):
        yield document.problem(("accounts", "sql"), '"sql" is no query', "SELECT ... that returns the columns")
    if isinstance(url, str) and sql is None:
        yield document.problem(("accounts", "url"), '"url" is for "sql" only', 'no "url"', key=True)
    elif isinstance(url, str) and ("accounts", "url") not in document.unresolved and not _DATABASE.match(url):
        document.hide(("accounts", "url"))
        yield document.problem(
            ("accounts", "url"), '"url" is no address of a database', "postgresql://... or sqlite:///..."
        )
