"""Expressions that would run for ever, or never end being read, are refused; what is accepted ends soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from cornerdesk.model import Attachment, Message, Snapshot
from cornerdesk.rules.expressions import read_expression
from cornerdesk.rules.schema import Schema

Make = Callable[..., Snapshot]
_INNER = "ticket.tags.exists({0}, {1})"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("true" + " || true" * 1000, "characters"),
        ("(" * 60 + "true" + ")" * 60, "nested too deeply"),
        ("!" * 100 + "true", "nested too deeply"),
        ("-" * 3000 + "1 == 1", "nested too deeply"),
        ("ticket" + ".fields" * 100 + " == 1", "nested too deeply"),
        ("event.raw" + "[0]" * 100 + " == 1", "nested too deeply"),
        ("[" * 1900 + "]" * 1900 + " == []", "nested too deeply"),
        ("1" + " + 1" * 900 + " == 1", "nested too deeply"),
        ("true ? true : " * 60 + "true", "nested too deeply"),
        (_INNER.format("a", _INNER.format("b", _INNER.format("c", "true"))), "lists within lists"),
        ('ticket.tags.map(a, ticket.tags.map(b, a + b)) == [["x"]]', "too long"),
        ("ticket.tags.map(a, ticket.tags).map(b, b.map(c, c + c)) == []", "too long"),
        (f"[{'1,' * 1500}].map(a, a) == [1]", "too long"),
        (f"({' + '.join(['ticket.tags'] * 40)}).exists(a, ticket.tags.exists(b, a == b))", "too long"),
    ],
)
def test_a_bomb_is_refused_at_once(text: str, message: str, schema: Schema) -> None:
    start = time.perf_counter()
    _, findings = read_expression(text, schema, condition=True)

    assert any(message in finding.message for finding in findings)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        'ticket.tags.exists(a, ticket.tags.exists(b, a == b + "x"))',
        "ticket.tags.map(a, a + a).size() > 1000",
        "message.attachments.filter(a, ticket.tags.exists(t, a.name == t)).size() > 3",
        "ticket.tags.exists(tag, message.text.contains(tag))",
        r"message.text.matches(r'(x+x+)+y') || message.text.matches(r'^(\w|\s)*$')",
        'message.text.split(" ").size() > 3',
        'message.text.replace("a", message.text) == ""',
        'message.text.replace("a", "b").lowerAscii().trim() == ""',
        'message.text + message.text + message.text == ""',
    ],
)
def test_what_is_accepted_ends_soon_on_a_hostile_ticket(text: str, value: Callable[..., Any], snapshot: Make) -> None:
    words = "a b " * 100_000 + "x" * 400_000
    hostile = snapshot(
        {"tags": [f"tag {number}" for number in range(200)]},
        message=Message(
            id="m",
            direction="inbound",
            text=words,
            attachments=tuple(Attachment(name=f"{number}.txt") for number in range(200)),
        ),
    )
    start = time.perf_counter()

    value(text, hostile)

    assert time.perf_counter() - start < 2
