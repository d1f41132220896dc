"""YAML files as data with places."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cornerdesk.documents import Document, read_bytes, read_text, read_yaml
from cornerdesk.errors import ConfigurationError, Problem
from hypothesis import given, settings
from hypothesis import strategies as st


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_text(text, "f.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'1'", "1"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("0b11", "0b11"),
        ("+-1", "+-1"),
        (".", "."),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(written: str, value: Any) -> None:
    found = read_text(f"key: {written}\n", "f.yaml").data["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~", "\ufeff"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert read_text(text, "f.yaml").data == {}


def test_keys_are_always_text() -> None:
    assert read_text("on: 1\n404: 2\nnull: 3\n2026-01-31: 4\n", "f").data == {
        "on": 1, "404": 2, "null": 3, "2026-01-31": 4,
    }  # fmt: skip


def test_every_duplicate_key_is_told_with_its_first_line() -> None:
    found = problems_of("a: 1\nb: {c: 1, c: 2}\na: 3\nlist:\n  - {d: 1}\n  - d: 1\n    d: 2\n")
    assert [(p.line, p.column) for p in found] == [(2, 11), (3, 1), (7, 5)]
    assert "first on line 1" in found[1].message


def test_what_leaves_the_rest_readable_can_be_gathered_and_the_first_value_counts() -> None:
    gathered: list[Problem] = []
    document = read_text("a: 1\na: 2\nb: !include x\n", "f.yaml", problems=gathered)
    assert document.data == {"a": 1, "b": "x"}
    assert [problem.line for problem in gathered] == [2, 3]


def test_places_of_keys_and_values_are_exact() -> None:
    document = read_text("top:\n  list: [one, {key: two}]\n  empty:\n  text: |\n    more\n", "f.yaml")
    assert document.position(("top", "list", 0)) == (2, 10)
    assert document.position(("top", "list", 1, "key")) == (2, 21)
    assert document.position(("top", "list", 1, "key"), key=True) == (2, 16)
    assert document.position(("top", "empty")) == (3, 3)
    assert document.position(("top", "text")) == (4, 9)


def test_what_is_not_there_has_the_place_of_what_is_above_it() -> None:
    document = read_text("top:\n  list: [one]\n", "f.yaml")
    assert document.position(("top", "missing", "deeper"), key=True) == (1, 1)
    assert document.position(("top", "list", 9)) == (2, 9)
    assert read_text("", "f.yaml").position(("any",)) == (1, 1)


def test_a_problem_shows_its_line_with_a_caret_below() -> None:
    document = read_text("people:\n  ceo: {nam: Ada}\n", "f.yaml")
    text = str(document.problem(("people", "ceo", "nam"), "wrong", "name", "name", key=True))
    assert text == "f.yaml:2:9: wrong; expected name; did you mean 'name'?\n      ceo: {nam: Ada}\n            ^"


def test_anchors_and_merged_mappings_are_followed() -> None:
    document = read_text("base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\nboth: [*b, *b]\n", "f.yaml")
    assert document.data["own"] == {"x": 1, "y": 3}
    first, second = document.data["both"]
    assert first == second
    assert first is not second
    assert document.position(("own", "x")) == (1, 14)


def test_a_few_lines_that_stand_for_billions_are_refused_quickly() -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    started = time.perf_counter()
    (problem,) = problems_of("\n".join(lines))
    assert time.perf_counter() - started < 2
    assert "stands for more than" in problem.message


@pytest.mark.parametrize("text", ["[" * 100, "a: " + "{a: " * 100, "\n".join(" " * n + "a:" for n in range(100))])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested too deeply" in problems_of(text)[0].message


def test_an_alias_may_not_nest_too_deeply_either() -> None:
    deep = "[" * 30 + "]" * 30
    assert "nested too deeply" in problems_of(f"a: &a {deep}\nb: {'[' * 25}*a{']' * 25}\n")[0].message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 2, 1, "a tab"),
        ("a: b: c\n", 1, 5, "no ': ' can stand here"),
        ("a: {{ name }}\n", 1, 5, "a key cannot be a list or a mapping"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "not indented like"),
        ("a: 1\n- b\n", 2, 1, "not indented like"),
        ('a: "open\nb: 1\n', 1, 4, "never closed"),
        ("a: [1, 2\nb: 3\n", 1, 4, "not closed with ']'"),
        ("a: @home\n", 1, 4, "cannot start with this character"),
        ("a: `x`\n", 1, 4, "cannot start with this character"),
        ("a: *gone\n", 1, 4, "no anchor &gone"),
        ("a: &x [*x]\n", 1, 8, "within itself"),
        ('a: "\\q"\n', 1, 6, "no such escape"),
        ("a: 1\nword\nb: 1\n", 3, 1, "without its ':'"),
        ("a: 1\n---\nb: 1\n", 2, 1, "second document"),
        ("%YAML 1.1\n---\na: 1\n", 2, 1, "YAML 1.2"),
        ("a: !include x\n", 1, 4, "tag !include means nothing"),
        ("a: !!python/object:os.system x\n", 1, 4, "means nothing"),
        ("a: !!int x\n", 1, 4, "no int"),
        ("a: \x07\n", 1, 4, "U+0007"),
        ("a: " + "9" * 400 + "\n", 1, 4, "too many digits"),
        ('a: "b" c\n', 1, 8, "text follows"),
        ("a: |x\n  b\n", 1, 5, "nothing may follow"),
        ("? [1]\n: 2\n", 1, 3, "a key cannot be"),
        ("*a : 1\n", 1, 1, "a key cannot be an alias"),
    ],
)
def test_mistakes_in_the_writing_are_told_in_plain_words(text: str, line: int, column: int, words: str) -> None:
    problem = problems_of(text)[0]
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


def test_a_mistake_shows_no_line_that_may_hold_a_secret() -> None:
    text = str(ConfigurationError(problems_of('api_token: "Quetzal\n')))
    assert "Quetzal" not in text
    assert "Quetzal" not in str(problems_of("url: postgresql://me:Quetzal@db/x: y\n")[0])


@pytest.mark.parametrize(
    ("content", "words", "line", "column"),
    [
        ("a: ä\nb: ".encode() + b"\xff\n", "not UTF-8", 2, 4),
        ("a: 1\n".encode("utf-16"), "UTF-16", 1, 1),
        (b"a: 1\n" * 250_000, "too large", None, None),
    ],
)
def test_files_of_another_encoding_or_size_are_refused(
    content: bytes, words: str, line: int | None, column: int | None
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_bytes(content, "f.yaml")
    problem = caught.value.problems[0]
    assert words in problem.message
    assert (problem.line, problem.column) == (line, column)


def test_a_line_on_which_the_parser_would_work_for_minutes_is_refused() -> None:
    (problem,) = problems_of("a: 1\nb: " + "!" * 500_000)
    assert (problem.line, problem.message) == (2, "the line is too long")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: {x}\r\n")
    document = read_yaml(path)
    assert document.data == {"a": 1, "b": {"x": None}}
    assert document.position(("b",), key=True) == (2, 1)


@pytest.mark.parametrize("name", ["gone.yaml", ".", "a\0b", "x" * 300])
def test_what_is_no_readable_file_is_a_problem(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        read_yaml(tmp_path / name)


def test_a_document_does_not_show_its_data() -> None:
    assert "hidden" not in repr(read_text("password: hidden", "f.yaml"))


PIECES = ["a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "&x ", "*x", "!!", "!t ", "|", ">", '"', "'", "#", "%", "\t",
          ",", "?", "<<: *x", "---", "...", "0", "\\", "\\U99999999", "\r", "\u2028", "é", "${X}", "1e9", "-", "@",
          "\x85", "%YAML 1.3\n", "%TAG ! x\n", "!<", "&", "\ufeff"]  # fmt: skip


@settings(max_examples=400, deadline=5000)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=80))
def test_any_text_is_a_document_or_a_configuration_error(text: str) -> None:
    document, problems = attempt(lambda: read_text(text, "f.yaml"))
    assert all(problem.message and (problem.column or 1) >= 1 for problem in problems)
    if document is not None:
        walk(document, document.data, ())


@settings(max_examples=100, deadline=5000)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_a_configuration_error(content: bytes) -> None:
    attempt(lambda: read_bytes(content, "f.yaml"))


def attempt(read: Callable[[], Document]) -> tuple[Document | None, tuple[Problem, ...]]:
    """The document, or at least one problem."""
    problems: tuple[Problem, ...] = ()
    try:
        return read(), problems
    except ConfigurationError as caught:
        problems = caught.problems
    assert problems
    return None, problems


def walk(document: Document, data: Any, path: tuple[str | int, ...]) -> None:
    """Every value of a document has a place in its lines."""
    line, column = document.position(path)
    assert 1 <= line <= len(document.lines)
    assert column >= 1
    assert str(document.problem(path, "x", key=True))
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in inner:
        walk(document, value, (*path, step))
