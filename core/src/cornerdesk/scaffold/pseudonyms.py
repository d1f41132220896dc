"""Real deliveries without real people: every value that could be somebody's is replaced by a stable pseudonym. Pure.

Kept is what makes a delivery a delivery of its vendor: the structure, names of fields, event types, values of enums,
small numbers, and the form of ids and times. Whatever is not surely one of these is replaced. The same value has the
same pseudonym wherever it stands and in every delivery of one recording set, which has one secret salt.

    person@acme.com                 kalo.minu@tavore.example      domains on their own get the same pseudonym
    Bo Lind, free text              Kalo Minu                     word by word, cases and signs kept
    +46 70 123 45 67, 5158, a1b2-c3  other digits and letters     signs and lengths kept
    2026-10-05T12:00:00.123Z        2025-01-30T12:00:00.123Z      all times are moved by the same number of days
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_FIELD = re.compile(r"[a-z_@$][A-Za-z0-9_$-]{0,60}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d.*)?", re.ASCII)
_WORD = re.compile(r"[^\W\d_]+|\d+|_")
_MAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.[^\s@<>\"'(),;:.]+")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}", re.ASCII)
_LINK = re.compile(r"(https?://)([^\s/?#\"'<>]+)([^\s\"'<>]*)")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,10})\b[^<>]*>")
_TAGS = frozenset({"p", "br", "div", "span", "a", "b", "i", "u", "em", "strong", "ul", "ol", "li", "blockquote", "img",
                   "table", "tr", "td", "th", "tbody", "thead", "h1", "h2", "h3", "pre", "code", "hr", "html", "body",
                   "head"})  # fmt: skip
ENUM_FIELDS = frozenset(
    """type status state priority channel kind event topic role via source action verb object score delivery_status
    direction part_type author_type current previous style folder createdby from_type rating
    """.split()  # noqa: SIM905 - a table of words
)
WORDS = frozenset(
    """zen event type ticket tickets conversation conversations convo message messages comment comments note notes
    reply replies user users customer customers contact contacts lead leads admin admins agent agents bot team teams
    group groups operator organization company companies part parts thread threads tag tags rating ratings csat
    created updated changed added removed deleted destroyed closed opened open snoozed unsnoozed solved resolved
    pending waiting hold on new spam active archived merged moved assigned unassigned assignment assignee status state
    priority subject form brand field custom received requested redacted marked as soft permanently undeleted read
    unread replied low normal high urgent good bad okay great not offered unoffered email mail web website chat phone
    voice api sms social facebook twitter instagram whatsapp messaging messenger native mobile sdk app inbox
    notification list item items all data question incident problem task in out inbound outbound internal public
    private published draft hidden sent failed true false end staff default system automation workflow trigger sla
    policy schedule attachment linked to is followers ccs sequence ping topic satisfaction lineitem beacon url service
    rule broadcast push single test id of by from the with
    """.split()  # noqa: SIM905
)
"""What enums of help desks are made of. Kept only where an enum stands (`ENUM_FIELDS`)."""

_SMALL = 1000
_EPOCH = (946_684_800, 4_102_444_800)  # 2000 to 2100
_ENUM = re.compile(r"[A-Za-z][A-Za-z]*(?:[._:/ -][A-Za-z]+)*", re.ASCII)


class Pseudonyms:
    """Pseudonyms of one recording set.

    Args:
        salt: secret, the same for the whole set; without it nobody can find out who was who by trying names.
        keep: names of further fields whose values are no one's, and are kept.
        avoid: words that no pseudonym may happen to be; `of` adds those of what it replaces.
    """

    def __init__(self, salt: bytes, *, keep: Collection[str] = (), avoid: Collection[str] = ()) -> None:
        self._salt = salt
        self._keep = frozenset(name.lower() for name in keep)
        self._avoid = {word.casefold() for word in avoid}
        self._days = timedelta(days=200 + self._number("days", "", 1000))

    def of(self, data: Any) -> Any:
        """JSON with everything replaced that could be somebody's."""
        self._avoid |= {word.casefold() for text in _texts(data) for word in _WORD.findall(text)}
        return self._value(data, "")

    def text(self, text: str) -> str:
        """Free text of the same form."""
        return _split(text, _LINK, self._link, lambda rest: _split(rest, _MAIL, self._mail, self._plain_or_html))

    def word(self, word: str) -> str:
        """Another word of the same case, or a number of the same length."""
        if word.isdigit() or not word.isalpha():
            return self.token(word)
        made = self._name(word.casefold(), min(4, max(1, (len(word) + 1) // 2)))
        return made.upper() if word.isupper() and len(word) > 1 else made.capitalize() if word[0].isupper() else made

    def token(self, text: str) -> str:
        """An id of the same form: digits for digits, letters for letters."""
        made = text
        for attempt in range(100):
            made = "".join(
                self._sign(each, f"{text}:{place}:{attempt}", first=place == 0) for place, each in enumerate(text)
            )
            if made != text and not self._was_said(made):
                break
        return made

    def _was_said(self, made: str) -> bool:
        return any(len(part) > 3 and part.casefold() in self._avoid for part in _WORD.findall(made))

    def header(self, value: str) -> str:
        """A header's value: an event's name is kept."""
        self._avoid |= {word.casefold() for word in _WORD.findall(value)}
        return self._string(value, "event")

    def moved(self, time: datetime) -> datetime:
        """A time of ours, moved as those in deliveries are."""
        return time.astimezone(UTC) - self._days

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, value: Any, field: str) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self._value(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, field) for inner in value]
        if value is None or isinstance(value, bool) or field.lower() in self._keep:
            return value
        if isinstance(value, str):
            return self._string(value, field)
        return self._figure(value, field)

    def _key(self, key: str) -> str:
        """Names of fields; a person's or a customer's own word may stand there, too."""
        return key if _FIELD.fullmatch(key) else self.text(key)

    def _string(self, text: str, field: str) -> str:
        if text in ("", "0"):
            return text
        if field.lower() in ENUM_FIELDS and _is_enum(text):
            return text
        if (found := _TIME.fullmatch(text)) and (moved := self._moved_text(found)) is not None:
            return moved
        if _MAIL.fullmatch(text):
            return self._mail(re.fullmatch(_MAIL, text))
        if _HOST.fullmatch(text):
            return self._host(text)
        if " " not in text and any(each.isdigit() for each in text) and not _LINK.match(text):
            return self.token(text)
        return self.text(text)

    def _figure(self, value: float, field: str) -> float:
        named = field.lower() == "id" or field.lower().endswith(("_id", "id", "ids", "number"))
        if _EPOCH[0] < value < _EPOCH[1]:
            return value - int(self._days.total_seconds())
        if _EPOCH[0] * 1000 < value < _EPOCH[1] * 1000:
            return value - int(self._days.total_seconds()) * 1000
        if abs(value) < _SMALL and not (named and value):
            return value
        made = self.token(repr(value))
        return float(made) if isinstance(value, float) else int(made)

    def _moved_text(self, found: re.Match[str]) -> str | None:
        try:
            return f"{date.fromisoformat(found[1]) - self._days}{found[2] or ''}"
        except (ValueError, OverflowError):
            return None

    # ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plain_or_html(self, text: str) -> str:
        return _split(text, _TAG, self._tag, lambda rest: _WORD.sub(lambda found: self.word(found[0]), rest))

    def _tag(self, found: re.Match[str] | None) -> str:
        """A tag without its attributes, which hold addresses and names."""
        assert found is not None
        return f"<{found[1]}{found[2]}>" if found[2].lower() in _TAGS else "<span>"

    def _mail(self, found: re.Match[str] | None) -> str:
        assert found is not None
        local, _, domain = found[0].rpartition("@")
        return f"{self._plain(local)}@{self._host(domain)}"

    def _link(self, found: re.Match[str] | None) -> str:
        assert found is not None
        host = self._host(found[2])
        return f"{found[1]}{host}{_WORD.sub(self._path_word, found[3])}"

    def _path_word(self, found: re.Match[str]) -> str:
        return found[0] if found[0] == "_" else self.word(found[0])

    def _plain(self, text: str) -> str:
        return _WORD.sub(lambda found: self.word(found[0]).lower(), text) or "x"

    def _host(self, host: str) -> str:
        return f"{self._name(f'host:{host.lower()}', 3)}.example"

    # ── making ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _name(self, of: str, syllables: int) -> str:
        """A word that nobody said."""
        for attempt in range(1000):
            more = attempt // 50
            made = "".join(
                _SYLLABLES[self._number("word", f"{of}:{attempt}:{place}", len(_SYLLABLES))]
                for place in range(syllables + more)
            )
            if made not in self._avoid:
                return made
        raise AssertionError("every word was said")

    def _sign(self, each: str, of: str, *, first: bool) -> str:
        if each.isdigit():
            return str(self._number("digit", of, 9) + 1 if first else self._number("digit", of, 10))
        if each.isalpha():
            letters = "abcdef" if each.lower() in "abcdef" else "ghijklmnopqrstuvwxyz"
            made = letters[self._number("letter", of, len(letters))]
            return made.upper() if each.isupper() else made
        return each

    def _number(self, kind: str, of: str, below: int) -> int:
        digest = hmac.digest(self._salt, f"{kind}:{of}".encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(digest[:8]) % below


def _is_enum(text: str) -> bool:
    return len(text) <= 60 and bool(_ENUM.fullmatch(text)) and set(re.split(r"[._:/ -]", text.lower())) <= WORDS


def _texts(data: Any) -> list[str]:
    if isinstance(data, dict):
        return [text for key, inner in data.items() for text in (key, *_texts(inner))]
    if isinstance(data, list):
        return [text for inner in data for text in _texts(inner)]
    return [str(data)] if isinstance(data, str | int | float) else []


def _split(
    text: str, pattern: re.Pattern[str], inside: Callable[[re.Match[str] | None], str], outside: Callable[[str], str]
) -> str:
    """Both parts replaced, each in its way."""
    parts, end = [], 0
    for found in pattern.finditer(text):
        parts += [outside(text[end : found.start()]), inside(found)]
        end = found.end()
    return "".join([*parts, outside(text[end:])])
