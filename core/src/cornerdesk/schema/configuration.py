"""The JSON Schema of cornerdesk.yaml."""

from __future__ import annotations

from cornerdesk.configuration import Person
from cornerdesk.plugins import Plugins
from cornerdesk.schema.definitions import DIALECT, JSON, change, define
from cornerdesk.settings import SOURCE_NAME, ConfigurationFile

_REFERENCE: JSON = {"type": "string", "pattern": r"\$\{", "description": "a reference: ${NAME} or ${file:/path}"}
_NOTHING: JSON = {"type": "null"}
_ABOUT = ("title", "description", "default", "examples", "deprecated")


def configuration_schema(plugins: Plugins) -> JSON:
    """The schema of cornerdesk.yaml with the settings of every adapter and plugin that is loaded."""
    adapters = {name: adapter.settings_model for name, adapter in sorted(plugins.adapters().items())}
    settings = dict(sorted(plugins.settings_models().items()))
    refs, definitions = define([ConfigurationFile, Person, *adapters.values(), *settings.values()])
    file = definitions.pop(refs[ConfigurationFile]["$ref"].rpartition("/")[2])
    properties = file["properties"]
    properties["sources"] |= _sources({name: refs[model] for name, model in adapters.items()})
    properties["people"] |= {"additionalProperties": refs[Person], "propertyNames": {"pattern": SOURCE_NAME}}
    properties["plugins"] |= {
        "properties": {name: {"anyOf": [refs[model], _NOTHING]} for name, model in settings.items()},
        "additionalProperties": False,
    }
    found: JSON = {"$defs": definitions, "properties": properties}
    found = change(found, _or_reference)
    found["properties"] = {name: _or_nothing(schema) for name, schema in found["properties"].items()}
    return {
        "$schema": DIALECT,
        "title": "cornerdesk.yaml",
        "description": "The configuration of Cornerdesk",
        "type": "object",
        "additionalProperties": False,
        **found,
    }


def _sources(adapters: dict[str, JSON]) -> JSON:
    """Which settings a source has depends on its adapter."""
    choice: JSON = {"type": "string", "description": "the adapter's name, as in `cornerdesk plugins list`"}
    if adapters:
        choice["enum"] = list(adapters)
    source: JSON = {
        "type": "object",
        "properties": {"adapter": choice},
        "required": ["adapter"],
        "allOf": [
            {"if": {"properties": {"adapter": {"const": name}}, "required": ["adapter"]}, "then": ref}
            for name, ref in adapters.items()
        ],
    }
    if not adapters:
        del source["allOf"]
    return {"additionalProperties": source, "propertyNames": {"pattern": SOURCE_NAME}}


def _or_reference(schema: JSON) -> JSON:
    """Any value may be a reference, also one that must be a number or have a certain form once it is filled in."""
    kind = schema.get("type")
    strict = kind in ("integer", "number", "boolean") or "enum" in schema
    strict = strict or (kind == "string" and any(word in schema for word in ("pattern", "minLength", "maxLength")))
    if not strict or schema == _REFERENCE:
        return schema
    about = {word: schema[word] for word in _ABOUT if word in schema}
    return {**about, "anyOf": [{word: schema[word] for word in schema if word not in about}, _REFERENCE]}


def _or_nothing(schema: JSON) -> JSON:
    """A heading with nothing below it is as if it were not there."""
    if "$ref" in schema:
        about, rest = {w: schema[w] for w in _ABOUT if w in schema}, {"$ref": schema["$ref"]}
        return {**about, "anyOf": [rest, _NOTHING]}
    if "anyOf" in schema:
        forms = [form for form in schema["anyOf"] if form != _NOTHING]
        return {**schema, "anyOf": [*forms, _NOTHING]}
    return {**schema, "type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else schema
