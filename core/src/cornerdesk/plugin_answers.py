"""What plugins answer to hooks that need no configuration, looked at once when they are loaded.

A plugin that answers nonsense, or what another brings already, is found here by name, not when the first ticket comes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from cornerdesk.actions import Action
from cornerdesk.adapters.interface import Adapter
from cornerdesk.errors import CornerdeskError, PluginError
from cornerdesk.hookspecs import Tables
from cornerdesk.listings import Listing


def ask(plugin: str, hook: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What `function` answers.

    Raises:
        PluginError: it failed; names plugin and hook.
    """
    try:
        return function(**arguments)
    except CornerdeskError:
        raise
    except Exception as error:
        raise PluginError(f"plugin {plugin!r}: {hook} fails: {type(error).__name__}: {error}") from error


def ask_each(plugin: str, hook: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> list[Any]:
    """The items of a list that `function` answers.

    Raises:
        PluginError: it failed, or answered no list.
    """
    answer = ask(plugin, hook, function, arguments)
    if isinstance(answer, str | Mapping) or not hasattr(answer, "__iter__"):
        raise PluginError(f"plugin {plugin!r}: {hook} gives {_shown(answer)}; expected a list")
    return list(answer)


def check_answers(plugin: str, module: Any, taken: dict[tuple[str, str], str]) -> None:
    """Ask a plugin what it brings, and look at it.

    Args:
        taken: whose each name is, by hook and name; what this plugin brings is added.

    Raises:
        PluginError: something is not what the hook asks for, or another plugin has its name; says what.
    """
    names: dict[tuple[str, str], str] = {}
    for hook, check in _LISTS.items():
        function = getattr(module, hook, None)
        for item in ask_each(plugin, hook, function, {}) if callable(function) else ():
            name = check(hook, item)
            other = taken.get((hook, name)) or names.get((hook, name))
            if other is not None:
                whose = "twice" if other == plugin else f"which plugin {other!r} brings already"
                raise PluginError(f"{hook} brings {name!r}, {whose}")
            names[hook, name] = plugin
    if callable(function := getattr(module, "cornerdesk_settings", None)):
        _check_settings(ask(plugin, "cornerdesk_settings", function, {}))
    if callable(function := getattr(module, "cornerdesk_tables", None)):
        tables = ask(plugin, "cornerdesk_tables", function, {})
        if not isinstance(tables, Tables):
            raise PluginError(f"cornerdesk_tables gives {_shown(tables)}; expected cornerdesk.Tables")
    taken.update(names)


def _adapter_name(hook: str, item: Any) -> str:
    if not (isinstance(item, type) and issubclass(item, Adapter)):
        raise PluginError(
            f"{hook} brings {_shown(item)}; expected a subclass of cornerdesk.Adapter, not an object of it"
        )
    return _name(hook, item, "helpdesk")


def _action_name(hook: str, item: Any) -> str:
    if not isinstance(item, Action):
        raise PluginError(f"{hook} brings {_shown(item)}; expected an object of a subclass of cornerdesk.Action")
    for needed in ("about", "settings_model"):
        if not hasattr(item, needed):
            raise PluginError(f"{hook} brings {_shown(item)}, which has no {needed!r}")
    return _name(hook, type(item), "name")


def _listing_name(hook: str, item: Any) -> str:
    if not isinstance(item, Listing):
        raise PluginError(f"{hook} brings {_shown(item)}; expected cornerdesk.Listing")
    missing = [column for column in item.columns if column.partition(".")[0] not in _fields(item.row)]
    if missing:
        raise PluginError(f"{hook} brings {item.name!r}, whose rows have no {', '.join(map(repr, missing))}")
    return item.name


_LISTS: dict[str, Callable[[str, Any], str]] = {
    "cornerdesk_adapters": _adapter_name,
    "cornerdesk_actions": _action_name,
    "cornerdesk_listings": _listing_name,
}


def _fields(row: type[BaseModel]) -> set[str]:
    aliases = {info.alias for info in row.model_fields.values() if info.alias}
    return {*row.model_fields, *row.model_computed_fields, *aliases}


def _name(hook: str, kind: type, attribute: str) -> str:
    name = getattr(kind, attribute, None)
    if not isinstance(name, str) or not name:
        raise PluginError(f"{hook} brings {kind.__name__}, which has no {attribute!r}")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(getattr(kind, "__abstractmethods__", ())))
        raise PluginError(f"{hook} brings {kind.__name__}, which lacks {missing}")
    return name


def _check_settings(model: Any) -> None:
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(f"cornerdesk_settings gives {_shown(model)}; expected a pydantic model, the class itself")
    try:
        model()
    except ValidationError as error:
        needed = ", ".join(str(each["loc"][0]) if each["loc"] else each["msg"] for each in error.errors())
        raise PluginError(f"cornerdesk_settings: every field needs a default, and there is none for {needed}") from None


def _shown(item: Any) -> str:
    return f"the class {item.__name__}" if isinstance(item, type) else f"something of type {type(item).__name__}"
