"""The texts in an action's settings, each with the marks of its field: `Text`, `Names`. Pure.

Works on settings as they are written and on the model made from them, so that a mistake is found in either.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from cornerdesk.actions import Names, Text
from cornerdesk.documents import DataPath

M = TypeVar("M", bound=BaseModel)
_UNIONS = (Union, types.UnionType)


@dataclass(frozen=True)
class Leaf:
    """A text in settings.

    Attributes:
        path: the way to it.
        value: the text.
        is_text: `{{ }}` is filled in here.
        names: what it names: `person`, `feature`.
    """

    path: DataPath
    value: str
    is_text: bool
    names: frozenset[str]


def find_leaves(model: type[BaseModel], data: Any) -> list[Leaf]:
    """Every text in `data`, which is an instance of `model` or what one may be made from."""
    return list(_walk(model, data, (), ()))


def _walk(annotation: Any, value: Any, path: DataPath, marks: tuple[Any, ...]) -> Iterator[Leaf]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _walk(inner, value, path, (*marks, *more))
    elif get_origin(annotation) in _UNIONS:
        yield from _walk(*_branch(get_args(annotation), value), path=path, marks=marks)
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield from _text(annotation, value, path, marks)
    elif isinstance(value, Mapping | BaseModel):
        yield from _named(annotation, value, path)
    elif isinstance(value, Sequence | Set) and not isinstance(value, bytes):
        for index, each in enumerate(value):
            yield from _walk(_element(annotation, index), each, (*path, index), marks)


def _text(annotation: Any, value: str, path: DataPath, marks: tuple[Any, ...]) -> Iterator[Leaf]:
    if _is_many(annotation):
        # A setting that takes one for a list: `to: ceo` for `to: [ceo]`.
        yield from _walk(_element(annotation, 0), value, path, marks)
        return
    if get_origin(annotation) is Literal:
        marks = ()
    names = frozenset(mark.of for mark in marks if isinstance(mark, Names))
    yield Leaf(path, value, any(isinstance(mark, Text) for mark in marks), names)


def _named(annotation: Any, value: Mapping[str, Any] | BaseModel, path: DataPath) -> Iterator[Leaf]:
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from _walk(info.annotation, getattr(value, name), (*path, name), tuple(info.metadata))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            key = name if name in value else info.alias or name
            if key in value:
                yield from _walk(info.annotation, value[key], (*path, key), tuple(info.metadata))
    else:
        inner = get_args(annotation)[1] if len(get_args(annotation)) == 2 else Any
        for key, each in value.items():
            yield from _walk(inner, each, (*path, str(key)), ())


def _branch(members: Sequence[Any], value: Any) -> tuple[Any, Any]:
    """The form of several that a value has."""
    fits = [member for member in members if _fits(member, value)]
    exact = [member for member in fits if get_origin(member) is Literal]
    return (*exact, *fits, Any)[0], value


def _fits(member: Any, value: Any) -> bool:
    core = get_args(member)[0] if get_origin(member) is Annotated else member
    if get_origin(core) is Literal:
        return value in get_args(core)
    if get_origin(core) in _UNIONS:
        return any(_fits(inner, value) for inner in get_args(core))
    is_model = isinstance(core, type) and issubclass(core, BaseModel)
    if isinstance(value, str):
        return core is str or _is_many(core)
    if isinstance(value, Mapping | BaseModel):
        return is_model or get_origin(core) in (dict, Mapping)
    return _is_many(core) and isinstance(value, Sequence | Set)


def _is_many(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Sequence | Set) and not issubclass(origin, str | bytes)


def _element(annotation: Any, index: int) -> Any:
    inner = get_args(annotation)
    if not inner:
        return Any
    if get_origin(annotation) is tuple and inner[-1] is not Ellipsis:
        return inner[min(index, len(inner) - 1)]
    return inner[0]


def replace_leaves(settings: M, texts: Mapping[DataPath, str]) -> M:
    """The same settings with these texts."""
    changed: M = _replaced(settings, texts)
    return changed


def _replaced(value: Any, texts: Mapping[DataPath, str]) -> Any:
    if () in texts:
        return texts[()]
    steps = {path[0]: {rest[1:]: text for rest, text in texts.items() if rest[0] == path[0]} for path in texts}
    if isinstance(value, BaseModel):
        return value.model_copy(update={str(s): _replaced(getattr(value, str(s)), t) for s, t in steps.items()})
    if isinstance(value, Mapping):
        return {**value, **{step: _replaced(value[str(step)], inner) for step, inner in steps.items()}}
    items: Iterable[Any] = [_replaced(each, steps[i]) if i in steps else each for i, each in enumerate(value)]
    return type(value)(items)
