"""`${NAME}` and `${file:...}`."""

from __future__ import annotations

from pathlib import Path

import pytest
from cornerdesk.documents import Document, read_text
from cornerdesk.errors import Problem
from cornerdesk.settings.references import resolve


def fill(text: str, directory: Path, **environ: str) -> tuple[Document, list[Problem]]:
    return resolve(read_text(text, "f.yaml"), environ, directory)


def test_several_references_in_one_text_are_filled_in(tmp_path: Path) -> None:
    document, problems = fill('url: "postgresql://${USER}:${PASS}@db/x"', tmp_path, USER="me", PASS="s3")
    assert problems == []
    assert document.data == {"url": "postgresql://me:s3@db/x"}


def test_what_a_reference_stands_for_is_not_looked_at_again(tmp_path: Path) -> None:
    document, problems = fill("a: ${A}", tmp_path, A="${B}", B="x")
    assert (document.data, problems) == ({"a": "${B}"}, [])


def test_two_dollars_write_a_plain_one(tmp_path: Path) -> None:
    document, problems = fill("a: $${A}\nb: $$${A}\nc: 5$\nd: $A\n", tmp_path, A="x")
    assert problems == []
    assert document.data == {"a": "${A}", "b": "$${A}", "c": "5$", "d": "$A"}


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    document, problems = fill(f"a: ${{file:{tmp_path}/secret}}\nb: '${{file:secret}}!'\n", tmp_path)
    assert problems == []
    assert document.data == {"a": "s3cret", "b": "s3cret!"}


def test_keys_and_numbers_are_left_alone(tmp_path: Path) -> None:
    document, _ = fill("${A}: 5", tmp_path, A="x")
    assert document.data == {"${A}": 5}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n  - x\n  - '${GONE}'", (3, 6), "GONE is not set"),
        ('a: "${A} and ${GONE} here"', (1, 14), "GONE is not set"),
        ("a: $${A} ${GONE}", (1, 10), "GONE is not set"),
        ("a: |\n  first\n  ${GONE}\n", (3, 3), "GONE is not set"),
        ("a: ${EMPTY}", (1, 4), "EMPTY is empty"),
        ("a: ${file:gone}", (1, 4), "gone cannot be read: no such file"),
        ("a: ${file:}", (1, 4), "names no file"),
        ("a: ${file:blank}", (1, 4), "blank is empty"),
        ("a: ${file:binary}", (1, 4), "not UTF-8"),
        ("a: ${A-b}", (1, 4), "no reference"),
        ("a: ${}", (1, 4), "no reference"),
        ("a: x${A", (1, 5), "no reference"),
    ],
)
def test_a_reference_that_stands_for_nothing_is_told_where_it_stands(
    tmp_path: Path, text: str, place: tuple[int, int], words: str
) -> None:
    (tmp_path / "blank").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    _, problems = fill(text, tmp_path, A="x", EMPTY=" ")
    (problem,) = problems
    assert (problem.line, problem.column) == place
    assert words in problem.message


def test_each_missing_variable_of_one_text_has_its_own_place(tmp_path: Path) -> None:
    _, problems = fill("a: ${ONE}-${TWO}-${ONE}", tmp_path)
    assert [problem.column for problem in problems] == [4, 11, 18]


def test_a_misspelt_variable_is_told_the_one_that_is_set(tmp_path: Path) -> None:
    _, problems = fill("a: ${ZENDESK_SECERT}", tmp_path, ZENDESK_SECRET="x", UNRELATED="y")
    assert problems[0].nearest == "ZENDESK_SECRET"
