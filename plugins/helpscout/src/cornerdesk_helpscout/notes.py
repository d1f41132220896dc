"""Notes as we write them, and how they are known again. Pure.

Help Scout keeps nothing beside a note that could tell what it was for, and whether it keeps HTML comments is not known
(fact sheet helpscout.md 4.3). So a note ends with a short reference that people can see, and that is taken off again
when the note is read.
"""

from __future__ import annotations

import hashlib
import html
import re

from cornerdesk import clean_text

_REFERENCE = re.compile(r"\[cornerdesk:[0-9a-f]{12}\]")
_LENGTH = len("[cornerdesk:0123456789ab]")


def reference_of(marker: str) -> str:
    """What a note ends with, so that it can be found after an answer that never came."""
    return f"[cornerdesk:{hashlib.sha256(marker.encode()).hexdigest()[:12]}]"


def without_reference(text: str) -> str:
    """A note's text as it was given to us."""
    end = text.rstrip()
    return end[:-_LENGTH].rstrip() if _REFERENCE.fullmatch(end[-_LENGTH:]) else text


def note_html(text: str, marker: str) -> str:
    """A note's text as HTML, which is what bodies of threads are (3.2): nothing in it acts."""
    lines = html.escape(clean_text(text), quote=False).replace("\n", "<br>")
    return f"{lines}<br><br>{reference_of(marker)}"
