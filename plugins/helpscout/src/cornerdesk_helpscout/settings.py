"""What a Help Scout source has in cornerdesk.yaml. Models only."""

from __future__ import annotations

from cornerdesk import OAuthClient, SourceSettings
from pydantic import Field, SecretStr, field_validator

ADDRESS = "https://api.helpscout.net"
"""Where Help Scout's API is, for everybody (fact sheet helpscout.md 2.1)."""

LONGEST_SECRET = 40
"""Characters of a webhook secret that Help Scout documents as the most (1.2)."""


class HelpScoutSettings(SourceSettings):
    """One Help Scout account: an app made under Your Profile > My Apps, and the Webhooks app's secret."""

    app_id: str = Field(min_length=1, description="the App ID as Help Scout shows it under My Apps")
    app_secret: SecretStr = Field(description="the App Secret shown beside it")
    refresh_token: SecretStr | None = Field(
        None,
        description="of an authorization code flow: the first one; those that follow are kept in our database."
        " Without it the app signs in as the user who made it",
    )
    webhook_secret: SecretStr | tuple[SecretStr, ...] = Field(
        description="the secret that webhooks are signed with, at most 40 characters; a list of two while it changes"
    )

    @field_validator("app_secret")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _one_or_two(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        secrets = (value,) if isinstance(value, SecretStr) else value
        if not 1 <= len(secrets) <= 2 or not all(secret.get_secret_value().strip() for secret in secrets):
            raise ValueError("must be one secret, or a list of two while it is being changed, and none may be empty")
        return value

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every webhook secret that is valid now; new subscriptions are made with the first."""
        return (self.webhook_secret,) if isinstance(self.webhook_secret, SecretStr) else self.webhook_secret

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.base_url or ADDRESS

    @property
    def client(self) -> OAuthClient:
        """The same as the token endpoint wants it."""
        return OAuthClient(client_id=self.app_id, client_secret=self.app_secret, refresh_token=self.refresh_token)
