"""What both schemas are made of: models as definitions, without what people do not write. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

JSON = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def define(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], JSON], JSON]:
    """A `$ref` for each model, and the definitions that they need. Fields that are filled in are left out."""
    wanted = list(dict.fromkeys(models))
    refs, schema = models_json_schema([(model, "validation") for model in wanted], ref_template="#/$defs/{model}")
    definitions = {name: _without_filled_in(found) for name, found in schema.get("$defs", {}).items()}
    return {model: dict(refs[model, "validation"]) for model in wanted}, definitions


def _without_filled_in(schema: JSON) -> JSON:
    properties = schema.get("properties", {})
    filled_in = {name for name, found in properties.items() if found.get("readOnly")}
    if not filled_in:
        return schema
    return {**schema, "properties": {name: found for name, found in properties.items() if name not in filled_in}}


def change(schema: Any, rewrite: Callable[[JSON], JSON]) -> Any:
    """The schema with every schema in it rewritten, the innermost first. Values such as defaults are left alone."""
    if isinstance(schema, list):
        return [change(item, rewrite) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed: JSON = {}
    for word, value in schema.items():
        if word in ("default", "examples", "enum", "const", "required"):
            changed[word] = value
        elif word in ("properties", "$defs", "patternProperties"):
            changed[word] = {name: change(found, rewrite) for name, found in value.items()}
        else:
            changed[word] = change(value, rewrite)
    return rewrite(changed)


def with_names(names: Mapping[str, list[str]]) -> Callable[[JSON], JSON]:
    """Puts the names that exist where a setting names a person or a feature, and our own marks away."""

    def rewrite(schema: JSON) -> JSON:
        text = schema.pop("x-cornerdesk-text", False)
        known = names.get(schema.pop("x-cornerdesk-names", ""))
        if text:
            schema.setdefault("description", "{{ }} holds a condition's words, such as {{ customer.name }}")
        return {**schema, "enum": known} if known else schema

    return rewrite
