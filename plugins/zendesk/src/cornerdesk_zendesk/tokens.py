"""OAuth tokens: fetched when first needed, renewed when Zendesk refuses one or its time is up, by one task at a time.

A refresh makes both tokens of before invalid (fact sheet zendesk.md 2.5), so a refreshed pair is written to
`token_file` before it is used, and processes that share the file renew one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import httpx
from cornerdesk import ApiClient, ApiRejectedError, CredentialsError, RejectedError, RetryableError
from pydantic import ValidationError

from cornerdesk_zendesk.schemas import TokenAnswer
from cornerdesk_zendesk.settings import OAuth

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: one process there
    fcntl = None  # type: ignore[assignment]

_EARLY = 60.0
"""Seconds before its end at which a token counts as over."""


class Tokens:
    """The access token of one OAuth client.

    Args:
        api: a client without credentials, for the token endpoint of the same host.
        oauth: the settings.
        monotonic, now: time; for tests. `now` is seconds since 1970.
    """

    def __init__(
        self,
        api: ApiClient,
        oauth: OAuth,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._oauth = oauth
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._access = oauth.access_token.get_secret_value() if oauth.access_token else None
        self._ends: float | None = None

    async def access(self, refused: str | None = None) -> str:
        """A token to use now.

        Args:
            refused: the token that Zendesk just refused, if one was.

        Raises:
            CredentialsError: the client's credentials are refused, or there are none to renew with.
            RetryableError: the token endpoint cannot be reached.
        """
        if (token := self._usable(refused)) is not None:
            return token
        async with self._lock:
            if (token := self._usable(refused)) is None:  # unless somebody else renewed it while we waited
                token = await self._renew(refused)
            return token

    def _usable(self, refused: str | None) -> str | None:
        over = self._ends is not None and self._monotonic() >= self._ends
        return None if self._access == refused or over else self._access

    async def _renew(self, refused: str | None) -> str:
        if self._oauth.client_secret is None:
            raise CredentialsError("Zendesk refuses the access token, and there is no client_id to get another with")
        if self._oauth.refresh_token is None or self._oauth.token_file is None:
            return self._keep(await self._ask({"grant_type": "client_credentials", "scope": self._oauth.scope}))
        return await self._refresh(self._oauth.token_file, self._oauth.refresh_token.get_secret_value(), refused)

    async def _refresh(self, file: Path, first: str, refused: str | None) -> str:
        async with _only_one(file):
            stored = _load(file)
            if stored is not None and stored.access_token not in (refused, self._access):
                return self._keep(stored)  # another process was faster
            refresh = (stored.refresh_token if stored else None) or first
            answer = await self._ask({"grant_type": "refresh_token", "refresh_token": refresh})
            _save(file, answer)
            return self._keep(answer)

    async def _ask(self, grant: dict[str, str]) -> TokenAnswer:
        secret = self._oauth.client_secret
        body = grant | {
            "client_id": self._oauth.client_id,
            "client_secret": secret.get_secret_value() if secret else None,
        }
        repeatable = grant["grant_type"] == "client_credentials"  # a refresh token works once
        try:
            answer = await self._api.request("POST", "/oauth/tokens", json=body, repeatable=repeatable)
            return TokenAnswer.model_validate(answer.json())
        except (ApiRejectedError, CredentialsError) as error:
            code = getattr(error, "code", None)
            raise CredentialsError(
                "Zendesk gives no token for this OAuth client"
                + (f" ({code})" if code else "")
                + "; check client_id, client_secret and scope"
            ) from None
        except ValidationError:
            raise RetryableError("Zendesk's token endpoint answered without an access_token") from None

    def _keep(self, answer: TokenAnswer) -> str:
        self._access = answer.access_token
        self._ends = None
        if answer.expires_in is not None:
            self._ends = self._monotonic() + max(answer.expires_in - _EARLY, answer.expires_in / 2)
        return answer.access_token


class BearerAuth(httpx.Auth):
    """Puts the token on requests, and asks for another, once, when Zendesk refuses it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._tokens.access()
        request.headers["authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:  # refused, so nothing took place: repeating is safe even for a write
            token = await self._tokens.access(refused=token)
            request.headers["authorization"] = f"Bearer {token}"
            yield request


@contextlib.asynccontextmanager
async def _only_one(file: Path) -> AsyncIterator[None]:
    """Holds a lock that other processes see, so that no two of them use one refresh token."""
    if fcntl is None:  # pragma: no cover
        yield
        return
    handle = os.open(file.with_name(f"{file.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        for _ in range(300):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.1)
        else:
            raise RetryableError(f"another process has been renewing the tokens in {file.name} for half a minute")
        yield
    finally:
        os.close(handle)  # gives the lock back


def _load(file: Path) -> TokenAnswer | None:
    try:
        return TokenAnswer.model_validate(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RejectedError(f"the token file {file} cannot be read ({type(error).__name__})") from None


def _save(file: Path, answer: TokenAnswer) -> None:
    """Whole or not at all: after a crash in between, the old pair is invalid and the new one would be lost."""
    fresh = file.with_name(f"{file.name}.new")
    handle = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as target:
        json.dump({"access_token": answer.access_token, "refresh_token": answer.refresh_token}, target)
        target.flush()
        os.fsync(target.fileno())
    os.replace(fresh, file)
