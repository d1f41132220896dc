"""What a Zendesk source has in cornerdesk.yaml. Models only."""

from __future__ import annotations

from typing import Self

from cornerdesk import OAuthClient, SourceSettings
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class OAuth(BaseModel):
    """An OAuth client of the account. With `client_id` and `client_secret` tokens are fetched and renewed unasked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str | None = Field(None, min_length=1, description="the OAuth client's unique identifier")
    client_secret: SecretStr | None = Field(None, description="the OAuth client's secret")
    scope: str = Field("read write", description="what the token may do")
    access_token: SecretStr | None = Field(None, description="a token made elsewhere, used until Zendesk refuses it")
    refresh_token: SecretStr | None = Field(
        None, description="of an authorization code flow: the first one; those that follow are kept in our database"
    )

    @model_validator(mode="after")
    def _enough_to_sign_in(self) -> Self:
        client = self.client_id is not None and self.client_secret is not None
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret go together")
        if not client and self.access_token is None:
            raise ValueError("needs client_id and client_secret, or an access_token")
        if self.refresh_token is not None and not client:
            raise ValueError("refresh_token needs client_id and client_secret")
        return self

    @property
    def client(self) -> OAuthClient:
        """The same as the token endpoint wants it."""
        return OAuthClient(
            client_id=self.client_id,
            client_secret=self.client_secret,
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            fields={"scope": self.scope},
        )


class ZendeskSettings(SourceSettings):
    """One Zendesk account. Sign in with `oauth`, or with `email` and `api_token` until Zendesk ends those."""

    subdomain: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="`acme` of https://acme.zendesk.com, in lower case"
    )
    oauth: OAuth | None = Field(None, description="an OAuth client; what Zendesk wants from everybody")
    email: str | None = Field(None, pattern=r"^[^@\s:]+@[^@\s:]+$", description="the user whom `api_token` belongs to")
    api_token: SecretStr | None = Field(
        None, description="an API token; Zendesk makes no new ones from 27 October 2026 and ends all on 30 April 2027"
    )
    webhook_secret: SecretStr | tuple[SecretStr, ...] = Field(
        description="the webhook's signing secret as Zendesk shows it; a list of two while it is being rotated"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _one_or_two(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        secrets = (value,) if isinstance(value, SecretStr) else value
        if not 1 <= len(secrets) <= 2 or not all(secret.get_secret_value().strip() for secret in secrets):
            raise ValueError("must be one secret, or a list of two while it is being rotated, and none may be empty")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.email is None) != (self.api_token is None):
            raise ValueError("email and api_token go together")
        if (self.oauth is None) == (self.api_token is None):
            raise ValueError("needs exactly one way to sign in: `oauth`, or `email` with `api_token`")
        return self

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every webhook secret that is valid now."""
        return (self.webhook_secret,) if isinstance(self.webhook_secret, SecretStr) else self.webhook_secret

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.base_url or f"https://{self.subdomain}.zendesk.com"

    @property
    def agent_pages(self) -> str:
        """Where agents read tickets; a ticket's page is this and its id."""
        return f"https://{self.subdomain}.zendesk.com/agent/tickets/"
