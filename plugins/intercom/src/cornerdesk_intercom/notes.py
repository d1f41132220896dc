"""The HTML of our notes, with the marker in it by which a note is known again. Pure.

Intercom has no field for a caller's own key (fact sheet intercom.md 4), so the marker stands in the note: in the
address of a link on a dot, on a line of its own at the end. Links are kept by whatever cleans HTML, and the address
leads nowhere: no name under `.invalid` exists (RFC 2606). Only teammates see notes.
"""

from __future__ import annotations

import re
from html import escape, unescape
from urllib.parse import quote, unquote

from cornerdesk import clean_text, html_to_text

ADDRESS = "https://cornerdesk.invalid/w/"
_LABEL = "·"
_LINK = re.compile(r"<a\b[^>]{0,300}https://cornerdesk\.invalid/w/[^>]{0,300}>[^<]{0,20}</a>", re.IGNORECASE)
_TAIL = re.compile(r"\s{0,9}(?:·?\s{0,3}[(\[]?https://cornerdesk\.invalid/w/[^\s)\]]{0,300}[)\]]?|\n·)\Z")
_HTML_BEGINS = re.compile(
    r"\s{0,20}<(?:p|div|br|h[1-6]|ul|ol|pre|blockquote|table|img|a|b|i|em|strong|span|html|body|figure|section|center|font|code|hr|head|style|meta|!doctype)\b",
    re.IGNORECASE,
)


def note_html(text: str, marker: str) -> str:
    """A note's body: `text` as people wrote it, and the marker."""
    shown = escape(text, quote=False).replace("\n", "<br>")
    return f'<p>{shown}</p><p><a href="{ADDRESS}{quote(marker, safe="")}">{_LABEL}</a></p>'


def holds_marker(body: str, marker: str) -> bool:
    """Whether a note's body, HTML or text, has this marker in it."""
    return marker_in(body) == marker


def marker_in(body: str) -> str | None:
    """The marker in a note's body; None where there is none."""
    found = re.search(re.escape(ADDRESS) + r"([\w.~%-]{1,300})", unescape(body))
    return unquote(found[1]) if found else None


def is_html(body: str) -> bool:
    """HTML of Intercom's begins with a tag. A `<` among words, or a tag that somebody typed there, is text."""
    return _HTML_BEGINS.match(body) is not None


def without_marker(body: str) -> str:
    """The words of a note, HTML or text, as they were before the marker came to them."""
    if is_html(body):
        marked = _LINK.search(body) is not None
        text = html_to_text(_LINK.sub("", body))
    else:
        text = clean_text(body)
        marked = _TAIL.search(text) is not None
        text = _TAIL.sub("", text)
    return text.strip() if marked else text
