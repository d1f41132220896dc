"""The JSON Schema of rule files."""

from __future__ import annotations

from cornerdesk.actions import AnyAction
from cornerdesk.configuration import Configuration
from cornerdesk.model import EventKind
from cornerdesk.plugins import Plugins
from cornerdesk.schema.definitions import DIALECT, JSON, change, define, with_names

_NAME = r"^[a-z0-9][a-z0-9-]*$"
_DURATION: JSON = {"type": "string", "pattern": r"^(\d+[smhdw])+$", "examples": ["30m", "24h", "7d"]}
_KINDS: JSON = {"enum": [kind.value for kind in EventKind]}
_CONDITION: JSON = {
    "description": "a condition in CEL, such as account.tier == \"canary\"; or all, any, not of conditions",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"$ref": "#/$defs/all"},
        {"$ref": "#/$defs/any"},
        {"$ref": "#/$defs/not"},
    ],
}  # fmt: skip
_CONDITIONS: JSON = {"anyOf": [{"$ref": "#/$defs/condition"}, {"$ref": "#/$defs/conditions"}]}


def rules_schema(plugins: Plugins, configuration: Configuration | None) -> JSON:
    """The schema of rule files with every action that rules may use.

    Args:
        plugins: what brings the actions.
        configuration: whose people and features may be named; None: any name.
    """
    actions = {name: action for name, action in sorted(plugins.actions().items()) if action.usable_in_rules}
    refs, definitions = define([action.settings_model for action in actions.values()])
    names = {} if configuration is None else {
        "person": sorted(configuration.people), "feature": sorted(configuration.features),
    }  # fmt: skip
    verbs = {name: _verb(action, refs[action.settings_model], definitions) for name, action in actions.items()}
    found: JSON = {"$defs": {**definitions, **_condition_definitions()}, "properties": _file(verbs)}
    found["$defs"] |= {"rule": _rule(), "action": _action(verbs), "test": _test(list(verbs))}
    return {
        "$schema": DIALECT,
        "title": "Cornerdesk rules",
        "description": "Rules, and the tests that show what they do",
        "type": "object",
        "additionalProperties": False,
        **change(found, with_names(names)),
    }


def _file(verbs: dict[str, JSON]) -> JSON:
    return {
        "rules": {
            "description": "the rules, in the order in which they are told",
            "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/rule"}}, {"type": "null"}],
        },
        "tests": {
            "description": "what the rules should do, example by example",
            "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/test"}}, {"type": "null"}],
        },
    }


def _rule() -> JSON:
    kinds: JSON = {"anyOf": [_KINDS, {"type": "array", "items": _KINDS, "minItems": 1}]}
    per: JSON = {"enum": ["event", "ticket", "customer", "account"], "description": "what it acts once for"}
    every: JSON = {**_DURATION, "description": "again after this long, counted from the first time; absent: never"}
    once: JSON = {
        "description": "how often it may act: `ticket`, or {per: ticket, every: 24h}",
        "anyOf": [
            per,
            {
                "type": "object",
                "properties": {"per": per, "every": every},
                "required": ["per"],
                "additionalProperties": False,
            },
        ],
    }
    return {
        "type": "object",
        "properties": {
            "rule": {
                "type": "string",
                "pattern": _NAME,
                "maxLength": 80,
                "description": "its name, which no other has",
            },
            "about": {"type": "string", "description": "what it is for, in a sentence"},
            "when": {**kinds, "description": "the kinds of events that it looks at"},
            "if": {**_CONDITIONS, "description": "all must hold"},
            "then": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/action"},
                "description": "what is to be done",
            },
            "once": once,
            "after": {**_DURATION, "description": "asked again after this time, on the state of then"},
            "echoes": {"type": "boolean", "description": "also see what Cornerdesk itself did"},
            "late": {"type": "boolean", "description": "also see late events and history"},
            "enabled": {"type": "boolean", "description": "false: the rule is kept and does nothing"},
        },
        "required": ["rule", "when", "then"],
        "additionalProperties": False,
    }


def _condition_definitions() -> JSON:
    def words(word: str, value: JSON) -> JSON:
        return {"type": "object", "properties": {word: value}, "required": [word], "additionalProperties": False}

    several: JSON = {"$ref": "#/$defs/conditions"}
    return {
        "condition": _CONDITION,
        "conditions": {"type": "array", "items": {"$ref": "#/$defs/condition"}, "minItems": 1},
        "all": words("all", several),
        "any": words("any", several),
        "not": words("not", {"anyOf": [{"$ref": "#/$defs/condition"}, {**several, "maxItems": 1}]}),
    }


def _action(verbs: dict[str, JSON]) -> JSON:
    with_settings: JSON = {
        "type": "object",
        "properties": verbs,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    bare: JSON = {"enum": [name for name, verb in verbs.items() if {"type": "null"} in verb.get("anyOf", ())]}
    forms = [with_settings, bare] if bare["enum"] else [with_settings]
    return {"description": "one action with its settings", "anyOf": forms}


def _verb(action: AnyAction, ref: JSON, definitions: JSON) -> JSON:
    """Settings as a mapping, as the one bare value that they may be, or as nothing where nothing is needed."""
    settings = definitions[ref["$ref"].rpartition("/")[2]]
    forms = [ref]
    short = settings.get("properties", {}).get(action.shorthand or "")
    if short is not None:
        forms.append({word: value for word, value in short.items() if word not in ("title", "default")})
    if not settings.get("required"):
        forms.append({"type": "null"})
    return {"description": action.about, "anyOf": forms} if len(forms) > 1 else {"description": action.about, **ref}


def _test(verbs: list[str]) -> JSON:
    part: JSON = {"type": ["object", "null"]}
    given: JSON = {
        "type": "object",
        "description": "the event and what is known; what is left out is as in an ordinary ticket",
        "properties": {
            "event": {"anyOf": [_KINDS, {"type": "object"}]},
            **dict.fromkeys(("ticket", "message", "customer", "account", "changes", "rating", "actor"), part),
            "signals": {"description": "signals that are seen, beside those that the detectors find"},
            "source": {"type": "string"},
            "now": {"type": "string"},
        },
        "required": ["event"],
    }
    expected: JSON = {
        "type": "object",
        "properties": {
            "rule": {"type": "string", "description": "the rule that should fire"},
            **{key: {"description": "what it should ask for, as far as it matters"} for key in verbs},
        },
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "what it shows, in a sentence"},
            "given": given,
            "expect": {"type": "array", "items": expected, "description": "what should happen; []: nothing"},
        },
        "required": ["name", "given", "expect"],
    }
