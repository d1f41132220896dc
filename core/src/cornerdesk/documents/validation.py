"""Checks a part of a document against a model, and tells what is wrong in people's words, with places.

Must not show a secret: neither a value that came from a reference nor one that a model calls secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cornerdesk.documents import wording
from cornerdesk.documents.document import Document, Path
from cornerdesk.documents.shapes import fields_of, secret_paths
from cornerdesk.errors import Problem
from cornerdesk.nearest import nearest

M = TypeVar("M", bound=BaseModel)


def validate(document: Document, model: type[M], data: Any, at: Path = ()) -> tuple[M | None, list[Problem]]:
    """An instance of `model` made from `data`, or every problem with it.

    Args:
        document: where the data came from, for places.
        model: the model to check against.
        data: the part of the document's data that stands at `at`, or what was made of it.
        at: the path of `data` in the document.
    """
    for path in secret_paths(model, data, at):
        document.hide(path)
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        teller = _Teller(document, model, data, at)
        return None, teller.tell(error.errors(include_url=False, include_input=False))
    except Exception as error:  # noqa: BLE001 - a plugin's model may run any code of its own
        return None, [document.problem(at, f"what checks this broke down ({type(error).__name__})", key=True)]


@dataclass(frozen=True)
class _Located:
    """One complaint of the model: `path` within the data, `fork` how much of it leads to a choice between several
    forms, and `branch` the form that it is about."""

    error: Mapping[str, Any]
    path: Path
    fork: int | None = None
    branch: str | None = None
    key: bool = False

    @property
    def unfit(self) -> bool:
        """The value is not of this form at all."""
        return len(self.path) == self.fork and wording.is_mismatch(self.error)


@dataclass(frozen=True)
class _Teller:
    document: Document
    model: type[BaseModel]
    data: Any
    at: Path

    def tell(self, errors: Iterable[Any]) -> list[Problem]:
        located = [self._locate(error) for error in errors]
        for item in located:  # the value of a key nobody knows may be a secret whose key is misspelt
            if item.error["type"] == "extra_forbidden":
                self.document.hide((*self.at, *item.path))
        forks: dict[Path, list[_Located]] = {}
        found = []
        for item in located:
            if item.fork is None:
                found += self._problem(item)
            else:
                forks.setdefault(item.path[: item.fork], []).append(item)
        for path, items in forks.items():
            found += self._fork(path, items)
        return sorted(dict.fromkeys(found), key=lambda problem: (problem.line or 0, problem.column or 0))

    def _locate(self, error: Mapping[str, Any]) -> _Located:
        """Follow the data, not the model: what is no step in it is the model's name of one form of several."""
        path: Path = ()
        value, fork, branch, key = self.data, None, None, False
        steps = error["loc"]
        for index, step in enumerate(steps):
            last = index == len(steps) - 1
            if _steps_into(value, step):
                path, value = (*path, step), value[step]
            elif last and step == "[key]":
                key = True
            elif last and error["type"] == "missing":
                path = (*path, step)
            elif fork is None:
                fork, branch = len(path), str(step)
        return _Located(error, path, fork, branch, key)

    def _fork(self, path: Path, items: list[_Located]) -> list[Problem]:
        """One value, several forms that it may have: tell of the form that was meant, or of all when none was."""
        branches: dict[str | None, list[_Located]] = {}
        for item in items:
            branches.setdefault(item.branch, []).append(item)
        meant = [items for items in branches.values() if not any(item.unfit for item in items)]
        if meant:
            return [problem for item in min(meant, key=len) for problem in self._problem(item)]
        expected = [text for item in items if (text := wording.expectation(item.error))]
        choices = [name for item in items for name in wording.choices(item.error)]
        return self._misfit(path, " or ".join(dict.fromkeys(expected)) or None, choices)

    def _problem(self, item: _Located) -> list[Problem]:
        kind, path = item.error["type"], item.path
        if kind == "missing":
            return [self._missing(path)]
        if kind == "extra_forbidden":
            return [self._extra(path)]
        if kind == "union_tag_not_found":
            return [self._missing((*path, str(item.error["ctx"]["discriminator"]).strip("'")))]
        if kind == "union_tag_invalid":
            path = (*path, str(item.error["ctx"]["discriminator"]).strip("'"))
        expected = wording.expectation(item.error)
        if expected is None:
            return self._refused(item)
        if wording.is_mismatch(item.error) or wording.choices(item.error):
            return self._misfit(path, expected, wording.choices(item.error))
        if kind == "string_pattern_mismatch":  # a pattern is nothing for people where the field says what it is
            expected = self._about(path) or expected
        return self._place(path, f"{self._label(path)} does not fit", expected, key=item.key)

    def _about(self, path: Path) -> str | None:
        field = fields_of(self.model, path[:-1]).get(str(path[-1])) if path else None
        return field.description if field is not None else None

    def _missing(self, path: Path) -> Problem:
        message = f'"{path[-1]}" is missing'
        return self.document.problem((*self.at, *path[:-1]), message, self._about(path), key=True)

    def _extra(self, path: Path) -> Problem:
        full, name = (*self.at, *path), str(path[-1])
        known = list(fields_of(self.model, path[:-1]))
        siblings = _value(self.data, path[:-1])
        free = [key for key in known if not (isinstance(siblings, Mapping) and key in siblings)]
        guess = nearest(name, free)
        message = f'there is no key "{name}" here'
        return self.document.problem(full, message, wording.list_names(known), guess, key=True)

    def _misfit(self, path: Path, expected: str | None, choices: list[str]) -> list[Problem]:
        value = _value(self.data, path)
        if choices and isinstance(value, str):
            open_value = (*self.at, *path) not in self.document.written and self.document.keeps_silent(value)
            what = f'"{value}"' if open_value and value.isprintable() and len(value) <= 60 else "what it says"
            message = f"{self._label(path)} cannot be {what}"
            return self._place(path, message, expected, nearest(value, choices) if open_value else None)
        if expected == "text" and isinstance(value, int | float):
            expected = "text, so quotes around it"
        return self._place(path, f"{self._label(path)} is {wording.kind_of(value)}", expected)

    def _refused(self, item: _Located) -> list[Problem]:
        full = (*self.at, *item.path)
        words = wording.own_words(item.error)
        whole = isinstance(_value(self.data, item.path), Mapping)  # its key tells more than where it begins
        if full in self.document.written:
            words = f"what {self.document.written[full]} stands for is not right here"
        elif not self.document.keeps_silent(words):
            words = "what stands here is not right"
        return self._place(item.path, f"{self._label(item.path)}: {words}", None, key=item.key or whole)

    def _place(
        self, path: Path, message: str, expected: str | None, guess: str | None = None, key: bool = False
    ) -> list[Problem]:
        full = (*self.at, *path)
        if full in self.document.unresolved:
            return []
        return [self.document.problem(full, message, expected, guess, key=key)]

    def _label(self, path: Path) -> str:
        full = (*self.at, *path)
        if not full:
            return "the file"
        if isinstance(full[-1], str):
            return f'"{full[-1]}"'
        owner = next((f' of "{step}"' for step in reversed(full) if isinstance(step, str)), "")
        return f"item {full[-1] + 1}{owner}"


def _steps_into(value: Any, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _value(data: Any, path: Path) -> Any:
    for step in path:
        if not _steps_into(data, step):
            return None
        data = data[step]
    return data
