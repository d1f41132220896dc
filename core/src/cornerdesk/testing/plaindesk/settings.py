"""What a Plaindesk source has in cornerdesk.yaml. Models only."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from cornerdesk import SourceSettings


class PlainSettings(SourceSettings):
    """One Plaindesk account."""

    site: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="`acme` of https://acme.plaindesk.example")
    api_token: SecretStr = Field(description="an API token, from Plaindesk's settings")
    webhook_secret: SecretStr | tuple[SecretStr, ...] = Field(
        description="what deliveries are signed with; a list of two while it is being rotated"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _one_or_two(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        secrets = (value,) if isinstance(value, SecretStr) else value
        if not 1 <= len(secrets) <= 2 or not all(secret.get_secret_value().strip() for secret in secrets):
            raise ValueError("must be one secret, or a list of two while it is being rotated, and none may be empty")
        return value

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every webhook secret that is valid now."""
        return (self.webhook_secret,) if isinstance(self.webhook_secret, SecretStr) else self.webhook_secret

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.base_url or f"https://{self.site}.plaindesk.example"

    @property
    def agent_pages(self) -> str:
        """Where agents read tickets; a ticket's page is this and its number."""
        return f"https://{self.site}.plaindesk.example/inbox/"
