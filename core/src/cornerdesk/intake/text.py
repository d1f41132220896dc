"""Characters that cannot go on: NUL, which PostgreSQL refuses, and halves of surrogate pairs, which are no text at all.

Customers send the one, vendors that cut a text in the middle of an emoji make the other. They become U+FFFD before
anything is compared, hashed, searched or stored. Pure.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

_BROKEN = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = re.compile(rb"\x00|\\u(?:0000|[dD][89a-fA-F])")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def may_hold_broken_text(body: bytes) -> bool:
    """Whether JSON of these bytes may hold such characters; a glance that spares almost all of them the cleaning."""
    return _SUSPECT.search(body) is not None


def with_clean_text(model: M) -> M:
    """The model with every such character replaced."""
    data = model.model_dump()
    clean = _clean(data)
    return model if clean == data else type(model).model_validate(clean)


def _clean(value: Any) -> Any:
    if isinstance(value, str) and type(value) is str:
        return _BROKEN.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clean(item) for item in value)
    return value
