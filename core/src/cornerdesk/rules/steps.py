"""Reads what stands under `then`: actions with their settings, names and texts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cornerdesk.actions import AnyAction
from cornerdesk.documents import DataPath, Document, validate
from cornerdesk.nearest import nearest
from cornerdesk.rules.leaves import Leaf, find_leaves
from cornerdesk.rules.paths import one_of
from cornerdesk.rules.reader import Reader
from cornerdesk.rules.rule import Step
from cornerdesk.rules.templates import OPENS, read_template

_WHERE = {
    "person": ("person", "a name under `people` in cornerdesk.yaml"),
    "feature": ("feature", "a name in the feature catalogue"),
}


def read_steps(reader: Reader, document: Document, path: DataPath, data: Any) -> tuple[Step, ...] | None:
    """The actions at `path`, or None when one cannot be read; what is wrong becomes problems."""
    if not isinstance(data, list) or not data:
        reader.report(document, path, "`then` takes a list of actions", "`- escalate: {to: ceo}`", key=True)
        return None
    steps = [_read(reader, document, (*path, index), item) for index, item in enumerate(data)]
    found = tuple(step for step in steps if step is not None)
    return found if len(found) == len(steps) else None


def _read(reader: Reader, document: Document, path: DataPath, item: Any) -> Step | None:
    if isinstance(item, str) and item in reader.catalogue.usable:
        return _step(reader, document, path, reader.catalogue.usable[item], {}, path)
    if isinstance(item, str):
        _unknown(reader, document, path, item, key=False)
        return None
    if not isinstance(item, Mapping) or not item:
        reader.report(document, path, "this is no action", "`escalate: {to: ceo}`")
        return None
    if len(item) > 1:
        names = " and ".join(f"`{name}`" for name in item)
        second = (*path, list(item)[1])
        reader.report(document, second, f"{names} stand in one item", "a `- ` before each action", key=True)
        return None
    name, settings = next(iter(item.items()))
    action = reader.catalogue.usable.get(name)
    if action is None:
        _unknown(reader, document, (*path, name), name, key=True)
        return None
    return _with_settings(reader, document, (*path, name), action, settings)


def _unknown(reader: Reader, document: Document, path: DataPath, name: str, *, key: bool) -> None:
    guess = nearest(name, reader.catalogue.usable)
    expected = None if guess else one_of(sorted(reader.catalogue.usable))
    reader.report(document, path, f"there is no action `{name}`", expected, guess, key=key)


def _with_settings(reader: Reader, document: Document, path: DataPath, action: AnyAction, settings: Any) -> Step | None:
    if lacking := reader.catalogue.lacking(action):
        what = f"`{action.name}` needs a source that can do `{lacking}`, and no configured source can"
        reader.report(document, path, what, "another action, or a source whose adapter can", key=True)
    if isinstance(settings, Mapping):
        return _step(reader, document, path, action, dict(settings), path)
    if settings is None:
        return _step(reader, document, path, action, {}, path)
    if action.shorthand is None:
        fields = ", ".join(action.settings_model.model_fields)
        reader.report(
            document, path, f"`{action.name}` takes its settings by name", f"`{action.name}: {{{fields}: ...}}`"
        )
        return None
    return _step(reader, document, path, action, {action.shorthand: settings}, path, short=True)


def _step(
    reader: Reader,
    document: Document,
    path: DataPath,
    action: AnyAction,
    data: dict[str, Any],
    at: DataPath,
    *,
    short: bool = False,
) -> Step | None:
    for leaf in find_leaves(action.settings_model, data):
        # Behind a shorthand the value itself stands where its setting would.
        _check_leaf(reader, document, (*at, *leaf.path[1:]) if short else (*at, *leaf.path), leaf)
    settings, problems = validate(document, action.settings_model, data, at)
    reader.problems += problems
    if settings is None:
        return None
    texts = {
        leaf.path: read_template(leaf.value, reader.catalogue.schema)[0]
        for leaf in find_leaves(action.settings_model, settings)
        if leaf.is_text and OPENS in leaf.value
    }
    return Step(action, settings, texts)


def _check_leaf(reader: Reader, document: Document, path: DataPath, leaf: Leaf) -> None:
    if OPENS in leaf.value and leaf.is_text:
        reader.found(document, path, read_template(leaf.value, reader.catalogue.schema)[1])
    elif OPENS in leaf.value:
        reader.report(document, path, "`{{ }}` is not filled in here", "a text without it")
    for kind in sorted(leaf.names):
        known = reader.catalogue.names(kind)
        if leaf.value not in known:
            word, where = _WHERE.get(kind, (kind, one_of(known)))
            guess = nearest(leaf.value, known)
            reader.report(document, path, f"there is no {word} `{leaf.value}`", None if guess else where, guess)
