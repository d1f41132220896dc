"""Making vendors' text plain: what is kept, what is set apart, and that no input takes long."""

import time

import pytest
from cornerdesk import RejectedError, clean_text, html_to_text, load_json, split_reply
from hypothesis import given
from hypothesis import strategies as st

GMAIL = """We will cancel next month.

On Mon, 5 Oct 2026 at 10:12, Ada Park <ada@example.com>
wrote:
> How can we help?
"""

OUTLOOK = """Please call me.

________________________________
From: Ada Park <ada@example.com>
Sent: Monday, 5 October 2026 10:12
To: Bo Lind
Subject: Your ticket

How can we help?
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (GMAIL, "We will cancel next month."),
        (OUTLOOK, "Please call me."),
        ("Ja.\n\nAm 5.10.2026 um 10:12 schrieb Ada Park:\nalte Worte", "Ja."),
        ("Yes\n\n##- Please type your reply above this line -##\nold", "Yes"),
        ("Yes\n-----Original Message-----\nold", "Yes"),
        ("Yes\n\nSent from my iPhone", "Yes"),
        ("Yes\n--\nBo Lind\nExample Ltd", "Yes"),
        ("Yes\n\nKind regards,\nBo Lind\nExample Ltd", "Yes"),
    ],
)
def test_history_and_signatures_are_set_apart(text: str, kept: str) -> None:
    words, quoted = split_reply(text)
    assert words == kept
    assert quoted


def test_answers_between_quoted_lines_stay_with_the_message() -> None:
    words, quoted = split_reply("On 5 Oct 2026, Ada wrote:\n> What broke?\nThe export.\n> Since when?\nSince Monday.")
    assert words == "The export.\nSince Monday."
    assert quoted is not None
    assert "What broke?" in quoted


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two",
        "We have\n>90% of our users down",
        "Thanks,\nand please cancel our plan.",
        "On the whole we are happy.",
        "Best regards,\nand one more thing: can you call us today?",
        "From: our side, everything works",
    ],
)
def test_in_doubt_a_line_stays_with_the_message(text: str) -> None:
    assert split_reply(text) == (text, None)


def test_a_forwarded_message_without_a_word_of_ones_own_is_kept_whole() -> None:
    text = "---------- Forwarded message ---------\nFrom: Bo\nDate: today\nTo: Ada\n\nIt is down."
    assert split_reply(text) == (text, None)


def test_a_message_that_is_only_a_quotation_says_nothing() -> None:
    assert split_reply("> How can we help?\n> Ada") == ("", "> How can we help?\n> Ada")


def test_white_space_that_only_looks_like_a_space_becomes_one() -> None:
    assert clean_text("a\u00a0b&nbsp;c\u200b\r\n\r\n\r\n\r\nd\x00 ") == "a b c\n\nd"


def test_html_reads_as_its_reader_would() -> None:
    markup = (
        "<style>p{}</style><p>Hello <b>big</b>&nbsp;world<br>two</p><ul><li>a<li>b</ul><blockquote>old</blockquote>"
    )
    assert html_to_text(markup) == "Hello big world\ntwo\n- a\n- b\n> old"


def test_a_lone_angle_bracket_is_text_and_a_tag_without_end_hides_the_rest() -> None:
    assert html_to_text("1 < 2 and<i") == "1 < 2 and"


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    words, quoted = split_reply(text)
    assert "\0" not in words + (quoted or "")
    html_to_text(text)


@given(st.lists(st.sampled_from(["On 5 x wrote:", "> a", "From: a", "To: b", "Sent: c", "--", "", "word", "Regards,"])))
def test_no_line_is_lost(lines: list[str]) -> None:
    words, quoted = split_reply("\n".join(lines))
    kept = [line for line in (words + "\n" + (quoted or "")).split("\n") if line]
    assert sorted(kept) == sorted(line for line in lines if line)


PIECES = ["On a ", "On 1\n", "From: a\n", "\n", ">\n", "_\n", "<div>", "<b>x", "< ", "<script>", "<!--", "&amp", "<br>"]


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    started = time.process_time()
    split_reply(text)
    html_to_text(text)
    assert time.process_time() - started < 5  # about 0.5 s where this was written; quadratic would be minutes


def test_json_loses_what_no_database_can_keep() -> None:
    assert load_json(rb'{"a\u0000": ["\ud800b", 1, null]}') == {"a": ["?b", 1, None]}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 200_000, b"[" * 61 + b"]" * 61, b"\xff", b'{"a": NaN}', b"9" * 10_000]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(RejectedError, match="not JSON"):
        load_json(body)
