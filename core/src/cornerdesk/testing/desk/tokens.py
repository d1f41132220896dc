"""OAuth tokens as vendors give them: for a client's own credentials, and in pairs that rotate. They expire, and can
be revoked."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from cornerdesk import JSON
from cornerdesk.testing.desk.refusals import RefusedError


class Tokens:
    """A token endpoint's memory. Refusals have the form of RFC 6749, section 5.2; a vendor with another form changes
    it where it answers.

    Args:
        client_id, client_secret: the only client let in; None: any that names itself.
        lifetime: seconds that an access token lasts; None: for ever, and no `expires_in` is told.
        refreshed: grants that are answered with a refresh token too. Each is good once: the next pair replaces it.
        ends_others: a refresh makes every access token of before invalid at once.
        more: what else the answer holds, such as the scope.
        now: seconds, for tests.

    Attributes:
        given: how many access tokens were given.
        lifetime: of those given from now on.
    """

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        *,
        lifetime: float | None = None,
        refreshed: tuple[str, ...] = ("authorization_code", "refresh_token"),
        ends_others: bool = True,
        more: JSON | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.lifetime = lifetime
        self.given = 0
        self._refreshed = refreshed
        self._ends_others = ends_others
        self._more = more or {}
        self._now = now
        self._access: dict[str, float | None] = {}
        self._refresh: set[str] = set()

    def grant(self, asked: Mapping[str, Any]) -> JSON:
        """The answer to a request to the token endpoint, given its fields.

        Raises:
            RefusedError: no such client, grant or refresh token.
        """
        if not self._knows(asked):
            raise _refused(401, "invalid_client", "Client authentication failed")
        kind = str(asked.get("grant_type"))
        if kind == "refresh_token":
            self._use(str(asked.get("refresh_token")))
        elif kind not in ("client_credentials", "authorization_code"):
            raise _refused(400, "unsupported_grant_type", "The grant type is not supported")
        return self.new(kind)

    def new(self, kind: str = "authorization_code") -> JSON:
        """A token just like that, as an answer of the token endpoint to a grant of this kind."""
        token = secrets.token_hex(16)
        self._access[token] = None if self.lifetime is None else self._now() + self.lifetime
        self.given += 1
        answer: JSON = {"access_token": token, "token_type": "bearer", **self._more}
        if kind in self._refreshed:
            answer["refresh_token"] = secrets.token_hex(16)
            self._refresh.add(answer["refresh_token"])
        return answer if self.lifetime is None else answer | {"expires_in": self.lifetime}

    def accepts(self, token: str) -> bool:
        """Whether an access token is one of ours, and still good."""
        if token not in self._access:
            return False
        ends = self._access[token]
        return ends is None or self._now() < ends

    def revoke(self) -> None:
        """Every access token given so far is refused from now on; refresh tokens stay good."""
        self._access.clear()

    def revoke_all(self) -> None:
        """Refresh tokens too: somebody took away the access, and must sign in anew."""
        self._access.clear()
        self._refresh.clear()

    def _knows(self, asked: Mapping[str, Any]) -> bool:
        wanted = {"client_id": self.client_id, "client_secret": self.client_secret}
        return all(asked.get(name) and value in (None, asked[name]) for name, value in wanted.items())

    def _use(self, refresh_token: str) -> None:
        if refresh_token not in self._refresh:
            raise _refused(400, "invalid_grant", "Not a valid refresh token")
        self._refresh.discard(refresh_token)
        if self._ends_others:
            self.revoke()


def bearer(header: str | None) -> str:
    """The token in an `Authorization: Bearer` header; empty where there is none."""
    kind, _, value = (header or "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def _refused(status: int, error: str, description: str) -> RefusedError:
    return RefusedError(status, {"error": error, "error_description": description})
