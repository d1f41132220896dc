"""What an API answers when it will not, raised from wherever that is found out."""

from __future__ import annotations

from collections.abc import Mapping

from cornerdesk import JSON


class RefusedError(Exception):
    """The API refuses: `status`, the vendor's own JSON as `body`, and `headers` beside the usual ones."""

    def __init__(self, status: int, body: JSON, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
