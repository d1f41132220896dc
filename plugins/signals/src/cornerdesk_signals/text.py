"""Text as the matcher reads it, with the way back to the customer's own words. Pure; knows no phrase.

Unicode's compatibility form (NFKC), case folded, every kind of quote, apostrophe and hyphen unified, invisible
characters dropped. `Folded.original` turns a stretch of it into the offsets of the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field

_ODD = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")  # with the letter before: a combining accent belongs to it
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}(?:>|&gt;).*$", re.MULTILINE)
_ORIGINAL_MESSAGE = re.compile(r"^-{2,} ?original message ?-{2,}", re.MULTILINE | re.IGNORECASE)

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f"
_SAME = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u02bc\u00b4\u2032\uff07"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u2014\u2015\u2e3a"), "\u2014"),
    **dict.fromkeys(map(ord, "\u2028\u2029\u0085"), "\n"),
    **dict.fromkeys(map(ord, _INVISIBLE), ""),
}


@dataclass(frozen=True)
class Folded:
    """Folded text. Piece `i` begins at `starts[i]` here and at `origins[i]` in the original; within an even piece the
    two run in step, an uneven one (a ligature, an accent of its own) stands for the whole stretch it came from."""

    text: str
    starts: list[int] = field(default_factory=lambda: [0])
    origins: list[int] = field(default_factory=lambda: [0])
    even: list[bool] = field(default_factory=lambda: [True])
    length: int = 0

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters `start` to `end` (not empty) stand in the original."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        begin = self.origins[first] + (start - self.starts[first] if self.even[first] else 0)
        if self.even[last]:
            return begin, self.origins[last] + end - self.starts[last]
        return begin, self.origins[last + 1] if last + 1 < len(self.origins) else self.length


def fold(text: str) -> Folded:
    """`text` folded; quoted lines (`> ...`) and what follows `-----Original Message-----` are blank."""
    text = _without_history(text)
    if text.isascii():
        return Folded(text.lower(), length=len(text))
    out: list[str] = []
    folded = Folded("", [], [], [], len(text))
    position = place = 0
    for run in _ODD.finditer(text):
        place = _add(out, folded, text[position : run.start()].lower(), position, place, even=True)
        place = _fold_run(out, folded, run.group(), run.start(), place)
        position = run.end()
    _add(out, folded, text[position:].lower(), position, place, even=True)
    return Folded("".join(out), folded.starts, folded.origins, folded.even, len(text))


def _without_history(text: str) -> str:
    if ">" in text or "&gt;" in text:
        text = _QUOTED_LINE.sub(lambda line: "." + " " * (len(line.group()) - 1), text)
    cut = _ORIGINAL_MESSAGE.search(text)
    return text[: cut.start()] if cut else text


def _add(out: list[str], folded: Folded, piece: str, origin: int, place: int, *, even: bool) -> int:
    if not piece:
        return place
    out.append(piece)
    folded.starts.append(place)
    folded.origins.append(origin)
    folded.even.append(even)
    return place + len(piece)


def _fold_run(out: list[str], folded: Folded, run: str, origin: int, place: int) -> int:
    whole = run.casefold().translate(_SAME)
    if len(whole) == len(run) and unicodedata.is_normalized("NFKC", run):
        return _add(out, folded, whole, origin, place, even=True)
    begin = 0
    for end in range(1, len(run) + 1):
        if end < len(run) and unicodedata.combining(run[end]):
            continue
        cluster = run[begin:end]
        piece = unicodedata.normalize("NFKC", cluster.translate(_SAME)).casefold().translate(_SAME)
        place = _add(out, folded, piece, origin + begin, place, even=len(piece) == len(cluster) == 1)
        begin = end
    return place
