"""A plugin that breaks its contract is named with what it did; everybody else's go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from cornerdesk import (
    Action,
    ActionSettings,
    Adapter,
    Configuration,
    Detector,
    Intent,
    Listing,
    PlanContext,
    PluginError,
    Question,
    hookimpl,
)
from cornerdesk.plugins import PluginReport, load_plugins
from pydantic import BaseModel


class Wave(Action[ActionSettings]):
    name = "wave"
    about = "waves"
    settings_model = ActionSettings

    def plan(self, settings: ActionSettings, context: PlanContext) -> Sequence[Intent]:
        return []


class Unfinished(Adapter):
    helpdesk = "unfinished"


class Row(BaseModel):
    id: str


async def no_rows(question: Question) -> Sequence[Row]:
    return []


class Needy(BaseModel):
    address: str


def plugin(hook: str, answer: Callable[[], Any]) -> SimpleNamespace:
    function: Any = lambda: answer()  # noqa: E731 - a name of its own would be the same for all
    return SimpleNamespace(**{hook: hookimpl(function)})


def fail() -> Any:
    raise ZeroDivisionError("by nothing")


def report_of(name: str, module: object, **others: object) -> PluginReport:
    reports = load_plugins(extra={**others, name: module}).reports
    return next(report for report in reports if report.name == name)


@pytest.mark.parametrize(
    ("hook", "answer", "said"),
    [
        ("cornerdesk_actions", lambda: [Wave], "expected an object of a subclass of cornerdesk.Action"),
        ("cornerdesk_actions", lambda: Wave(), "expected a list"),
        ("cornerdesk_actions", fail, "ZeroDivisionError: by nothing"),
        ("cornerdesk_actions", lambda: [Wave(), Wave()], "twice"),
        ("cornerdesk_adapters", lambda: ["zendesk"], "expected a subclass of cornerdesk.Adapter"),
        ("cornerdesk_adapters", lambda: [Unfinished], "lacks delivery_key, read, verify"),
        ("cornerdesk_settings", lambda: Needy, "there is none for address"),
        ("cornerdesk_settings", lambda: Row(id="1"), "the class itself"),
        ("cornerdesk_tables", lambda: "tables", "expected cornerdesk.Tables"),
        ("cornerdesk_listings", lambda: [Listing("waves", "waves", Row, ("id", "hight"), no_rows)], "no 'hight'"),
    ],
)
def test_what_a_plugin_answers_wrongly_is_said_by_hook(hook: str, answer: Callable[[], Any], said: str) -> None:
    problem = report_of("mine", plugin(hook, answer)).problem

    assert problem is not None
    assert hook in problem
    assert said in problem


def test_a_name_that_another_plugin_has_is_refused_to_the_later_one() -> None:
    waves = plugin("cornerdesk_actions", lambda: [Wave()])
    loaded = load_plugins(extra={"first": waves, "second": plugin("cornerdesk_actions", lambda: [Wave()])})

    problems = {report.name: report.problem for report in loaded.reports}
    assert problems["first"] is None
    assert "'wave', which plugin 'first' brings already" in (problems["second"] or "")
    assert "wave" in loaded.actions()


def test_strict_loading_refuses_all_because_of_one() -> None:
    with pytest.raises(PluginError, match="mine"):
        load_plugins(strict=True, extra={"mine": plugin("cornerdesk_actions", fail)})


def test_a_detector_that_cannot_be_made_names_its_plugin() -> None:
    @hookimpl
    def cornerdesk_detectors(configuration: Configuration) -> Sequence[Detector]:
        raise KeyError("phrases")

    loaded = load_plugins(extra={"mine": SimpleNamespace(cornerdesk_detectors=cornerdesk_detectors)})

    with pytest.raises(PluginError, match=r"plugin 'mine': cornerdesk_detectors fails: KeyError"):
        loaded.detectors(Configuration())
