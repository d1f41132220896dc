"""Names that people give: how they must be written."""

from __future__ import annotations

import re

from cornerdesk.documents import Document
from cornerdesk.errors import Problem
from cornerdesk.settings.file import SOURCE_NAME

_NAME = re.compile(SOURCE_NAME)
_OTHER = re.compile(r"[^a-z0-9_-]+")


def name_problem(document: Document, part: str, name: str) -> list[Problem]:
    """A problem when a source or person has a name that cannot stand in an address or a rule."""
    if _NAME.match(name) and not name.endswith("\n"):
        return []
    guess = _OTHER.sub("_", name.lower()).strip("_-") or None
    return [
        document.problem(
            (part, name),
            f'"{name}" cannot be a name under "{part}"' if name.isprintable() else "this cannot be a name",
            "small letters, digits, - and _, beginning with a letter or digit",
            guess,
            key=True,
        )
    ]
