"""The house's page: templates, how values are shown, and a frame for plugins' pages. Everything is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from cornerdesk.listings import heading

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Pages:
    """Renders the templates of `templates/`."""

    def __init__(self) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.environment.filters |= {"shown": shown, "heading": heading, "moment": moment}

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


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "" or value == [] or value == ():
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(shown(each) for each in value)
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    return str(value)


def moment(value: datetime) -> Markup:
    """A time: short for the eye, exact on hover and for machines."""
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M:%S UTC"), utc.strftime("%d %b %H:%M:%S")
    )
