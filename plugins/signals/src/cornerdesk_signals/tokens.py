"""Words and clauses of folded text. Pure, one pass, no look-behind over customer text.

Contractions are written out (`we're` is `we are`, `can't` is `can not`), so that a phrase is written once. A clause
ends at punctuation, at a blank line and at a list's bullet; matches and negations stay within one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PIECE = re.compile(
    r"(?P<word>[^\W_]+(?:['`][^\W_]+)*)"
    r"|[!?;|\u2014\u2022\u2026]|[.,:]+(?=[\s\"')\]*]|$)|(?:^|(?<=\s))-+(?=\s)|\n[ \t]*(?=\n)|\n[ \t]*[-*](?=\s)"
)

_WRITTEN_OUT: dict[str, tuple[str, ...]] = {
    short: tuple(long.split())
    for short, long in {
        "won't": "will not",
        "wont": "will not",
        "can't": "can not",
        "cant": "can not",
        "cannot": "can not",
        "shan't": "shall not",
        "ain't": "is not",
        "aint": "is not",
        "let's": "let us",
        "lets": "let us",
        "gonna": "going to",
        "wanna": "want to",
        "gotta": "got to",
        "gimme": "give me",
        "lemme": "let me",
        "dont": "do not",
        "doesnt": "does not",
        "didnt": "did not",
        "isnt": "is not",
        "arent": "are not",
        "wasnt": "was not",
        "werent": "were not",
        "couldnt": "could not",
        "wouldnt": "would not",
        "shouldnt": "should not",
        "havent": "have not",
        "hasnt": "has not",
        "hadnt": "had not",
        "im": "i am",
        "ive": "i have",
        "weve": "we have",
        "youve": "you have",
        "youre": "you are",
        "theyre": "they are",
        "thats": "that is",
        "whats": "what is",
        "pls": "please",
        "plz": "please",
        "u": "you",
        "ur": "your",
        "ya": "you",
    }.items()
}
_ENDINGS = {"re": "are", "ll": "will", "ve": "have", "d": "would", "m": "am", "em": "them"}
_IS_AFTER = frozenset(
    [
        "it",
        "that",
        "what",
        "there",
        "here",
        "he",
        "she",
        "who",
        "how",
        "where",
        "when",
        "why",
        "everything",
        "nothing",
        "something",
    ]
)


@dataclass
class Tokens:
    """The words of a stretch of folded text, as parallel lists.

    Attributes:
        words: contractions written out, so two words may share one place.
        starts, ends: places in the folded text.
        clauses: the number of the clause that a word stands in.
    """

    words: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    clauses: list[int] = field(default_factory=list)


def tokenise(text: str, start: int = 0, end: int | None = None) -> Tokens:
    """The words of `text[start:end]`; places are places in `text`."""
    tokens = Tokens()
    clause = 0
    for piece in _PIECE.finditer(text, start, len(text) if end is None else end):
        if piece.lastgroup != "word":
            clause += 1
            continue
        word = piece.group()
        for part in write_out(word) if "'" in word or "`" in word or word in _WRITTEN_OUT else (word,):
            tokens.words.append(part)
            tokens.starts.append(piece.start())
            tokens.ends.append(piece.end())
            tokens.clauses.append(clause)
    return tokens


def write_out(word: str) -> tuple[str, ...]:
    """`we'll` as `we`, `will`; `company's` as `company`; any other word as itself."""
    word = word.replace("`", "'")
    if word in _WRITTEN_OUT:
        return _WRITTEN_OUT[word]
    head, mark, ending = word.partition("'")
    if not mark:
        return (word,)
    if ending == "t" and head.endswith("n") and len(head) > 2:
        return head[:-1], "not"
    if ending in _ENDINGS:
        return head, _ENDINGS[ending]
    if ending == "s":
        return (head, "is") if head in _IS_AFTER else (head,)
    return (head, *ending.split("'"))
