"""What a model says about a place in its data: which keys may stand there, which values are secret. Pure."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from cornerdesk.documents.document import Path


def fields_of(annotation: Any, path: Path) -> dict[str, FieldInfo]:
    """Fields by the name that the file uses, of every model that may stand at `path` below `annotation`."""
    found = [annotation]
    for step in path:
        found = [inner for outer in found for inner in _inside(outer, step)]
    return {
        name: field
        for outer in found
        for leaf in _leaves(outer)
        if _is_model(leaf)
        for name, field in named_fields(leaf).items()
    }


def named_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the name that the file uses, without those that are filled in when it is read."""
    return {
        _name(name, field): field
        for name, field in model.model_fields.items()
        if not (isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("readOnly"))
    }


def secret_paths(annotation: Any, data: Any, at: Path = ()) -> Iterator[Path]:
    """Where in `data` a secret stands, by what the model says."""
    if any(_is_secret(leaf) for leaf in _leaves(annotation)):
        yield at
    elif isinstance(data, Mapping | list):
        steps = data.items() if isinstance(data, Mapping) else enumerate(data)
        for step, value in steps:
            for inner in _inside(annotation, step):
                yield from secret_paths(inner, value, (*at, step))


def _inside(annotation: Any, step: str | int) -> Iterator[Any]:
    for leaf in _leaves(annotation):
        origin, arguments = get_origin(leaf), get_args(leaf)
        if _is_model(leaf):
            field = named_fields(leaf).get(str(step))
            if field is not None:
                yield field.annotation
        elif not isinstance(origin, type):
            continue
        elif isinstance(step, str) and issubclass(origin, Mapping) and len(arguments) == 2:
            yield arguments[1]
        elif isinstance(step, int) and issubclass(origin, tuple) and arguments[1:] != (...,):
            yield from arguments[step : step + 1]
        elif isinstance(step, int) and issubclass(origin, Sequence | Set) and arguments:
            yield arguments[0]


def _leaves(annotation: Any) -> Iterator[Any]:
    """The plain types that an annotation allows."""
    if isinstance(annotation, TypeAliasType):
        yield from _leaves(annotation.__value__)
    elif get_origin(annotation) is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _leaves(argument)
    else:
        yield annotation


def _is_model(leaf: Any) -> bool:
    return isinstance(leaf, type) and issubclass(leaf, BaseModel)


def _is_secret(leaf: Any) -> bool:
    return get_origin(leaf) is Secret or (isinstance(leaf, type) and issubclass(leaf, SecretStr | SecretBytes | Secret))


def _name(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name
