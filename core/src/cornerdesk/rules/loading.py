"""Rule books from files. The only place of this room that reads any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cornerdesk.documents import Document, read_text, read_yaml
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.rules.book import RuleBook
from cornerdesk.rules.catalogue import Catalogue
from cornerdesk.rules.reader import Reader
from cornerdesk.rules.reading import read_document


def load_rules(files: Sequence[Path], catalogue: Catalogue) -> RuleBook:
    """The rule book of these files.

    Raises:
        ConfigurationError: with every problem of every file, in the order of files and lines.
    """
    reader = Reader(catalogue)
    documents = []
    for path in files:
        try:
            documents.append((_name(path, catalogue), read_yaml(path, problems=reader.problems)))
        except ConfigurationError as error:
            reader.problems += error.problems
    return _book(reader, documents, [str(path) for path in files], lenient=False)


def load_rules_from_texts(files: Mapping[str, str], catalogue: Catalogue, *, lenient: bool = False) -> RuleBook:
    """The rule book of texts by file name, such as those stored with what they decided.

    Args:
        lenient: for rules of the past, whose people, features and plugins may be gone. What can still be asked is in
            the book, what is wrong in its `problems`.

    Raises:
        ConfigurationError: with every problem, unless `lenient`.
    """
    reader = Reader(catalogue)
    documents = []
    for name, text in files.items():
        try:
            documents.append((name, read_text(text, name, problems=reader.problems)))
        except ConfigurationError as error:
            reader.problems += error.problems
    return _book(reader, documents, list(files), lenient=lenient)


def _book(
    reader: Reader, documents: Iterable[tuple[str, Document]], order: Sequence[str], *, lenient: bool
) -> RuleBook:
    rules, tests, texts = [], [], {}
    for name, document in documents:
        texts[name] = "\n".join(document.lines)
        more_rules, more_tests = read_document(reader, document)
        rules += more_rules
        tests += more_tests
    problems = _sorted(reader.problems, order)
    if problems and not lenient:
        raise ConfigurationError(problems)
    return RuleBook(rules, texts, reader.catalogue.configuration, tests=tests, problems=problems)


def _sorted(problems: Iterable[Problem], order: Sequence[str]) -> list[Problem]:
    places = {name: index for index, name in enumerate(order)}
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda problem: (places.get(problem.file, 0), problem.line or 0, problem.column or 0))


def _name(path: Path, catalogue: Catalogue) -> str:
    """Relative to cornerdesk.yaml where possible, so that a book has one version wherever it is checked out."""
    try:
        return path.resolve().relative_to(catalogue.configuration.directory.resolve()).as_posix()
    except ValueError:
        return path.as_posix()
