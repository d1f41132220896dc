"""Finding plugins, registering them, and saying plainly what is wrong with one that is broken."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from pydantic import BaseModel

from cornerdesk import hookspecs
from cornerdesk.actions import AnyAction
from cornerdesk.adapters.interface import Adapter
from cornerdesk.configuration import Configuration
from cornerdesk.errors import ConfigurationError, PluginError
from cornerdesk.hookspecs import GROUP, Tables
from cornerdesk.listings import Listing
from cornerdesk.nearest import nearest
from cornerdesk.plugin_answers import ask_each, check_answers
from cornerdesk.signals.interface import Detector


@dataclass
class PluginReport:
    """What became of one plugin: `problem` is None when all is well."""

    name: str
    module: str
    distribution: str | None = None
    version: str | None = None
    hooks: tuple[str, ...] = ()
    problem: str | None = None


@dataclass
class Plugins:
    """The plugins that are loaded and what they bring. Made by `load_plugins`; there is no global one."""

    manager: pluggy.PluginManager
    reports: list[PluginReport] = field(default_factory=list)

    @property
    def hooks(self) -> Any:
        """Calls hooks: `plugins.hooks.my_hook(argument=...)` gives a list of answers."""
        return self.manager.hook

    def adapters(self) -> dict[str, type[Adapter]]:
        """Adapter classes by name."""
        return {adapter.helpdesk: adapter for adapter in self._each("cornerdesk_adapters")}

    def actions(self) -> dict[str, AnyAction]:
        """Actions by name."""
        return {action.name: action for action in self._each("cornerdesk_actions")}

    def detectors(self, configuration: Configuration) -> list[Detector]:
        """Detectors, made for this configuration.

        Raises:
            PluginError: a plugin cannot make its own; names it.
        """
        return list(self._each("cornerdesk_detectors", configuration=configuration))

    def settings_models(self) -> dict[str, type[BaseModel]]:
        """Each plugin's settings model by the plugin's name, for the section `plugins:`."""
        found: dict[str, type[BaseModel]] = {}
        for plugin in self.manager.get_plugins():
            if hasattr(plugin, "cornerdesk_settings"):
                found[self.manager.get_name(plugin) or ""] = plugin.cornerdesk_settings()
        return found

    def tables(self) -> list[Tables]:
        """Plugins' tables, in the order of their names."""
        return sorted(self.hooks.cornerdesk_tables(), key=lambda tables: tables.branch)

    def listings(self) -> list[Listing]:
        """Plugins' listings."""
        return list(self._each("cornerdesk_listings"))

    def routes(self) -> list[Any]:
        """Plugins' web routes."""
        return list(self._each("cornerdesk_routes"))

    def _each(self, hook: str, **arguments: Any) -> Iterator[Any]:
        for implementation in getattr(self.hooks, hook).get_hookimpls():
            given = {name: arguments[name] for name in implementation.argnames}
            yield from ask_each(implementation.plugin_name, hook, implementation.function, given)


def load_plugins(*, strict: bool = False, extra: Mapping[str, object] | None = None) -> Plugins:
    """Every plugin installed, and those in `extra` (name to module or object).

    Raises:
        PluginError: with `strict`, when any plugin is broken; without, broken ones are reported and left out.
    """
    plugins = Plugins(pluggy.PluginManager(GROUP))
    plugins.manager.add_hookspecs(hookspecs)
    loaded = _import_all(plugins, entry_points(group=GROUP))
    loaded += [(PluginReport(name, str(getattr(m, "__name__", m))), m) for name, m in (extra or {}).items()]
    plugins.reports += [report for report, _ in loaded]
    for report, module in loaded:
        _add_hookspecs(plugins, report, module)
    taken: dict[tuple[str, str], str] = {}
    for report, module in loaded:
        if report.problem is None:
            _register(plugins, report, module, taken)
    problems = [report for report in plugins.reports if report.problem]
    if strict and problems:
        raise PluginError("\n".join(f"plugin {report.name!r}: {report.problem}" for report in problems))
    return plugins


def _import_all(plugins: Plugins, points: Iterable[EntryPoint]) -> list[tuple[PluginReport, Any]]:
    loaded: list[tuple[PluginReport, Any]] = []
    for point in sorted(points, key=lambda point: point.name):
        report = PluginReport(point.name, point.value)
        if point.dist is not None:
            report.distribution, report.version = point.dist.name, point.dist.version
        try:
            loaded.append((report, point.load()))
        except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything while it is imported
            report.problem = f"{point.value} does not import: {type(error).__name__}: {error}"
            plugins.reports.append(report)
    return loaded


def _add_hookspecs(plugins: Plugins, report: PluginReport, module: Any) -> None:
    if not hasattr(module, "cornerdesk_hookspecs"):
        return
    try:
        plugins.manager.add_hookspecs(module.cornerdesk_hookspecs())
    except Exception as error:  # noqa: BLE001 - the same
        report.problem = f"cornerdesk_hookspecs: {type(error).__name__}: {error}"


def _register(plugins: Plugins, report: PluginReport, module: Any, taken: dict[tuple[str, str], str]) -> None:
    manager = plugins.manager
    try:
        _refuse_misspelt(manager, report.name, module)
        manager.register(module, name=report.name)
        check_answers(report.name, module, taken)
        report.hooks = tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))
    except (PluginError, pluggy.PluginValidationError, ValueError) as error:
        if manager.has_plugin(report.name):
            manager.unregister(name=report.name)
        report.problem = str(error)


def _refuse_misspelt(manager: pluggy.PluginManager, plugin: str, module: Any) -> None:
    """pluggy tells of hooks without a specification only at the end, for all plugins; this names plugin and hook."""
    for name in dir(module):
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            continue
        hook = options.get("specname") or name
        caller = getattr(manager.hook, hook, None)
        if caller is None or caller.spec is None:
            known = [c for c in dir(manager.hook) if not c.startswith("_")]
            guess = nearest(hook, known)
            raise PluginError(f"there is no hook {hook!r}" + (f"; did you mean {guess!r}?" if guess else ""))
        wanted = set(inspect.signature(getattr(module, name)).parameters)
        if unknown := wanted - set(caller.spec.argnames):
            raise PluginError(
                f"hook {hook!r} has no argument {', '.join(map(repr, sorted(unknown)))};"
                f" it has {', '.join(caller.spec.argnames) or 'none'}"
            )


def adapter_for(plugins: Plugins, name: str) -> type[Adapter]:
    """The adapter class of this name.

    Raises:
        ConfigurationError: there is none; names the nearest.
    """
    adapters = plugins.adapters()
    if name in adapters:
        return adapters[name]
    guess = nearest(name, adapters)
    hint = f"; did you mean {guess!r}?" if guess else f"; installed are {', '.join(sorted(adapters)) or 'none'}"
    raise ConfigurationError(f"there is no adapter {name!r}{hint}")
