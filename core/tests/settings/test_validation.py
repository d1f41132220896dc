"""What a model finds wrong, in people's words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from cornerdesk.documents import read_text, validate
from cornerdesk.errors import Problem
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Strict):
    kind: Literal["cat"]
    lives: int = 9


class Dog(Strict):
    kind: Literal["dog"]
    tricks: tuple[str, ...] = ()


class Place(Strict):
    city: str = Field(description="where it is")
    zip_code: str | None = Field(None, alias="zip")


class Thing(Strict):
    name: str = Field("x", min_length=1, max_length=5)
    count: int = Field(1, ge=1, le=9)
    ratio: float = 0.5
    on: bool = False
    kind: Literal["small", "large"] = "small"
    tags: tuple[str, ...] = ()
    several: str | tuple[str, ...] = ""
    place: Place | None = None
    places: dict[str, Place] = {}
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    either: Place | Cat | None = None
    secret: SecretStr | None = None
    since: datetime | None = None
    even: int = 2

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value

    @model_validator(mode="after")
    def _together(self) -> Thing:
        if self.secret is not None and self.name == "leak":
            raise ValueError(f"{self.secret.get_secret_value()} is not for {self.name}")
        return self


def told(text: str, model: type[BaseModel] = Thing) -> list[Problem]:
    document = read_text(text, "f.yaml")
    instance, problems = validate(document, model, document.data)
    assert (instance is None) == bool(problems)
    return problems


@pytest.mark.parametrize(
    ("text", "place", "message", "expected", "nearest"),
    [
        ("nme: x", (1, 1), 'there is no key "nme" here', "one of name, count", "name"),
        ("place: {citty: x, city: y}", (1, 9), 'there is no key "citty" here', "one of city, zip", None),
        ("place: {}", (1, 1), '"city" is missing', "where it is", None),
        ("places: {a: {zip: x}}", (1, 10), '"city" is missing', "where it is", None),
        ("places: {a: {city: x, zpi: x}}", (1, 23), 'there is no key "zpi" here', "one of city, zip", "zip"),
        ("name: 5", (1, 7), '"name" is a whole number', "text, so quotes around it", None),
        ("name:", (1, 1), '"name" is empty', "text", None),
        ("name: [a]", (1, 7), '"name" is a list', "text", None),
        ("name: toolong", (1, 7), '"name" does not fit', "at most 5 characters", None),
        ("count: many", (1, 8), '"count" is text', "a whole number", None),
        ("count: 1.5", (1, 8), '"count" is a number', "a whole number", None),
        ("count: 10", (1, 8), '"count" does not fit', "9 or less", None),
        ("ratio: {a: 1}", (1, 8), '"ratio" is a mapping', "a number", None),
        ("on: perhaps", (1, 5), '"on" is text', "true or false", None),
        ("kind: smal", (1, 7), '"kind" cannot be "smal"', "one of small, large", "small"),
        ("kind: [small]", (1, 7), '"kind" is a list', "one of small, large", None),
        ("tags: a", (1, 7), '"tags" is text', "a list", None),
        ("tags: [a, 5]", (1, 11), 'item 2 of "tags" is a whole number', "text, so quotes around it", None),
        ("several: 5", (1, 10), '"several" is a whole number', "text or a list", None),
        ("several: [a, {b: 1}]", (1, 14), 'item 2 of "several" is a mapping', "text", None),
        ("place: x", (1, 8), '"place" is text', "a mapping", None),
        ("pet: {kind: cta}", (1, 13), '"kind" cannot be "cta"', "one of cat, dog", "cat"),
        ("pet: {lives: 3}", (1, 1), '"kind" is missing', None, None),
        ("pet: {kind: cat, lives: x}", (1, 25), '"lives" is text', "a whole number", None),
        ("either: {city: 5}", (1, 16), '"city" is a whole number', "text, so quotes", None),
        ("since: soon", (1, 8), '"since" is text', "a date and time", None),
        ("even: 3", (1, 7), '"even": 3 is odd', None, None),
        ("[1]", (1, 1), "the file is a list", "a mapping", None),
    ],
)
def test_each_mistake_has_its_place_and_what_was_expected(
    text: str, place: tuple[int, int], message: str, expected: str | None, nearest: str | None
) -> None:
    (problem,) = told(text)
    assert (problem.line, problem.column) == place
    assert problem.message == message
    assert (problem.expected or "").startswith(expected or "")
    assert bool(problem.expected) == bool(expected)
    assert problem.nearest == nearest


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = told("on: perhaps\ncount: x\nnme: y\ntags: z\n")
    assert [problem.line for problem in found] == [1, 2, 3, 4]


def test_nobody_reads_the_words_of_the_library() -> None:
    text = " ".join(
        map(str, told("on: 3.5\nname: {}\npet: 3\neither: 7\nkind: 1\nsince: []\nsecret: [1]\nplaces: 3\n"))
    )
    for word in ("pydantic", "http", "Input should", "union", "literal_error", "instance", "validation"):
        assert word not in text


def test_the_line_of_an_unknown_key_does_not_show_its_value() -> None:
    (problem,) = told("{name: ok, secrt: Quetzal, nothing: Popocatepetl}".replace("nothing: Popocatepetl", "on: true"))
    assert "Quetzal" not in str(problem)
    assert problem.nearest == "secret"


def test_a_secret_written_in_clear_is_not_shown_by_a_mistake_beside_it() -> None:
    text = " ".join(map(str, told("{secret: Quetzal, count: x}")))
    assert "Quetzal" not in text
    assert "secret: *******, count: x" in text


def test_a_validator_that_tells_a_secret_is_not_repeated() -> None:
    (problem,) = told("name: leak\nsecret: Quetzal\n")
    assert "Quetzal" not in str(problem)
    assert "not right" in problem.message


def test_a_model_that_breaks_down_is_a_problem_and_no_traceback() -> None:
    class Broken(Strict):
        value: Any = None

        @field_validator("value")
        @classmethod
        def _break(cls, value: Any) -> Any:
            raise KeyError("the plugin's own bug")

    (problem,) = told("value: 1", Broken)
    assert "broke down (KeyError)" in problem.message
