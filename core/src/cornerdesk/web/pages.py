"""The house's page: templates, how values are shown, and a frame for plugins' pages. Everything is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from cornerdesk.listings import heading

HERE = Path(__file__).parent
STATIC = HERE / "static"
LONGEST = 4000
"""Characters shown of any one value: a page stays usable whatever a customer wrote."""

_UNITS = (("days", 86_400), ("h", 3600), ("min", 60))


class Pages:
    """Renders the templates of `templates/`."""

    def __init__(self) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.environment.filters |= {
            "shown": shown,
            "heading": heading,
            "moment": moment,
            "ago": ago,
            "segment": partial(quote, safe=""),
        }

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page of ours."""
        return HTMLResponse(self.environment.get_template(template).render(**values), status)

    def wrap(
        self,
        body: str,
        *,
        title: str = "Cornerdesk",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """A plugin's page: `body` is a Jinja template of HTML, its `values` are escaped."""
        inner = Markup(self.environment.from_string(body).render(**values))  # noqa: S704 - rendered with autoescape
        text = self.environment.get_template("plain.html").render(title=title, body=inner)
        return HTMLResponse(text, status, dict(headers or {}))


def shown(value: Any, most: int = LONGEST) -> str:
    """A value as people read it, cut to `most` characters."""
    return _cut(_text(value, most), most)


def _text(value: Any, most: int) -> str:
    if value is None or value == "" or value == [] or value == ():
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(each, most) for each in islice(value, most))
    if isinstance(value, Mapping):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()}…"


def moment(value: datetime) -> Markup:
    """A time in UTC: to the second for the eye, exact for machines."""
    utc = value.astimezone(UTC)
    return _time(utc, utc.strftime("%Y-%m-%d %H:%M:%S"))


def ago(value: datetime, now: datetime) -> Markup:
    """A time as how long ago it was; the exact one on hover."""
    seconds = max(0, int((now - value).total_seconds()))
    length = next((f"{seconds // size} {unit}" for unit, size in _UNITS if seconds >= 2 * size), f"{seconds} s")
    return _time(value.astimezone(UTC), f"{length} ago")


def _time(utc: datetime, text: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M:%S UTC"), text
    )
