"""OAuth tokens: had when first needed, renewed when the vendor refuses one or its time is up, by one task at a time.

Knows no vendor. Tokens come by `client_credentials`, or by `refresh_token` where a person has agreed to it once. Then
each refresh may make both tokens of before invalid, so a new pair is stored before it is used, and of all processes
that share the store one refreshes while the others wait for what it gets.

A process that is killed between the vendor's answer and our commit loses the pair where the vendor rotates: nobody has
it any more. Then every request raises `CredentialsError`, which asks for a new refresh token in the configuration; one
that differs from the one that the stored pairs began with wins over them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping

import httpx
from pydantic import Field, SecretStr, ValidationError

from cornerdesk.adapters.credentials import CredentialStore, MemoryCredentials, TokenPair
from cornerdesk.adapters.http import ApiClient, ApiRejectedError
from cornerdesk.cancellation import settled
from cornerdesk.clock import Clock, SystemClock
from cornerdesk.errors import ConfigurationError, CredentialsError, RetryableError, UnknownOutcomeError
from cornerdesk.model import FrozenModel

_EARLY = 60.0
"""Seconds before its end at which a token counts as over; half its life where that is shorter."""

_PAUSE = 60.0
"""Seconds for which no other token is asked for when the vendor refuses even one that it has just given."""


class OAuthClient(FrozenModel, hide_input_in_errors=True):
    """What the configuration says about how to get tokens.

    Attributes:
        client_id, client_secret: of the OAuth client; without them nothing can be renewed.
        access_token: made elsewhere, used until the vendor refuses it.
        refresh_token: of an authorization code flow; without it tokens come by `client_credentials`.
        fields: sent beside a request for `client_credentials`, such as `scope`.
    """

    client_id: str | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    fields: Mapping[str, str] = Field(default_factory=dict)


class OAuthTokens:
    """The access token of one source. Errors name vendor and source as `api.name` does.

    Args:
        api: a client without credentials, for the token endpoint.
        path: of the token endpoint, such as `/oauth/tokens`.
        client: what to get tokens with.
        form: send forms; else JSON.
        store: where tokens are kept; see also `use`. Default: in memory, and then a refresh token is not used, for its
            successor would be lost.
        clock: for tests.
    """

    def __init__(
        self,
        api: ApiClient,
        path: str,
        client: OAuthClient,
        *,
        form: bool = False,
        store: CredentialStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._client = client
        self._form = form
        self._store: CredentialStore = store or MemoryCredentials()
        self._kept = store is not None
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()
        self._origin = _origin(api.host, client)
        self._pair: TokenPair | None = None
        self._not_before = float("-inf")
        self._unsaved: tuple[TokenPair | None, TokenPair] | None = None
        """When the store failed after the vendor had answered: what was renewed, and what was got."""

    def use(self, store: CredentialStore) -> None:
        """Keep tokens in `store`; before the first request (`Adapter.use_credentials`)."""
        self._store, self._kept = store, True

    async def access(self, refused: str | None = None) -> str:
        """A token to use now.

        Args:
            refused: the token that the vendor just refused, if one was.

        Raises:
            CredentialsError: the vendor refuses what we have, or there is nothing to renew with.
            ConfigurationError: there is nowhere to keep what a refresh token would get.
            RetryableError: the token endpoint or the store cannot be reached, or another process has been renewing
                for too long.
        """
        if (pair := self._usable(self._pair, refused)) is not None:
            return pair.access_token
        async with self._lock:
            if (pair := self._usable(self._pair, refused)) is None:  # unless another task renewed it meanwhile
                pair = self._pair = self._usable(await self._known(), refused) or await self._renew(refused)
            return pair.access_token

    def refused_at_once(self) -> None:
        """The vendor refuses a token that it has just given: it is not the token that is wrong, but whose it is."""
        self._not_before = self._now() + _PAUSE

    def _usable(self, pair: TokenPair | None, refused: str | None) -> TokenPair | None:
        if pair is None or not pair.access_token or pair.access_token == refused:
            return None
        over = pair.renew_at is not None and self._now() >= pair.renew_at
        return None if over else pair

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _known(self) -> TokenPair | None:
        """The newest pair that there is: stored, ours, or as the configuration has it."""
        stored = await self._store.load()
        if stored is not None and stored.origin == self._origin:
            return stored
        return self._pair or self._configured()

    def _configured(self) -> TokenPair | None:
        access, refresh = self._client.access_token, self._client.refresh_token
        if access is None and refresh is None:
            return None
        return TokenPair(
            access_token=access.get_secret_value() if access else "",
            refresh_token=refresh.get_secret_value() if refresh else None,
            origin=self._origin,
        )

    async def _renew(self, refused: str | None) -> TokenPair:
        if self._client.client_id is None or self._client.client_secret is None:
            raise CredentialsError(
                f"{self._api.name} refuses the access token, and there is no client_id to get another with;"
                " put a new access token into the configuration"
            )
        if self._client.refresh_token is not None and not self._kept:
            raise ConfigurationError(
                f"{self._api.name}: a refresh token can be used once, and what it gets needs a database to be kept in;"
                " run `cornerdesk database migrate`"
            )
        if self._now() < self._not_before:
            raise CredentialsError(
                f"{self._api.name} refuses even tokens that it has just given; check that the user they act for is"
                " active and what it is allowed to do"
            )
        async with self._store.renewing():
            known = await self._known()
            if (pair := self._usable(known, refused)) is not None:
                return pair  # another process was faster
            return await settled(self._replace(known))  # cancelled in between, the pair would be lost

    async def _replace(self, known: TokenPair | None) -> TokenPair:
        if self._unsaved is None or self._unsaved[0] != known:
            self._unsaved = known, await self._another(known)
        pair = self._unsaved[1]
        await self._store.save(pair)
        self._unsaved = None
        return pair

    async def _another(self, known: TokenPair | None) -> TokenPair:
        if self._client.refresh_token is None:
            return await self._fetch({"grant_type": "client_credentials", **self._client.fields})
        first = self._client.refresh_token.get_secret_value()
        return await self._refresh((known.refresh_token if known else None) or first)

    async def _refresh(self, token: str) -> TokenPair:
        try:
            pair = await self._fetch({"grant_type": "refresh_token", "refresh_token": token})
        except CredentialsError:
            stored = await self._store.load()
            if stored is None or stored.origin != self._origin or stored.refresh_token in (token, None):
                raise
            return stored  # whoever held the store before us for too long has got a pair after all
        return pair if pair.refresh_token else pair.model_copy(update={"refresh_token": token})

    async def _fetch(self, grant: Mapping[str, str]) -> TokenPair:
        secret = self._client.client_secret
        body = {
            **grant,
            "client_id": self._client.client_id or "",
            "client_secret": secret.get_secret_value() if secret else "",
        }
        repeatable = grant["grant_type"] == "client_credentials"  # a refresh token may work but once
        try:
            answer = await self._api.request(
                "POST",
                self._path,
                json=None if self._form else body,
                form=body if self._form else None,
                repeatable=repeatable,
            )
            return self._pair_of(_TokenAnswer.model_validate(answer.json()))
        except (ApiRejectedError, CredentialsError) as error:
            raise self._refusal(error, grant["grant_type"]) from None
        except UnknownOutcomeError as error:  # of this request: the one that needs the token was not sent
            raise RetryableError(str(error), retry_after=error.retry_after) from None
        except ValidationError:
            raise RetryableError(f"{self._api.name}: the token endpoint answered without an access_token") from None

    def _pair_of(self, answer: _TokenAnswer) -> TokenPair:
        renew_at = None
        if answer.expires_in is not None:
            renew_at = self._now() + max(answer.expires_in - _EARLY, answer.expires_in / 2)
        return TokenPair(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token or None,
            renew_at=renew_at,
            origin=self._origin,
        )

    def _refusal(self, error: Exception, grant: str) -> CredentialsError:
        code = getattr(error, "code", None) or getattr(error, "status", None)
        said = f"{self._api.name} gives no token for this OAuth client" + (f" ({code})" if code else "")
        if grant == "refresh_token":
            return CredentialsError(
                f"{said}: its refresh token is used up, ended or taken back; authorise the client again and put the new"
                " refresh token into the configuration, or check client_id and client_secret"
            )
        settings = ", ".join(["client_id", "client_secret", *self._client.fields])
        return CredentialsError(f"{said}; check {settings}")


class BearerAuth(httpx.Auth):
    """Puts the token on requests, and asks for another, once, when the vendor refuses it."""

    def __init__(self, tokens: OAuthTokens) -> None:
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._tokens.access()
        request.headers["authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:  # refused, so nothing took place: repeating is safe even for a write
            token = await self._tokens.access(refused=token)
            request.headers["authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code == 401:
                self._tokens.refused_at_once()


class _TokenAnswer(FrozenModel, extra="ignore", hide_input_in_errors=True):
    """A token endpoint's answer, as far as we use it (RFC 6749, 5.1). `expires_in` is in seconds."""

    access_token: str = Field(min_length=1)
    refresh_token: str | None = None
    expires_in: float | None = Field(None, ge=0)


def _origin(host: str, client: OAuthClient) -> str:
    """A hash of what tokens were had with: those had with something else are not used.

    Where a person has agreed, that is the refresh token alone: a chain of pairs goes on when the rest changes, for its
    first token cannot be used again.
    """
    if client.refresh_token is not None:
        parts = ["refresh_token", client.refresh_token.get_secret_value()]
    else:
        parts = ["client_credentials", host, client.client_id or "", repr(sorted(client.fields.items()))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
