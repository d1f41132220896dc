"""Texts in settings of any shape keep their marks: names are checked and `{{ }}` filled in wherever they are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from cornerdesk.actions import ActionSettings, FeatureName, Names, PersonName, TextSetting
from cornerdesk.rules.leaves import Leaf, find_leaves, replace_leaves
from pydantic import BeforeValidator, Field


class Step(ActionSettings):
    to: PersonName | Literal["everyone"]
    text: TextSetting | None = None


class Shapes(ActionSettings):
    one: PersonName = ""
    many: tuple[PersonName, ...] = ()
    either: PersonName | list[PersonName] = ""
    wrapped: Annotated[tuple[PersonName, ...], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)] = ()
    features: frozenset[FeatureName] = frozenset()
    text: TextSetting = ""
    texts: list[TextSetting] = Field(default_factory=list)
    pair: tuple[TextSetting, int, str] = ("", 0, "")
    table: dict[str, TextSetting] = Field(default_factory=dict)
    steps: list[Step] = Field(default_factory=list)
    renamed: TextSetting = Field("", alias="as")
    free: Any = None
    number: int = 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"one": "a"}, [Leaf(("one",), "a", False, frozenset({"person"}))]),
        ({"many": ["a"]}, [Leaf(("many", 0), "a", False, frozenset({"person"}))]),
        ({"either": "a"}, [Leaf(("either",), "a", False, frozenset({"person"}))]),
        ({"either": ["a"]}, [Leaf(("either", 0), "a", False, frozenset({"person"}))]),
        ({"wrapped": "a"}, [Leaf(("wrapped",), "a", False, frozenset({"person"}))]),
        ({"features": ["a"]}, [Leaf(("features", 0), "a", False, frozenset({"feature"}))]),
        ({"text": "a"}, [Leaf(("text",), "a", True, frozenset())]),
        ({"texts": ["a"]}, [Leaf(("texts", 0), "a", True, frozenset())]),
        (
            {"pair": ["a", 1, "b"]},
            [Leaf(("pair", 0), "a", True, frozenset()), Leaf(("pair", 2), "b", False, frozenset())],
        ),
        ({"table": {"k": "a"}}, [Leaf(("table", "k"), "a", True, frozenset())]),
        (
            {"steps": [{"to": "a", "text": "b"}, {"to": "everyone"}]},
            [
                Leaf(("steps", 0, "to"), "a", False, frozenset({"person"})),
                Leaf(("steps", 0, "text"), "b", True, frozenset()),
                Leaf(("steps", 1, "to"), "everyone", False, frozenset()),
            ],
        ),
        ({"as": "a"}, [Leaf(("as",), "a", True, frozenset())]),
        ({"free": {"x": ["a"]}}, [Leaf(("free", "x", 0), "a", False, frozenset())]),
        ({"number": "a", "unheard": "of", "many": 3, "steps": 5}, [Leaf(("number",), "a", False, frozenset())]),
    ],
)
def test_the_leaves_of_what_is_written(data: dict[str, Any], expected: list[Leaf]) -> None:
    assert [
        leaf for leaf in find_leaves(Shapes, data) if leaf.path[0] != "steps" or leaf.path != ("steps",)
    ] == expected


def test_the_leaves_of_a_model_can_be_replaced_and_nothing_else_changes() -> None:
    data = {
        "text": "a",
        "texts": ["b", "c"],
        "pair": ["d", 1, "e"],
        "table": {"k": "f", "l": "g"},
        "steps": [{"to": "x", "text": "h"}],
        "as": "i",
        "one": "x",
    }
    settings = Shapes.model_validate(data)
    texts = {leaf.path: leaf.value.upper() for leaf in find_leaves(Shapes, settings) if leaf.is_text and leaf.value}

    changed = replace_leaves(settings, texts)

    assert changed.model_dump(exclude_defaults=True) == {
        "text": "A",
        "texts": ["B", "C"],
        "pair": ("D", 1, "e"),
        "table": {"k": "F", "l": "G"},
        "steps": [{"to": "x", "text": "H"}],
        "renamed": "I",
        "one": "x",
    }
    assert settings.text == "a"


def test_names_of_any_kind_are_kept() -> None:
    class Own(ActionSettings):
        board: Annotated[str, Names("board")]

    (leaf,) = find_leaves(Own, {"board": "x"})

    assert leaf.names == {"board"}
