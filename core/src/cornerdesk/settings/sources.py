"""The sections `sources` and `plugins`: each checked by a model that a plugin brings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from cornerdesk.adapters.interface import SourceSettings
from cornerdesk.documents import Document, validate
from cornerdesk.documents.wording import list_names
from cornerdesk.errors import Problem
from cornerdesk.nearest import nearest
from cornerdesk.plugins import Plugins
from cornerdesk.settings.names import name_problem


def read_sources(document: Document, section: Any, plugins: Plugins) -> tuple[dict[str, SourceSettings], list[Problem]]:
    """Each source's settings, an instance of its adapter's own model, and what is wrong with them."""
    sources: dict[str, SourceSettings] = {}
    problems: list[Problem] = []
    adapters = plugins.adapters()
    for name, data in section.items() if isinstance(section, dict) else ():
        problems += name_problem(document, "sources", name)
        if not isinstance(data, dict):
            continue  # told already by the file's own model
        adapter = data.get("adapter")
        model = adapters[adapter].settings_model if isinstance(adapter, str) and adapter in adapters else None
        if model is None:
            problems += _no_adapter(document, name, data, plugins)
            continue
        settings, found = validate(document, model, data, ("sources", name))
        problems += found
        if settings is not None:
            sources[name] = settings
    return sources, problems


def _no_adapter(document: Document, name: str, data: dict[str, Any], plugins: Plugins) -> list[Problem]:
    at = ("sources", name)
    for key in data:  # without the adapter's model nobody knows which of them are secret
        if key != "adapter":
            document.hide((*at, key))
    if (*at, "adapter") in document.unresolved:
        return []
    known = sorted(plugins.adapters())
    expected = f"an adapter that is installed: {', '.join(known)}" if known else "the plugin of an adapter, installed"
    adapter = data.get("adapter")
    if adapter is None:
        return [document.problem(at, '"adapter" is missing', expected, key=True)]
    path = (*at, "adapter")
    if not isinstance(adapter, str):
        return [document.problem(path, '"adapter" is not text', expected)]
    if path in document.written or not adapter.isprintable() or len(adapter) > 60:
        return [document.problem(path, "there is no such adapter", expected)]
    if broken := _broken(plugins, adapter):
        return [document.problem(path, f'the adapter "{adapter}" cannot be used: {broken}', "a plugin that loads")]
    return [document.problem(path, f'there is no adapter "{adapter}"', expected, nearest(adapter, known))]


def read_plugins(document: Document, section: Any, plugins: Plugins) -> tuple[dict[str, BaseModel], list[Problem]]:
    """Settings of every plugin that has any, by its name: the file's, or the defaults where it says nothing."""
    models = plugins.settings_models()
    given = section if isinstance(section, dict) else {}
    problems = [problem for name in given if name not in models for problem in _no_plugin(document, name, plugins)]
    settings: dict[str, BaseModel] = {}
    for name, model in models.items():
        data = given.get(name)
        if data is not None and not isinstance(data, dict):
            continue  # told already by the file's own model
        found, wrong = validate(document, model, data or {}, ("plugins", name))
        problems += wrong
        if found is not None:
            settings[name] = found
    return settings, problems


def _no_plugin(document: Document, name: str, plugins: Plugins) -> list[Problem]:
    path = ("plugins", name)
    document.hide(path)
    known = sorted(plugins.settings_models())
    expected = list_names(known)
    shown = name if name.isprintable() and len(name) <= 60 else "of this name"
    if broken := _broken(plugins, name):
        message = f'the plugin "{shown}" cannot be used: {broken}'
        return [document.problem(path, message, "a plugin that loads", key=True)]
    if any(report.name == name for report in plugins.reports):
        message = f'the plugin "{shown}" has no settings'
        return [document.problem(path, message, "nothing about it here", key=True)]
    return [document.problem(path, f'there is no plugin "{shown}"', expected, nearest(name, known), key=True)]


def _broken(plugins: Plugins, name: str) -> str | None:
    return next((report.problem for report in plugins.reports if report.name == name and report.problem), None)
