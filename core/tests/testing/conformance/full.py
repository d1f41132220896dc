"""Plaindesk with what the vendor itself lacks and the kit has tests for: attachments, links, customers' answers through
the API, and tokens that rotate."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Unpack

from cornerdesk import (
    JSON,
    ApiClient,
    Attachment,
    BearerAuth,
    CredentialStore,
    OAuthClient,
    OAuthTokens,
    TicketState,
)
from cornerdesk.testing.desk import Options, Tokens, bearer
from cornerdesk.testing.plaindesk.adapter import PlainAdapter
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.testing.plaindesk.standin import PlainStandIn
from cornerdesk.testing.plaindesk.standin.api import PlainApi
from cornerdesk.testing.plaindesk.standin.desk import refusal
from pydantic import SecretStr
from starlette.requests import Request
from starlette.routing import BaseRoute


class FullApi(PlainApi):
    """`tokens`: those it lets in beside the fixed one."""

    tokens: Tokens

    def routes(self) -> Sequence[BaseRoute]:
        messages = self.at("/v1/tickets/{ticket}/messages", self._answer, "POST", status=201)
        return [*super().routes(), messages, self.at("/oauth/token", self._grant, "POST")]

    def admit(self, request: Request) -> None:
        token = bearer(request.headers.get("authorization"))
        if request.url.path != "/oauth/token" and token != self.token and not self.tokens.accepts(token):
            raise refusal(401, "unauthorized")

    def revoke_tokens(self) -> None:
        self.tokens.revoke()

    async def _grant(self, request: Request) -> JSON:
        return self.tokens.grant(await request.json())

    async def _answer(self, request: Request) -> JSON:
        ticket, body = self._named(request), await request.json()
        event = self.desk.write(ticket, self.desk.own, body["text"], internal=False, key=body["key"])
        return {"ticket": ticket.show(), "event": event}

    async def _ticket(self, request: Request) -> JSON:
        return {**await super()._ticket(request), "link": f"{request.base_url}v1/me"}


class FullStandIn(PlainStandIn):
    """`first_refresh`: a refresh token that somebody was given once."""

    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.api = FullApi(self.desk, self.api.token, self.limit)
        self.api.tokens = Tokens()
        self.first_refresh: str = self.api.tokens.new()["refresh_token"]
        self.api.tokens.revoke()


class FullAdapter(PlainAdapter):
    """Tells attachments, too."""

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        record = await self._client.record(ticket_id)
        state = await super().fetch_ticket(ticket_id)
        files = {message.id: (message.model_extra or {}).get("attachments", ()) for message in record.messages}
        messages = tuple(
            message.model_copy(update={"attachments": tuple(Attachment(url=each) for each in files[message.id])})
            for message in state.messages
        )
        return state.model_copy(update={"messages": messages})


class SigningInAdapter(FullAdapter):
    """Signs in by OAuth, with a refresh token where it has one."""

    def __init__(
        self,
        source: str,
        settings: PlainSettings,
        *,
        sleep: Callable[[float], Awaitable[None]],
        refresh_token: str | None = None,
    ) -> None:
        super().__init__(source, settings, sleep=sleep)
        self.plain = ApiClient(settings.address, name="Plaindesk", sleep=sleep)
        self.client = OAuthClient(
            client_id="cd",
            client_secret=SecretStr(secrets.token_hex(4)),
            refresh_token=SecretStr(refresh_token) if refresh_token else None,
        )
        self.tokens = self.make_tokens()
        self._client.api = ApiClient(settings.address, name="Plaindesk", auth=self.make_auth(), sleep=sleep)

    def make_tokens(self) -> OAuthTokens:
        return OAuthTokens(self.plain, "/oauth/token", self.client)

    def make_auth(self) -> Any:
        return BearerAuth(self.tokens)

    def use_credentials(self, store: CredentialStore) -> None:
        self.tokens.use(store)

    async def check(self) -> str:
        self._me = None  # so that each asks
        return await super().check()

    async def aclose(self) -> None:
        await super().aclose()
        await self.plain.aclose()
